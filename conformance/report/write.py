"""Everything a reader gets, from what runs left: the page and the statement of one run, and those of several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.claims.registry import Claim
from conformance.report import folder as folders
from conformance.report import html, matrix, merged, statement
from conformance.report.comparing import Merged, merge
from conformance.report.findings import write_findings
from conformance.report.gather import Report, gather


def write_report(folder: Path, *, claims: Mapping[str, Claim] | None = None) -> Path:
    """Write both files of one run and return the page; see `reported`."""
    return reported(folder, claims=claims)[1]


def reported(folder: Path, *, claims: Mapping[str, Claim] | None = None) -> tuple[Report, Path]:
    """Write statement.json, index.html and a file for each finding that was seen.

    Works on what a run that died has left, and says there that it is not all. `claims` replaces the registry. Raises UsageError if the
    folder is no report, or not writable.
    """
    folders.require(folder)
    report = gather(folder, claims)
    with folders.writing(folder):
        statement.write(report)
        write_findings(report)
        return report, html.write(report)


def write_merged(out: Path, runs: Sequence[Path], *, claims: Mapping[str, Claim] | None = None) -> tuple[Merged, Path]:
    """Write merged.json and index.html into `out`, which is made if need be; `runs` may lie in it, and are not changed.

    Raises UsageError if one of `runs` is no report of a run, or if `out` is one or holds such files of somebody else.
    """
    together = merge(runs, claims)
    with folders.writing(out):
        folders.prepare_merged(out, (merged.NAME, html.NAME))
        merged.write(together, out)
        return together, matrix.write(together, out)
