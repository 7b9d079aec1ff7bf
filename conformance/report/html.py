"""The page: one self-contained HTML file, without network, readable on a phone, in the dark, on paper and without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from conformance import whole
from conformance.claims import families, registry
from conformance.guarantees.judge import Broken
from conformance.report.causes import causes
from conformance.report.drawing import tag, tooltip
from conformance.report.figure import Figure, figure
from conformance.report.gather import Report, promises
from conformance.report.overview import overview, subject
from conformance.report.reasons import because, words
from conformance.report.rendering import SIGNS, date, duration, environment, made_here, policy
from conformance.report.replay import Replay, replay
from conformance.report.results import ScenarioResult
from conformance.report.sightings import finding_views
from conformance.report.story import Line
from conformance.report.style import PATTERNS, asset, picture_style
from conformance.report.timeline import mark_of, row_of
from conformance.report.verdicts import VERDICTS, ClaimVerdict, Scenario, Verdict

NAME = "index.html"
#: What a reader has to look at.
TROUBLE = frozenset({"failed", "error", "unknown"})


@dataclass(frozen=True)
class CaseView:
    """One pytest item as the page shows it; `key` begins all ids of what belongs to it."""

    key: str
    result: ScenarioResult
    name: str
    replayed: Replay | None
    figure: Figure | None

    @property
    def label(self) -> str:
        """What tells it from the scenario's other cases."""
        parameters = ", ".join(f"{name} {value}" for name, value in self.result.parameters.items())
        return parameters or self.result.node_id.rpartition("::")[2]

    @property
    def told_already(self) -> bool:
        """Whether the text of the failure says no more than the violations that the page lists."""
        return self.result.reason is not None and self.result.reason.kind == "guarantee"

    @property
    def story(self) -> tuple[Line, ...]:
        """The events around a failure."""
        return self.replayed.story if self.replayed else ()

    @property
    def problem(self) -> str:
        """Why the trace could not be read to its end; empty if it could."""
        return self.replayed.problem if self.replayed else ""

    def at(self, broken: Broken) -> float:
        """The time of a violation, as the pictures and the table of events have it."""
        return self.replayed.at(broken) if self.replayed else broken.at

    def row(self, line: Line) -> str:
        """The id of a row of the table of events."""
        return row_of(self.key, "event", line.seq)

    def mark(self, line: Line) -> str:
        """The id of what stands for that row in the picture; empty without a picture."""
        return mark_of(self.key, "event", line.seq) if self.figure else ""


@dataclass(frozen=True)
class Document:
    """The claims of one source."""

    title: str
    edition: str
    claims: tuple[ClaimVerdict, ...]
    counts: dict[Verdict, int]


def write(report: Report) -> Path:
    """Write index.html into the report folder."""
    file = report.folder / NAME
    whole.write(file, page(report))
    return file


def page(report: Report) -> str:
    """The page as text."""
    shown = {scenario.id: views(report, scenario) for scenario in report.scenarios}
    view_of = {view.result.node_id: view for each in shown.values() for view in each}
    css = picture_style() + asset("page.css") + asset("figure.css")
    script = asset("page.js")
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            report=report,
            run=report.run,
            css=made_here(css),
            script=made_here(script),
            policy=policy(css, script),
            patterns=made_here(PATTERNS),
            date=date(report.run.started),
            duration=duration(report.run.seconds),
            head=overview(report),
            subject=subject(report),
            causes=causes(report.cases),
            families=by_family(report),
            bar=made_here(outcome_bar(report)),
            documents=documents(report),
            known_claims={verdict.claim.id for verdict in report.claims},
            known_scenarios={scenario.id for scenario in report.scenarios},
            views=shown,
            evidence={scenario.id: evidence_for(report, scenario) for scenario in report.scenarios},
            left_out=left_out(report),
            trouble=[scenario for scenario in report.scenarios if scenario.outcome in TROUBLE],
            proved=[view for view in finding_views(report) if view.sightings],
            promises=promises(),
            place=lambda result, broken: view_of[result.node_id].at(broken),
            title_of=family_title,
            logs=logs(report.folder),
            signs=SIGNS,
            because=because,
            words=words,
        )
    )


def views(report: Report, scenario: Scenario) -> list[CaseView]:
    """The cases of a scenario, with their pictures."""
    return [_view(report, case, f"{scenario.id}-{index}") for index, case in enumerate(scenario.cases)]


def _view(report: Report, case: ScenarioResult, key: str) -> CaseView:
    seen = replay(report.folder, case)
    name = case.node_id.rpartition("::")[2]
    return CaseView(key, case, name, seen, figure(seen, case, key=key) if seen else None)


def documents(report: Report) -> list[Document]:
    """The claims by document, in the registry's order."""
    known = registry.documents()
    groups: dict[tuple[str, str], list[ClaimVerdict]] = {}
    for verdict in report.claims:
        document = known.get(verdict.claim.document)
        key = (document.title, document.edition) if document else (verdict.claim.document or verdict.claim.source, "")
        groups.setdefault(key, []).append(verdict)
    return [
        Document(*key, tuple(claims), {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS})
        for key, claims in groups.items()
    ]


def headline(report: Report) -> str:
    """The result in two sentences: the conformance answer, which is another than whether every document is right."""
    head = overview(report)
    return f"{head.title}. {head.sentence} {' '.join(f'{each}.' for each in head.grounds)}".strip()


def outcome_bar(report: Report) -> str:
    """All scenarios in one bar, a piece for each outcome."""
    total = max(len(report.scenarios), 1)
    x, parts = 0.0, []
    for outcome, count in report.outcomes.items():
        width = 1000 * count / total
        words = tooltip(f"{count} {outcome}")
        parts.append(tag("rect", words, class_=f"piece {outcome}", x=x, y="0", width=max(width - 3, 1.0), height="12"))
        x += width
    label = ", ".join(f"{count} {outcome}" for outcome, count in report.outcomes.items()) or "no scenario"
    return f'<svg class="outcomes" viewBox="0 0 1000 12" preserveAspectRatio="none" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def family_title(name: str) -> str:
    """The title of a family of scenarios; empty for one that only somebody else's suite has."""
    known = families.load().get(name)
    return known.title if known is not None else ""


def by_family(report: Report) -> list[tuple[str, list[Scenario]]]:
    """The scenarios by family, in order."""
    groups: dict[str, list[Scenario]] = {}
    for scenario in sorted(report.scenarios, key=lambda each: (each.family, each.id)):
        groups.setdefault(scenario.family, []).append(scenario)
    return list(groups.items())


def logs(folder: Path) -> list[str]:
    """The logs of control planes that lie in the report folder, relative to it."""
    return sorted(str(file.relative_to(folder)) for file in (folder / "logs").rglob("*.log") if file.is_file())


def left_out(report: Report) -> list[tuple[str, list[ScenarioResult]]]:
    """The cases that were left out, by reason, the most frequent first."""
    groups: dict[str, list[ScenarioResult]] = {}
    for case in report.cases:
        if case.outcome == "left-out":
            groups.setdefault(words(case.reason), []).append(case)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def evidence_for(report: Report, scenario: Scenario) -> list[str]:
    """The claims that a scenario may show, and those whose verdict rests on it."""
    naming = [verdict.claim.id for verdict in report.claims if scenario.id in verdict.evidence]
    return list(dict.fromkeys([*scenario.claims, *naming]))
