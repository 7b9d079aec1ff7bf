"""The budget curve: how many nodes are without an available pod, and how many pods are surplus, against what the update may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from conformance.kube.records import DaemonSet
from conformance.model.budgets import Budget, budget
from conformance.report.bars import frame_of
from conformance.report.drawing import Frame, Naming, axis, document, grid, number, tag, text
from conformance.report.history import Bar, History, Workload
from conformance.report.style import standalone as standalone_head

PANEL = 78.0
SPACE = 30.0


@dataclass(frozen=True)
class Point:
    """The counts from one point of time on; budgets are None while the strategy sets no limit."""

    at: float
    desired: int
    unavailable: int
    surge: int
    budget: Budget | None


def updating(history: History) -> list[Workload]:
    """The DaemonSets that had pods of more than one revision: those a curve is worth drawing for."""
    hashes: dict[str, set[str]] = {}
    for lane in history.lanes:
        for bar in lane.bars:
            hashes.setdefault(bar.owner_uid, set()).add(bar.hash)
    return [workload for workload in history.workloads if len(hashes.get(workload.uid, set()) - {""}) > 1]


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
            start = max(segment.start, ready_since + min_ready)
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


def curve(history: History, workload: Workload, *, key: str = "curve", standalone: bool = False) -> str:
    """The picture as SVG; it has the time axis of the timeline, so the two line up."""
    frame = frame_of(history)
    known, began = points(history, workload), _began(workload)
    panels = [_Panel("nodes without an available pod", "unavailable", 28.0)]
    if any(point.surge or (point.budget is not None and point.budget.surge) for point in known):
        panels.append(_Panel("surplus pods", "surge", 28.0 + PANEL + SPACE))
    body = []
    for panel in panels:
        body += _draw(panel, known, frame, began)
    bottom = panels[-1].top + PANEL
    body += axis(frame, bottom)
    peak = max((point.unavailable for point in known if point.at >= began), default=0)
    description = f"At most {peak} nodes of {workload.name} were without an available pod after its template first changed."
    naming = Naming(key, f"Update budget of {workload.name}", description)
    return document(body, frame, bottom + 24, naming, head=standalone_head() if standalone else "")


def _began(workload: Workload) -> float:
    """When the template first changed: before that there is no update, and no budget to keep."""
    first = workload.specs[0][1].spec.template if workload.specs else None
    return next((at for at, known in workload.specs if known.spec.template != first), 0.0)


@dataclass(frozen=True)
class _Panel:
    caption: str
    name: Literal["unavailable", "surge"]
    top: float


def _draw(panel: _Panel, known: Sequence[Point], frame: Frame, began: float) -> list[str]:
    bottom = panel.top + PANEL
    counted: list[tuple[float, int]] = [(point.at, getattr(point, panel.name)) for point in known]
    limits: list[tuple[float, int]] = [
        (max(point.at, began), getattr(point.budget, panel.name))
        for index, point in enumerate(known)
        if point.budget is not None and (index + 1 == len(known) or known[index + 1].at > began)
    ]
    # What matters is the update: when pods are made for the first time, all nodes lack one, and would press the rest flat.
    highest = max([value for at, value in counted if at >= began] + [limit for _, limit in limits] + [1])
    before = max((value for at, value in counted if at < began), default=0)
    values = [(at, min(value, highest)) for at, value in counted]

    def y(value: float) -> float:
        return bottom - value * (PANEL - 4) / highest

    line = _steps(values, frame, y)
    left, right = number(frame.left), number(frame.width - frame.right)
    parts = [grid(frame, panel.top, bottom)]
    if values:
        parts.append(
            tag(
                "path", class_="filled", d=f"M{number(frame.x(values[0][0]))} {number(bottom)}{line.replace('M', 'L', 1)}V{number(bottom)}Z"
            )
        )
    for index, point in enumerate(known):
        value = values[index][1]
        limit = getattr(point.budget, panel.name) if point.budget and point.at >= began else value
        if value > limit:
            x = frame.x(point.at)
            end = frame.x(known[index + 1].at) if index + 1 < len(known) else frame.width - frame.right
            parts.append(tag("rect", class_="over", x=x, y=y(value), width=end - x, height=y(limit) - y(value)))
    parts.append(tag("path", class_="rule", d=f"M{left} {number(bottom)}H{right}"))
    parts.append(tag("path", class_="step", d=line))
    if limits:
        limit = limits[-1][1]
        parts.append(tag("path", class_="budget", d=_steps(limits, frame, y)))
        below = y(limit) - panel.top < 14
        place = y(limit) + 13 if below else y(limit) - 5
        parts.append(tag("text", f"allowed {limit}", class_="limit", text_anchor="end", x=frame.width - frame.right - 4, y=place))
    parts += [tag("text", str(value), class_="side", x=frame.left - 10, y=y(value) + 4) for value in sorted({0, highest})]
    parts.append(tag("text", text(panel.caption), class_="caption", x=frame.left, y=panel.top - 9))
    if before > highest:
        note = f"before the update up to {before}"
        parts.append(tag("text", note, class_="side", x=frame.width - frame.right, y=panel.top - 9))
    return parts


def _steps(values: Sequence[tuple[float, int]], frame: Frame, y: Callable[[float], float]) -> str:
    path = ""
    level: int | None = None
    for at, value in values:
        if value != level:
            x = number(frame.x(at))
            path += f"H{x}V{number(y(value))}" if path else f"M{x} {number(y(value))}"
            level = value
    return f"{path}H{number(frame.width - frame.right)}" if path else ""
