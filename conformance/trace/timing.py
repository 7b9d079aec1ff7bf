"""One time for a trace, that never goes back.

A trace stands in the order of the store, its entries carry the time of their arrival, and the streams they came by are not in step. So an
entry can stand before another one and have arrived after it. What stands behind it and had arrived already shows that the store was that
far by then; its time is the smallest of its own and of all that stand behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from conformance.trace.entries import Entry

#: One in so many changes may be joined to a write that did not make it, before the two clocks are compared wrongly.
_DOUBTED = 20
_CHANGES = frozenset({"added", "modified", "deleted"})
_WRITTEN = _CHANGES | {"write"}


def in_time(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with times that never fall: each at the earliest arrival of itself and all that stand behind it.

    Without this a stream that lags behind, or a line of the audit log that is read late, would look like seconds in which nothing happened.
    """
    return _placed(entries, [entry.at for entry in entries])


def as_served(entries: Sequence[Entry]) -> list[Entry]:
    """The entries at the times closest to those of the store: as `in_time`, with the API server's clock where the audit log has told it.

    A change had been made when its write was answered, however late its event arrived. This is for what is shown; what is judged goes by
    arrivals alone, so that no verdict hangs on the comparison of two clocks.
    """
    answers = _answers(entries)
    clock = _clock(entries, answers)
    if clock is None:
        return in_time(entries)
    bounds = []
    for entry in entries:
        answer = answers.get(entry.rv) if entry.rv is not None and entry.type in _WRITTEN else None
        bounds.append(entry.at if answer is None else min(entry.at, max(answer[1] + clock, 0.0)))
    return _placed(entries, bounds)


def server_clock(entries: Sequence[Entry]) -> float | None:
    """What the API server's clock (seconds since 1970) needs added to be the trace's; None if no audit log has told."""
    return _clock(entries, _answers(entries))


def _answers(entries: Iterable[Entry]) -> dict[int, tuple[float, float]]:
    """When the write behind a resourceVersion was received and answered. The first one made the change; later ones changed nothing."""
    found: dict[int, tuple[float, float]] = {}
    for entry in entries:
        if entry.type == "write" and entry.rv is not None and (done := float(entry.detail.get("done", 0.0))):
            found.setdefault(entry.rv, (float(entry.detail.get("received", 0.0)) or done, done))
    return found


def _clock(entries: Iterable[Entry], answers: dict[int, tuple[float, float]]) -> float | None:
    """See `server_clock`.

    No change arrives before its write was received: what is added is too much by the time that the quickest of them took, never too little.
    """
    waited = sorted(
        entry.at - answers[entry.rv][0] for entry in entries if entry.rv is not None and entry.rv in answers and entry.type in _CHANGES
    )
    return waited[len(waited) // _DOUBTED] if waited else None


def _placed(entries: Sequence[Entry], bounds: Sequence[float]) -> list[Entry]:
    known = float("inf")
    placed = []
    for entry, bound in zip(reversed(entries), reversed(bounds), strict=True):
        known = min(known, bound)
        placed.append(entry if entry.at == known else msgspec.structs.replace(entry, at=known))
    placed.reverse()
    return placed
