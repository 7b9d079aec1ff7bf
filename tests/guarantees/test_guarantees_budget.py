"""INV-3: a rolling update keeps its budget."""

from __future__ import annotations

import pytest

from tests.guarantees.beginnings import settled, updating
from tests.guarantees.history import SCENARIO, judged


def test_one_after_the_other() -> None:
    h = updating(4)
    for name in "abcd":
        h.replace(name)
    tally = judged(h, "INV-3")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 4


@pytest.mark.parametrize(("budget", "taken"), [(1, 1), (4, 4), ("34%", 4), ("10%", 1), ("1%", 1), ("0%", 1)])
def test_the_budget_may_be_used_up(budget: int | str, taken: int) -> None:
    h = updating(10, max_unavailable=budget)
    for name in "abcdefghij"[:taken]:
        h.kill(name)
    assert judged(h, "INV-3").verdict == "holds"
    h.kill("j")
    tally = judged(h, "INV-3")
    assert tally.violated == 1
    assert f"{taken + 1} of 10 nodes have no available pod" in tally.violations[0].message
    assert f"maxUnavailable allows {taken}" in tally.violations[0].message


def test_a_budget_of_all_could_not_have_failed() -> None:
    h = updating(2, max_unavailable="100%")
    h.kill("a")
    h.kill("b")
    assert judged(h, "INV-3").vacuous


def test_off_by_one() -> None:
    h = updating(10, max_unavailable=4)
    for name in "abcde":
        h.kill(name)
    assert judged(h, "INV-3").violated == 1


def test_readiness_ignored() -> None:
    """The new pod is there, but not ready, and the next old one goes."""
    h = updating(3)
    for name in "abc":
        h.kill(name)
        h.gone(name)
        h.create(name)
    assert judged(h, "INV-3").violated == 2


def test_min_ready_seconds_ignored() -> None:
    h = updating(3, min_ready=10)
    h.replace("a")
    h.wait(4)
    h.kill("b")
    assert judged(h, "INV-3").violated == 1


def test_min_ready_seconds_waited_for() -> None:
    h = updating(3, min_ready=10)
    h.replace("a")
    h.wait(10)
    h.kill("b")
    tally = judged(h, "INV-3")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 2


def test_nodes_that_were_down_before_use_up_the_budget() -> None:
    h = settled(4)
    h.unready("a")
    h.wait(5)
    h.template("2")
    h.kill("b")
    assert judged(h, "INV-3").violated == 1


def test_what_the_controller_could_not_have_known_is_not_counted() -> None:
    h = updating(4)
    h.unready("a")
    h.wait(0.5)
    h.kill("b")
    assert judged(h, "INV-3").verdict == "holds"


def test_unavailable_old_pods_may_all_go_at_once() -> None:
    h = settled(4)
    for name in "abc":
        h.unready(name)
    h.wait(5)
    h.template("2")
    for name in "abc":
        h.kill(name)
    assert judged(h, "INV-3").evaluated == 0


def test_a_pod_that_has_just_become_ready_counts_as_it_was() -> None:
    h = settled(4)
    for name in "abc":
        h.unready(name)
    h.wait(5)
    h.template("2")
    h.ready("a")
    for name in "abc":
        h.kill(name)
    assert judged(h, "INV-3").verdict != "violated"


def test_pods_of_nodes_that_stopped_matching_go_at_once() -> None:
    h = settled(4)
    h.respec(nodeSelector={"disk": "ssd"})
    for name in "abcd":
        h.kill(name)
    assert judged(h, "INV-3").vacuous


def test_others_may_delete_what_they_like() -> None:
    h = settled(4)
    for name in "abcd":
        h.kill(name, by=SCENARIO)
    assert judged(h, "INV-3").evaluated == 0


def test_what_others_deleted_is_counted_once_the_controller_could_know() -> None:
    h = updating(4)
    h.kill("a", by=SCENARIO)
    h.wait(2)
    h.kill("b")
    assert judged(h, "INV-3").violated == 1


def test_without_audit_it_is_not_known_who_deleted() -> None:
    h = updating(4, audited=False)
    h.kill("a")
    h.kill("b")
    tally = judged(h, "INV-3")
    assert tally.verdict == "unknown"
    assert "is not known" in tally.reasons[0]


def test_without_audit_a_rollout_within_the_budget_holds() -> None:
    h = updating(4, audited=False)
    for name in "abcd":
        h.replace(name)
    assert judged(h, "INV-3").verdict == "holds"


@pytest.mark.parametrize("resource", ["pods", "nodes", "daemonsets"])
def test_a_gap_leaves_it_open(resource: str) -> None:
    h = updating(4)
    h.kill("a")
    h.gap(resource)
    assert judged(h, "INV-3").verdict == "unknown"


def test_a_budget_that_has_just_been_cut_is_the_old_one_for_a_moment() -> None:
    h = updating(4, max_unavailable=2)
    h.agent["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] = 1
    h.agent["metadata"]["generation"] += 1
    h.change(h.agent)
    h.kill("a")
    h.kill("b")
    assert judged(h, "INV-3").verdict == "holds"
    h.wait(3)
    h.kill("c")
    assert judged(h, "INV-3").violated == 1


@pytest.mark.parametrize(("told", "violated"), [(True, 1), (False, 0)])
def test_what_its_own_status_shows_the_controller_knew(told: bool, violated: int) -> None:
    """Pods became ready a moment ago; did the controller delete them as available ones? It did if it had counted them."""
    h = settled(4, quiet=False)
    if not told:
        h.entries = [e for e in h.entries if not (e.resource == "daemonsets" and e.type == "modified")]
    h.template("2")
    h.kill("a")
    h.kill("b")
    assert judged(h, "INV-3").violated == violated


def test_a_creation_after_a_deletion_is_another_sync() -> None:
    """One sync creates, then deletes: what was ready a second before the creation was known to the sync that deleted after it."""
    h = settled(4, quiet=False)
    h.entries = [e for e in h.entries if not (e.resource == "daemonsets" and e.type == "modified")]
    h.template("2")
    h.wait(0.8)
    h.kill("a")
    h.gone("a")
    h.wait(0.3)
    h.create("a")
    h.kill("b")
    assert judged(h, "INV-3").violated == 1
