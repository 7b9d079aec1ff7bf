"""Traces made by hand, read as those of a run are: from a file, with the result that names it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from conformance.guarantees.judge import Broken, Tally
from conformance.report.history import History
from conformance.report.replay import Replay, replay
from conformance.report.results import Outcome, ScenarioResult
from conformance.trace import store
from conformance.trace.entries import Entry, Header


def result(broken: Sequence[Broken] = (), *, outcome: Outcome = "passed", guarantee: str = "INV-3", known: bool = False) -> ScenarioResult:
    """A result whose trace is `trace.jsonl`; its violations are those of one guarantee."""
    count = len(broken)
    seen = [msgspec.structs.replace(each, known="a-finding") if known else each for each in broken]
    tally = Tally(guarantee, count, count, violated=0 if known else count, violations=seen, known=count if known else 0)
    tallies = [tally] if broken else []
    return ScenarioResult("R02.it", "R02", "scenarios/test_x.py::test_it[a-1]", "It.", outcome, 1.0, tallies=tallies, trace="trace.jsonl")


def read(entries: list[Entry], of: ScenarioResult | None = None) -> Replay:
    """What a report knows of these entries."""
    with tempfile.TemporaryDirectory() as folder:
        header = Header(
            1, "R02", "scenarios/test_x.py::test_it", "v1.37.1", "embedded", started="2026-11-21T12:31:05.120+00:00", audited=True
        )
        store.write(Path(folder) / "trace.jsonl", header, entries)
        found = replay(Path(folder), of or result())
    assert found is not None
    assert found.problem == ""
    return found


def seen(entries: list[Entry]) -> History:
    """The history of these entries."""
    return read(entries).history
