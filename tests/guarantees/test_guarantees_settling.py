"""INV-16: the status comes to rest at the truth, and says "done" only when it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import CONTROLLER, SCENARIO, History, judged
from tests.guarantees.objects import node, taint


def rest(h: History, seconds: float = 11) -> list[tuple[str, str]]:
    h.wait(seconds)
    h.note()
    h.wait(seconds)
    h.end()
    return [(broken.kind, broken.known) for broken in judged(h, "INV-16").violations]


def test_a_settled_one_is_right_once() -> None:
    h = settled(3)
    assert rest(h) == []
    tally = judged(h, "INV-16")
    assert (tally.verdict, tally.could_have_failed) == ("holds", 2)  # its status says "done", and it came to rest


@pytest.mark.parametrize("change", ["template", "strategy"])
def test_a_spec_that_is_not_observed(change: str) -> None:
    h = settled(3)
    if change == "template":
        h.template("2", revision=False)
    else:
        h.agent["spec"]["minReadySeconds"] = 1
        h.agent["metadata"]["generation"] += 1
        h.change(h.agent)
    assert rest(h, 9) == [("generation-not-observed", "")]


def test_one_that_is_observed_in_time() -> None:
    h = settled(3)
    h.agent["spec"]["minReadySeconds"] = 1
    h.agent["metadata"]["generation"] += 1
    h.change(h.agent)
    h.wait(9)
    h.status()
    assert rest(h) == []


@pytest.mark.parametrize("excuse", ["stopped", "deleted"])
def test_nothing_is_owed(excuse: str) -> None:
    h = settled(3)
    h.template("2")
    if excuse == "stopped":
        h.action("stop", "components/kube-controller-manager")
    else:
        h.ask(h.agent, SCENARIO)
    assert rest(h) == []


def test_a_pod_that_becomes_available_by_the_clock_is_counted_in_time() -> None:
    h = settled(2, quiet=False, min_ready=20)
    h.status(numberAvailable=0, numberUnavailable=2)
    h.wait(18.6)
    h.note()
    assert rest(h, 1) == []  # which side of the second it is on is not known
    assert rest(h, 30) == [("comes-to-rest-at-a-lie", "")]


def test_a_lie_that_stays() -> None:
    h = settled(3)
    h.unready("a")
    assert rest(h) == [("comes-to-rest-at-a-lie", "")]
    assert "ready is 3, should be 2" in judged(h, "INV-16").violations[0].message


@pytest.mark.parametrize("cause", ["noschedule-taint-wakes-no-sync", "node-deletion-wakes-no-sync"])
def test_a_change_that_wakes_nobody_is_a_known_deviation(cause: str) -> None:
    h = settled(3)
    if cause.startswith("noschedule"):
        h.node("a")["spec"]["taints"] = [taint("keep-out")]
        h.change(h.node("a"))
    else:
        h.remove(h.node("a"), SCENARIO)
    assert rest(h) == [("comes-to-rest-at-a-lie", cause)]


def done(h: History, **lies: Any) -> list[tuple[str, str]]:
    h.wait(2)
    names = sum(kind == "nodes" for kind, _ in h.objects)
    h.status(**{"updatedNumberScheduled": names, "numberReady": names, "numberAvailable": names, "numberUnavailable": 0, **lies})
    return [(broken.kind, broken.known) for broken in judged(h, "INV-16").violations]


def test_done_is_said_before_a_pod_is_updated() -> None:
    h = settled(3)
    h.template("2")
    h.replace("a")
    assert done(h) == [("says-done-too-early", "")]
    assert "no pod of the current revision stands on b, c" in judged(h, "INV-16").violations[0].message


def test_done_is_said_before_a_pod_is_available() -> None:
    h = settled(3)
    h.template("2")
    for name in "abc":
        h.replace(name)
    h.unready("b")
    assert done(h) == [("says-done-too-early", "")]
    assert "no available pod stands on b" in judged(h, "INV-16").violations[0].message


def test_done_is_said_while_a_node_has_no_pod() -> None:
    h = settled(3)
    h.add(node("z"))
    assert done(h, currentNumberScheduled=4) == [("says-done-too-early", "")]


@pytest.mark.parametrize(
    ("lies", "by"), [({"observedGeneration": 1}, CONTROLLER), ({"updatedNumberScheduled": 2}, CONTROLLER), ({}, SCENARIO)]
)
def test_what_is_not_said_or_by_somebody_else(lies: dict[str, int], by: str) -> None:
    h = settled(3)
    h.template("2")
    h.wait(2)
    h.status(by, **{"updatedNumberScheduled": 3, **lies})
    assert judged(h, "INV-16").violated == 0


def test_what_has_just_happened_need_not_be_known() -> None:
    h = settled(3)
    h.template("2")
    for name in "abc":
        h.replace(name)
    h.wait(2)
    h.unready("b")
    h.status(numberReady=3, numberAvailable=3, numberUnavailable=0)
    assert judged(h, "INV-16").violated == 0


def test_pods_that_are_taken_for_new_ones_are_known() -> None:
    h = settled(2)
    h.template("2")
    for pod in h.pods():
        pod["metadata"]["labels"]["pod-template-generation"] = "2"
        h.change(pod)
    assert done(h) == [("says-done-too-early", "orphans-of-the-same-generation-count-as-updated")]
