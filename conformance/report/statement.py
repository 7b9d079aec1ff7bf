"""The statement: the result of a run for machines, held to a schema (statement.schema.json, in this package)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conformance import whole
from conformance.report.conformity import Ground
from conformance.report.gather import Report
from conformance.report.reasons import because, words
from conformance.report.results import ScenarioResult
from conformance.report.style import asset
from conformance.report.tallies import GuaranteeVerdict
from conformance.report.verdicts import ClaimVerdict, Scenario

FORMAT = 2
NAME = "statement.json"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a statement."""
    loaded: dict[str, Any] = json.loads(asset("statement.schema.json"))
    return loaded


def statement(report: Report) -> dict[str, Any]:
    """The statement as plain values, in a fixed order."""
    run = report.run
    return {
        "format": FORMAT,
        "suite": run.suite,
        "kubernetes": run.kubernetes,
        "cluster": run.cluster,
        "capabilities": sorted(run.capabilities),
        "lacking": dict(sorted(run.lacking.items())),
        "components": dict(sorted(run.components.items())),
        "started": run.started,
        "seconds": run.seconds,
        "command": run.command,
        "conforms": report.conforms,
        "grounds": [_ground(ground) for ground in report.conformity.grounds],
        "complete": report.complete,
        "problems": list(report.problems),
        "outcomes": dict(report.outcomes),
        "verdicts": report.verdicts,
        "scenarios": [_scenario(scenario) for scenario in report.scenarios],
        "claims": [_claim(claim) for claim in report.claims],
        "guarantees": [_guarantee(guarantee) for guarantee in report.guarantees],
        "findings": [
            {"id": finding.id, "scenario": case.id, "text": finding.text, "contradicts": list(finding.contradicts)}
            | {"severity": finding.severity, "impact": finding.impact}
            | {name: value for name in ("since", "until") if (value := getattr(finding, name))}
            | ({"upstream": list(finding.upstream)} if finding.upstream else {})
            for case, finding in report.findings
        ],
    }


def write(report: Report) -> Path:
    """Write statement.json into the report folder."""
    file = report.folder / NAME
    whole.write(file, json.dumps(statement(report), indent=2, ensure_ascii=False) + "\n")
    return file


def _scenario(scenario: Scenario) -> dict[str, Any]:
    return {
        "id": scenario.id,
        "family": scenario.family,
        "title": scenario.title,
        "outcome": scenario.outcome,
        "seconds": scenario.seconds,
        "claims": list(scenario.claims),
        "cases": [_case(case) for case in scenario.cases],
    }


def _case(case: ScenarioResult) -> dict[str, Any]:
    optional = {
        "parameters": case.parameters,
        "reason": words(case.reason),
        "shown": sorted(case.shown),
        "refuted": sorted(case.refuted),
        "finding": case.finding,
        "trace": case.trace,
    }
    return {"node_id": case.node_id, "outcome": case.outcome, "seconds": case.seconds} | {
        name: value for name, value in optional.items() if value
    }


def _claim(verdict: ClaimVerdict) -> dict[str, Any]:
    claim = verdict.claim
    known = {
        "id": claim.id,
        "verdict": verdict.verdict,
        "expected": verdict.expected,
        "status": claim.status,
        "source": claim.source,
        "quote": claim.quote,
        "scenarios": list(verdict.evidence),
    }
    optional = {
        "document": claim.document,
        "place": claim.place,
        "guarantees": list(verdict.guarantees),
        "cause": verdict.because.cause if verdict.because is not None else "",
        "reason": because(verdict),
    }
    return known | {name: value for name, value in optional.items() if value}


def _ground(ground: Ground) -> dict[str, Any]:
    optional = {"names": list(ground.names), "count": ground.count, "of": ground.of, "text": ground.text}
    return {"cause": ground.cause} | {name: value for name, value in optional.items() if value}


def _guarantee(verdict: GuaranteeVerdict) -> dict[str, Any]:
    tally = verdict.tally
    return {
        "id": tally.id,
        "promise": verdict.promise,
        "verdict": tally.verdict,
        "vacuous": verdict.word == "vacuous",
        "evaluated": tally.evaluated,
        "could_have_failed": tally.could_have_failed,
        "violated": tally.violated,
        "deviated": tally.known,
        "undecided": tally.undecided,
        "reasons": tally.reasons[:20],
    }
