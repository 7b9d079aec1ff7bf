"""The page of several runs: a matrix of claims by version and cluster, as self-contained as the page of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance import __version__, whole
from conformance.claims import registry
from conformance.report.comparing import Merged
from conformance.report.html import NAME
from conformance.report.merged import relative
from conformance.report.reasons import ground
from conformance.report.rendering import SIGNS, duration, environment, made_here, policy
from conformance.report.rendering import date as day
from conformance.report.rows import Difference, Row
from conformance.report.style import asset, picture_style

ANSWERS = {True: "conforms to its version", False: "does not conform to its version", None: "not known whether it conforms"}
#: What a filter shows: `any` is every difference between runs that were decided.
FILTERS = {
    "any": "only differences",
    "clusters": "clusters disagree",
    "versions": "versions disagree",
    "one-sided": "decided on one cluster only",
}


@dataclass(frozen=True)
class Section:
    """The claims of one source, as rows; `counts` says how many of them differ in which way."""

    title: str
    edition: str
    rows: tuple[Row, ...]
    counts: dict[Difference, int]


def write(merged: Merged, out: Path) -> Path:
    """Write index.html into the folder."""
    file = out / NAME
    whole.write(file, page(merged, out))
    return file


def page(merged: Merged, out: Path) -> str:
    """The page as text; its links to the runs' own pages are relative to `out`."""
    css = picture_style() + asset("page.css") + style(len(merged.columns))
    script = asset("page.js")
    return (
        environment()
        .get_template("matrix.html.jinja")
        .render(
            merged=merged,
            suite=__version__,
            css=made_here(css),
            script=made_here(script),
            policy=policy(css, script),
            headline=headline(merged),
            links={column.name: link(column.report.folder, out) for column in merged.columns},
            firsts=firsts(merged),
            sections=sections(merged),
            filters=FILTERS,
            counts={"claims": counts(merged.claims), "scenarios": counts(merged.scenarios)},
            tokens=tokens,
            ground=ground,
            answers=ANSWERS,
            tones={True: "good", False: "bad", None: "quiet"},
            signs={**SIGNS, "not run": "·"},
            day=day,
            duration=duration,
            versions=" ".join(dict.fromkeys(column.minor for column in merged.columns)),
        )
    )


def style(columns: int) -> str:
    """The style sheet of the matrix: below a width that depends on the number of runs, a row's words stand under its text."""
    return asset("matrix.css").replace("COLUMNS", str(columns)).replace("NARROW", f"{24 + 4.2 * columns:.1f}rem")


def link(folder: Path, out: Path) -> str:
    """The address of a run's own page; empty if it has none."""
    return f"{relative(folder, out)}/{NAME}" if (folder / NAME).exists() else ""


def firsts(merged: Merged) -> set[str]:
    """The runs that begin a minor, but for the first of all: a line stands before them."""
    return {after.name for before, after in zip(merged.columns, merged.columns[1:], strict=False) if before.minor != after.minor}


def sections(merged: Merged) -> list[Section]:
    """The claims by document, in the registry's order."""
    known = registry.documents()
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in merged.claims:
        if row.claim is not None:
            document = known.get(row.claim.document)
            key = (document.title, document.edition) if document else (row.claim.document or row.claim.source, "")
            groups.setdefault(key, []).append(row)
    kinds: tuple[Difference, ...] = ("clusters", "versions")
    return [
        Section(*key, tuple(rows), {kind: count for kind in kinds if (count := sum(kind in row.differences for row in rows))})
        for key, rows in groups.items()
    ]


def tokens(row: Row) -> str:
    """The filters that show a row."""
    return " ".join((*(["any"] if row.differs else []), *row.differences))


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """How many rows each filter shows."""
    return {name: sum(name in tokens(row).split() for row in rows) for name in FILTERS}


def headline(merged: Merged) -> str:
    """The result in a few sentences; that nothing differs is not said without what could not be compared."""
    if len(merged.columns) == 1:
        return "One run: there is nothing to compare it with."
    said = [f"{len(merged.columns)} runs side by side."]
    found = counts(merged.claims)
    pairs = {(column.minor, column.cluster) for column in merged.columns}
    minors = {minor for minor, _ in pairs}
    if len(pairs) > len(minors):
        said.append(f"{_claims(found['clusters'])} decided differently by {' and '.join(merged.clusters)} clusters of one version.")
    if len(minors) > 1 or len(merged.columns) > len(pairs):
        said.append(f"{_claims(found['versions'])} decided differently by versions on one kind of cluster.")
    if found["one-sided"]:
        said.append(f"{_claims(found['one-sided'])} decided on one kind of cluster only.")
    return " ".join(said)


def _claims(count: int) -> str:
    return f"{count or 'No'} {'claims were' if count > 1 else 'claim was'}"
