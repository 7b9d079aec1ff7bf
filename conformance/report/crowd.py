"""Many nodes: those that are told apart get a row, those of one history share it, and all the others are counted together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence

from conformance.report.bars import WORDS
from conformance.report.drawing import number, tag, text, tooltip
from conformance.report.history import Bar, Lane, State
from conformance.report.scale import Frame

#: More rows than these are not read, they are scrolled past.
MOST = 40
#: The height of the band of all others, and the width of its columns.
HEIGHT, COLUMN = 64.0, 2.0

#: From the floor up: what serves at the bottom, what does not on top, so that the top of `ready` is the number that serves.
STACK: tuple[State, ...] = ("ready", "starting", "pending", "terminating", "failed")
Kind = tuple[State, bool]


def choose(lanes: Sequence[Lane], broken: Collection[str], most: int) -> tuple[list[tuple[Lane, int]], list[Lane]]:
    """The lanes to draw, each with how many others it stands for, and those that are in no row of their own.

    Up to `most` lanes are all drawn, in their order. Of more: first the broken ones, then one of each history, the rarest first.
    """
    if len(lanes) <= most:
        return [(lane, 0) for lane in lanes], []
    hurt = [lane for lane in lanes if lane.node in broken]
    alike: dict[object, list[Lane]] = defaultdict(list)
    for lane in lanes:
        if lane.node not in broken:
            alike[_course(lane)].append(lane)
    groups = sorted(alike.values(), key=len)
    rows = [(lane, 0) for lane in hurt] + [(group[0], len(group) - 1) for group in groups]
    drawn = {lane.node for lane, _ in rows[:most]}
    return rows[:most], [lane for lane in lanes if lane.node not in drawn]


def _course(lane: Lane) -> object:
    """What happened to a node and on it, without names and times."""
    bars = tuple(
        (bar.owner_uid, bool(bar.hash), bar.gone, tuple((segment.state, segment.outdated) for segment in bar.segments)) for bar in lane.bars
    )
    return bool(lane.node), len(lane.present), tuple((band.condition, band.text) for band in lane.bands), bool(lane.orphaned), bars


def name(lanes: Sequence[Lane], frame: Frame, top: float) -> list[str]:
    """What stands left of the band."""
    x, y = frame.left - 10, top + HEIGHT / 2 + 4
    return [tag("text", f"{len(lanes)} nodes", class_="name", x=x, y=y - 7), tag("text", "in sum", class_="side", x=x, y=y + 7)]


def band(lanes: Sequence[Lane], frame: Frame, top: float) -> list[str]:
    """The pods of many nodes in one area, stacked by state.

    A column of the picture is longer than many states last. It shows of each state the most there was in its time, and of `ready` what is
    left; so nothing that was there for a moment is lost.
    """
    counts = _columns([bar for lane in lanes for bar in lane.bars], frame)
    most = max((count[None] for count in counts), default=0) or 1
    bottom = top + HEIGHT
    parts = [tag("rect", class_="node", x=frame.left, y=top, width=frame.inner, height=HEIGHT, rx="3")]
    floors = [0.0] * len(counts)
    for outdated in (True, False):
        for state in STACK:
            tops = list(floors)
            for index, count in enumerate(counts):
                if state == "ready":
                    others = sum(value for kind, value in count.items() if kind is not None and kind[0] != "ready")
                    serving = count.get(("ready", True), 0) + count.get(("ready", False), 0)
                    share = count.get((state, outdated), 0) / serving if serving else 0.0
                    tops[index] += max(min(serving, count[None] - others), 0) * share
                else:
                    tops[index] += count.get((state, outdated), 0)
            if tops != floors:
                words = f"pods of {len(lanes)} nodes: {WORDS[state]}{', outdated' if outdated else ''}"
                path = _area(floors, tops, frame, lambda value: bottom - HEIGHT * min(value / most, 1.0))
                parts += [tag("path", tooltip(text(words)), class_=class_, d=path) for class_ in (state, *(["outdated"] * outdated))]
            floors = tops
    return parts


def _columns(bars: Sequence[Bar], frame: Frame) -> list[dict[Kind | None, int]]:
    """For each column the most pods of each kind that there were at once in its time, and (None) of all kinds together."""
    changes: list[tuple[float, int, Kind | None]] = []
    for bar in bars:
        changes += [(bar.start, 1, None), (bar.end, -1, None)]
        for segment in bar.segments:
            changes += [(at, delta, (segment.state, segment.outdated)) for at, delta in ((segment.start, 1), (segment.end, -1))]
    # What begins is counted before what ends at the same moment: a state without any length was, too.
    changes.sort(key=lambda change: (change[0], -change[1]))
    columns = int(frame.inner / COLUMN)
    now: dict[Kind | None, int] = defaultdict(int)
    found: list[dict[Kind | None, int]] = []
    position = 0
    for index in range(columns):
        edge = frame.left + (index + 1) * COLUMN
        seen = {kind: value for kind, value in now.items() if value}
        seen.setdefault(None, 0)
        while position < len(changes) and (frame.x(changes[position][0]) < edge or index + 1 == columns):
            at, delta, which = changes[position]
            position += 1
            if at >= frame.end and delta < 0:
                continue
            now[which] += delta
            seen[which] = max(seen.get(which, 0), now[which])
        found.append(seen)
    return found


def _area(floors: Sequence[float], tops: Sequence[float], frame: Frame, y: Callable[[float], float]) -> str:
    def along(values: Sequence[float]) -> Iterator[tuple[float, float]]:
        for index, value in enumerate(values):
            if not index or value != values[index - 1]:
                yield frame.left + index * COLUMN, value

    path = ""
    for x, value in along(tops):
        path += f"H{number(x)}V{number(y(value))}" if path else f"M{number(x)} {number(y(value))}"
    end = frame.left + len(tops) * COLUMN
    path += f"H{number(end)}"
    for index in range(len(floors) - 1, -1, -1):
        if index + 1 == len(floors) or floors[index] != floors[index + 1]:
            path += f"H{number(frame.left + (index + 1) * COLUMN)}V{number(y(floors[index]))}"
    return f"{path}H{number(frame.left)}Z"
