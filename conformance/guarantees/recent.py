"""A value and what it was a moment ago: whoever acts on what a watch told it acts on a slightly older world."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

#: Seconds that former values are kept: longer than any burst of writes one decision leads to.
KEPT = 60.0


class Recent(Generic[T]):
    """The current value, and the former ones with the time (seconds of the trace) at which each ceased to be."""

    __slots__ = ("_former", "now", "since")

    def __init__(self, value: T, at: float) -> None:
        self.now = value
        self.since = at
        self._former: deque[tuple[float, T]] = deque()

    def set(self, value: T, at: float) -> None:
        """Replace the current value."""
        self._former.append((at, self.now))
        self.now = value
        self.since = at
        while self._former and self._former[0][0] < at - KEPT:
            self._former.popleft()

    def within(self, since: float) -> Iterator[T]:
        """The current value and every former one that was still current at or after `since`."""
        yield self.now
        for until, value in reversed(self._former):
            if until < since:
                return
            yield value
