"""Where a run stands: what runs, how many items are left, and how long that will take."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from conformance.components.progress import duration

#: Expected seconds that count as taken as long as expected before anything was: one early item decides little.
_PRIOR = 20.0
_MOST = 4


class Progress:
    """The items of a run on their way. `expected` tells seconds of an item; `now` are seconds of one clock that never goes back."""

    def __init__(self, expected: Callable[[str], float], name: Callable[[str], str]) -> None:
        self._expected = expected
        self._name = name
        self._waiting: dict[str, float] = {}
        self._running: dict[str, float] = {}
        self._known = False
        self.total = 0
        #: The processes that run items side by side.
        self.workers = 1
        self._wanted = self._taken = 0.0

    def selected(self, node_ids: Iterable[str]) -> None:
        """These will run; all of pytest-xdist's workers say the same, and one that is replaced says it again."""
        if not self._known:
            self._known = True
            self._waiting = {node_id: self._expected(node_id) for node_id in node_ids}
            self.total = len(self._waiting)

    def begins(self, node_id: str, now: float) -> None:
        """This one runs from now on."""
        self._waiting.pop(node_id, None)
        self._running[node_id] = now

    def ends(self, node_id: str, now: float, *, ran: bool = True, shared: float = 0.0) -> float | None:
        """This one is done, after so many seconds; `shared` of them were for all that follow, such as a cluster's start.

        One that was left out (not `ran`) says nothing of how fast this machine is.
        """
        begun = self._running.pop(node_id, None)
        if begun is None:
            return None
        took = max(now - begun - shared, 0.0)
        if ran:
            self._wanted += self._expected(node_id)
            self._taken += took
        return took

    @property
    def left(self) -> int:
        """How many have not ended."""
        return len(self._waiting) + len(self._running)

    def seconds_left(self, now: float) -> float:
        """How long the rest will take: the work shared by the workers, at the pace seen so far, and no less than its longest part."""
        pace = (self._taken + _PRIOR) / (self._wanted + _PRIOR)
        rests = [*self._waiting.values(), *(max(self._expected(one) - (now - begun) / pace, 0.0) for one, begun in self._running.items())]
        return pace * max(sum(rests) / max(self.workers, 1), max(rests, default=0.0))

    def line(self, now: float) -> str:
        """All of it in one line: `3 of 14 left, about 40 s; running: R02.keeps_its_budget 8s, U03.surges 2s`."""
        oldest = sorted(self._running, key=lambda node_id: self._running[node_id])
        shown = [f"{self._name(node_id)} {duration(now - self._running[node_id])}" for node_id in oldest[:_MOST]]
        more = [f"and {len(oldest) - _MOST} more"] if len(oldest) > _MOST else []
        running = f"; running: {', '.join(shown + more)}" if oldest else ""
        return f"{self.left} of {self.total} left, {about(self.seconds_left(now))}{running}"


def about(seconds: float) -> str:
    """A time as far as an estimate knows it: `a few seconds`, `about 40 s`, `about 7 min`, `about 1 h 20 min`."""
    if seconds < 8:
        return "a few seconds"
    if seconds < 95:
        return f"about {max(round(seconds / 10), 1) * 10} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} min"
    hours, rest = divmod(round(minutes / 10) * 10, 60)
    return f"about {hours} h{f' {rest} min' if rest else ''}"
