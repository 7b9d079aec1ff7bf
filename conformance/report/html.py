"""The page: one self-contained HTML file, without network, readable on a phone, in the dark, on paper and without JavaScript."""

from __future__ import annotations

import base64
import datetime
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from conformance.claims import registry
from conformance.guarantees.judge import Verdict
from conformance.report.drawing import tag, tooltip
from conformance.report.gather import Report
from conformance.report.replay import Replay, pictures, replay
from conformance.report.results import ScenarioResult
from conformance.report.story import Line
from conformance.report.style import PATTERNS, asset, picture_style
from conformance.report.verdicts import ClaimVerdict, Scenario

NAME = "index.html"

VERDICTS: tuple[Verdict, ...] = ("holds", "violated", "unknown")

#: Beyond colour: every outcome and verdict has a sign of its own.
SIGNS = {
    "passed": "✓",
    "holds": "✓",
    "finding": "◆",
    "failed": "✕",
    "violated": "✕",
    "unknown": "?",
    "error": "!",
    "left-out": "\N{EN DASH}",
    "vacuous": "○",
}


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
        _environment()
        .get_template("page.html.jinja")
        .render(
            report=report,
            run=report.run,
            css=_made_here(css),
            script=_made_here(script),
            policy=f"default-src 'none'; style-src '{_hash(css)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'",
            patterns=_made_here(PATTERNS),
            date=_date(report.run.started),
            duration=_duration(report.run.seconds),
            headline=headline(report),
            bar=_made_here(outcome_bar(report)),
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
    return CaseView(case, tuple(_made_here(picture) for picture in pictures(seen, case, key=key)), seen.story, seen.problem)


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


def _date(started: str) -> str:
    try:
        when = datetime.datetime.fromisoformat(started)
    except ValueError:
        return ""
    return f"{when.day} {when:%B %Y, %H:%M} {when:%Z}".strip()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 100 else _duration(value)


def _phrase(title: str) -> str:
    """A docstring's first line as a heading: without its full stop."""
    return title.removesuffix(".")


def plain(message: str, guarantee: str) -> str:
    """What was seen, of a violation's message: the page names the guarantee and quotes its promise beside it."""
    return message.removeprefix(f"{guarantee}: ").partition(" The promise (")[0]


def upstream(reference: str) -> str:
    """The address of an issue or pull request named as `owner/repository#number` or by its address; empty if it is named otherwise."""
    if reference.startswith("https://github.com/"):
        return reference
    repository, mark, number = reference.rpartition("#")
    return f"https://github.com/{repository}/issues/{number}" if mark and number.isdigit() and repository.count("/") == 1 else ""


def issue(reference: str) -> str:
    """The short name of an issue or pull request that is named by its address."""
    parts = reference.removeprefix("https://github.com/").split("/")
    return f"{parts[0]}/{parts[1]}#{parts[3]}" if len(parts) == 4 and parts[3].isdigit() else reference


def gist(failure: str) -> str:
    """The lines of pytest's text that say what went wrong; empty if it is not of that kind."""
    lines = [line[1:].strip() for line in failure.splitlines() if line.startswith("E  ")]
    return "\n".join(lines)


def evidence_for(report: Report, scenario: Scenario) -> list[str]:
    """The claims that a scenario is evidence for: those it names, and those that name it."""
    naming = [verdict.claim.id for verdict in report.claims if scenario.id in verdict.evidence or scenario.id in verdict.claim.scenarios]
    return list(dict.fromkeys([*(claim for claim in scenario.claims if claim != scenario.id), *naming]))


def _count(value: int) -> str:
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _made_here(text: str) -> Markup:
    """Text that this package made, and escaped where it had to."""
    return Markup(text)  # noqa: S704 - see above


def _hash(text: str) -> str:
    """What a Content-Security-Policy names inline text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["seconds"] = _seconds
    environment.filters["count"] = _count
    environment.filters["phrase"] = _phrase
    environment.filters["plain"] = plain
    environment.filters["upstream"] = upstream
    environment.filters["issue"] = issue
    environment.filters["gist"] = gist
    environment.filters["removeprefix"] = str.removeprefix
    return environment
