"""The result in Markdown, for the summary of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from conformance.errors import UsageError
from conformance.printable import printable
from conformance.report.comparing import Merged
from conformance.report.gather import Report
from conformance.report.html import headline
from conformance.report.matrix import headline as headline_of_runs
from conformance.report.rendering import SIGNS, duration, phrase
from conformance.report.results import Outcome
from conformance.report.rows import Row

#: Summaries are cut by those who show them (1 MiB); nobody reads that much there, and the page has it all.
MOST = 50


def of_run(report: Report) -> str:
    """One run: the headline, the counts, what needs attention, what is missing."""
    run = report.run
    trouble = [each for each in report.scenarios if each.outcome in ("failed", "error", "unknown")]
    lines = [f"## Kubernetes {plain(run.kubernetes)}, {plain(run.cluster)}", "", plain(headline(report)), ""]
    lines += _table(("scenarios", "claims", "time"), [(_counts(report.outcomes), _counts(report.verdicts), duration(run.seconds))])
    lines += _list(f"{_sign(each.outcome)} **{plain(each.id)}** {plain(phrase(each.title))}" for each in trouble)
    lines += _list(dict.fromkeys(f"{_sign('finding')} **{plain(case.id)}** {plain(finding.text)}" for case, finding in report.findings))
    return "\n".join([*lines, *_problems(report.problems)]) + "\n"


def of_runs(merged: Merged) -> str:
    """Several runs: a line for each, then where they disagree."""
    lines = ["## Side by side", "", plain(headline_of_runs(merged)), ""]
    rows = [
        (plain(column.label), _counts(column.report.outcomes), _counts(column.report.verdicts), duration(column.run.seconds))
        for column in merged.columns
    ]
    lines += _table(("run", "scenarios", "claims", "time"), rows)
    lines += _list(_disagreement(row, claims) for row, claims in merged.causes)
    return "\n".join([*lines, *_problems(merged.problems)]) + "\n"


def append(text: str, file: Path) -> None:
    """Add the text to the file; UsageError if it cannot be written."""
    try:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"--summary {file}: it cannot be written ({error.strerror}). Name a file in a folder that is there.") from error


def _disagreement(row: Row, claims: list[str]) -> str:
    said = []
    for each in row.disagreements:
        parts = "; ".join(
            f"{plain(', '.join(part.labels))}: {_sign(part.word)}{f', {plain(part.reason)}' if part.reason else ''}" for part in each.parts
        )
        said.append(f"{plain(each.among)} ({parts})")
    behind = f" — claims {plain(', '.join(claims))}" if claims else ""
    return f"**{plain(row.id)}** {plain(phrase(row.text))}: {'; '.join(said)}{behind}"


def _counts(counts: Mapping[str, int] | Mapping[Outcome, int]) -> str:
    return ", ".join(f"{_sign(word)} {count}" for word, count in counts.items() if count) or "none"


def _sign(word: str) -> str:
    return f"{SIGNS[word]} {word}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    return [line(head), line("---" for _ in head), *(line(row) for row in rows), ""]


def _list(items: Iterable[str]) -> list[str]:
    lines = [f"- {item}" for item in items]
    more = [f"- and {len(lines) - MOST} more: see the page"] if len(lines) > MOST else []
    return [*lines[:MOST], *more, ""] if lines else []


def _problems(problems: Iterable[str]) -> list[str]:
    lines = _list(plain(problem) for problem in problems)
    return ["To bear in mind:", "", *lines] if lines else []


#: What Markdown makes something of: marks, HTML, entities, headings, tables, images, and addresses that become links by themselves.
_MARKS = re.compile(r"[\\`*_\[\]<>|#&~!@]|(?<=:)/(?=/)|(?<=www)\.", re.IGNORECASE)


def plain(text: str) -> str:
    """Text that Markdown leaves as it is: it comes from clusters and documents."""
    return _MARKS.sub(r"\\\g<0>", printable(" ".join(text.split())))
