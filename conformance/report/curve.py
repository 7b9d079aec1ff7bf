"""The budget curve: how many nodes are without an available pod, and how many pods are surplus, against what the update may cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.report import legend
from conformance.report.counts import Point, began, points
from conformance.report.descriptions import count
from conformance.report.drawing import number, tag, text, tooltip
from conformance.report.frames import frame_of
from conformance.report.history import History, Workload
from conformance.report.picture import Key, Naming, Picture
from conformance.report.scale import Frame, axis, folds, grid
from conformance.report.timeline import Break

PANEL = 78.0
SPACE = 30.0
#: A column of the picture: what happens within one is not told apart, and its highest value is drawn.
COLUMN = 2.0

Counted = Literal["unavailable", "surge"]
Blame = Literal["nobody", "violation", "known"]
OVER: dict[Blame, tuple[str, str]] = {
    "nobody": ("over", "over, but not by the update (nodes joined, or pods were down for another reason)"),
    "violation": ("over broken-budget", "over by the update: a violation"),
    "known": ("over known-budget", "over by the update: a known deviation"),
}
CAPTIONS: dict[Counted, str] = {"unavailable": "nodes without an available pod", "surge": "surplus pods"}
#: The guarantees that judge what the update does to a count.
JUDGES: dict[Counted, frozenset[str]] = {"unavailable": frozenset({"INV-3", "INV-4"}), "surge": frozenset({"INV-1", "INV-2"})}


@dataclass(frozen=True)
class Excess:
    """A stretch of columns in which a count is over its limit: with the value and limit of each; `kind` tells whom to blame."""

    first: int
    values: tuple[tuple[int, int], ...]
    kind: Blame

    @property
    def last(self) -> int:
        """The last column of it."""
        return self.first + len(self.values) - 1


@dataclass(frozen=True)
class _Panel:
    name: Counted
    top: float
    highest: int
    before: int
    limit: int
    columns: tuple[tuple[int, int | None], ...]
    over: tuple[Excess, ...]

    @property
    def bottom(self) -> float:
        return self.top + PANEL

    def y(self, value: float) -> float:
        return self.bottom - min(value, self.highest) * (PANEL - 4) / self.highest


def curve(
    history: History,
    workload: Workload,
    breaks: Sequence[Break] = (),
    *,
    key: str = "curve",
    title: str = "",
    marks: Sequence[float] = (),
) -> Picture:
    """The picture; it has the time axis of the timeline that is given the same `marks` (beside the violations), so the two line up."""
    frame = frame_of(history, [*(each.at for each in breaks), *marks])
    known, since = points(history, workload), began(history, workload) or 0.0
    panels = [_panel("unavailable", 28.0, known, since, frame, breaks)]
    if any(point.surge or (point.budget is not None and point.budget.surge) for point in known if point.at >= since):
        panels.append(_panel("surge", 28.0 + PANEL + SPACE, known, since, frame, breaks))
    bottom = panels[-1].bottom
    side = [tag("text", "time", class_="side", x=frame.left - 10, y=bottom + 15)]
    body: list[str] = []
    for panel in panels:
        side.append(_caption(panel))
        side += [tag("text", str(value), class_="side", x=frame.left - 10, y=panel.y(value) + 4) for value in (0, panel.highest)]
        body += _draw(panel, frame)
    body += axis(frame, bottom)
    naming = Naming(key, title or f"Update budget of {workload.name}", _describe(workload, known, since, panels))
    return Picture(naming, frame, bottom + 22, side, body, keys=_keys(panels))


def _panel(name: Counted, top: float, known: Sequence[Point], since: float, frame: Frame, breaks: Sequence[Break]) -> _Panel:
    values = [(point.at, getattr(point, name)) for point in known]
    limits = [getattr(point.budget, name) for index, point in enumerate(known) if point.budget is not None and _lasts(known, index, since)]
    # What matters is the update: when pods are made for the first time, all nodes lack one, and would press the rest flat.
    highest = max([value for at, value in values if at >= since] + limits + [1])
    before = max((value for at, value in values if at < since), default=0)
    columns = _columns(name, known, since, frame)
    blamed: dict[int, Blame] = {}
    for each in breaks:
        if each.guarantee in JUDGES[name] and blamed.get(column := _column(frame, each.at)) != "violation":
            blamed[column] = "known" if each.known else "violation"
    return _Panel(name, top, highest, before, limits[-1] if limits else 0, tuple(columns), tuple(_excesses(columns, blamed)))


def _lasts(known: Sequence[Point], index: int, since: float) -> bool:
    return index + 1 == len(known) or known[index + 1].at > since


def _column(frame: Frame, at: float) -> int:
    return min(int((frame.x(at) - frame.left) / COLUMN), int(frame.inner / COLUMN) - 1)


def _columns(name: Counted, known: Sequence[Point], since: float, frame: Frame) -> list[tuple[int, int | None]]:
    """For each column its value and its limit (None: there is none, or the update has not begun).

    The value is the highest of its time, except that one over its limit goes before one that is not; a dip that is narrower is no news.
    """
    counted: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
    for point in known:
        limit = getattr(point.budget, name) if point.budget is not None and point.at >= since else None
        counted[_column(frame, point.at)].append((getattr(point, name), limit))
    found: list[tuple[int, int | None]] = []
    current: tuple[int, int | None] = (0, None)
    for column in range(int(frame.inner / COLUMN)):
        seen = counted.get(column, [])
        found.append(max([current, *seen], key=_weight) if seen else current)
        current = seen[-1] if seen else current
    return found


def _weight(counted: tuple[int, int | None]) -> tuple[bool, int]:
    value, limit = counted
    return limit is not None and value > limit, value


def _excesses(columns: Sequence[tuple[int, int | None]], blamed: Mapping[int, Blame]) -> list[Excess]:
    found: list[Excess] = []
    run: list[tuple[int, int]] = []
    for index, (value, limit) in enumerate([*columns, (0, None)]):
        if limit is not None and value > limit:
            run.append((value, limit))
        elif run:
            first = index - len(run)
            # A violation is found at the write that went too far, and the column before it may be the one in which the count rises.
            kinds = {kind for column, kind in blamed.items() if first - 1 <= column <= index}
            found.append(Excess(first, tuple(run), "violation" if "violation" in kinds else "known" if kinds else "nobody"))
            run = []
    return found


def _draw(panel: _Panel, frame: Frame) -> list[str]:
    values = [value for value, _ in panel.columns]
    line = _steps(values, frame, panel.y)
    left, right = number(frame.left), number(frame.width - frame.right)
    parts = [grid(frame, panel.top, panel.bottom)]
    parts.append(tag("path", class_="filled", d=f"{line}V{number(panel.bottom)}H{left}Z"))
    for excess in panel.over:
        class_, words = OVER[excess.kind]
        parts.append(tag("path", tooltip(words), class_=class_, d=_area(excess, frame, panel.y)))
    parts.append(tag("path", class_="rule", d=f"M{left} {number(panel.bottom)}H{right}"))
    parts.append(tag("path", class_="step", d=line))
    parts += [tag("path", class_="budget", d=path) for path in _limits(panel, frame)]
    parts += folds(frame, panel.top, panel.bottom)
    return parts


def _caption(panel: _Panel) -> str:
    """What is counted and how many are allowed, above the panel, where no curve comes; left of the frame, so that it stays in sight."""
    limit = tag("tspan", f"allowed {panel.limit}", class_="limit")
    return tag("text", f"{text(CAPTIONS[panel.name])}, {limit}", class_="caption", x="4", y=panel.top - 9)


def _steps(values: Sequence[float], frame: Frame, y: Callable[[float], float], first: int = 0) -> str:
    path = ""
    for index, value in enumerate(values):
        if not index or value != values[index - 1]:
            x = number(frame.left + (first + index) * COLUMN)
            path += f"H{x}V{number(y(value))}" if path else f"M{x} {number(y(value))}"
    return f"{path}H{number(frame.left + (first + len(values)) * COLUMN)}" if path else ""


def _area(excess: Excess, frame: Frame, y: Callable[[float], float]) -> str:
    """What lies between the count and the limit, as one shape."""
    tops = _steps([value for value, _ in excess.values], frame, y, excess.first)
    back = ""
    for index in range(len(excess.values) - 1, -1, -1):
        limit = excess.values[index][1]
        if index + 1 == len(excess.values) or limit != excess.values[index + 1][1]:
            back += f"{f'H{number(frame.left + (excess.first + index + 1) * COLUMN)}' if back else ''}V{number(y(limit))}"
    return f"{tops}{back}H{number(frame.left + excess.first * COLUMN)}Z"


def _limits(panel: _Panel, frame: Frame) -> list[str]:
    """The limit, as one line for each stretch in which there is one."""
    paths: list[str] = []
    run: list[float] = []
    for index, (_, limit) in enumerate([*panel.columns, (0, None)]):
        if limit is not None:
            run.append(limit)
        elif run:
            paths.append(_steps(run, frame, panel.y, index - len(run)))
            run = []
    return paths


def _keys(panels: Sequence[_Panel]) -> list[Key]:
    cut = [f"up to {panel.before} {CAPTIONS[panel.name]}" for panel in panels if panel.before > panel.highest]
    found = [
        Key(
            legend.stroke("step", "M0 11H8V4H16"), f"counted (cut off at the top before the update: {', '.join(cut)})" if cut else "counted"
        ),
        Key(legend.stroke("budget", "M0 7H16"), "allowed during the update"),
    ]
    kinds = {excess.kind for panel in panels for excess in panel.over}
    found += [Key(legend.swatch(class_, 12), words) for kind, (class_, words) in OVER.items() if kind in kinds]
    return found


def _describe(workload: Workload, known: Sequence[Point], since: float, panels: Sequence[_Panel]) -> str:
    during = [point for point in known if point.at >= since]
    said = []
    for panel in panels:
        most = max((getattr(point, panel.name) for point in during), default=0)
        what = count(most, "node") + " without an available pod" if panel.name == "unavailable" else count(most, "surplus pod")
        said.append(f"at most {what}, {panel.limit} allowed")
        if any(excess.kind != "nobody" for excess in panel.over):
            said.append("which the update exceeded")
        elif panel.over:
            said.append("exceeded, but not by the update")
    return f"During the update of {workload.name} {', '.join(said)}."
