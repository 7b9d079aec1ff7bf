"""INV-18: a daemon pod that waits for the scheduler is bound, or it is said why not."""

from __future__ import annotations

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import SCENARIO, SCHEDULER, History, judged
from tests.guarantees.objects import node, taint


def waiting(scheduler: str = "default-scheduler") -> History:
    h = settled(1)
    h.add(node("z"))
    h.create("z", schedulerName=scheduler)
    return h


def kinds(h: History, seconds: float) -> list[str]:
    h.wait(seconds)
    h.note()
    h.wait(1)
    h.end()
    return [broken.kind for broken in judged(h, "INV-18").violations]


def test_pods_that_are_bound_are_chances() -> None:
    h = waiting()
    h.wait(9)
    h.ready("z")
    assert kinds(h, 2) == []
    tally = judged(h, "INV-18")
    assert (tally.verdict, tally.could_have_failed) == ("holds", 2)


@pytest.mark.parametrize(("seconds", "expected"), [(8.5, []), (10.1, ["not-bound"])])
def test_one_that_waits_in_silence(seconds: float, expected: list[str]) -> None:
    assert kinds(waiting(), seconds) == expected


def test_one_of_which_the_scheduler_says_why() -> None:
    h = waiting()
    unfit = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/2 nodes are available: 1 Insufficient cpu.",
    }
    h.pod("z")["status"]["conditions"] = [unfit]
    h.change(h.pod("z"), SCHEDULER)
    assert kinds(h, 60) == []


@pytest.mark.parametrize("excuse", ["another scheduler", "stopped", "going", "excluded", "gone"])
def test_nothing_is_owed(excuse: str) -> None:
    h = waiting("mine" if excuse == "another scheduler" else "default-scheduler")
    if excuse == "stopped":
        h.action("stop", "components/kube-scheduler")
    elif excuse == "going":
        h.kill("z", by=SCENARIO)
    elif excuse == "excluded":
        h.node("z")["spec"]["taints"] = [taint("go", "NoExecute")]
        h.change(h.node("z"))
    elif excuse == "gone":
        h.remove(h.node("z"), SCENARIO)
    assert kinds(h, 60) == []


def test_the_clock_of_a_scheduler_that_is_started_again() -> None:
    h = waiting()
    h.action("pause", "components/kube-scheduler")
    h.wait(60)
    h.action("resume", "components/kube-scheduler")
    assert kinds(h, 23) == []
    assert kinds(h, 3) == ["not-bound"]
