"""What an item came to, from pytest's reports of it: only what says something of the cluster is a failure, and it is never lost."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from conformance.claims.checks import Check
from conformance.errors import ApiError, ComponentDied, WaitExpired
from conformance.guarantees.judge import Broken, Tally
from conformance.handles.evidence import Evidence
from conformance.report.results import Outcome
from conformance.session.outcome import checks_of, outcome_of
from conformance.session.run import ScenarioRun, stem_of


class Run:
    """The part of a run that an outcome is made from."""

    def __init__(self, *tallies: Tally) -> None:
        self.tallies = list(tallies)


def reports(**phases: str) -> dict[str, pytest.TestReport]:
    """Pytest's reports of one item: phase to what it came to."""
    said = {"setup": "passed", "call": "passed", "teardown": "passed", **phases}
    return {when: report(when, of) for when, of in said.items()}


def report(when: str, of: str) -> pytest.TestReport:
    return pytest.TestReport("test_it", ("test_it.py", 1, "test_it"), {}, cast(Any, of), None, cast(Any, when))


def came_to(error: BaseException | None = None, *tallies: Tally, **phases: str) -> Outcome:
    return outcome_of(reports(**phases), cast(ScenarioRun, Run(*tallies)), "", error)


VIOLATED = Tally("INV-1", 5, 5, 1)


def test_what_is_evidence_fails_and_what_is_not_is_an_error() -> None:
    assert came_to(AssertionError("no"), call="failed") == "failed"
    assert came_to(WaitExpired("in vain"), call="failed") == "failed"
    assert came_to(AttributeError("a typo"), call="failed") == "error"
    assert came_to(ApiError(409, "Conflict", "x"), call="failed") == "error"
    assert came_to(AttributeError("a typo"), VIOLATED, call="failed") == "failed"


def test_a_dead_component_is_an_error_whatever_was_violated() -> None:
    assert came_to(ComponentDied("etcd"), VIOLATED, call="failed") == "error"


def test_a_failed_check_is_not_lost_when_the_end_fails_too() -> None:
    assert came_to(AssertionError("no"), call="failed", teardown="failed") == "failed"
    assert came_to(teardown="failed") == "error"


def test_what_is_expected_to_fail_has_failed_all_the_same() -> None:
    said = reports(call="skipped")
    said["call"].wasxfail = "known"

    assert outcome_of(said, None, "", AssertionError("no")) == "failed"
    assert came_to(call="skipped") == "left-out"


def test_a_count_is_wrong_only_by_what_is_said_of_its_own_daemonset() -> None:
    evidence = Evidence(["000-01", "000-02"])
    for claim, name in (("000-01", "agent"), ("000-02", "other")):
        evidence.add([claim], held=True, guarantee="INV-12", about=f"daemonsets/{name}")
    count = Broken("INV-12", 9, 1.0, "got 4 pods", ["daemonsets/agent"])
    churn = Broken("INV-12", 8, 0.5, "created twice", ["pods/other-1"])
    run = Run(Tally("INV-12", 2, 2, 2, violations=[churn, count]))

    checks = checks_of(evidence, cast(ScenarioRun, run))

    assert checks == [
        Check(["000-01"], held=False, guarantee="INV-12", object="daemonsets/agent"),
        Check(["000-02"], held=True, guarantee="INV-12", object="daemonsets/other"),
    ]


def test_no_two_items_share_their_files() -> None:
    ids = [
        "a/test_x.py::test_y[1 2]",
        "b/test_x.py::test_y[1 2]",
        "a/test_x.py::test_y[1_2]",
        "a/test_x.py::test_y[1-2]",
        "a/x.py::" + "y" * 900,
    ]
    stems = {stem_of(each) for each in ids}
    assert len(stems) == len(ids)
    assert max(len(stem) for stem in stems) < 200
    assert all(re.fullmatch(r"[\w-]+", stem) for stem in stems)
