"""The table as a page and as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from conformance import __version__, whole
from conformance.mutate.explaining import Explanation, Figures, explanations, figures, named, strongest
from conformance.mutate.planting import Mutant
from conformance.mutate.store import Basis, Outcome
from conformance.report.rendering import duration, environment, made_here, policy
from conformance.report.style import asset, picture_style

#: What a kind of notice is called on the page.
WORDS = {
    "guarantee": "a guarantee",
    "check": "a check of a scenario",
    "died": "a component ended by itself",
    "hang": "the run did not end",
    "broke": "the scenario broke off",
}


@dataclass(frozen=True)
class Row:
    """One defect on the page: `word` is noticed, or how it was read, or that nobody did."""

    mutant: Mutant
    outcome: Outcome
    explanation: Explanation | None
    word: str
    by: str
    scenario: str
    text: str


def write(folder: Path, basis: Basis, results: Sequence[tuple[Mutant, Outcome]], built: int) -> Figures:
    """Write mutants.json and index.html into the folder; `built` is how many defects there are in all."""
    known = explanations()
    found = figures([outcome for _, outcome in results], known)
    rows = [row(*result, known.get(result[0].id)) for result in sorted(results, key=lambda result: result[0].number)]
    data = {
        "format": 1,
        **msgspec.to_builtins(basis),
        "built": built,
        "score": found.score,
        **msgspec.to_builtins(found),
        "mutants": [
            {
                **msgspec.to_builtins(each.mutant),
                "verdict": each.outcome.verdict,
                "seconds": round(each.outcome.seconds, 1),
                "asked": [asked.group for asked in each.outcome.asked],
                "notices": msgspec.to_builtins(each.outcome.notices),
                **({"reading": each.explanation.reading, "because": each.explanation.because} if each.explanation else {}),
            }
            for each in rows
        ],
    }
    whole.write(folder / "mutants.json", msgspec.json.format(msgspec.json.encode(data), indent=1))
    whole.write(folder / "index.html", page(basis, rows, found, built))
    return found


def row(mutant: Mutant, outcome: Outcome, explanation: Explanation | None) -> Row:
    """A defect as the page shows it."""
    if not outcome.notices:
        word = explanation.reading if explanation is not None else outcome.verdict
        return Row(mutant, outcome, explanation, word, "", "", "")
    first = next(notice for notice in outcome.notices if notice.kind == strongest(outcome))
    by = ", ".join(named(outcome)) or WORDS[first.kind]
    return Row(mutant, outcome, explanation, "noticed", by, first.scenario.rpartition("::")[2], first.text)


def page(basis: Basis, rows: Sequence[Row], found: Figures, built: int) -> str:
    """The page as text; it loads nothing."""
    css = picture_style() + asset("page.css") + asset("mutants.css")
    return (
        environment()
        .get_template("mutants.html.jinja")
        .render(
            basis=basis,
            built=built,
            found=found,
            missed=[row for row in rows if row.word != "noticed"],
            noticed=[row for row in rows if row.word == "noticed"],
            words=WORDS,
            suite=__version__,
            css=made_here(css),
            policy=policy(css, ""),
            duration=duration,
        )
    )
