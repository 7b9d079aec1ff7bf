"""From the order of arrival to the order of the store.

    arrival ──▶ held for a moment, sorted by resourceVersion ──▶ released

The streams of different resources are not in step. What arrives while the window is open is put in its place; what
arrives later still is counted as late, and the whole is sorted again at the end.
"""

from __future__ import annotations

import heapq
from collections import deque

import msgspec

from conformance.trace.entries import Entry, order

Order = tuple[int, int, int]

#: How long an entry is held (seconds); watches of one server were never seen further apart on an idle machine.
WINDOW = 0.025


class Sequencer:
    """Puts entries into their final order. Times are those of the entries' `at`; nothing here looks at a clock."""

    def __init__(self, window: float = WINDOW) -> None:
        self.window = window
        self.latest = 0
        self.late = 0
        self._arrivals = 0
        self._held: list[tuple[Order, float, Entry]] = []
        self._due: deque[tuple[float, Order]] = deque()
        self._waiting: set[Order] = set()
        self._released: list[tuple[Order, Entry]] = []
        self._last: Order = (-1, 0, 0)

    def arrive(self, entry: Entry, at: float) -> Entry:
        """Take an entry in; returns it with the number of its arrival. `at` is when its window begins."""
        self._arrivals += 1
        entry = msgspec.structs.replace(entry, seq=self._arrivals)
        key = order(entry, self.latest)
        if entry.rv is not None and entry.type != "gap":
            self.latest = max(self.latest, entry.rv)
        heapq.heappush(self._held, (key, at, entry))
        self._waiting.add(key)
        self._due.append((at + self.window, key))
        return entry

    def next_due(self) -> float | None:
        """When the next window ends; None if nothing is held."""
        while self._due and self._due[0][1] not in self._waiting:
            self._due.popleft()
        return self._due[0][0] if self._due else None

    def release(self, now: float | None) -> list[tuple[float, Entry]]:
        """Entries whose window has ended by `now` (None: all), with the begin of their window, in order and numbered.

        What comes before such an entry in the store's order is released with it.
        """
        released = []
        while self._held and (now is None or ((due := self.next_due()) is not None and due <= now)):
            key, at, entry = heapq.heappop(self._held)
            self._waiting.discard(key)
            if key < self._last:
                self.late += 1
            else:
                self._last = key
            entry = msgspec.structs.replace(entry, seq=len(self._released) + 1)
            self._released.append((key, entry))
            released.append((at, entry))
        return released

    def entries(self) -> list[Entry]:
        """All entries that have arrived, completely sorted and numbered from 1."""
        if not self.late and not self._held:
            return [entry for _, entry in self._released]
        held = [(key, entry) for key, _, entry in self._held]
        ordered = sorted([*self._released, *held], key=lambda pair: pair[0])
        return [msgspec.structs.replace(entry, seq=number) for number, (_, entry) in enumerate(ordered, 1)]
