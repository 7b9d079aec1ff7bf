"""The runs that one page shows side by side: read, put in order, named, and those left out that a later run replaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from conformance import __version__
from conformance.claims.expecting import minor_of
from conformance.claims.registry import Claim
from conformance.report import folder as folders
from conformance.report.gather import Report, gather
from conformance.report.results import Run

#: Clusters that the suite makes itself: two of the same version and components are the same thing, so the later run replaces the earlier.
#: Others with the same version may be two clusters of two people, and both are shown.
MADE_HERE = ("embedded", "kind")
#: What is said of a run whose run.json is missing or damaged.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Column:
    """One run beside others. `minor` is such as `1.37`; `remark` tells it from other runs of that minor and cluster, if there are any."""

    report: Report
    minor: str
    remark: str = ""

    @property
    def run(self) -> Run:
        """What its results have in common."""
        return self.report.run

    @property
    def cluster(self) -> str:
        """How its cluster came to be."""
        return self.run.cluster or UNKNOWN

    @property
    def label(self) -> str:
        """Its name for people: `1.37 kind`."""
        return " ".join(dict.fromkeys(part for part in (self.minor, self.cluster, self.remark) if part))

    @property
    def name(self) -> str:
        """Its name for machines: `1.37-kind`."""
        return self.label.replace(" ", "-")


@dataclass(frozen=True)
class Superseded:
    """A run that is not shown, because a later one of the same version, cluster and components is."""

    report: Report
    by: Report


def read(paths: Iterable[Path], claims: Mapping[str, Claim] | None = None) -> tuple[list[Column], list[Superseded]]:
    """The runs as columns, newest minor first; UsageError if a folder is not the report of a run."""
    chosen = list({path.resolve(): path for path in paths}.values())
    for path in chosen:
        folders.require(path)
    shown, superseded = _latest([gather(path, claims) for path in chosen])
    columns = sorted((Column(report, _minor(report.run)) for report in shown), key=_order)
    return _told_apart(columns), superseded


def problems(columns: Sequence[Column], superseded: Sequence[Superseded]) -> list[str]:
    """What a reader of the columns has to know, one sentence each."""
    found = [f"{column.label}: {problem}" for column in columns for problem in column.report.problems]
    found += [
        f"{column.label} was made by suite {column.run.suite}, and this is {__version__}: its outcomes are judged by the claims of "
        f"{__version__}, but its scenarios may have asserted something else."
        for column in columns
        if column.run.suite not in (__version__, UNKNOWN)
    ]
    found += [
        f"{column.label} has no page of its own: write it with `conformance report {column.report.folder}`."
        for column in columns
        if not (column.report.folder / "index.html").exists()
    ]
    return found + [
        f"{each.report.folder} is not shown: {each.by.folder} is a later run of the same version, cluster and components."
        for each in superseded
    ]


def _latest(reports: Iterable[Report]) -> tuple[list[Report], list[Superseded]]:
    groups: dict[object, list[Report]] = {}
    for report in reports:
        run = report.run
        known = run.cluster in MADE_HERE and minor_of(run.kubernetes) is not None
        key = (run.cluster, run.kubernetes, *sorted(run.components.items())) if known else report.folder
        groups.setdefault(key, []).append(report)
    shown: list[Report] = []
    superseded: list[Superseded] = []
    for group in groups.values():
        *earlier, last = sorted(group, key=lambda report: report.run.started)
        shown.append(last)
        superseded += [Superseded(report, last) for report in earlier]
    return shown, superseded


def _minor(run: Run) -> str:
    known = minor_of(run.kubernetes)
    return f"{known[0]}.{known[1]}" if known else UNKNOWN


def _order(column: Column) -> tuple[object, ...]:
    minor = minor_of(column.minor) or (0, 0)
    cluster = MADE_HERE.index(column.cluster) if column.cluster in MADE_HERE else len(MADE_HERE)
    return (-minor[0], -minor[1], cluster, column.cluster, column.run.kubernetes, column.run.started)


def _told_apart(columns: Sequence[Column]) -> list[Column]:
    """Give a remark to columns that would have the same name: what differs first of patch version, swapped components and folder."""
    ways: tuple[Callable[[Column], str], ...] = (
        lambda column: column.run.kubernetes,
        lambda column: f"with own {', '.join(column.run.components)}" if column.run.components else "as released",
        lambda column: column.report.folder.name,
        lambda column: str(column.report.folder),
    )
    groups: dict[str, list[Column]] = {}
    for column in columns:
        groups.setdefault(column.label, []).append(column)
    remarks: dict[int, str] = {}
    for group in groups.values():
        if len(group) > 1:
            way = next((way for way in ways if max(Counter(map(way, group)).values()) == 1), ways[-1])
            remarks |= {id(column): way(column) for column in group}
    # One that left nothing of its version has no other name than that of its folder.
    remarks |= {id(column): column.report.folder.name for column in columns if column.minor == UNKNOWN and not remarks.get(id(column))}
    return [replace(column, remark=remarks.get(id(column), "")) for column in columns]
