"""One row of the timeline: when the node was there and in which condition, and the lives of the pods on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.report.drawing import Frame, number, shorten, tag, text, tooltip
from conformance.report.history import CONDITIONS, Bar, History, Lane, Segment, State

SLOT = 15.0
BAND = 4.0
PAD = 5.0
LINE = 20.0

#: More rows than these are not read, they are scrolled past.
MOST = 40

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
    """A lane and its place: from `top` to `bottom`, its pods side by side in slots."""

    lane: Lane
    slots: tuple[tuple[Bar, ...], ...]
    top: float

    @property
    def bottom(self) -> float:
        """Where the next row begins."""
        return self.top + PAD + BAND + max(len(self.slots), 1) * SLOT + PAD - 2

    @property
    def middle(self) -> float:
        """Half way down."""
        return (self.top + self.bottom) / 2

    @classmethod
    def of(cls, lane: Lane, top: float) -> Row:
        """The row of a lane: bars that overlap in time go one below the other; those of one owner share a slot where they can."""
        slots: list[list[Bar]] = []
        for bar in lane.bars:
            free = [slot for slot in slots if slot[-1].end <= bar.start]
            mine = [slot for slot in free if slot[-1].owner_uid == bar.owner_uid]
            if free:
                (mine or free)[0].append(bar)
            else:
                slots.append([bar])
        return cls(lane, tuple(tuple(slot) for slot in slots), top)


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


def frame_of(history: History, most: int = MOST) -> Frame:
    """The frame of all pictures of one trace: as much room on the left as the names of its nodes need."""
    prefix = common_prefix([lane.node for lane in history.lanes])
    longest = max((len(label_of(lane, prefix)) for lane in history.lanes), default=0)
    return Frame(history.seconds, left=max(84.0 if len(history.lanes) > most else 62.0, 22 + longest * 6.4))


def draw(row: Row, frame: Frame, prefix: str) -> list[str]:
    """The row as SVG; `prefix` is left out of the node's name."""
    lane = row.lane
    said = tooltip(lane.node or "pods that belong to no node") + text(label_of(lane, prefix))
    parts = [
        tag("path", class_="rule", d=f"M0 {number(row.bottom)}H{number(frame.width - frame.right)}"),
        tag("text", said, class_="name", x=frame.left - 10, y=row.middle + 4),
    ]
    for span in lane.present:
        x = frame.x(span.start)
        width = max(frame.x(span.end) - x, 1.0)
        parts.append(tag("rect", class_="node", x=x, y=row.top + 2, width=width, height=row.bottom - row.top - 4, rx="3"))
    for band in (*lane.bands, *lane.orphaned):
        x = frame.x(band.start)
        width = max(frame.x(band.end) - x, 1.0)
        words = tooltip(f"{lane.node}: {band.text}, {band.start:.2f} to {band.end:.2f} s")
        parts.append(tag("rect", words, class_=f"band {band.condition}", x=x, y=row.top + 2, width=width, height=BAND))
    for index, slot in enumerate(row.slots):
        base = row.top + PAD + BAND + (index + 1) * SLOT - 2
        parts += [_bar(bar, frame, base) for bar in slot]
    return parts


def _bar(bar: Bar, frame: Frame, base: float) -> str:
    shapes = []
    for segment in bar.segments:
        x = frame.x(segment.start)
        height = (SLOT - 3) * HEIGHT[segment.state]
        width = max(frame.x(segment.end) - x, 0.8)
        classes = [segment.state if bar.hash else f"{segment.state} other", *(["outdated"] if segment.outdated else [])]
        shapes += [tag("rect", class_=name, x=x, y=base - height, width=width, height=height) for name in classes]
    return tag("g", tooltip(_words(bar)) + "".join(shapes))


def _words(bar: Bar) -> str:
    owner = f"of {bar.owner}" if bar.owner else "without an owner"
    lines = [f"{bar.name} {owner}" + (f", revision {bar.hash}" if bar.hash else "")]
    lines += [_span(segment) for segment in bar.segments]
    lines.append(f"deleted at {bar.end:.2f} s" if bar.gone else "still there at the end")
    return "\n".join(lines)


def _span(segment: Segment) -> str:
    return f"{segment.start:.2f} to {segment.end:.2f} s: {WORDS[segment.state]}{', outdated' if segment.outdated else ''}"


def legend(lanes: Sequence[Lane], frame: Frame, y: float, *, broken: bool, gap: bool) -> tuple[list[str], float]:
    """What the marks mean, for those that occur in the picture; and how high that is."""
    segments = [segment for lane in lanes for bar in lane.bars for segment in bar.segments]
    states = {segment.state for segment in segments}
    conditions = {band.condition for lane in lanes for band in (*lane.bands, *lane.orphaned)}
    entries: list[tuple[str, str]] = []
    for state, words in WORDS.items():
        if state in states:
            height = (SLOT - 3) * HEIGHT[state]
            entries.append((_swatch(state, y - height + 1, height), words))
    if any(segment.outdated for segment in segments):
        entries.append((_swatch("ready", y - 11, 12) + _swatch("outdated", y - 11, 12), "outdated revision"))
    if any(not bar.hash for lane in lanes for bar in lane.bars):
        entries.append((_swatch("ready other", y - 11, 12), "not made by a DaemonSet"))
    entries += [
        (_swatch(condition, y - 6, BAND), f"node {condition.replace('-', ' ')}")
        for condition in (*CONDITIONS, "gone")
        if condition in conditions
    ]
    if broken:
        entries.append((tag("g", cross(8, y - 4)), "violation"))
    if gap:
        entries.append((_swatch("gap", y - 11, 12), "gap in the trace"))
    parts: list[str] = []
    x, line = frame.left, 0
    for swatch, words in entries:
        width = 22 + len(words) * 6.3
        if x + width > frame.width and x > frame.left:
            x, line = frame.left, line + 1
        place = f"translate({number(x)} {number(line * LINE)})"
        parts.append(tag("g", swatch + tag("text", words, class_="key", x=22.0, y=y), transform=place))
        x += width + 18
    return parts, (line + 1) * LINE


def _swatch(class_: str, y: float, height: float) -> str:
    return tag("rect", class_=class_, x="0", y=y, width="16", height=height)


def cross(x: float, y: float) -> str:
    """The mark of a violation."""
    return tag("circle", class_="mark", cx=x, cy=y, r="6.5") + tag(
        "path", class_="cross", d=f"M{number(x - 2.6)} {number(y - 2.6)}l5.2 5.2m0 -5.2l-5.2 5.2"
    )
