"""INV-11 and INV-12: nothing in vain, nothing without a cause."""

from __future__ import annotations

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import CONTROLLER, SCENARIO, History, judged
from tests.guarantees.objects import node, taint

# -- INV-11 ---------------------------------------------------------------------------------------------------------------------------


def test_a_settled_window_is_a_chance() -> None:
    tally = judged(settled(2), "INV-11")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 1


def test_without_a_quiet_window_it_is_unknown() -> None:
    assert judged(settled(2, quiet=False), "INV-11").verdict == "unknown"


def status_written(h: History) -> None:
    h.status(numberMisscheduled=1)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda h: h.create("a"), "was created"),
        (lambda h: h.kill("a"), "was deleted"),
        (status_written, "its status was written"),
    ],
)
def test_a_write_in_a_settled_daemonset(write: object, said: str) -> None:
    h = settled(2)
    write(h)  # type: ignore[operator]
    tally = judged(h, "INV-11")
    assert tally.violated == 1
    assert said in tally.violations[0].message


def test_a_status_hot_loop_that_never_lets_it_settle() -> None:
    h = settled(2, quiet=False)
    for turn in range(40):
        h.wait(0.2)
        h.status(numberMisscheduled=turn % 2)
    assert judged(h, "INV-11").violated >= 1


@pytest.mark.parametrize("change", ["template", "unready", "join", "deletion", "taint"])
def test_somebody_else_gave_a_reason(change: str) -> None:
    h = settled(2)
    if change == "template":
        h.template("2")
    elif change == "unready":
        h.unready("a")
    elif change == "join":
        h.add(node("z"))
    elif change == "taint":
        h.node("a")["spec"]["taints"] = [taint("keep-out", "NoExecute")]
        h.change(h.node("a"))
    else:
        h.kill("a", by=SCENARIO)
    h.wait(3)
    h.kill("b")
    h.status(numberMisscheduled=1)
    assert judged(h, "INV-11").violated == 0


def test_an_unsettled_daemonset_may_be_written_to() -> None:
    h = settled(2, quiet=False)
    h.template("2")
    h.status()
    h.wait(5)
    h.note()
    h.kill("a")
    assert judged(h, "INV-11").verdict == "unknown"


def test_on_delete_settles_with_old_pods() -> None:
    h = settled(2, strategy="OnDelete", quiet=False)
    h.template("2")
    h.status()
    h.wait(5)
    h.note()
    h.kill("a")
    assert judged(h, "INV-11").violated == 1


@pytest.mark.parametrize(("count", "violated"), [(250, 0), (251, 1)])
def test_more_than_a_burst(count: int, violated: int) -> None:
    h = settled(1, quiet=False)
    for number in range(count):
        h.list(node(f"n{number}"))
    for number in range(count):
        h.create(f"n{number}")
    assert judged(h, "INV-11").violated == violated


def test_bursts_are_counted_from_status_to_status() -> None:
    h = settled(1, quiet=False)
    for number in range(300):
        h.list(node(f"n{number}"))
    for number in range(300):
        if number == 200:
            h.status(observedGeneration=1, numberMisscheduled=0)
        h.create(f"n{number}")
    assert judged(h, "INV-11").violated == 0


# -- INV-12 ---------------------------------------------------------------------------------------------------------------------------


def test_an_update_creates_one_pod_per_node() -> None:
    h = settled(3)
    h.template("2")
    for name in "abc":
        h.replace(name)
    h.expect(6)
    h.end()
    tally = judged(h, "INV-12")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 7


@pytest.mark.parametrize("count", [5, 7])
def test_other_than_expected(count: int) -> None:
    h = settled(3)
    h.template("2")
    for name in "abc":
        h.replace(name)
    h.expect(count)
    h.end()
    tally = judged(h, "INV-12")
    assert tally.violated == 1
    assert f"got 6 pods from the controller by {h.at:.1f} s; the scenario expects {count}" in tally.violations[0].message


def _created_for_a_node_tainted_just_before() -> History:
    h = settled(1)
    b = node("b")
    h.add(b)
    b["spec"]["taints"] = [taint("gpu")]
    h.change(b)
    h.create("b")
    return h


@pytest.mark.parametrize("count", [1, 2])
def test_a_pod_for_a_node_that_was_eligible_a_moment_ago_may_be_expected_or_not(count: int) -> None:
    h = _created_for_a_node_tainted_just_before()
    h.expect(count)
    h.end()
    assert judged(h, "INV-12").verdict == "holds"
    assert judged(h, "INV-6").violated == 0


@pytest.mark.parametrize("count", [0, 3])
def test_such_a_pod_explains_no_other_number(count: int) -> None:
    h = _created_for_a_node_tainted_just_before()
    h.expect(count)
    h.end()
    assert judged(h, "INV-12").violated == 1


def test_pods_of_the_scenario_are_not_counted() -> None:
    h = settled(1)
    h.kill("a", by=SCENARIO)
    h.gone("a")
    h.create("a", by=SCENARIO)
    h.expect(1)
    h.end()
    assert judged(h, "INV-12").verdict == "holds"


def test_first_pods_alone_are_vacuous() -> None:
    assert judged(settled(2), "INV-12").vacuous


def test_deleted_without_a_cause() -> None:
    h = settled(2)
    h.kill("a")
    tally = judged(h, "INV-12")
    assert tally.violated == 1
    assert "deleted without a cause: phase Running, ready, revision 1, node eligible" in tally.violations[0].message


def test_an_unready_pod_of_the_current_revision_is_left_alone() -> None:
    h = settled(2)
    h.unready("a")
    h.wait(3)
    h.kill("a")
    assert judged(h, "INV-12").violated == 1


def test_on_delete_means_on_delete() -> None:
    h = settled(2, strategy="OnDelete")
    h.template("2")
    h.wait(3)
    h.kill("a")
    assert judged(h, "INV-12").violated == 1


def test_one_more_while_the_first_is_there() -> None:
    h = settled(2)
    h.create("a")
    tally = judged(h, "INV-12")
    assert tally.violated == 1
    assert "without a cause" in tally.violations[0].message


def fail(h: History) -> None:
    h.pod("a")["status"]["phase"] = "Failed"
    h.change(h.pod("a"))


def exclude(h: History) -> None:
    h.node("a")["spec"]["taints"] = [taint("keep-out", "NoExecute")]
    h.change(h.node("a"))


def update(h: History) -> None:
    h.template("2")


def leave(h: History) -> None:
    h.remove(h.node("a"), SCENARIO)


def double(h: History) -> None:
    h.create("a", by=SCENARIO)


@pytest.mark.parametrize("cause", [fail, exclude, update, leave, double])
def test_causes(cause: object) -> None:
    h = settled(2)
    cause(h)  # type: ignore[operator]
    h.wait(3)
    h.kill("a")
    tally = judged(h, "INV-12")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 1


def test_a_no_schedule_taint_is_no_cause() -> None:
    h = settled(2)
    h.node("a")["spec"]["taints"] = [taint("keep-out")]
    h.change(h.node("a"))
    h.wait(3)
    h.kill("a")
    assert judged(h, "INV-12").violated == 1


def test_a_cause_that_has_just_gone_away() -> None:
    h = settled(2)
    exclude(h)
    h.wait(3)
    h.node("a")["spec"]["taints"] = []
    h.change(h.node("a"))
    h.kill("a")
    assert judged(h, "INV-12").verdict == "holds"


def test_without_audit_a_deletion_without_a_cause_stays_open() -> None:
    h = settled(2, audited=False)
    h.kill("a")
    assert judged(h, "INV-12").verdict == "unknown"


def test_without_audit_what_the_scenario_announced_is_its_own() -> None:
    h = settled(2, audited=False)
    h.action("delete", f"pods/test/{h.pod('a')['metadata']['name']}")
    h.kill("a")
    assert judged(h, "INV-12").verdict == "holds"


def test_an_endless_cycle_of_one_node() -> None:
    h = settled(2)
    for _ in range(5):
        h.replace("a")
    assert judged(h, "INV-12").violated == 5
    assert CONTROLLER.endswith("daemon-set-controller")
