"""The recorder against a scripted API server: order, authorship, waits, windows, and its end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_standin import LIMIT, Json, Refusal, StandIn, event, gone, listing, obj

from conformance.errors import ApiError, ComponentDied, TraceError, WaitExpired
from conformance.kube.api import Api
from conformance.kube.resources import path
from conformance.trace.conditions import When, all_of
from conformance.trace.entries import OBJECT_TYPES, Entry, Header
from conformance.trace.recorder import Recorder
from conformance.trace.store import partial_of, read
from conformance.trace.world import World

PODS = path("pods", "ns")
NODES = path("nodes")
HEADER = Header(1, "T01", "test", "v1.37.1", "stand-in", audited=True)


@pytest.fixture
def server() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()


@pytest.fixture
def make(server: StandIn, tmp_path: Path) -> Iterator[Callable[..., Recorder]]:
    api = Api.connect(server.kubeconfig(tmp_path), patience=0.5)
    made = []

    def make(**options: Any) -> Recorder:
        options = {"audit_log": None, "namespaces": ("ns",), **options}
        recorder = Recorder(api, HEADER, tmp_path / "trace.jsonl", **options)
        made.append(recorder)
        recorder.start()
        return recorder

    yield make
    for recorder in made:
        if recorder._thread.is_alive():
            recorder.stop()
    api.close()


def pod(name: str, rv: int, *, ready: bool = False, **meta: Any) -> Json:
    return obj(name, rv, metadata=meta, status={"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]})


def node(name: str, rv: int, **labels: str) -> Json:
    return obj(name, rv, namespace="", metadata={"labels": labels})


def has(name: str) -> When:
    return When(
        f"pods/{name} is there",
        lambda world: ("ns", name) in world.pods,
        lambda world: ", ".join(name for _, name in world.pods) or "no pods",
        "kubectl --namespace ns get pods",
    )


def is_ready(name: str) -> When:
    return When(f"{name} is ready", lambda world: ("ns", name) in world.pods and world.pods["ns", name].ready, lambda world: "not ready")


def take_all(entries: Iterator[Entry], taken: list[Entry]) -> None:
    for entry in entries:
        taken.append(entry)  # noqa: PERF402 - extend() would lose what came before an error


def short(entries: list[Entry]) -> list[str]:
    names = []
    for entry in entries:
        what = entry.raw()["metadata"]["name"] if entry.type in OBJECT_TYPES else entry.detail.get("verb") or entry.detail.get("text", "")
        names.append(f"{entry.type} {what} {entry.rv or ''}".strip())
    return names


def changes(entries: list[Entry]) -> list[str]:
    return [text for text in short(entries) if not text.startswith(("note", "end"))]


def test_everything_is_recorded_in_the_stores_order(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("old", 4)))
    server.lists(NODES, listing(9, node("n", 3)))
    judged: list[Entry] = []
    recorder = make(on_entry=judged.append)
    assert list(recorder.live.pods) == [("ns", "old")]
    recorder.action("create", "pods/a", {"why": "to see"})
    # The streams are not in step: pods say 14 before nodes say 12.
    server.say(PODS, event("ADDED", pod("a", 14)))
    server.say(NODES, event("MODIFIED", node("n", 12, x="y")))
    recorder.until(has("a"), When("label", lambda world: "x" in world.nodes["n"].metadata.labels))
    recording = recorder.stop()
    assert recording.late == 0
    assert changes(recording.entries) == ["listed n 3", "listed old 4", "action create", "modified n 12", "added a 14"]
    assert recording.entries[-1].type == "end"
    assert [entry.seq for entry in recording.entries] == list(range(1, len(recording.entries) + 1))
    assert judged == recording.entries
    assert len(recording.delays) == len(judged)
    assert all(0 <= delay < LIMIT for delay in recording.delays)
    header, stored = read(recording.file)
    assert header == HEADER
    assert list(stored) == recording.entries
    assert not partial_of(recording.file).exists()
    assert recorder.stop() is recording


def test_nothing_is_judged_before_all_is_listed(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("a", 4)))
    server.say(PODS, event("ADDED", pod("b", 11)))

    def slow_nodes(method: str, where: str, body: Json | None) -> tuple[int, Json] | None:
        if where != NODES:
            return None
        # The pods are not only listed by now, something has happened to them, too.
        while server.requests.get(timeout=LIMIT)[:2] != ("watch", PODS):
            pass
        return 200, listing(9, node("n", 3))

    server.handler = slow_nodes
    judged: list[Entry] = []
    recorder = make(on_entry=judged.append, window=0.0)
    recorder.until(has("b"))
    recording = recorder.stop()
    assert (changes(judged), recording.late) == (["listed n 3", "listed a 4", "added b 11"], 0)


def test_late_entries_are_counted_and_the_file_is_sorted(server: StandIn, make: Callable[..., Recorder]) -> None:
    judged: list[Entry] = []
    recorder = make(on_entry=judged.append, window=0.0)
    server.say(PODS, event("ADDED", pod("a", 14)))
    recorder.until(When("judged", lambda world: any(entry.rv == 14 for entry in judged)), within=LIMIT)
    server.say(NODES, event("ADDED", node("n", 12)))
    recorder.until(When("node", lambda world: "n" in world.nodes))
    recording = recorder.stop()
    assert recording.late == 1
    assert changes(judged) == ["added a 14", "added n 12"]
    assert changes(recording.entries) == ["added n 12", "added a 14"]
    assert list(read(recording.file)[1]) == recording.entries


def test_events_are_ordered_by_arrival(server: StandIn, make: Callable[..., Recorder]) -> None:
    recorder = make()
    server.say(PODS, event("ADDED", pod("a", 14)))
    recorder.until(has("a"))
    server.say(path("events", "ns"), event("ADDED", obj("e", 3, reason="Created")))
    recorder.until(When("event", lambda world: ("ns", "e") in world.events))
    assert changes(recorder.stop().entries) == ["added a 14", "added e"]


def test_a_gap_is_recorded(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("old", 4)), listing(30, pod("new", 20)))
    server.watches(PODS, Refusal(410, gone()))
    recorder = make()
    recorder.until(has("new"))
    assert changes(recorder.stop().entries) == ["listed old 4", "gap  11", "listed new 20", "deleted old 30"]


def test_authors_stand_before_what_they_did(server: StandIn, make: Callable[..., Recorder], tmp_path: Path) -> None:
    log = tmp_path / "audit.log"

    def audit(user: str, rv: int) -> None:
        entry = {
            "stage": "ResponseComplete",
            "verb": "create",
            "user": {"username": user},
            "objectRef": {"resource": "pods", "namespace": "ns"},
            "responseStatus": {"code": 201},
            "responseObject": {"metadata": {"name": "x", "uid": "u", "resourceVersion": str(rv)}},
        }
        with log.open("a") as out:
            out.write(json.dumps(entry) + "\n")

    audit("long ago", 5)
    recorder = make(audit_log=log, window=0.2)
    server.say(PODS, event("ADDED", pod("a", 14)))
    recorder.until(has("a"))
    audit("controller", 14)
    server.say(PODS, event("ADDED", pod("b", 16)))
    recorder.until(has("b"))
    # The line of the last write comes only when the recording is about to end.
    threading.Timer(0.1, audit, ("scenario", 16)).start()
    recording = recorder.stop()
    told = [(entry.type, entry.rv, entry.detail.get("user")) for entry in recording.entries if entry.type in ("write", "added")]
    assert told == [("write", 14, "controller"), ("added", 14, None), ("write", 16, "scenario"), ("added", 16, None)]


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


def test_only_the_last_changes_are_shown(server: StandIn, make: Callable[..., Recorder]) -> None:
    recorder = make()
    server.say(PODS, *(event("MODIFIED", pod("a", rv, ready=rv % 2 == 0)) for rv in range(11, 51)))
    with pytest.raises(WaitExpired) as caught:
        recorder.until(When("rv 50 was seen, and that is not enough", lambda world: False), since=50, within=0.5)
    shown = [line for line in str(caught.value).splitlines() if "pods/a modified" in line]
    assert "the last 15 of 40 changes in between" in str(caught.value)
    assert len(shown) == 15


def test_since_keeps_a_wait_from_ending_before_its_cause_was_seen(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("a", 4)))
    recorder = make()
    with pytest.raises(WaitExpired, match=r"resourceVersion 12\) was never seen; the trace had reached 4"):
        recorder.until(has("a"), since=12, within=0.1)
    server.say(PODS, event("MODIFIED", pod("a", 12)))
    recorder.until(has("a"), since=12, within=LIMIT)
    # A write of something that is not watched: the store has gone on.
    server.say(NODES, event("ADDED", node("n", 20)))
    recorder.until(has("a"), since=19, within=LIMIT)


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
        recorder.until(When("x", broken), within=LIMIT)
    server.say(PODS, event("ADDED", pod("b", 12)))
    recorder.until(has("b"), within=LIMIT)


def test_a_judge_that_breaks_is_not_silent(server: StandIn, make: Callable[..., Recorder]) -> None:
    def judge(entry: Entry) -> None:
        if entry.type == "added":
            raise LookupError("a bug in a guarantee")

    recorder = make(on_entry=judge)
    server.say(PODS, event("ADDED", pod("a", 11)))
    with pytest.raises(LookupError):
        recorder.until(When("never", lambda world: False), within=LIMIT)
    with pytest.raises(LookupError):
        recorder.stop()
    assert changes(list(read(recorder._file)[1])) == ["added a 11"], "what was recorded is kept"


def test_a_resource_that_cannot_be_listed_ends_the_start(server: StandIn, tmp_path: Path) -> None:
    server.lists(PODS, Refusal(403, {"reason": "Forbidden", "message": "pods are not yours"}))
    api = Api.connect(server.kubeconfig(tmp_path), patience=0.1)
    recorder = Recorder(api, HEADER, tmp_path / "t.jsonl", audit_log=None, namespaces=("ns",))
    with pytest.raises(ApiError, match="pods are not yours"):
        recorder.start()
    assert [file.name for file in tmp_path.iterdir()] == ["kubeconfig"]
    api.close()


def test_stop_is_prompt(make: Callable[..., Recorder]) -> None:
    recorder = make()
    begin = time.monotonic()
    recorder.stop()
    assert time.monotonic() - begin < 1


def test_a_killed_run_leaves_what_it_saw(server: StandIn, make: Callable[..., Recorder]) -> None:
    judged: list[Entry] = []
    recorder = make(on_entry=judged.append)
    server.say(PODS, event("ADDED", pod("a", 11)))
    recorder.until(When("written", lambda world: any(entry.rv == 11 for entry in judged)), since=11, within=LIMIT)
    _, entries = read(partial_of(recorder._file))
    seen: list[Entry] = []
    with pytest.raises(TraceError):
        take_all(entries, seen)
    assert "added a 11" in short(seen)


def test_so_far_is_sorted(server: StandIn, make: Callable[..., Recorder]) -> None:
    recorder = make(window=LIMIT)
    server.say(PODS, event("ADDED", pod("a", 14)))
    recorder.until(has("a"))
    server.say(NODES, event("ADDED", node("n", 12)))
    recorder.until(When("node", lambda world: "n" in world.nodes))
    assert changes(recorder.so_far()) == ["added n 12", "added a 14"]
