"""The page: one self-contained HTML file, without network, readable on a phone, in the dark, on paper and without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from conformance import whole
from conformance.claims import registry
from conformance.guarantees.judge import Verdict
from conformance.report.drawing import tag, tooltip
from conformance.report.gather import Report
from conformance.report.rendering import SIGNS, date, duration, environment, made_here, policy
from conformance.report.replay import Replay, pictures, replay
from conformance.report.results import ScenarioResult
from conformance.report.story import Line
from conformance.report.style import PATTERNS, asset, picture_style
from conformance.report.verdicts import ClaimVerdict, Scenario

NAME = "index.html"

VERDICTS: tuple[Verdict, ...] = ("holds", "violated", "unknown")


@dataclass(frozen=True)
class CaseView:
    """One pytest item as the page shows it."""

    result: ScenarioResult
    pictures: tuple[Markup, ...]
    story: tuple[Line, ...]
    problem: str

    @property
    def label(self) -> str:
        """What tells it from the scenario's other cases."""
        parameters = ", ".join(f"{name} {value}" for name, value in self.result.parameters.items())
        return parameters or self.result.node_id.rpartition("::")[2]


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
    css = picture_style() + asset("page.css")
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
            headline=headline(report),
            bar=made_here(outcome_bar(report)),
            documents=documents(report),
            known_claims={verdict.claim.id for verdict in report.claims},
            known_scenarios={scenario.id for scenario in report.scenarios},
            views={scenario.id: views(report, scenario) for scenario in report.scenarios},
            evidence={scenario.id: evidence_for(report, scenario) for scenario in report.scenarios},
            left_out=[case for case in report.cases if case.outcome == "left-out"],
            trouble=[scenario for scenario in report.scenarios if scenario.outcome in ("failed", "error", "unknown")],
            signs=SIGNS,
        )
    )


def views(report: Report, scenario: Scenario) -> list[CaseView]:
    """The cases of a scenario, with their pictures."""
    return [_view(report, case, f"{scenario.id}-{index}") for index, case in enumerate(scenario.cases)]


def _view(report: Report, case: ScenarioResult, key: str) -> CaseView:
    seen: Replay | None = replay(report.folder, case)
    if seen is None:
        return CaseView(case, (), (), "")
    return CaseView(case, tuple(made_here(picture) for picture in pictures(seen, case, key=key)), seen.story, seen.problem)


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
    """The result in one sentence."""
    verdicts = report.verdicts
    tested = verdicts["holds"] + verdicts["violated"]
    broken = [guarantee.tally.id for guarantee in report.guarantees if guarantee.tally.violated]
    failed = sum(scenario.outcome in ("failed", "error") for scenario in report.scenarios)
    if not report.scenarios:
        return "Nothing ran: there is no result to report."
    verb = "does" if verdicts["violated"] == 1 else "do"
    first = f"Of {tested} documented claims that were tested, {verdicts['holds']} hold and {verdicts['violated']} {verb} not."
    if broken:
        return f"{first} {'Guarantee' if len(broken) == 1 else 'Guarantees'} violated: {', '.join(broken)}."
    if failed:
        return f"{first} {failed} {'scenario' if failed == 1 else 'scenarios'} failed or broke off."
    return f"{first} No guarantee was violated."


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


def evidence_for(report: Report, scenario: Scenario) -> list[str]:
    """The claims that a scenario is evidence for: those it names, and those that name it."""
    naming = [verdict.claim.id for verdict in report.claims if scenario.id in verdict.evidence or scenario.id in verdict.claim.scenarios]
    return list(dict.fromkeys([*(claim for claim in scenario.claims if claim != scenario.id), *naming]))
