"""The page: one self-contained HTML file, without network, readable on a phone, in the dark, on paper and without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from conformance.claims import registry
from conformance.report.drawing import tag, tooltip
from conformance.report.gather import Report
from conformance.report.reasons import because, words
from conformance.report.rendering import SIGNS, date, duration, environment, made_here, policy
from conformance.report.replay import Replay, pictures, replay
from conformance.report.results import ScenarioResult
from conformance.report.story import Line
from conformance.report.style import PATTERNS, asset, picture_style
from conformance.report.verdicts import VERDICTS, ClaimVerdict, Scenario, Verdict

NAME = "index.html"


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
    file.write_text(page(report), encoding="utf-8")
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
            because=because,
            words=words,
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
    """The result in one sentence: the conformance answer, which is another than whether every document is right."""
    verdicts = report.verdicts
    if not report.scenarios:
        return "Nothing ran: there is no result to report."
    wrong = verdicts["wrong"] + verdicts.get("outdated", 0)
    documents = f"{verdicts['holds']} documented sentences hold; {wrong} are known to be wrong or outdated, and were shown to be."
    if report.conformity.conforms:
        return f"As Kubernetes of this version: nothing unexpected was seen. {documents}"
    if report.conformity.conforms is None:
        return f"Nothing unexpected was seen, but not everything was. {documents}"
    return f"Not as Kubernetes of this version. {documents}"


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
    """The claims that a scenario may show, and those whose verdict rests on it."""
    naming = [verdict.claim.id for verdict in report.claims if scenario.id in verdict.evidence]
    return list(dict.fromkeys([*scenario.claims, *naming]))
