"""The counts of an update over time: nodes without an available pod, surplus pods, and what the update may cost of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from conformance.kube.records import DaemonSet
from conformance.model.budgets import Budget, budget
from conformance.report.history import Bar, History, Workload


@dataclass(frozen=True)
class Point:
    """The counts from one point of time on; budgets are None while the strategy sets no limit."""

    at: float
    desired: int
    unavailable: int
    surge: int
    budget: Budget | None


def updating(history: History) -> list[Workload]:
    """The DaemonSets a curve is worth drawing for: a rolling update had something to do, under a limit, on more than one node.

    OnDelete sets no limit, and of one node the timeline says all.
    """
    found = []
    for workload in history.workloads:
        since = began(history, workload)
        if since is not None:
            limited = [point for point in points(history, workload) if point.at >= since and point.budget is not None]
            if max((point.desired for point in limited), default=0) > 1:
                found.append(workload)
    return found


def began(history: History, workload: Workload) -> float | None:
    """When the first of its pods became outdated: before that there is no update, and no budget to keep. None if none ever did."""
    mine = (bar for lane in history.lanes for bar in lane.bars if bar.owner_uid == workload.uid)
    return min((segment.start for bar in mine for segment in bar.segments if segment.outdated), default=None)


def points(history: History, workload: Workload) -> list[Point]:
    """The counts over time, one point a change.

    A node is unavailable if the DaemonSet belongs there and none of its pods there is available: Ready for minReadySeconds, and
    not being deleted. Every pod beyond the first on a node is surplus, except those being deleted.
    """
    changes = sorted(_changes(history, workload), key=lambda change: change[0])
    specs = list(workload.specs)
    wanted: dict[str, int] = {}
    available: dict[str, int] = {}
    live: dict[str, int] = {}
    tables = {"wanted": wanted, "available": available, "live": live}
    found: list[Point] = []
    current: DaemonSet | None = None
    desired = unavailable = surplus = 0
    for at, group in groupby(changes, key=lambda change: change[0]):
        while specs and specs[0][0] <= at:
            current = specs.pop(0)[1]
        for _, table, node, delta in group:
            unavailable -= _lacking(wanted, available, node)
            desired -= min(wanted.get(node, 0), 1)
            surplus -= max(live.get(node, 0) - 1, 0)
            if table in tables:
                tables[table][node] = tables[table].get(node, 0) + delta
            unavailable += _lacking(wanted, available, node)
            desired += min(wanted.get(node, 0), 1)
            surplus += max(live.get(node, 0) - 1, 0)
        found.append(Point(at, desired, unavailable, surplus, _budget(current, desired)))
    return found


def _budget(current: DaemonSet | None, desired: int) -> Budget | None:
    """What an update may cost; OnDelete sets no limit, because the controller deletes nothing."""
    if current is None or current.spec.update_strategy.type != "RollingUpdate":
        return None
    try:
        return budget(current, desired)
    except ValueError:
        return None


def _lacking(wanted: dict[str, int], available: dict[str, int], node: str) -> int:
    return 1 if wanted.get(node, 0) > 0 and available.get(node, 0) <= 0 else 0


def _changes(history: History, workload: Workload) -> Iterable[tuple[float, str, str, int]]:
    for at, _ in workload.specs:
        yield at, "spec", "", 0
    for node, span in workload.wanted:
        yield span.start, "wanted", node, 1
        if span.end < workload.end:
            yield span.end, "wanted", node, -1
    min_ready = workload.specs[-1][1].spec.min_ready_seconds if workload.specs else 0
    for lane in history.lanes:
        for bar in lane.bars:
            if bar.owner_uid == workload.uid:
                yield from _pod_changes(lane.node, bar, min_ready, history.seconds)


def _pod_changes(node: str, bar: Bar, min_ready: int, seconds: float) -> Iterable[tuple[float, str, str, int]]:
    ready_since: float | None = None
    for segment in bar.segments:
        last = segment is bar.segments[-1]
        lasts = last and not bar.gone
        if segment.state == "ready":
            ready_since = segment.start if ready_since is None else ready_since
            # The API server's timestamp is what availability is reckoned from, and it leaves out the part of a second.
            start = max(segment.start, (ready_since if segment.stamped is None else segment.stamped) + min_ready)
            if start < segment.end or (lasts and start <= seconds):
                yield start, "available", node, 1
                if not lasts:
                    yield segment.end, "available", node, -1
        else:
            ready_since = None
        if segment.state not in ("terminating", "failed"):
            yield segment.start, "live", node, 1
            if not lasts:
                yield segment.end, "live", node, -1
