"""The table of docs/findings.md, made of the data."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.claims.findings import Finding

_HEAD = ("finding", "what really happens", "what it does to a user", "contradicts", "shown on", "without this suite")


def table(known: Iterable[Finding]) -> str:
    """A row of Markdown for each finding."""
    rows = [_HEAD, ("---",) * len(_HEAD), *(_row(finding) for finding in known)]
    return "".join(f"| {' | '.join(_cell(text) for text in row)} |\n" for row in rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _row(finding: Finding) -> tuple[str, ...]:
    since = [f"since {finding.since}"] if finding.since else []
    until = [f"until {finding.until}"] if finding.until else []
    return (
        f"`{finding.id}`",
        " ".join([finding.text, *finding.upstream]),
        f"**{finding.severity}**: {finding.impact}",
        ", ".join(finding.contradicts),
        "; ".join([", ".join(finding.shown) or "none yet", *since, *until]),
        _reproducer(finding),
    )


def _reproducer(finding: Finding) -> str:
    if not finding.reproducer:
        return f"none: {finding.unreproduced}"
    runs = [f"{'seen' if run.seen else 'not seen'} on {run.kubernetes} in {run.seconds} s" for run in finding.reproduced]
    return "; ".join([f"`conformance reproduce {finding.id} | bash`", *runs])
