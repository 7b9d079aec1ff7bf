"""The findings of a run: what is shown of each (`finding_views`), and a file for each to forward (`findings/ID.md`)."""

from __future__ import annotations

from pathlib import Path

from conformance import whole
from conformance.report.forwarding import text
from conformance.report.gather import Report
from conformance.report.sightings import FOLDER, FindingView, finding_views

__all__ = ["FindingView", "finding_views", "write_findings"]


def write_findings(report: Report) -> list[Path]:
    """Write a file for each finding that was seen, and remove those that an earlier writing left; returns the files.

    OSError if the folder cannot be written.
    """
    written = []
    if (report.folder / FOLDER).is_symlink():  # a received report may lead anywhere: nothing is written or removed there
        (report.folder / FOLDER).unlink()
    for view in finding_views(report):
        if view.file:
            file = report.folder / view.file
            file.parent.mkdir(exist_ok=True)
            whole.write(file, text(view))
            written.append(file)
    for old in set((report.folder / FOLDER).glob("*.md")) - set(written):
        old.unlink()
    return written
