"""The statement holds to its schema, and its verdicts follow from outcomes, findings and guarantees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from conformance.claims.registry import Claim, Status
from conformance.guarantees.judge import Tally
from conformance.report.gather import gather
from conformance.report.results import Finding, Outcome, Run, ScenarioResult
from conformance.report.statement import schema, statement
from conformance.report.verdicts import ClaimVerdict, claim_verdict, guarantee_verdicts, merged
from conformance.report.write import write_report
from tests.report import synthetic

RUN = Run("0.1.0", "v1.37.1", "embedded")


def claim(status: Status = "true", scenarios: tuple[str, ...] = ("P01",), **more: Any) -> Claim:
    return Claim("000-01", "a sentence", "a page", status, scenarios=scenarios, **more)


def item(outcome: Outcome, id: str = "P01", **more: Any) -> ScenarioResult:  # noqa: A002
    return ScenarioResult(id, f"scenarios/test_x.py::{id}", "a title", outcome, 1.5, **{"claims": ["000-01"], **more})


def verdict(known: Claim, *results: ScenarioResult, tallies: dict[str, Tally] | None = None, suite: tuple[str, ...] = ()) -> ClaimVerdict:
    return claim_verdict(known, results, RUN, tallies, suite)


def test_a_written_statement_is_valid(tmp_path: Path) -> None:
    folder = synthetic.write_folder(tmp_path / "report")
    write_report(folder)
    written = json.loads((folder / "statement.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(written)
    assert written["complete"] is True
    assert {"suite", "kubernetes", "cluster", "capabilities", "scenarios", "claims", "guarantees"} <= set(written)


def test_the_schema_refuses_a_verdict_without_evidence_or_reason(tmp_path: Path) -> None:
    made = statement(gather(synthetic.write_folder(tmp_path / "report")))
    check = jsonschema.Draft202012Validator(schema())
    holding = next(known for known in made["claims"] if known["verdict"] == "holds")
    unknown = next(known for known in made["claims"] if known["verdict"] == "unknown")
    assert check.is_valid(made)
    evidence = holding.pop("scenarios")
    assert not check.is_valid(made)
    holding["scenarios"] = []
    assert not check.is_valid(made)
    holding["scenarios"] = evidence
    del unknown["reason"]
    assert not check.is_valid(made)


def test_items_of_one_scenario_are_merged() -> None:
    [scenario] = merged([item("passed"), item("left-out"), item("failed")])
    assert (scenario.outcome, scenario.seconds, len(scenario.cases)) == ("failed", 4.5, 3)
    assert [each.outcome for each in merged([item("passed"), item("left-out")])] == ["passed"], "what ran is what it came to"
    assert [each.outcome for each in merged([item("left-out"), item("left-out")])] == ["left-out"]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["passed"], "holds"),
        (["finding"], "holds"),
        (["passed", "left-out"], "holds"),
        (["passed", "failed"], "violated"),
        (["error"], "unknown"),
        (["unknown"], "unknown"),
        (["left-out"], "unknown"),
        ([], "unknown"),
    ],
)
@pytest.mark.parametrize("status", ["true", "version-bound"])
def test_a_true_claim_holds_if_one_passed_and_none_failed(status: Status, outcomes: list[Outcome], expected: str) -> None:
    said = verdict(claim(status), *(item(outcome) for outcome in outcomes))
    assert said.verdict == expected
    assert said.reason or said.verdict == "holds"


def test_a_finding_violates_what_it_contradicts_and_nothing_else() -> None:
    found = item("finding", "T10", finding=Finding("counters stay stale", ["000-01"]))
    assert verdict(claim(), item("passed"), found) == ClaimVerdict(claim(), "violated", ("T10", "P01"), "counters stay stale")
    other = item("finding", "T10", finding=Finding("counters stay stale", ["000-99"]))
    assert verdict(claim(scenarios=("T10",)), other).verdict == "holds"


@pytest.mark.parametrize(
    ("outcome", "expected"), [("passed", "violated"), ("finding", "violated"), ("failed", "unknown"), ("error", "unknown")]
)
def test_an_inaccurate_claim_is_violated_when_it_was_shown(outcome: Outcome, expected: str) -> None:
    said = verdict(claim("inaccurate", behaviour="only eligible nodes"), item(outcome))
    assert said.verdict == expected
    assert "only eligible nodes" in said.reason or outcome == "error"


def test_reasons_when_there_is_no_evidence() -> None:
    assert verdict(claim("opinion"), item("passed")).reason == "opinion: nothing to test"
    assert verdict(claim(until="1.12"), item("passed")).reason == "it speaks of Kubernetes until 1.12, and this is v1.37.1"
    assert verdict(claim(since="1.38"), item("passed")).verdict == "unknown"
    assert verdict(claim(until="1.37"), item("passed")).verdict == "unknown"
    assert verdict(claim(since="1.37", until="1.38"), item("passed")).verdict == "holds"
    assert verdict(claim()).reason == "not run in this selection (P01)"
    assert verdict(claim(), suite=("R02",)).reason == "its scenarios are not in this suite yet (P01)"
    assert verdict(claim(), suite=("P01",)).reason == "not run in this selection (P01)"
    assert (
        verdict(claim(), item("left-out", reason="left out: kind lacks audit-log")).reason
        == "left out on this cluster: kind lacks audit-log (P01)"
    )
    assert verdict(claim(scenarios=(), planned="a quota that refuses pods")).reason == "no scenario yet: a quota that refuses pods"
    assert verdict(claim(), item("error", failure="\netcd died\nmore")).reason == "P01 broke off: etcd died"


def test_guarantees_are_evidence_too() -> None:
    held, vacuous, broken = Tally("G1", 5, 2), Tally("G1", 5, 0), Tally("G1", 5, 2, 1)
    known = claim(scenarios=(), guarantees=("G1",))
    assert verdict(known, tallies={"G1": held}) == ClaimVerdict(known, "holds", guarantees=("G1",))
    assert verdict(known, tallies={"G1": vacuous}).verdict == "unknown"
    assert verdict(known, tallies={}).verdict == "unknown"
    assert verdict(claim(guarantees=("G1",)), item("passed"), tallies={"G1": broken}).verdict == "violated"
    assert verdict(claim(guarantees=("G1",)), item("left-out"), tallies={"G1": vacuous}).verdict == "unknown"


def test_the_claims_of_a_case_decide_before_the_registry_does() -> None:
    named = item("passed", claims=["000-01"])
    other = item("failed", claims=["000-02"])
    assert verdict(claim(), named, other).verdict == "holds"


def test_guarantees_are_summed_and_nobody_is_forgotten() -> None:
    results = [item("passed", tallies=[Tally("G2", 3, 1), Tally("G10", 1)]), item("failed", tallies=[Tally("G2", 4, 2, 1)])]
    said = {each.tally.id: each for each in guarantee_verdicts(results, {"G2": ("at most one", "a page"), "G3": ("no more", "")})}
    assert list(said) == ["G2", "G3", "G10"]
    assert (said["G2"].tally.evaluated, said["G2"].tally.could_have_failed, said["G2"].tally.violated) == (7, 3, 1)
    assert [said[name].word for name in said] == ["violated", "unknown", "vacuous"]


def test_a_case_without_its_trace_is_a_problem(tmp_path: Path) -> None:
    folder = synthetic.write_folder(tmp_path / "report")
    (folder / "traces" / "u01.jsonl").unlink()
    assert gather(folder).problems == ("traces/u01.jsonl is missing: U01 has no pictures.",)


def test_results_survive_their_json() -> None:
    made = item("finding", finding=Finding("x", ["000-01"], "1.33"), tallies=[synthetic.tally("G1")])
    assert msgspec.json.decode(msgspec.json.encode(made), type=ScenarioResult) == made


def test_a_scenario_is_evidence_only_for_the_claims_it_names() -> None:
    found = verdict(claim(), item("passed", claims=["000-02"]))
    assert (found.verdict, found.reason) == ("unknown", "P01 ran, but does not assert it yet")
