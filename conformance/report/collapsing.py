"""Telling less where there is little room, one step at a time.

First only neighbours that are alike share a line, then those that come close upon each other, then the details go, then all of a stretch
share a line, and at last the middle is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conformance.report.beats import Beat, Weight

#: Seconds between two of a run.
CLOSE = 2.0


def collapsed(happened: list[Beat], room: int) -> list[Beat]:
    """The same in `room` beats at most (four at least)."""
    for shorter in _STEPS:
        happened = shorter(happened)
        if len(happened) <= room:
            return happened
    return _cut(happened, room)


def _neighbours(happened: list[Beat]) -> list[Beat]:
    """Those that follow each other and are alike share a line."""
    found: list[Beat] = []
    for beat in happened:
        if found and found[-1].alike(beat):
            found[-1] = found[-1].and_then(beat)
        else:
            found.append(beat)
    return found


def _stretches(happened: list[Beat], within: float = float("inf")) -> list[Beat]:
    """Those that are alike share a line if nothing of weight lies between them, and no more than `within` seconds."""
    found: list[Beat] = []
    begin = 0
    for beat in _neighbours(happened):
        at = next(
            (place for place in range(begin, len(found)) if found[place].alike(beat) and beat.at - found[place].until <= within), None
        )
        if beat.weight != Weight.LANDMARK and at is not None:
            found[at] = found[at].and_then(beat)
        else:
            found.append(beat)
            begin = len(found) if beat.weight == Weight.LANDMARK else begin
    return found


def _close(happened: list[Beat]) -> list[Beat]:
    return _stretches(happened, CLOSE)


def _without_details(happened: list[Beat]) -> list[Beat]:
    return _close([beat for beat in happened if beat.weight != Weight.DETAIL or beat.what == "status"])


def _without_counters(happened: list[Beat]) -> list[Beat]:
    return _stretches([beat for beat in happened if beat.weight != Weight.DETAIL])


_STEPS: tuple[Callable[[list[Beat]], list[Beat]], ...] = (_neighbours, _close, _without_details, _stretches, _without_counters)


def _cut(happened: list[Beat], room: int) -> list[Beat]:
    """The beginning, and what leads to the first broken promise, or else to the end."""
    at = next((place for place, beat in enumerate(happened) if beat.what == "broken"), len(happened) - 1)
    head = room // 4
    end = min(len(happened), max(at + 1 + head, room - 1))
    last = int(end < len(happened))
    begin = end - (room - head - 1 - last)
    if begin <= head:
        return [*happened[: room - 1], *_omitted(happened[room - 1 :])]
    return [*happened[:head], *_omitted(happened[head:begin]), *happened[begin:end], *_omitted(happened[end:])]


def _omitted(gap: Sequence[Beat]) -> list[Beat]:
    if not gap:
        return []
    return [Beat(gap[0].at, gap[-1].until, "left out", count=len(gap))]
