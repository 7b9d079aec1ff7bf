"""Waits and windows on what is recorded: no state of one event is missed, and one that fails explains itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from api_standin import LIMIT, StandIn, event, listing
from recorded import NODES, PODS, has, node, pod

from conformance.errors import ClusterError, ComponentDied, WaitExpired
from conformance.trace.conditions import When, all_of
from conformance.trace.recorder import Recorder
from conformance.trace.waits import Access
from conformance.trace.world import World


def is_ready(name: str) -> When:
    return When(
        "test", f"{name} is ready", lambda world: ("ns", name) in world.pods and world.pods["ns", name].ready, lambda world: "not ready"
    )


def test_a_state_of_one_event_is_not_missed(server: StandIn, make: Callable[..., Recorder]) -> None:
    recorder = make()
    threading.Timer(
        0.02,
        server.say,
        (PODS, event("ADDED", pod("a", 11)) + event("MODIFIED", pod("a", 12, ready=True)) + event("DELETED", pod("a", 13))),
    ).start()
    recorder.until(is_ready("a"), within=LIMIT)


def test_all_conditions_must_hold_at_once(server: StandIn, make: Callable[..., Recorder]) -> None:
    recorder = make()
    server.say(PODS, event("ADDED", pod("a", 11)), event("DELETED", pod("a", 12)), event("ADDED", pod("b", 13)))
    recorder.until(has("b"))
    with pytest.raises(WaitExpired):
        recorder.until(has("a"), has("b"), within=0.1)
    server.say(PODS, event("ADDED", pod("a", 14)))
    recorder.until(all_of(has("a"), has("b")))


def test_a_wait_that_runs_out_explains_itself(server: StandIn, make: Callable[..., Recorder], tmp_path: Path) -> None:
    recorder = make()
    recorder.action("create", "daemonsets/agent")
    server.say(PODS, event("ADDED", pod("agent-x", 11)), event("MODIFIED", pod("agent-x", 12, ready=True)))
    recorder.until(has("agent-x"), within=LIMIT)
    with pytest.raises(WaitExpired) as caught:
        recorder.until(has("agent-x"), has("agent-y"), within=0.05, scale=4)
    message = str(caught.value)
    assert isinstance(caught.value, AssertionError)
    assert message.startswith("waited 0.2 s, and this did not come about:")
    assert "  holds      pods/agent-x is there\n  does not   pods/agent-y is there\n             last seen: agent-x\n" in message
    assert "pods/agent-x modified: Ready False->True" in message
    assert f"export KUBECONFIG={tmp_path / 'kubeconfig'}; kubectl --namespace ns get pods" in message
    notes = [entry.detail["text"] for entry in recorder.stop().entries if entry.type == "note"]
    assert notes == ["wait begins", "wait ends", "wait begins", "wait expired"]


def test_what_to_look_at_can_be_looked_at() -> None:
    commands = ["kubectl --namespace ns get pods"]
    kept = Access("/a b/kubeconfig", "/cache/kubectl-v1/kubectl").told(commands)
    assert kept[1] == "  export KUBECONFIG='/a b/kubeconfig'; /cache/kubectl-v1/kubectl --namespace ns get pods"
    gone = Access().told(commands)
    assert "run again with --keep on-failure" in gone[0]
    assert gone[1] == "  kubectl --namespace ns get pods"


def test_only_the_last_changes_are_shown(server: StandIn, make: Callable[..., Recorder]) -> None:
    recorder = make()
    server.say(PODS, *(event("MODIFIED", pod("a", rv, ready=rv % 2 == 0)) for rv in range(11, 51)))
    recorder.wrote(50)
    with pytest.raises(WaitExpired) as caught:
        recorder.until(When("test", "rv 50 was seen, and that is not enough", lambda world: False), within=2)
    shown = [line for line in str(caught.value).splitlines() if "pods/a modified" in line]
    assert "the last 15 of 40 changes in between" in str(caught.value)
    assert len(shown) == 15


def test_no_wait_is_satisfied_by_the_world_before_a_write(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("a", 4)))
    recorder = make()
    recorder.wrote(12)
    with pytest.raises(ClusterError, match=r"resourceVersion 12\) was not seen within 0\.1 s; the trace had reached 4"):
        recorder.until(has("a"), within=0.1)
    server.say(PODS, event("MODIFIED", pod("a", 12)))
    recorder.until(has("a"), within=LIMIT)
    # A write of something that is not watched: the store has gone on.
    server.say(NODES, event("ADDED", node("n", 20)))
    recorder.wrote(19)
    recorder.until(has("a"), within=LIMIT)


def test_of_a_world_that_is_behind_nothing_is_said(server: StandIn, make: Callable[..., Recorder]) -> None:
    recorder = make()
    recorder.wrote(12)
    with pytest.raises(ClusterError, match="still serves watches") as caught:
        recorder.until(When("test", "never", lambda _: False), within=0.1)
    assert not isinstance(caught.value, AssertionError), "that would be evidence"


def test_no_window_is_broken_by_the_world_before_a_write(server: StandIn, make: Callable[..., Recorder]) -> None:
    recorder = make()
    recorder.wrote(12)
    threading.Timer(0.1, server.say, (PODS, event("ADDED", pod("a", 12)))).start()
    recorder.stays(has("a"), seconds=0.05)


def test_each_write_is_waited_for(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("a", 4)))
    recorder = make()
    recorder.wrote(12)
    recorder.wrote(11)
    with pytest.raises(ClusterError, match=r"resourceVersion 11\) was not seen"):
        recorder.until(has("a"), within=0.1)
    server.say(PODS, event("MODIFIED", pod("a", 11)))
    with pytest.raises(ClusterError, match=r"resourceVersion 12\) was not seen"):
        recorder.until(has("a"), within=0.3)


def test_a_window_whose_write_never_comes_does_not_open(
    server: StandIn, make: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.trace.arrivals._SEEN_WITHIN", 0.1)
    server.lists(PODS, listing(10, pod("a", 4)))
    recorder = make()
    recorder.wrote(12)
    with pytest.raises(ClusterError, match=r"resourceVersion 12\) was not seen"):
        recorder.stays(has("a"), seconds=0.01)
    assert "window begins" not in [entry.detail["text"] for entry in recorder.stop().entries if entry.type == "note"]


def test_a_window_ends_at_the_first_event_that_breaks_it(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("a", 4)))
    recorder = make()
    recorder.stays(has("a"), seconds=0.05)
    # Gone and back within one chunk: no sampling would see it.
    threading.Timer(0.02, server.say, (PODS, event("DELETED", pod("a", 11)) + event("ADDED", pod("a", 12)))).start()
    with pytest.raises(WaitExpired) as caught:
        recorder.stays(has("a"), seconds=LIMIT)
    message = str(caught.value)
    assert message.startswith("this had to stay so for 20 s, and ended after 0.")
    assert "does not   pods/a is there\n             last seen: no pods" in message
    assert "pods/a deleted" in message
    notes = [entry.detail["text"] for entry in recorder.stop().entries if entry.type == "note"]
    assert notes == ["window begins", "window ends", "window begins", "window broken"]


def test_one_of_several_conditions_breaks_a_window(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("a", 4), pod("b", 5)))
    recorder = make()
    threading.Timer(0.02, server.say, (PODS, event("DELETED", pod("b", 11)))).start()
    with pytest.raises(WaitExpired, match="  holds      pods/a is there\n  does not   pods/b is there"):
        recorder.stays(has("a"), has("b"), seconds=LIMIT)


def test_a_window_that_does_not_hold_at_its_begin(server: StandIn, make: Callable[..., Recorder]) -> None:
    with pytest.raises(WaitExpired, match="this had to stay so"):
        make().stays(has("a"), seconds=LIMIT)


def test_a_dead_component_ends_a_wait(server: StandIn, make: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.trace.arrivals._TICK", 0.02)

    def alive() -> None:
        raise ComponentDied("etcd ended by itself")

    with pytest.raises(ComponentDied):
        make(alive=alive).until(has("a"), within=LIMIT)


def test_a_condition_that_raises_ends_the_wait(server: StandIn, make: Callable[..., Recorder]) -> None:
    def broken(world: World) -> bool:
        if world.pods:
            raise LookupError("a bug in the condition")
        return False

    recorder = make()
    threading.Timer(0.02, server.say, (PODS, event("ADDED", pod("a", 11)))).start()
    with pytest.raises(LookupError):
        recorder.until(When("test", "x", broken), within=LIMIT)
    server.say(PODS, event("ADDED", pod("b", 12)))
    recorder.until(has("b"), within=LIMIT)
