"""INV-17: pods that have ended do not pile up, and the next ones take their time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import SCENARIO, History, judged

SURGE: dict[str, Any] = {"max_unavailable": 0, "max_surge": 1}


def fail(h: History, phase: str = "Failed") -> None:
    pod = h.pod("a")
    pod["status"] = {"phase": phase, "conditions": []}
    h.change(pod)


def again(h: History, pause: float, phase: str = "Failed") -> None:
    """A pod ends; after a pause the controller replaces it."""
    fail(h, phase)
    h.wait(pause)
    h.kill("a")
    h.gone("a")
    h.create("a")


def said(h: History) -> list[tuple[str, str]]:
    return [(broken.kind, broken.known) for broken in judged(h, "INV-17").violations]


def test_pauses_that_double() -> None:
    h = settled(2)
    for pause in (0, 1, 2, 4, 8):
        again(h, pause)
    tally = judged(h, "INV-17")
    assert (tally.verdict, tally.could_have_failed) == ("holds", 5 + 3)


@pytest.mark.parametrize("surge", [True, False])
def test_no_pauses(surge: bool) -> None:
    h = settled(2, **(SURGE if surge else {}))
    for _ in range(4):
        again(h, 0.2)
    assert said(h) == [("faster-than-the-backoff", "surge-piles-up-failed-pods" if surge else "")] * 2


@pytest.mark.parametrize("surge", [True, False])
def test_a_heap(surge: bool) -> None:
    h = settled(2, **(SURGE if surge else {}))
    fail(h)
    h.wait(1)
    h.create("a")
    fail(h, "Succeeded")
    assert said(h) == [("heap", "surge-piles-up-failed-pods" if surge else "")]


def test_adopted_pods_may_have_ended() -> None:
    h = settled(2)
    pod = h.create("a", by=SCENARIO)
    pod["status"] = {"phase": "Failed", "conditions": []}
    h.change(pod)
    fail(h)
    h.create("a")
    fail(h)
    assert said(h) == []


@pytest.mark.parametrize("reason", ["succeeded", "new spec", "deleted by hand", "being deleted"])
def test_a_row_ends(reason: str) -> None:
    h = settled(2)
    for pause in (0, 1):
        again(h, pause)
    if reason == "succeeded":
        again(h, 0, "Succeeded")
    elif reason == "new spec":
        fail(h)
        h.template("2")
    elif reason == "deleted by hand":
        fail(h)
        h.kill("a", by=SCENARIO)
        h.gone("a")
    else:
        h.kill("a")
        fail(h)
        h.gone("a")
    h.create("a")
    assert said(h) == []
