"""Everything a reader gets, from what a run left: statement.json and index.html."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from conformance.claims.registry import Claim
from conformance.errors import UsageError
from conformance.report import html, statement
from conformance.report.gather import gather


def write_report(folder: Path, *, claims: Mapping[str, Claim] | None = None, known: Collection[str] = ()) -> Path:
    """Write both files and return the page. Works on what a run that died has left, and says there that it is not all.

    `claims` replaces the registry, `known` names the scenarios of the suite. Raises UsageError if the folder is no report, or not writable.
    """
    if not (folder / "scenarios").is_dir() and not (folder / "run.json").exists():
        raise UsageError(
            f"{folder} is not a report folder: it has neither run.json nor scenarios/. Name the folder that --report was given."
        )
    report = gather(folder, claims, known)
    try:
        statement.write(report)
        return html.write(report)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written ({error.strerror}: {error.filename}). Mend the folder's permissions, or free some space."
        ) from error
