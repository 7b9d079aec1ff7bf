"""Runs side by side: one row for each claim, scenario and guarantee, made from the runs' own verdicts and outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.claims import findings
from conformance.claims.registry import Claim
from conformance.report.columns import Column, Superseded, problems, read
from conformance.report.reasons import because, words
from conformance.report.rows import Row, Side, row_of
from conformance.report.tallies import GuaranteeVerdict
from conformance.report.verdicts import ClaimVerdict, Scenario


@dataclass(frozen=True)
class Merged:
    """Several runs, compared."""

    columns: tuple[Column, ...]
    superseded: tuple[Superseded, ...]
    problems: tuple[str, ...]
    claims: tuple[Row, ...]
    scenarios: tuple[Row, ...]
    guarantees: tuple[Row, ...]

    @property
    def clusters(self) -> list[str]:
        """The kinds of clusters, in the order of the columns."""
        return list(dict.fromkeys(column.cluster for column in self.columns))

    @property
    def causes(self) -> list[tuple[Row, list[str]]]:
        """Where runs disagree, and the claims it decides differently: scenarios and guarantees, then claims without either."""
        differing = [row for row in self.claims if row.differs]
        found = [
            (row, [claim.id for claim in differing if row.id in claim.evidence or (claim.claim and row.id in claim.claim.guarantees)])
            for row in (*self.scenarios, *self.guarantees)
            if row.differs
        ]
        explained = {name for _, names in found for name in names}
        return found + [(row, []) for row in differing if row.id not in explained]


def merge(folders: Sequence[Path], claims: Mapping[str, Claim] | None = None) -> Merged:
    """Read and compare report folders; all are judged by the claims of this suite. UsageError if one is not the report of a run."""
    columns, superseded = read(folders, claims)
    scenarios = _scenarios(columns)
    return Merged(
        tuple(columns),
        tuple(superseded),
        tuple(problems(columns, superseded)),
        tuple(_claims(columns, scenarios)),
        tuple(scenarios.values()),
        tuple(_guarantees(columns)),
    )


def _scenarios(columns: Sequence[Column]) -> dict[str, Row]:
    """A run that did not select a scenario says `not run`, so that a difference in what was run is seen as one-sided."""
    per_run = {column.name: {scenario.id: scenario for scenario in column.report.scenarios} for column in columns}
    known = {name: scenario for scenarios in reversed(per_run.values()) for name, scenario in scenarios.items()}
    rows = {}
    for name in sorted(known):
        sides = {}
        for column in columns:
            scenario = per_run[column.name].get(name)
            word, reason = (scenario.outcome, _why(scenario)) if scenario else ("not run", "")
            sides[column.name] = Side(column, word, {}, reason)
        rows[name] = row_of(name, known[name].title, sides)
    return rows


def _why(scenario: Scenario) -> str:
    """What one line says of an outcome that is not `passed`: of the first case that has it."""
    if scenario.outcome == "passed":
        return ""
    case = next(case for case in scenario.cases if case.outcome == scenario.outcome)
    if case.finding in (known := findings.load()):
        return known[case.finding].text
    for tally in case.tallies:
        if tally.violated and tally.violations:
            return f"{tally.id} was violated: {tally.violations[0].message}"
    return words(case.reason)


def _claims(columns: Sequence[Column], scenarios: Mapping[str, Row]) -> Iterable[Row]:
    verdicts = {column.name: {verdict.claim.id: verdict for verdict in column.report.claims} for column in columns}
    naming = {column.name: _naming(column) for column in columns}
    for claim in (verdict.claim for verdict in columns[0].report.claims):
        named: dict[str, None] = {}
        for column in columns:
            named |= dict.fromkeys((*naming[column.name].get(claim.id, ()), *verdicts[column.name][claim.id].evidence))
        evidence = tuple(name for name in scenarios if name in named)
        sides = {column.name: _claim_side(column, verdicts[column.name][claim.id], evidence, scenarios) for column in columns}
        yield row_of(claim.id, claim.quote, sides, claim, evidence)


def _claim_side(column: Column, verdict: ClaimVerdict, evidence: Sequence[str], scenarios: Mapping[str, Row]) -> Side:
    outcomes = {name: scenarios[name].sides[column.name].word for name in evidence}
    return Side(column, verdict.verdict, outcomes, because(verdict, column.run.kubernetes))


def _naming(column: Column) -> dict[str, list[str]]:
    """Claim id to the scenarios that name it."""
    found: dict[str, list[str]] = {}
    for scenario in column.report.scenarios:
        for claim in scenario.claims:
            found.setdefault(claim, []).append(scenario.id)
    return found


def _guarantees(columns: Sequence[Column]) -> Iterable[Row]:
    verdicts: dict[str, dict[str, GuaranteeVerdict]] = {
        column.name: {verdict.tally.id: verdict for verdict in column.report.guarantees} for column in columns
    }
    known = {name: verdict for judged in reversed(verdicts.values()) for name, verdict in judged.items()}
    for name in sorted(known, key=lambda each: (len(each), each)):
        sides = {column.name: _guarantee_side(column, verdicts[column.name].get(name)) for column in columns}
        yield row_of(name, known[name].promise, sides)


def _guarantee_side(column: Column, verdict: GuaranteeVerdict | None) -> Side:
    if verdict is None:
        return Side(column, "not run", {})
    tally = verdict.tally
    if tally.violations:
        return Side(column, verdict.word, {}, tally.violations[0].message)
    return Side(column, verdict.word, {}, next(iter(tally.reasons), "") if verdict.word == "unknown" else "")
