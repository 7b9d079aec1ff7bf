"""INV-13: a node that should run a pod gets one, and what it may be waited for."""

from __future__ import annotations

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import CONTROLLER, SCENARIO, History, judged
from tests.guarantees.objects import node, taint


def silence(h: History, seconds: float) -> None:
    h.wait(seconds)
    h.note()


def refused(h: History) -> None:
    """The API server has refused a pod, and the controller says so."""
    meta = {"name": f"refused-{h.at:.3f}", "namespace": "test", "uid": f"event-{h.at}"}
    about = {"kind": "DaemonSet", "name": "agent", "uid": h.agent["metadata"]["uid"]}
    h.add({"kind": "Event", "metadata": meta, "reason": "FailedCreate", "involvedObject": about}, CONTROLLER)


def kinds(h: History) -> list[str]:
    return [broken.kind for broken in judged(h, "INV-13").violations]


def test_pods_that_come_are_chances() -> None:
    tally = judged(settled(3), "INV-13")
    assert (tally.verdict, tally.could_have_failed) == ("holds", 3)


@pytest.mark.parametrize(("seconds", "expected"), [(9.9, []), (10.1, ["no-pod"])])
def test_a_new_node_gets_its_pod_in_time(seconds: float, expected: list[str]) -> None:
    h = settled(2)
    h.add(node("z"))
    silence(h, seconds)
    h.create("z")
    assert kinds(h) == expected


def test_a_wait_is_said_once_and_again_after_something_has_happened() -> None:
    h = settled(2)
    h.add(node("z"))
    for _ in range(30):
        silence(h, 1)
    assert kinds(h) == ["no-pod"]
    [broken] = judged(h, "INV-13").violations
    assert broken.objects == ["daemonsets/agent", "nodes/z"]
    assert "node z should run a pod and has had none for 10 s" in broken.message
    h.template("2")
    silence(h, 11)
    assert kinds(h) == ["no-pod"] * 2


def test_what_happens_elsewhere_is_no_excuse() -> None:
    h = settled(3)
    h.add(node("z"))
    for _ in range(6):
        silence(h, 2)
        h.unready("a")
        h.ready("a")
        h.status()
    assert kinds(h) == ["no-pod"]


def test_a_pod_that_went_is_replaced() -> None:
    h = settled(2)
    h.kill("a", by=SCENARIO)
    silence(h, 40)
    assert kinds(h) == []  # it is still there
    h.gone("a")
    silence(h, 11)
    assert kinds(h) == ["no-pod"]


@pytest.mark.parametrize(("failures", "pause"), [(1, 1), (4, 8), (5, 16)])
def test_where_pods_fail_a_pause_is_allowed(failures: int, pause: int) -> None:
    h = settled(2)
    for number in range(failures):
        pod = h.pod("a")
        pod["status"] = {"phase": "Failed"}
        h.change(pod)
        if number < failures - 1:
            h.replace("a")
    silence(h, 9.5 + pause)
    assert kinds(h) == []
    silence(h, 1.5)
    assert kinds(h) == ["not-replaced"]


def test_no_pod_is_owed_where_none_may_be() -> None:
    h = settled(2)
    h.add(node("z", taints=[taint("keep-out")]))
    silence(h, 15)
    h.add(node("y"))
    h.ask(h.agent, SCENARIO)
    silence(h, 15)
    assert kinds(h) == []


def test_the_clock_stands_while_the_controller_does_not_run() -> None:
    h = settled(2)
    h.action("stop", "components/kube-controller-manager")
    h.add(node("z"))
    silence(h, 60)
    h.action("start", "components/kube-controller-manager")
    silence(h, 24)
    assert kinds(h) == []
    silence(h, 2)
    assert kinds(h) == ["no-pod"]


def test_a_slow_api_server_excuses() -> None:
    h = settled(2)
    h.add(node("z"))
    silence(h, 8)
    h.times = {"received": 1000.0, "done": 1004.0}
    h.change(h.node("a"))
    silence(h, 8)
    assert kinds(h) == []
    silence(h, 4)
    assert kinds(h) == ["no-pod"]


def test_a_refused_pod_is_tried_again_after_as_long_as_it_was_refused() -> None:
    h = settled(2)
    h.add(node("z"))
    for pause in (*[0.01] * 8, 1, 2, 4, 8):
        refused(h)
        h.wait(pause)
    refused(h)
    silence(h, 27)  # 15.1 s refused, a quarter more, and 10 s
    assert kinds(h) == []
    silence(h, 4)
    [broken] = judged(h, "INV-13").violations
    assert (broken.kind, broken.known) == ("not-tried-again", "a-refused-pod-delays-all-others")


def test_one_that_is_never_tried_again_is_no_known_deviation() -> None:
    h = settled(2)
    h.add(node("z"))
    for _ in range(8):  # 5 ms, doubled eight times and once more
        refused(h)
    silence(h, 11.5)
    silence(h, 20)
    assert [(broken.kind, broken.known) for broken in judged(h, "INV-13").violations] == [
        ("not-tried-again", "a-refused-pod-delays-all-others"),
        ("not-tried-again", ""),
    ]


def test_an_old_refusal_excuses_nothing() -> None:
    h = settled(2)
    refused(h)
    silence(h, 3)
    h.add(node("z"))
    silence(h, 11)
    [broken] = judged(h, "INV-13").violations
    assert (broken.kind, broken.known) == ("no-pod", "")
