"""The time axis: where a moment is drawn, which silent stretches are folded away, and the times that are written below."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from conformance.report.drawing import number, tag, tooltip

#: The width of a fold.
FOLD = 36.0
#: A silence is folded if it takes more than this share of the axis, and lasts at least so many seconds.
SHARE, SILENT = 0.35, 1.0
#: So much of a silence stays, as a share of the rest of the axis and at least in seconds: it was quiet, and that is to be seen.
STAYS, LEAST = 0.12, 0.25
MOST_FOLDS = 4


@dataclass(frozen=True)
class Fold:
    """A stretch of time in which nothing happened and that is not drawn; `seconds` is the length of the whole silence around it."""

    start: float
    end: float
    seconds: float


@dataclass(frozen=True)
class Frame:
    """Where time is drawn: from `begin` to `end` (seconds of the trace), between `left` and `width - right`.

    Pictures with the same frame line up.
    """

    begin: float
    end: float
    folds: tuple[Fold, ...] = ()
    left: float = 104.0
    right: float = 16.0
    width: float = 960.0

    @property
    def inner(self) -> float:
        """The width of the time axis."""
        return self.width - self.left - self.right

    @cached_property
    def visible(self) -> float:
        """The seconds that are drawn."""
        return self.end - self.begin - sum(fold.end - fold.start for fold in self.folds)

    @cached_property
    def scale(self) -> float:
        """Pixels for a second, beside the folds; of a microsecond and less nothing is drawn."""
        return (self.inner - FOLD * len(self.folds)) / max(self.visible, 1e-6)

    def x(self, at: float) -> float:
        """The place of a point of time."""
        at = min(max(at, self.begin), self.end)
        seconds, beside = at - self.begin, 0.0
        for fold in self.folds:
            if at <= fold.start:
                break
            part = min((at - fold.start) / (fold.end - fold.start), 1.0)
            seconds -= part * (fold.end - fold.start)
            beside += part * FOLD
        return self.left + beside + seconds * self.scale


def folding(moments: Iterable[float], begin: float, end: float) -> tuple[Fold, ...]:
    """The silences to fold between `begin` and `end`, when something happens at `moments` (any order): the longest first, four at most."""
    known = sorted({begin, end, *(at for at in moments if begin < at < end)})
    silences = sorted(pairwise(known), key=lambda pair: pair[0] - pair[1])
    left, folds = end - begin, []
    for start, stop in silences[:MOST_FOLDS]:
        length = stop - start
        stays = max(STAYS * (left - length), LEAST)
        if length < SILENT or length <= SHARE * left or length <= 2 * stays:
            break
        folds.append(Fold(start + stays / 2, stop - stays / 2, length))
        left -= length - stays
    return tuple(sorted(folds, key=lambda fold: fold.start))


def ticks(frame: Frame, most: int = 10) -> list[float]:
    """Round points of time that are drawn, about `most` of them, none in a fold or so close to one that its words would be in the way."""
    if frame.visible < 1e-3:
        return [round(frame.begin, 3)]
    rough = frame.visible / most
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= rough * 0.999)
    found: list[float] = []
    at, middles = frame.begin, [(frame.x(fold.start) + frame.x(fold.end)) / 2 for fold in frame.folds]
    for stop in (*(fold.start for fold in frame.folds), frame.end):
        first, last = math.ceil(at / step - 1e-9), math.floor(stop / step + 1e-9)
        found += [round(step * count, 9) for count in range(first, last + 1)]
        at = next((fold.end for fold in frame.folds if fold.start == stop), stop)
    return [mark for mark in found if all(abs(frame.x(mark) - middle) > 44 for middle in middles)]


def label_of(tick: float) -> str:
    """A tick as text: no more digits than it needs."""
    return f"{tick:g} s"


def grid(frame: Frame, top: float, bottom: float) -> str:
    """Vertical lines from `top` to `bottom`, one for each labelled time."""
    return tag("path", class_="grid", d="".join(f"M{number(frame.x(mark))} {number(top)}V{number(bottom)}" for mark in ticks(frame)))


def folds(frame: Frame, top: float, bottom: float) -> list[str]:
    """The folds, drawn over everything from `top` to `bottom`: what goes on behind them did not change there."""
    parts = []
    for fold in frame.folds:
        x = frame.x(fold.start)
        said = tooltip(f"nothing happened for {fold.seconds:.1f} s")
        parts.append(tag("rect", said, class_="fold", x=x, y=top, width=FOLD, height=bottom - top))
        parts.append(tag("path", class_="edge", d="".join(f"M{number(at)} {number(top)}V{number(bottom)}" for at in (x, x + FOLD))))
    return parts


def axis(frame: Frame, bottom: float) -> list[str]:
    """The times below a grid, and the length of what is folded away."""
    parts = []
    for mark in ticks(frame):
        x = frame.x(mark)
        if frame.left + 8 <= x <= frame.width - frame.right - 12:
            parts.append(tag("text", label_of(mark), class_="tick", x=x, y=bottom + 15))
    for fold in frame.folds:
        x = frame.x(fold.start) + 1
        parts.append(slashes(x, bottom + 15))
        parts.append(tag("text", length(fold.seconds), class_="tick folded", x=x + 12, y=bottom + 15))
    return parts


def slashes(x: float, y: float) -> str:
    """The sign of a fold, as a drawing: few fonts have it as a letter."""
    return tag("path", class_="edge", d=f"M{number(x)} {number(y)}l4 -9m1 9l4 -9")


def length(seconds: float) -> str:
    """A length of time in few digits."""
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
