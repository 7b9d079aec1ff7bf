"""INV-9: the counters tell the truth."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import SCENARIO, History, judged, later
from tests.guarantees.objects import node, taint


def test_true_counters() -> None:
    tally = judged(settled(3), "INV-9")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 2


def test_no_node_no_chance() -> None:
    assert judged(settled(0), "INV-9").vacuous


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        ({"numberReady": 4}, "not available ≤ ready ≤ current ≤ desired"),
        ({"numberAvailable": 0, "numberUnavailable": 1}, "unavailable is not desired - available"),
        ({"currentNumberScheduled": 4}, "not available ≤ ready ≤ current ≤ desired"),
        ({"updatedNumberScheduled": 4}, "updated is more than current"),
        ({"observedGeneration": 2}, "ahead of generation 1"),
        ({"observedGeneration": 0}, "observedGeneration fell from 1 to 0"),
    ],
)
def test_counters_that_contradict_each_other(lies: dict[str, Any], said: str) -> None:
    h = settled(3)
    h.status(**lies)
    tally = judged(h, "INV-9")
    assert tally.violated == 1
    assert said in tally.violations[0].message


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        ({"numberReady": 2, "numberAvailable": 2, "numberUnavailable": 1}, "ready is 2, should be 3"),
        ({"numberMisscheduled": 1}, "misscheduled is 1, should be 0"),
        ({"updatedNumberScheduled": 0}, "updated is 0, should be 3"),
        ({"desiredNumberScheduled": 5, "numberUnavailable": 2}, "desired is 5, should be 3"),
    ],
)
def test_counters_that_lie(lies: dict[str, Any], said: str) -> None:
    h = settled(3, quiet=False)
    h.status(**lies)
    tally = judged(later(h), "INV-9")
    assert tally.violated == 1
    assert said in tally.violations[0].message


def test_counters_never_written_again() -> None:
    h = settled(3)
    h.unready("a")
    assert judged(later(h), "INV-9").violated == 1


def test_lies_of_others_do_not_count_until_the_controller_could_mend_them() -> None:
    h = settled(3)
    h.status(by=SCENARIO, numberReady=7)
    assert judged(h, "INV-9").verdict == "holds"
    assert judged(later(h), "INV-9").violated == 1


def test_within_the_quiet_time_nothing_is_compared() -> None:
    h = settled(3)
    h.unready("a")
    h.wait(1.5)
    h.note()
    assert judged(h, "INV-9").verdict == "holds"


def test_a_controller_that_is_down_counts_nothing() -> None:
    h = settled(3)
    h.action("pause", "components/kube-controller-manager")
    h.unready("a")
    assert judged(later(h), "INV-9").verdict == "holds"


def test_a_write_that_was_on_its_way_when_the_controller_was_killed_is_no_sign_of_life() -> None:
    h = settled(3)
    h.action("kill", "components/kube-controller-manager")
    h.status()
    h.unready("a")
    assert judged(later(h), "INV-9").verdict == "holds"


def test_a_controller_that_writes_long_after_it_was_killed_is_alive() -> None:
    h = settled(3)
    h.action("kill", "components/kube-controller-manager")
    h.wait(11)
    h.status()
    h.unready("a")
    assert judged(later(h), "INV-9").violated == 1


def test_a_controller_that_runs_again_has_to_count() -> None:
    h = settled(3)
    h.action("pause", "components/kube-controller-manager")
    h.unready("a")
    h.wait(5)
    h.action("resume", "components/kube-controller-manager")
    h.status(numberReady=3, numberAvailable=3, numberUnavailable=0, updatedNumberScheduled=2)
    h.wait(20)
    h.end()
    assert judged(h, "INV-9").violated == 1


def test_a_no_schedule_taint_under_a_running_pod_wakes_nobody() -> None:
    h = settled(3)
    h.node("a")["spec"]["taints"] = [taint("keep-out")]
    h.change(h.node("a"))
    assert judged(later(h), "INV-9").verdict == "holds"
    h.agent["metadata"]["annotations"]["touched"] = "yes"
    h.change(h.agent)
    h.wait(5)
    h.end()
    assert judged(h, "INV-9").violated == 1


def test_a_no_execute_taint_does() -> None:
    h = settled(3)
    h.node("a")["spec"]["taints"] = [taint("keep-out", "NoExecute")]
    h.change(h.node("a"))
    assert judged(later(h), "INV-9").violated == 1


def test_the_deletion_of_a_node_wakes_nobody() -> None:
    h = settled(3)
    h.remove(h.node("a"), SCENARIO)
    assert judged(later(h), "INV-9").verdict == "holds"


def test_a_node_that_joins_is_counted() -> None:
    h = settled(3)
    h.add(node("z"))
    assert judged(later(h), "INV-9").violated == 1


def test_a_pod_ripens_without_any_event() -> None:
    """With minReadySeconds the comparison waits until availability has come, and the controller must have looked again."""
    h = settled(2, min_ready=30, quiet=False)
    h.status(numberAvailable=0, numberUnavailable=2)
    h.wait(20)
    h.note()
    assert judged(h, "INV-9").verdict == "holds"
    h.wait(20)
    h.note()
    assert judged(h, "INV-9").verdict == "holds"
    h.wait(30)
    h.end()
    assert judged(h, "INV-9").violated == 1


def one_by_one() -> History:
    """The second pod becomes available half a second after the controller has looked; it will look again after minReadySeconds."""
    h = settled(1, min_ready=10, quiet=False)
    h.add(node("b"))
    h.create("b")
    h.wait(2)
    h.ready("b")
    h.wait(9.5)
    h.status(numberAvailable=1, numberUnavailable=1)
    h.wait(6)
    h.note()
    return h


def test_an_available_pod_may_be_counted_when_the_controller_looks_again() -> None:
    h = one_by_one()
    assert judged(h, "INV-9").verdict == "holds"
    h.wait(4)
    h.status()
    h.wait(15)
    h.note()
    assert judged(h, "INV-9").verdict == "holds"


def test_an_available_pod_that_is_never_counted() -> None:
    h = one_by_one()
    h.wait(15)
    h.end()
    tally = judged(h, "INV-9")
    assert tally.violated == 1
    assert "available is 1, should be 2" in tally.violations[0].message


@pytest.mark.parametrize("lies", [{"numberReady": 1}, {"numberMisscheduled": 1}, {"numberAvailable": 0, "numberUnavailable": 2}])
def test_nothing_else_may_be_late_with_it(lies: dict[str, Any]) -> None:
    h = one_by_one()
    h.status(**{"numberAvailable": 1, "numberUnavailable": 1, **lies})
    assert judged(later(h), "INV-9").violated == 1


def test_a_generation_that_was_not_observed_is_not_compared() -> None:
    h = settled(3)
    h.template("2")
    assert judged(later(h), "INV-9").verdict == "holds"


@pytest.mark.parametrize("resource", ["pods", "nodes", "daemonsets", "controllerrevisions"])
def test_a_gap_leaves_it_open(resource: str) -> None:
    h = settled(3)
    h.gap(resource)
    assert judged(h, "INV-9").verdict == "unknown"


def test_without_audit_it_is_judged_all_the_same() -> None:
    h = settled(3, audited=False)
    h.status(numberReady=4)
    assert judged(h, "INV-9").violated == 1
