"""Everything a report says, gathered from its folder: plain values that the statement and the page are written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.claims import registry
from conformance.claims.registry import Claim
from conformance.guarantees import catalogue
from conformance.report import folder as folders
from conformance.report.results import WORST_FIRST, Finding, Outcome, Run, ScenarioResult
from conformance.report.verdicts import ClaimVerdict, GuaranteeVerdict, Scenario, claim_verdict, guarantee_verdicts, merged


@dataclass(frozen=True)
class Report:
    """One run, judged. `problems` is empty exactly if nothing is missing from the folder."""

    folder: Path
    run: Run
    scenarios: tuple[Scenario, ...]
    claims: tuple[ClaimVerdict, ...]
    guarantees: tuple[GuaranteeVerdict, ...]
    problems: tuple[str, ...] = ()

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
        """How many claims hold, are violated, are unknown."""
        counted = Counter(claim.verdict for claim in self.claims)
        return {verdict: counted[verdict] for verdict in ("holds", "violated", "unknown")}

    @property
    def findings(self) -> list[tuple[ScenarioResult, Finding]]:
        """The deviations that were proved, with the item that proved each."""
        return [(case, case.finding) for case in self.cases if case.finding is not None]


def promises() -> dict[str, tuple[str, str]]:
    """The registered guarantees: id to promise and source."""
    return {guarantee.id: (guarantee.promise, guarantee.source) for guarantee in catalogue.every()}


def gather(folder: Path, claims: Mapping[str, Claim] | None = None, known: Collection[str] = ()) -> Report:
    """Read a report folder, also one of a run that died. `known` are the ids of all scenarios of the suite, if somebody knows them."""
    results = folders.results(folder)
    run = folders.run(folder)
    problems = folders.problems(folder)
    problems += [
        f"{case.trace} is missing: {case.id} has no pictures." for case in results if case.trace and not (folder / case.trace).exists()
    ]
    scenarios = merged(results)
    guarantees = guarantee_verdicts(results, promises())
    tallies = {each.tally.id: each.tally for each in guarantees}
    registered = registry.load() if claims is None else claims
    return Report(
        folder,
        run,
        tuple(scenarios),
        tuple(claim_verdict(claim, results, run, tallies, known or run.scenarios) for claim in registered.values()),
        tuple(guarantees),
        tuple(problems),
    )
