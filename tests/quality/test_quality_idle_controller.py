"""A controller that is alive and does nothing is noticed, whenever it stops."""

from __future__ import annotations

import pytest

from conformance.guarantees.judge import judge_trace
from conformance.trace.entries import Entry, Header
from tests.guarantees.beginnings import settled
from tests.guarantees.history import CONTROLLER, SCENARIO, History
from tests.guarantees.objects import node, taint
from tests.guarantees.silenced import silenced

HEADER = Header(format=1, scenario="s", node_id="n", kubernetes="v1.37.1", cluster="embedded", audited=True)


def noticed(entries: list[Entry]) -> set[str]:
    return {tally.id for tally in judge_trace(HEADER, entries) if tally.violated}


def story(surge: bool) -> tuple[History, dict[str, float]]:
    """An update, a node that comes, and one that excludes its pod; and when each began."""
    h = settled(3, max_unavailable=0, max_surge=1) if surge else settled(3)
    begun = {"creation": 0.0, "update": h.at}
    h.template("2")
    for name in "abc":
        if surge:
            old = h.pod(name)
            h.create(name)
            h.ready(name)
            h.kill(name, pod=old)
            h.gone(name, pod=old)
        else:
            h.replace(name)
        h.status()
    h.wait(5)
    begun["arrival"] = h.at
    h.add(node("d"))
    h.create("d")
    h.ready("d")
    h.status()
    h.wait(5)
    begun["removal"] = h.at
    h.node("d")["spec"]["taints"] = [taint("go", "NoExecute")]
    h.change(h.node("d"))
    h.kill("d")
    h.gone("d")
    h.status(desiredNumberScheduled=3, currentNumberScheduled=3, numberUnavailable=0)
    h.wait(5)
    begun["loss"] = h.at
    h.kill("a", by=SCENARIO)
    h.gone("a")
    h.create("a")
    h.ready("a")
    h.status(desiredNumberScheduled=3, currentNumberScheduled=3, numberUnavailable=0)
    return h, begun


@pytest.mark.parametrize("surge", [False, True], ids=["plain", "surge"])
@pytest.mark.parametrize(
    ("stops_at", "wanted"),
    [
        ("creation", {"INV-13", "INV-16"}),
        ("update", {"INV-15", "INV-16"}),
        ("arrival", {"INV-13"}),
        ("removal", {"INV-14"}),
        ("loss", {"INV-13"}),
    ],
)
def test_it_is_noticed_wherever_it_stops(stops_at: str, wanted: set[str], *, surge: bool) -> None:
    h, begun = story(surge)
    assert noticed(h.entries) == set()
    assert wanted <= noticed(silenced(h.entries, begun[stops_at]))


@pytest.mark.parametrize("surge", [False, True], ids=["plain", "surge"])
def test_it_is_noticed_whichever_of_its_writes_is_the_first_that_is_missing(surge: bool) -> None:
    h, _ = story(surge)
    moments = [entry.at for entry in h.entries if entry.type == "write" and entry.detail["user"] == CONTROLLER]
    missed = [moment for moment in moments if not noticed(silenced(h.entries, moment - 0.0005))]
    assert len(moments) > 20
    assert missed == moments[-1:], "the last status says what the one before it said"
