"""Runs side by side: one row for each claim, scenario and guarantee, one word for each run, and where and why the words differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

from conformance.claims.registry import Claim
from conformance.report.columns import Column, Superseded, problems, read
from conformance.report.rendering import gist, plain
from conformance.report.verdicts import ClaimVerdict, GuaranteeVerdict, Scenario

#: clusters   two kinds of clusters of one minor were decided differently
#: versions   two versions (or builds) on one kind of cluster were decided differently
#: one-sided  of two kinds of clusters of one minor, only one was decided
Difference = Literal["clusters", "versions", "one-sided"]
#: What a difference is looked for among: everything else says that there is no evidence.
DECIDED = frozenset({"holds", "violated", "passed", "finding", "failed"})


@dataclass(frozen=True)
class Side:
    """What one run says: its word, the outcomes that it rests on (scenario id to outcome), and the reason."""

    column: Column
    word: str
    outcomes: Mapping[str, str]
    reason: str = ""


@dataclass(frozen=True)
class Part:
    """Runs that say the same: their labels, the word, the scenarios that ran with their outcomes, and the reason."""

    labels: tuple[str, ...]
    word: str
    outcomes: tuple[tuple[str, str], ...]
    reason: str


@dataclass(frozen=True)
class Disagreement:
    """Runs decided differently: clusters of one minor, or versions on one kind of cluster; `among` is what they have in common."""

    kind: Literal["clusters", "versions"]
    among: str
    sides: tuple[Side, ...]

    @property
    def parts(self) -> list[Part]:
        """What they say, those together that say the same."""
        groups: dict[tuple[str, tuple[tuple[str, str], ...], str], list[str]] = {}
        for side in self.sides:
            ran = tuple((name, outcome) for name, outcome in side.outcomes.items() if outcome != "not run")
            groups.setdefault((side.word, ran, side.reason), []).append(side.column.label.removeprefix(self.among).strip())
        return [
            Part(tuple(label.removesuffix(self.among).strip() for label in labels), word, ran, reason)
            for (word, ran, reason), labels in groups.items()
        ]


@dataclass(frozen=True)
class Row:
    """One claim, scenario or guarantee. `sides` holds the runs that have a word for it, by name; `evidence` the scenarios of a claim."""

    id: str
    text: str
    sides: Mapping[str, Side]
    differences: tuple[Difference, ...]
    claim: Claim | None = None
    evidence: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether two runs were decided differently."""
        return bool({"clusters", "versions"} & set(self.differences))

    @property
    def disagreements(self) -> list[Disagreement]:
        """Who was decided differently, clusters first."""
        decided = [side for side in self.sides.values() if side.word in DECIDED]
        found = [Disagreement("clusters", minor, tuple(sides)) for minor, sides in _by_minor(decided) if "clusters" in differences(sides)]
        if "versions" in self.differences:
            per_cluster = [(name, [side for side in decided if side.column.cluster == name]) for name in _clusters(decided)]
            alike = [(name, sides) for name, sides in per_cluster if len({side.word for side in sides}) > 1]
            found += [Disagreement("versions", name, tuple(sides)) for name, sides in alike or [("", decided)]]
        return found

    @property
    def reasons(self) -> dict[str, list[str]]:
        """Every reason that was given, with the labels of the runs that gave it."""
        found: dict[str, list[str]] = {}
        for side in self.sides.values():
            if side.reason:
                found.setdefault(side.reason, []).append(side.column.label)
        return found


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


def differences(sides: Collection[Side]) -> tuple[Difference, ...]:
    """How the words of the sides differ."""
    found: set[Difference] = set()
    decided = [side for side in sides if side.word in DECIDED]
    for one, other in combinations(decided, 2):
        if one.word != other.word and one.column.cluster == other.column.cluster:
            found.add("versions")
        elif one.word != other.word and one.column.minor == other.column.minor:
            found.add("clusters")
    if not found and len({side.word for side in decided}) > 1:
        found.add("versions")  # neither cluster nor minor in common
    for _, together in _by_minor(sides):
        known = {side.column.cluster for side in together if side.word in DECIDED}
        if known and {side.column.cluster for side in together} - known:
            found.add("one-sided")
    order: tuple[Difference, ...] = ("clusters", "versions", "one-sided")
    return tuple(each for each in order if each in found)


def _by_minor(sides: Iterable[Side]) -> list[tuple[str, list[Side]]]:
    groups: dict[str, list[Side]] = {}
    for side in sides:
        groups.setdefault(side.column.minor, []).append(side)
    return list(groups.items())


def _clusters(sides: Iterable[Side]) -> list[str]:
    return list(dict.fromkeys(side.column.cluster for side in sides))


def _row(id: str, text: str, sides: Mapping[str, Side], claim: Claim | None = None, evidence: tuple[str, ...] = ()) -> Row:  # noqa: A002
    return Row(id, text, sides, differences(list(sides.values())), claim, evidence)


def _scenarios(columns: Sequence[Column]) -> dict[str, Row]:
    """A run that did not select a scenario says `not run`, so that a difference in what was run is seen as one-sided."""
    per_run = {column.name: {scenario.id: scenario for scenario in column.report.scenarios} for column in columns}
    known = {name: scenario for scenarios in reversed(per_run.values()) for name, scenario in scenarios.items()}
    rows = {}
    for name in sorted(known, key=lambda each: (each[:1], len(each), each)):
        sides = {}
        for column in columns:
            scenario = per_run[column.name].get(name)
            word, reason = (scenario.outcome, _why(scenario)) if scenario else ("not run", "")
            sides[column.name] = Side(column, word, {}, reason)
        rows[name] = _row(name, known[name].title, sides)
    return rows


def _why(scenario: Scenario) -> str:
    """What one line says of an outcome that is not `passed`: of the first case that has it."""
    if scenario.outcome == "passed":
        return ""
    case = next(case for case in scenario.cases if case.outcome == scenario.outcome)
    if case.finding is not None:
        return case.finding.text
    for tally in case.tallies:
        if tally.violations:
            return f"{tally.id} was violated: {plain(tally.violations[0].message, tally.id)}"
    text = case.reason.removeprefix("left out: ") or gist(case.failure) or case.failure
    text = text or next((reason for tally in case.tallies for reason in tally.reasons), "")
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _claims(columns: Sequence[Column], scenarios: Mapping[str, Row]) -> Iterable[Row]:
    verdicts = {column.name: {verdict.claim.id: verdict for verdict in column.report.claims} for column in columns}
    naming = {column.name: _naming(column) for column in columns}
    for claim in (verdict.claim for verdict in columns[0].report.claims):
        named: dict[str, None] = {}
        for column in columns:
            named |= dict.fromkeys((*naming[column.name].get(claim.id, ()), *verdicts[column.name][claim.id].evidence))
        evidence = tuple(name for name in scenarios if name in named)
        sides = {column.name: _claim_side(column, verdicts[column.name][claim.id], evidence, scenarios) for column in columns}
        yield _row(claim.id, claim.quote, sides, claim, evidence)


def _claim_side(column: Column, verdict: ClaimVerdict, evidence: Sequence[str], scenarios: Mapping[str, Row]) -> Side:
    outcomes = {name: scenarios[name].sides[column.name].word for name in evidence}
    reason = verdict.reason
    if reason == f"{', '.join(verdict.evidence)} failed":  # what the outcomes say already; what each of them says is more
        reason = "; ".join(f"{name}: {said}" for name in verdict.evidence if (said := scenarios[name].sides[column.name].reason))
    return Side(column, verdict.verdict, outcomes, reason or verdict.reason)


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
        yield _row(name, known[name].promise, sides)


def _guarantee_side(column: Column, verdict: GuaranteeVerdict | None) -> Side:
    if verdict is None:
        return Side(column, "not run", {})
    tally = verdict.tally
    if tally.violations:
        return Side(column, verdict.word, {}, plain(tally.violations[0].message, tally.id))
    return Side(column, verdict.word, {}, next(iter(tally.reasons), "") if verdict.word == "unknown" else "")
