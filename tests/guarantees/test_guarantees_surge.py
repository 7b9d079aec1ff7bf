"""INV-4: a surge takes no old pod before the new one is available."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees.beginnings import settled, updating
from tests.guarantees.history import START, History, judged
from tests.guarantees.objects import taint


def surging(**ds: Any) -> History:
    return updating(3, max_unavailable=0, max_surge=1, **ds)


def test_old_pods_go_when_the_new_one_is_available() -> None:
    h = surging()
    for name in "abc":
        old = h.pod(name)
        h.create(name)
        h.ready(name)
        h.kill(name, pod=old)
        h.gone(name)
    tally = judged(h, "INV-4")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 3
    assert judged(h, "INV-3").evaluated == 0


def test_old_pod_deleted_before_the_new_one_is_ready() -> None:
    h = surging()
    old = h.pod("a")
    h.create("a")
    h.kill("a", pod=old)
    tally = judged(h, "INV-4")
    assert tally.violated == 1
    assert "no other pod on the node was available" in tally.violations[0].message


def test_old_pod_deleted_without_any_new_one() -> None:
    h = surging()
    h.kill("a")
    assert judged(h, "INV-4").violated == 1


def test_old_pod_deleted_before_min_ready_seconds() -> None:
    h = surging(min_ready=10)
    old = h.pod("a")
    h.create("a")
    h.ready("a")
    h.wait(5)
    h.kill("a", pod=old)
    assert judged(h, "INV-4").violated == 1


@pytest.mark.parametrize(("seconds", "violated"), [(0.3, 1), (1.1, 0)])
def test_a_second_of_min_ready_seconds_counts_where_the_clock_is_known(seconds: float, violated: int) -> None:
    h = surging(min_ready=1)
    old = h.pod("a")
    h.wait(1 - h.at % 1 + 0.1)
    h.create("a")
    h.ready("a")
    h.wait(seconds)
    h.times = {"received": START + h.at, "done": START + h.at}
    h.kill("a", pod=old)
    assert judged(h, "INV-4").violated == violated


def test_new_pod_that_lost_its_readiness_a_moment_ago() -> None:
    h = surging()
    old = h.pod("a")
    h.create("a")
    h.ready("a")
    h.unready("a")
    h.kill("a", pod=old)
    assert judged(h, "INV-4").verdict == "holds"


def test_unready_old_pod_may_go() -> None:
    h = surging()
    old = h.pod("a")
    h.unready("a")
    h.wait(3)
    h.kill("a", pod=old)
    assert judged(h, "INV-4").evaluated == 0


def test_nodes_that_no_longer_match_lose_their_pods_at_once() -> None:
    h = surging()
    h.respec(nodeSelector={"disk": "ssd"})
    h.kill("a")
    assert judged(h, "INV-4").vacuous


@pytest.mark.parametrize(("spare", "verdict"), [(True, "holds"), (False, "violated")])
def test_a_node_with_a_no_schedule_taint_waits_for_more_than_is_desired(spare: bool, verdict: str) -> None:
    h = settled(3, max_unavailable=0, max_surge=1)
    h.node("a")["spec"]["taints"] = [taint("keep-out")]
    h.change(h.node("a"))
    if not spare:
        h.unready("b")
    h.wait(3)
    h.template("2")
    h.wait(2)
    h.kill("a")
    assert judged(h, "INV-4").verdict == verdict
