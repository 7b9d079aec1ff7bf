"""INV-14: a node that must not run a pod loses it."""

from __future__ import annotations

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import SCENARIO, History, judged
from tests.guarantees.objects import node, taint


def excluded(by: str) -> History:
    """Node a has just come to exclude its pod."""
    h = settled(2, template={"nodeSelector": {}})
    if by == "label":
        h.respec(nodeSelector={"pool": "x"})
        h.node("b")["metadata"]["labels"]["pool"] = "x"
        h.change(h.node("b"))
    else:
        h.node("a")["spec"]["taints"] = [taint("go", by)]
        h.change(h.node("a"))
    return h


def kinds(h: History) -> list[str]:
    return [broken.kind for broken in judged(h, "INV-14").violations]


@pytest.mark.parametrize("by", ["label", "NoExecute"])
def test_a_pod_goes_in_time_from_where_it_must_not_be(by: str) -> None:
    h = excluded(by)
    h.wait(9)
    h.kill("a")
    tally = judged(h, "INV-14")
    assert (tally.verdict, tally.could_have_failed) == ("holds", 1)


@pytest.mark.parametrize("by", ["label", "NoExecute"])
def test_one_that_stays_is_said_once(by: str) -> None:
    h = excluded(by)
    for _ in range(25):
        h.wait(1)
        h.note()
    tally = judged(h, "INV-14")
    assert (kinds(h), tally.violated) == (["stays-where-it-must-not"], 1)
    assert "which has excluded it for" in tally.violations[0].message


def test_one_that_waits_for_room_is_a_known_deviation() -> None:
    h = settled(2)
    h.add(node("z"))
    h.create("z")
    h.wait(1)
    h.node("z")["spec"]["taints"] = [taint("go", "NoExecute")]
    h.change(h.node("z"))
    h.wait(12)
    h.note()
    tally = judged(h, "INV-14")
    assert (kinds(h), tally.violated) == (["waits-where-it-must-not"], 0)
    assert tally.deviations == ["pending-pod-stays-when-its-node-stops-matching"]


@pytest.mark.parametrize("excuse", ["NoSchedule", "going", "gone", "doomed", "stopped"])
def test_nothing_is_owed_where_nothing_has_to_go(excuse: str) -> None:
    h = excluded("NoSchedule" if excuse == "NoSchedule" else "NoExecute")
    if excuse == "going":
        h.kill("a", by=SCENARIO)
    elif excuse == "gone":
        h.remove(h.node("a"), SCENARIO)
    elif excuse == "doomed":
        h.ask(h.agent, SCENARIO)
    elif excuse == "stopped":
        h.action("pause", "components/kube-controller-manager")
    h.wait(30)
    h.note()
    assert kinds(h) == []
