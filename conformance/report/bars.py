"""One row of the timeline: when the node was there and in which condition, and the lives of the pods on it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from conformance.report.drawing import number, shorten, tag, text, tooltip
from conformance.report.history import Bar, Instant, Lane, Segment, Span, State
from conformance.report.scale import Frame
from conformance.report.spread import APART, spread

SLOT = 15.0
BAND = 4.0
PAD = 5.0

#: A prefix no longer than this stays: `node-4` says more than `4`.
SHORT = 6

#: How much of its slot a pod fills: the more it serves, the taller.
HEIGHT: dict[State, float] = {"pending": 0.34, "starting": 0.62, "ready": 1.0, "terminating": 0.62, "failed": 1.0}
WORDS: dict[State, str] = {
    "pending": "pending",
    "starting": "running, not ready",
    "ready": "ready",
    "terminating": "terminating",
    "failed": "failed or finished",
}


@dataclass(frozen=True)
class Row:
    """A lane and its place: from `top` to `bottom`, its pods side by side in slots.

    `points` are all beginnings and ends in it, in the trace's order, and `places` where each is drawn: close to its time, but so that every
    state is wide enough to be seen and what came later is farther right. `alike` counts further nodes that this row stands for.
    """

    lane: Lane
    slots: tuple[tuple[Bar, ...], ...]
    top: float
    frame: Frame
    points: tuple[Instant, ...]
    places: tuple[float, ...]
    alike: int = 0

    @property
    def bottom(self) -> float:
        """Where the next row begins."""
        lines = max(len(self.slots), 1) + (1 if self.alike and len(self.slots) < 2 else 0)
        return self.top + PAD + BAND + lines * SLOT + PAD - 2

    @property
    def middle(self) -> float:
        """Half way down."""
        return (self.top + self.bottom) / 2

    def x(self, at: float, seq: int = 0) -> float:
        """The place of a moment in this row, between the places of what was before and after it."""
        index = bisect_left(self.points, (at, seq))
        if index < len(self.points) and self.points[index] == (at, seq):
            return self.places[index]
        wanted = self.frame.x(at)
        before = self.places[index - 1] if index else self.frame.left
        after = self.places[index] if index < len(self.places) else self.frame.width - self.frame.right
        return min(max(wanted, before), after)

    @classmethod
    def of(cls, lane: Lane, top: float, frame: Frame, alike: int = 0) -> Row:
        """The row of a lane: bars that overlap in time go one below the other; those of one owner share a slot where they can."""
        slots: list[list[Bar]] = []
        for bar in lane.bars:
            free = [slot for slot in slots if (slot[-1].end, slot[-1].last) <= (bar.start, bar.first)]
            mine = [slot for slot in free if slot[-1].owner_uid == bar.owner_uid]
            if free:
                (mine or free)[0].append(bar)
            else:
                slots.append([bar])
        spans: list[Span] = [segment for bar in lane.bars for segment in bar.segments]
        spans += [*lane.present, *lane.bands, *lane.orphaned]
        points = sorted({point for span in spans for point in _ends(span)})
        index = {point: number for number, point in enumerate(points)}
        pairs = [(index[first], index[last]) for first, last in map(_ends, spans) if first != last]
        steps = [APART if one[0] != other[0] else 0.0 for one, other in pairwise(points)]
        places = spread([frame.x(at) for at, _ in points], steps, pairs, frame.left, frame.width - frame.right)
        return cls(lane, tuple(tuple(slot) for slot in slots), top, frame, tuple(points), tuple(places), alike)


def _ends(span: Span) -> tuple[Instant, Instant]:
    return (span.start, span.first), (span.end, span.last)


def common_prefix(names: Iterable[str]) -> str:
    """What all node names begin with, up to a dash, if leaving it out saves much: rows need only what differs."""
    known = [name for name in names if name]
    if len(known) < 2:
        return ""
    first, last = min(known), max(known)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    shared = first[: first[:same].rfind("-") + 1]
    return shared if len(shared) > SHORT else ""


def label_of(lane: Lane, prefix: str) -> str:
    """The node's name as its row has it."""
    return shorten(lane.node.removeprefix(prefix), 18) if lane.node else "no node"


def name(row: Row, prefix: str) -> list[str]:
    """What stands left of the row; `prefix` is left out of the node's name."""
    said = tooltip(row.lane.node or "pods that belong to no node") + text(label_of(row.lane, prefix))
    x, y = row.frame.left - 10, row.middle + 4 - (7 if row.alike else 0)
    parts = [tag("path", class_="rule", d=f"M0 {number(row.bottom)}H{number(row.frame.left)}"), tag("text", said, class_="name", x=x, y=y)]
    if row.alike:
        parts.append(tag("text", f"+{row.alike} like it", class_="side", x=x, y=y + 14))
    return parts


def draw(row: Row) -> list[str]:
    """The row itself."""
    lane, frame = row.lane, row.frame
    parts = [tag("path", class_="rule", d=f"M{number(frame.left)} {number(row.bottom)}H{number(frame.width - frame.right)}")]
    for span in lane.present:
        x, width = _stretch(row, span)
        parts.append(tag("rect", class_="node", x=x, y=row.top + 2, width=width, height=row.bottom - row.top - 4, rx="3"))
    for band in (*lane.bands, *lane.orphaned):
        x, width = _stretch(row, band)
        words = tooltip(f"{lane.node}: {band.text}, {band.start:.3f} to {band.end:.3f} s")
        parts.append(tag("rect", words, class_=f"band {band.condition}", x=x, y=row.top + 2, width=width, height=BAND))
    for index, slot in enumerate(row.slots):
        base = row.top + PAD + BAND + (index + 1) * SLOT - 2
        parts += [_bar(bar, row, base) for bar in slot]
    return parts


def _stretch(row: Row, span: Span) -> tuple[float, float]:
    first, last = _ends(span)
    x = row.x(*first)
    return x, row.x(*last) - x


def _bar(bar: Bar, row: Row, base: float) -> str:
    shapes = []
    for segment in bar.segments:
        x, width = _stretch(row, segment)
        height = (SLOT - 3) * HEIGHT[segment.state]
        classes = [segment.state if bar.hash else f"{segment.state} other", *(["outdated"] if segment.outdated else [])]
        shapes += [tag("rect", class_=name, x=x, y=base - height, width=width, height=height) for name in classes]
    return tag("g", tooltip(_words(bar)) + "".join(shapes))


def _words(bar: Bar) -> str:
    owner = f"of {bar.owner}" if bar.owner else "without an owner"
    lines = [f"{bar.name} {owner}" + (f", revision {bar.hash}" if bar.hash else "")]
    lines += [_span(segment) for segment in bar.segments]
    lines.append(f"deleted at {bar.end:.3f} s" if bar.gone else "still there at the end")
    return "\n".join(lines)


def _span(segment: Segment) -> str:
    return f"{segment.start:.3f} to {segment.end:.3f} s: {WORDS[segment.state]}{', outdated' if segment.outdated else ''}"
