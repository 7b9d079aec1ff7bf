"""Everything a report says, gathered from its folder: plain values that the statement and the page are written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from conformance.claims import findings, registry
from conformance.claims.findings import Finding
from conformance.claims.registry import Claim
from conformance.guarantees import catalogue
from conformance.report import folder as folders
from conformance.report.conformity import Conformity, conformity
from conformance.report.results import WORST_FIRST, Outcome, Run, ScenarioResult
from conformance.report.tallies import GuaranteeVerdict, guarantee_verdicts
from conformance.report.verdicts import VERDICTS, ClaimVerdict, Scenario, claim_verdict, evidence, merged


@dataclass(frozen=True)
class Report:
    """One run, judged. `problems` is empty exactly if nothing is missing from the folder."""

    folder: Path
    run: Run
    conformity: Conformity
    scenarios: tuple[Scenario, ...]
    claims: tuple[ClaimVerdict, ...]
    guarantees: tuple[GuaranteeVerdict, ...]
    problems: tuple[str, ...] = ()

    @property
    def conforms(self) -> bool | Literal["unknown"]:
        """The conformance answer as statements have it."""
        return "unknown" if self.conformity.conforms is None else self.conformity.conforms

    @property
    def complete(self) -> bool:
        """Whether every selected scenario left a result, and the folder holds everything that a finished run leaves."""
        return not self.problems and not any(ground.cause == "ended" for ground in self.conformity.grounds)

    @property
    def cases(self) -> list[ScenarioResult]:
        """All pytest items."""
        return [case for scenario in self.scenarios for case in scenario.cases]

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """How many scenarios came to which outcome, best first."""
        counted = Counter(scenario.outcome for scenario in self.scenarios)
        return {outcome: counted[outcome] for outcome in reversed(WORST_FIRST) if counted[outcome]}

    @property
    def verdicts(self) -> dict[str, int]:
        """How many claims have which verdict; the three that say that all is as expected are always there."""
        counted = Counter(claim.verdict for claim in self.claims)
        return {verdict: counted[verdict] for verdict in VERDICTS if counted[verdict] or verdict in ("holds", "wrong", "unknown")}

    @property
    def findings(self) -> list[tuple[ScenarioResult, Finding]]:
        """The deviations that were proved, with the item that proved each."""
        known = findings.load()
        return [(case, known[case.finding]) for case in self.cases if case.finding in known]


def promises() -> dict[str, tuple[str, str]]:
    """The registered guarantees: id to promise and source."""
    return {guarantee.id: (guarantee.promise, guarantee.source) for guarantee in catalogue.every()}


def gather(folder: Path, claims: Mapping[str, Claim] | None = None) -> Report:
    """Read a report folder, also one of a run that died; UsageError if it was written in another form than this suite's."""
    results = folders.results(folder)
    run = folders.run(folder)
    problems = folders.problems(folder)
    problems += [
        f"{case.trace} is missing: {case.id} has no pictures." for case in results if case.trace and not (folder / case.trace).exists()
    ]
    guarantees = guarantee_verdicts(results, promises())
    tallies = {each.tally.id: each.tally for each in guarantees}
    registered = registry.load() if claims is None else claims
    shown = evidence(registered, results, run)
    verdicts = tuple(claim_verdict(claim, shown, run, tallies) for claim in registered.values())
    answer = conformity(run, results, verdicts, guarantees, problems)
    problems = [*problems, *folders.missing(run, results)]
    return Report(folder, run, answer, tuple(merged(results)), verdicts, tuple(guarantees), tuple(problems))
