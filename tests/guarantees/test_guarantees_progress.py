"""INV-15: an update that may go on goes on; else what stands in its way is said."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.guarantees.judge import Tally
from tests.guarantees.beginnings import settled
from tests.guarantees.history import SCENARIO, History, judged
from tests.guarantees.objects import node, taint
from tests.guarantees.test_guarantees_arrival import refused

SURGE: dict[str, Any] = {"max_unavailable": 0, "max_surge": 1}


def told(h: History, seconds: float = 12, **lies: Any) -> Tally:
    """After the controller has written a status, and then nothing for a while."""
    h.status(**lies)
    h.wait(seconds)
    h.note()
    h.end()
    return judged(h, "INV-15")


def why(tally: Tally) -> list[tuple[str, str]]:
    return [(broken.kind, broken.known) for broken in tally.violations]


STANDS = [("stands-still", "")]


def test_an_ordinary_update_moves() -> None:
    h = settled(3)
    h.template("2")
    for name in "abc":
        h.wait(8)
        h.replace(name)
    tally = told(h)
    assert (tally.verdict, tally.could_have_failed) == ("holds", 3)


@pytest.mark.parametrize("revision", [True, False])
def test_an_update_that_does_not_begin(revision: bool) -> None:
    h = settled(3)
    h.template("2", revision=revision)
    h.wait(11)
    h.note()
    h.wait(11)
    h.end()
    tally = judged(h, "INV-15")
    assert why(tally) == STANDS
    assert "with 0 of 1 of its maxUnavailable used, although the old pods of a, b, c may be replaced" in tally.violations[0].message


def test_one_that_stops_in_the_middle() -> None:
    h = settled(3)
    h.template("2")
    h.replace("b")
    assert why(told(h)) == STANDS


def test_a_budget_that_is_used_up_is_waited_for() -> None:
    h = settled(3)
    h.template("2")
    h.replace("a")
    h.unready("a")
    assert why(told(h, 60)) == []


def test_an_old_pod_that_is_not_ready_needs_no_budget() -> None:
    h = settled(3)
    h.template("2")
    h.replace("a")
    h.unready("a")
    h.unready("b")
    tally = told(h)
    assert why(tally) == STANDS
    assert "the old pods of b may be replaced" in tally.violations[0].message


def test_a_status_that_says_the_budget_is_used_up_is_judged_elsewhere() -> None:
    h = settled(3)
    h.template("2")
    assert why(told(h, numberUnavailable=1, numberAvailable=2)) == []


@pytest.mark.parametrize("excuse", ["OnDelete", "being deleted", "stopped", "no time"])
def test_nothing_is_owed(excuse: str) -> None:
    h = settled(3, strategy="OnDelete" if excuse == "OnDelete" else "RollingUpdate")
    h.template("2")
    h.status()
    if excuse == "being deleted":
        h.ask(h.agent, SCENARIO)
    if excuse == "stopped":
        h.action("stop", "components/kube-apiserver")
    assert why(told(h, 9 if excuse == "no time" else 60)) == []


def test_a_pod_that_becomes_available_late_is_counted_from_then_on() -> None:
    h = settled(2, min_ready=20, **SURGE)
    h.wait(10)
    h.template("2")
    h.create("a")
    h.ready("a")
    h.status()
    h.wait(51)  # 20 s until it is available, 20 that the look for it may be late, 10, and clocks
    h.note()
    assert why(judged(h, "INV-15")) == []
    h.wait(4)
    h.end()
    assert why(judged(h, "INV-15")) == [("successor-not-noticed", "surge-stalls-within-min-ready-seconds")]


@pytest.mark.parametrize("gone", [True, False])
def test_a_pod_on_a_lost_node_that_uses_the_budget_up_is_known(gone: bool) -> None:
    h = settled(3)
    if gone:
        h.remove(h.node("c"), SCENARIO)
    else:
        h.node("c")["spec"]["taints"] = [taint("unreachable")]
        h.change(h.node("c"))
    h.template("2")
    h.kill("c")
    truth = {} if gone else {"desiredNumberScheduled": 2, "numberUnavailable": 0, "numberMisscheduled": 1}
    assert why(told(h, **truth)) == [("held-up-by-a-lost-node", "pods-of-lost-nodes-use-up-the-budget")]


def test_an_update_that_a_refused_pod_holds_up_is_known() -> None:
    h = settled(3, max_unavailable=3)
    h.add(node("z"))
    refused(h)
    h.template("2")
    for pause in (1, 2, 4):
        h.wait(pause)
        refused(h)
    assert why(told(h)) == [("held-up-by-a-refused-pod", "a-refused-pod-holds-up-the-update")]


def test_pods_that_are_taken_for_new_ones_are_known() -> None:
    h = settled(2)
    h.template("2")
    for pod in h.pods():
        pod["metadata"]["labels"]["pod-template-generation"] = "2"
        h.change(pod)
    assert why(told(h)) == [("taken-for-new", "orphans-of-the-same-generation-count-as-updated")]


class TestSurge:
    """With maxSurge the successor comes first."""

    def test_an_ordinary_one_moves(self) -> None:
        h = settled(2, **SURGE)
        h.template("2")
        for name in "ab":
            old = h.pod(name)
            h.create(name)
            h.wait(9)
            h.ready(name)
            h.wait(9)
            h.kill(name, pod=old)
            h.gone(name, pod=old)
        tally = told(h)
        assert (tally.verdict, tally.could_have_failed) == ("holds", 4)

    def test_one_that_does_not_begin(self) -> None:
        h = settled(2, **SURGE)
        h.template("2")
        tally = told(h)
        assert why(tally) == STANDS
        assert "0 of 1 of its maxSurge used" in tally.violations[0].message

    def test_one_that_forgets_the_old_pod(self) -> None:
        h = settled(2, **SURGE)
        h.template("2")
        h.create("a")
        h.ready("a")
        assert why(told(h)) == STANDS

    def test_one_whose_successor_is_not_ready_waits(self) -> None:
        h = settled(2, **SURGE)
        h.template("2")
        h.create("a")
        assert why(told(h, 60)) == []

    def test_an_old_pod_that_is_not_ready_gets_its_successor_beyond_the_budget(self) -> None:
        h = settled(3, **SURGE)
        h.template("2")
        h.create("a")
        h.unready("b")
        tally = told(h)
        assert why(tally) == STANDS
        assert "the old pods of b may be replaced" in tally.violations[0].message

    def test_one_whose_pods_are_refused_waits_for_its_next_try(self) -> None:
        h = settled(2, **SURGE)
        h.template("2")
        refused(h)
        h.wait(8)
        refused(h)
        assert why(told(h, 19)) == []
        h.wait(3)
        h.end()
        assert why(judged(h, "INV-15")) == STANDS

    def test_a_deleted_node_in_the_way_is_known(self) -> None:
        h = settled(3, **SURGE)
        h.remove(h.node("c"), SCENARIO)
        h.template("2")
        assert why(told(h)) == [("held-up-by-a-deleted-node", "surge-waits-for-the-pod-of-a-deleted-node")]

    def test_a_heap_in_the_way_is_known(self) -> None:
        h = settled(2, **SURGE)
        for _ in range(3):
            pod = h.pod("a")
            pod["status"] = {"phase": "Failed", "conditions": []}
            h.change(pod)
            h.create("a")
        h.ready("a")
        h.template("2")
        assert why(told(h)) == [("held-up-by-a-heap", "surge-piles-up-failed-pods")]

    def test_a_successor_that_is_not_noticed_is_known(self) -> None:
        h = settled(2, min_ready=2, **SURGE)
        h.template("2")
        h.create("a")
        h.ready("a")
        assert why(told(h, 20)) == [("successor-not-noticed", "surge-stalls-within-min-ready-seconds")]
