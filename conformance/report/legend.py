"""What the marks of a timeline mean: those that occur in it, and no others."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.report.bars import BAND, HEIGHT, SLOT, WORDS
from conformance.report.drawing import number, tag
from conformance.report.history import CONDITIONS, Lane
from conformance.report.picture import BOX, SWATCH, Key
from conformance.report.scale import slashes

_FLOOR = BOX - 1


def keys(lanes: Sequence[Lane], *, actions: bool, broken: bool, known: bool, gap: bool, told: bool, folded: bool) -> list[Key]:
    """The legend of the lanes. `told` says whether the events of a table are marked."""
    segments = [segment for lane in lanes for bar in lane.bars for segment in bar.segments]
    states = {segment.state for segment in segments}
    conditions = {band.condition for lane in lanes for band in (*lane.bands, *lane.orphaned)}
    found = [Key(swatch(state, (SLOT - 3) * HEIGHT[state]), words) for state, words in WORDS.items() if state in states]
    if any(segment.outdated for segment in segments):
        found.append(Key(swatch("ready", SLOT - 3) + swatch("outdated", SLOT - 3), "outdated revision"))
    if any(not bar.hash for lane in lanes for bar in lane.bars):
        found.append(Key(swatch("ready other", SLOT - 3), "not made by a DaemonSet"))
    if any(lane.present for lane in lanes):
        found.append(Key(swatch("node", BOX - 2), "node exists"))
    found += [
        Key(swatch(condition, BAND, 9), f"node {condition.replace('-', ' ')}")
        for condition in (*CONDITIONS, "gone")
        if condition in conditions
    ]
    if actions:
        found.append(Key(stroke("line", f"M8 0V{number(BOX)}"), "action of the scenario"))
    if broken:
        found.append(Key(cross(8, 7), "violation"))
    if known:
        found.append(Key(cross(8, 7, known=True), "known deviation"))
    if told:
        found.append(Key(pin(8, 7), "event of the table below"))
    if gap:
        found.append(Key(swatch("gap", SLOT - 3), "gap in the trace"))
    if folded:
        found.append(Key(slashes(3, 12), "silence that is left out"))
    return found


def swatch(class_: str, height: float, floor: float = _FLOOR) -> str:
    """A rectangle on the floor of its box."""
    return tag("rect", class_=class_, x="0", y=floor - height, width=SWATCH, height=height)


def stroke(class_: str, path: str) -> str:
    """A line in its box."""
    return tag("path", class_=class_, d=path)


def cross(x: float, y: float, *, known: bool = False) -> str:
    """The mark of a violation, or of a known deviation."""
    return tag("circle", class_="mark known" if known else "mark", cx=x, cy=y, r="6.5") + tag(
        "path", class_="cross", d=f"M{number(x - 2.6)} {number(y - 2.6)}l5.2 5.2m0 -5.2l-5.2 5.2"
    )


def pin(x: float, y: float) -> str:
    """The mark of an event that a table tells of."""
    return tag("circle", class_="pin", cx=x, cy=y, r="3.2")
