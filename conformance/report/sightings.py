"""The findings of a run, each with all that somebody needs who was not there, as data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from conformance.claims import findings, registry, sources
from conformance.claims.expecting import minor_of
from conformance.claims.findings import Finding
from conformance.errors import TraceError
from conformance.report import lasting
from conformance.report.gather import Report
from conformance.report.lasting import Lasting
from conformance.report.results import ScenarioResult
from conformance.report.telling import told
from conformance.trace import store
from conformance.trace.timing import as_served

FOLDER = "findings"


@dataclass(frozen=True)
class Sentence:
    """A sentence that is contradicted: where it stands, and its page (empty: it has none)."""

    id: str
    quote: str
    source: str
    edition: str
    url: str = ""


@dataclass(frozen=True)
class Sighting:
    """One item that showed it: its scenario, its trace (relative to the folder; empty: none), how long it lasted (None: not measured)."""

    scenario: str
    title: str
    trace: str = ""
    lasted: Lasting | None = None
    story: tuple[str, ...] = ()


@dataclass(frozen=True)
class FindingView:
    """One finding, as a run saw it.

    `looked` is how many items could have seen it: those that are there to prove it and came to an outcome, or all that were judged by the
    guarantee that recognises it. `sightings` are those that did. `file` is the report to forward, relative to the folder; empty if there
    is nothing to forward.
    """

    finding: Finding
    kubernetes: str
    cluster: str
    sentences: tuple[Sentence, ...]
    looked: int = 0
    sightings: tuple[Sighting, ...] = ()
    file: str = ""

    @property
    def lasted(self) -> tuple[float, float] | None:
        """The least and the most seconds that it lasted; None if nothing was measured."""
        measured = [sighting.lasted.seconds for sighting in self.sightings if sighting.lasted is not None]
        return (min(measured), max(measured)) if measured else None

    @property
    def command(self) -> str:
        """What shows it without this suite; empty if nothing does."""
        return f"conformance reproduce {self.finding.id} | bash" if self.finding.reproducer else ""


def finding_views(report: Report) -> list[FindingView]:
    """The findings that are known for the version of the run, those that it saw first; of the others `sightings` is empty."""
    minor = minor_of(report.run.kubernetes)
    there = findings.covering(f"{minor[0]}.{minor[1]}") if minor is not None else []
    seen = {name for case in report.cases for name in _seen(case)}
    views = [_view(report, finding) for finding in findings.load().values() if finding.id in seen or finding in there]
    return sorted(views, key=lambda view: not view.sightings)


def sentences(finding: Finding, version: str) -> tuple[Sentence, ...]:
    """What it contradicts."""
    documents = registry.documents()
    return tuple(
        Sentence(
            claim.id,
            " ".join(claim.quote.split()),
            sources.where(claim),
            documents[claim.document].edition,
            sources.url(claim, version or "master"),
        )
        for claim in registry.resolve(finding.contradicts)
    )


def _view(report: Report, finding: Finding) -> FindingView:
    proving = {function.id for function in report.run.scenarios if finding.id in function.findings}
    looked = [case for case in report.cases if case.outcome not in ("left-out", "error") and _looks(case, finding, proving)]
    sightings = tuple(_sighting(report.folder, case, finding) for case in report.cases if finding.id in _seen(case))
    file = f"{FOLDER}/{finding.id}.md" if sightings else ""
    return FindingView(
        finding,
        report.run.kubernetes,
        report.run.cluster,
        sentences(finding, report.run.kubernetes),
        max(len(looked), len(sightings)),
        sightings,
        file,
    )


def _seen(case: ScenarioResult) -> set[str]:
    return {name for name in [case.finding, *(name for tally in case.tallies for name in tally.deviations)] if name}


def _looks(case: ScenarioResult, finding: Finding, proving: Collection[str]) -> bool:
    return case.id in proving or any(tally.id in finding.guarantees and tally.could_have_failed for tally in case.tallies)


def _sighting(folder: Path, case: ScenarioResult, finding: Finding) -> Sighting:
    if not case.trace:
        return Sighting(case.id, case.title)
    try:
        story = tuple(told(folder / case.trace))
        with store.understood(folder / case.trace):
            entries = as_served(list(store.read(folder / case.trace)[1]))
            breaches = [broken for tally in case.tallies for broken in tally.violations if broken.known == finding.id]
            lasted = lasting.of_breach(entries, breaches[0]) if breaches else lasting.of_window(entries)
    except TraceError as problem:
        return Sighting(case.id, case.title, case.trace, story=(str(problem),))
    return Sighting(case.id, case.title, case.trace, lasted, story)
