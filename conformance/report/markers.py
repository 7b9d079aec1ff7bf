"""Labels of moments above a picture: grouped where they coincide, put on levels where they would collide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from conformance.report.drawing import CHARACTER, shorten
from conformance.report.history import Moment
from conformance.report.scale import Frame

SIZE = 11.0
LEVEL = 17.0
GAP = 10.0


@dataclass(frozen=True)
class Label:
    """A placed label: its line stands at `x`; its text begins (or, `flipped`, ends) there, on `level` (0 is nearest to the picture).

    It stands for the moments `first` to `last`, counted from 1 in the order of time; a list of them says what a label has no room for.
    """

    x: float
    level: int
    text: str
    flipped: bool
    tooltip: str
    first: int
    last: int


def wording(moment: Moment, prefix: str = "") -> str:
    """An action in few words: `label nodes/x` becomes `label x`; `prefix` is what the names of all nodes begin with."""
    return f"{moment.text} {moment.target.rpartition('/')[2].removeprefix(prefix)}".strip()


def grouped(moments: Iterable[Moment], frame: Frame, near: float = 5.0) -> list[tuple[float, float, list[Moment]]]:
    """Moments whose lines would touch, together: (first x, last x, moments)."""
    groups: list[tuple[float, float, list[Moment]]] = []
    for moment in sorted(moments, key=lambda each: each.at):
        x = frame.x(moment.at)
        if groups and x - groups[-1][1] < near:
            first, _, members = groups.pop()
            groups.append((first, x, [*members, moment]))
        else:
            groups.append((x, x, [moment]))
    return groups


def summary(moments: list[Moment], prefix: str = "", limit: int = 44) -> str:
    """One label for a group: what was done several times is counted, at first by all its words, then by the first one."""
    if len(moments) == 1:
        said = wording(moments[0], prefix)
        # Of a command the beginning says most; of anything else both ends do.
        return f"{said[:limit]}…" if not moments[0].target and len(said) > limit + 1 else shorten(said, limit + 1)
    for most in (99, 1):
        groups: dict[str, list[str]] = {}
        for moment in moments:
            said = wording(moment, prefix)
            groups.setdefault(" ".join(moment.text.split()[:most]), []).append(said)
        counted = [said[0] if len(said) == 1 and most > 1 else _times(verb, len(said)) for verb, said in groups.items()]
        joined = ", ".join(counted)
        if len(joined) <= limit:
            return joined
    return f"{len(moments)} actions"


def _times(verb: str, count: int) -> str:
    return f"{verb} \N{MULTIPLICATION SIGN}{count}" if count > 1 else verb


def numbers(first: int, last: int) -> str:
    """The numbers of a label."""
    return f"{first}." if first == last else f"{first}\N{EN DASH}{last}."


def place(moments: Iterable[Moment], frame: Frame, prefix: str = "", most: int = 5) -> list[Label]:
    """Labels without collisions, on at most `most` levels: what does not fit joins its neighbour."""
    near, known = 5.0, list(moments)
    while True:
        labels = _attempt(grouped(known, frame, near), frame, prefix)
        if all(label.level < most for label in labels) or near > frame.inner:
            return labels
        near *= 2


def _attempt(groups: list[tuple[float, float, list[Moment]]], frame: Frame, prefix: str) -> list[Label]:
    """From right to left, each label on the lowest level on which nothing to its right is in the way.

    Right to left, because a line runs down from its label to the picture: an earlier label on a higher level passes over later ones,
    and its line, standing left of them, crosses none.
    """
    labels: list[Label] = []
    taken: list[float] = []
    last = sum(len(members) for _, _, members in groups)
    for x, _, members in reversed(groups):
        first = last - len(members) + 1
        words = f"{numbers(first, last)} {summary(members, prefix)}"
        width = len(words) * SIZE * CHARACTER + GAP
        flipped = x + width > frame.width
        reach = x if flipped else x + width
        level = next((index for index, left in enumerate(taken) if reach <= left), len(taken))
        while len(taken) <= level:
            taken.append(frame.width + GAP)
        edge = x - width if flipped else x
        for lower in range(level + 1):
            taken[lower] = min(taken[lower], edge if lower == level else x - 3)
        tooltip = "\n".join(f"{moment.at:.3f} s  {moment.words}" for moment in members[:40])
        labels.append(Label(x, level, words, flipped, tooltip, first, last))
        last = first - 1
    return labels[::-1]
