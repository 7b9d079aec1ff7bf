"""The life of one pod while a trace is read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from conformance.report.history import Bar, Instant, Segment, State


@dataclass
class Life:
    """A bar in the making: the state it is in, and those it has been in."""

    bar: Bar
    node: str
    state: State
    outdated: bool
    since: Instant
    stamped: float | None = None
    done: list[Segment] = field(default_factory=list)

    def turn(self, now: Instant, state: State, outdated: bool, stamped: float | None = None) -> None:
        """Another state from now on; the one until now was, however short."""
        if (state, outdated) != (self.state, self.outdated):
            self.done.append(self._segment(now))
            self.state, self.outdated, self.since, self.stamped = state, outdated, now, stamped

    def close(self, now: Instant, *, gone: bool) -> Bar:
        """The finished bar."""
        return replace(self.bar, segments=(*self.done, self._segment(now)), gone=gone)

    def _segment(self, now: Instant) -> Segment:
        return Segment(self.since[0], now[0], self.state, self.outdated, self.stamped, first=self.since[1], last=now[1])
