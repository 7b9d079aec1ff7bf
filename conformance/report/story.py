"""The story of a failure: the events around the moment that matters, one line each, in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from conformance.kube.records import Event, Object
from conformance.report.drawing import shorten
from conformance.report.wording import doing, target, words
from conformance.trace.entries import OBJECT_TYPES, Entry
from conformance.trace.summary import subject, summarise

#: So many lines up to the one where it broke, and after it.
BEFORE, AFTER = 13, 7


@dataclass(frozen=True)
class Line:
    """One event: when (seconds), its entry number, the object, what happened to it, and who wrote it (empty: not known)."""

    at: float
    seq: int
    object: str
    what: str
    author: str = ""
    broken: bool = False


class Teller:
    """Takes in a trace and keeps the lines around one entry (`seq`), or the last ones if there is none."""

    def __init__(self, seq: int | None) -> None:
        self._seq = seq
        self._before: deque[Line] = deque(maxlen=BEFORE if seq is not None else BEFORE + AFTER)
        self._after: list[Line] = []
        self._author: tuple[int | None, str] = (None, "")
        self._reached = False

    def see(self, entry: Entry, before: Object | None, after: Object | None) -> None:
        """Take in one entry and the object before and after it."""
        if entry.type == "write":
            self._author = entry.rv, str(entry.detail.get("user", ""))
            return
        broken = self._seq is not None and entry.seq == self._seq
        what = describe(entry, before, after)
        if not what and not broken:
            return
        author = self._author[1] if self._author[0] == entry.rv is not None else ""
        line = Line(
            entry.at,
            entry.seq,
            name_of(entry, before, after),
            what or "no change that matters here",
            author.removeprefix("system:serviceaccount:"),
            broken,
        )
        if not self._reached:
            self._before.append(line)
        elif len(self._after) < AFTER:
            self._after.append(line)
        self._reached = self._reached or broken

    def lines(self) -> list[Line]:
        """The story, in the trace's order."""
        return [*self._before, *self._after]


def tell(entries: Iterable[tuple[Entry, Object | None, Object | None]], seq: int | None) -> list[Line]:
    """The story of entries that somebody replayed."""
    teller = Teller(seq)
    for entry, before, after in entries:
        teller.see(entry, before, after)
    return teller.lines()


def name_of(entry: Entry, before: Object | None, after: Object | None) -> str:
    """The object of an entry as kubectl would be given it."""
    known = after or before
    if known is not None:
        return subject(known) if isinstance(known, Event) else f"{entry.resource}/{subject(known)}"
    return target(entry.detail) if entry.type == "action" else entry.resource


def describe(entry: Entry, before: Object | None, after: Object | None) -> str:
    """What happened, in words; empty if nothing a reader needs."""
    detail = entry.detail
    if entry.type in OBJECT_TYPES:
        if entry.type == "deleted":
            return "" if isinstance(before, Event) else "deleted" + (" (known from a later list)" if detail.get("inferred") else "")
        told = summarise(before, after).replace(" -->", ": ").replace("->", " → ")
        if before is not None or isinstance(after, Event):
            return told
        return f"{'created' if entry.type == 'added' else 'there'}: {told}"
    if entry.type == "action":
        return f"the scenario: {doing(detail)}"
    if entry.type in ("note", "gap"):
        return shorten(words(entry), 240)
    return "end of the trace" if entry.type == "end" else ""
