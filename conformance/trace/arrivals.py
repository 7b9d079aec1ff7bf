"""What has arrived, in order of arrival, and the scenario that waits for it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from conformance.errors import ClusterError, WaitExpired
from conformance.kube.records import Object
from conformance.trace import waits
from conformance.trace.conditions import Condition
from conformance.trace.entries import Entry
from conformance.trace.waits import Access, Happening, Wait
from conformance.trace.world import World

#: How often a wait looks at the clock: for conditions on elapsed time, and for components that died.
_TICK = 1.0
_HISTORY = 5000
#: How long a window waits for the writes that it follows before it opens (seconds, on an ordinary machine).
_SEEN_WITHIN = 30.0


class Arrivals:
    """The live world, what happened to it last, and the waits that look at it.

    `note` records a wait's begin and end; `check` raises what ended the recording; `alive` raises what ended the cluster, and is asked
    once a second. `world` and `seen` are read and changed under `lock`; whoever changes them notifies `changed`.
    """

    def __init__(
        self,
        *,
        note: Callable[[str, dict[str, object]], None],
        check: Callable[[], None],
        alive: Callable[[], None] | None,
        access: Access,
    ) -> None:
        self.world = World()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        #: revisions that have arrived
        self.seen: set[int] = set()
        self._note = note
        self._check = check
        self._alive = alive
        self._access = access
        self._history: deque[Happening] = deque(maxlen=_HISTORY)
        self._waits: list[Wait] = []
        self._arrived = self._told = 0
        self._released_rv = 0
        #: what the scenario wrote (or learnt of) and has not arrived here
        self._ahead: set[int] = set()

    def take(self, entry: Entry) -> tuple[Object | None, Object | None]:
        """Let an entry change the world; the object before and after it. The lock is held by the caller."""
        before, after = self.world.apply(entry)
        if entry.rv is not None and entry.type != "gap":
            self.seen.add(entry.rv)
        self._history.append(Happening(entry, before, after))
        self._arrived += 1
        return before, after

    def look_at_all(self) -> None:
        """Let every wait look at the world as it is now. The lock is held by the caller."""
        for wait in self._waits:
            self._look(wait)

    def released(self, revisions: Iterable[int]) -> None:
        """The entries up to these revisions are complete: nothing older comes any more."""
        newest = max(revisions, default=0)
        if newest > self._released_rv:
            self._released_rv = newest
            with self.changed:
                self.changed.notify_all()

    def wrote(self, rv: int) -> None:
        """The scenario knows of a write with this resourceVersion: no wait or window from now on begins before it has been seen here.

        Each is remembered by itself: the streams of two resources are not in step.
        """
        with self.lock:
            self._ahead.add(rv)

    def until(self, *conditions: Condition, within: float = 30.0, scale: float = 1.0) -> None:
        """Wait until all conditions hold at the same time, and not before what the scenario wrote (`wrote`) has been seen here.

        Raises WaitExpired after `within` times `scale` seconds, with what was expected, what was last seen and what came in between;
        ClusterError if what was written had not been seen by then: of a world that is behind nothing can be said.
        """
        limit = within * scale
        wait = Wait(conditions)
        self._note("wait begins", {"for": wait.text, "within": limit})
        begin = time.monotonic()
        with self._watched(wait):
            self._sit(wait, begin + limit)
            if wait.over and wait.error is None:
                self._note("wait ends", {"for": wait.text, "after": round(time.monotonic() - begin, 3)})
                return
            if wait.error is not None:
                raise wait.error
            self._require_seen(limit)
            message = waits.expired(wait, self.world, self._between(), limit=limit, access=self._access)
            unmet = [condition for condition in conditions if not condition.holds(self.world)]
        self._note("wait expired", {"for": wait.text, "within": limit})
        raise _expired(message, unmet)

    def stays(self, *conditions: Condition, seconds: float, scale: float = 1.0) -> None:
        """Hold a window of `seconds` times `scale` open, at every event of which all conditions must hold; WaitExpired if one does not.

        It opens when what the scenario wrote has been seen here.
        """
        length = seconds * scale
        wait = Wait(conditions, stays=True)
        self._catch_up(_SEEN_WITHIN * scale)
        self._note("window begins", {"for": wait.text, "seconds": length})
        begin = time.monotonic()
        with self._watched(wait):
            self._sit(wait, begin + length)
            after = time.monotonic() - begin
            if not wait.over:
                self._note("window ends", {"for": wait.text, "seconds": length})
                return
            if wait.error is not None:
                raise wait.error
            message = waits.broken(wait, self._between(), after=after, seconds=length, access=self._access)
        self._note("window broken", {"for": wait.text, "after": round(after, 3)})
        raise _expired(message, conditions)

    def _catch_up(self, limit: float) -> None:
        """Wait for what the scenario wrote before its window opens; ClusterError after `limit` seconds."""
        with self.lock:
            self._sit(Wait(()), time.monotonic() + limit)
            self._require_seen(limit)

    def _require_seen(self, limit: float) -> None:
        if (unseen := self._unseen()) is not None:
            raise ClusterError(waits.behind(unseen, self.world, limit))

    @contextlib.contextmanager
    def _watched(self, wait: Wait) -> Iterator[None]:
        with self.lock:
            self._waits.append(wait)
            try:
                yield
            finally:
                self._waits.remove(wait)
                self._told = self._arrived if wait.seen is None else wait.seen

    def _sit(self, wait: Wait, deadline: float) -> None:
        """Sleep until the wait is over or its time is; the lock is held by the caller, and given away meanwhile."""
        self._look(wait)
        checked = time.monotonic()
        while not wait.over and (now := time.monotonic()) < deadline:
            self._check()
            if self._alive is not None and now - checked >= _TICK:
                self.lock.release()
                try:
                    self._alive()
                finally:
                    self.lock.acquire()
                checked = time.monotonic()
            self.changed.wait(max(0.0, min(deadline - now, _TICK)))
            self._look(wait)

    def _look(self, wait: Wait) -> None:
        if not wait.over and self._unseen() is None and wait.look(self.world):
            wait.seen = self._arrived

    def _unseen(self) -> int | None:
        """The first of the writes that have not been seen; None: all have."""
        self._ahead = {rv for rv in self._ahead if not self._has_seen(rv)}
        return min(self._ahead, default=None)

    def _has_seen(self, rv: int) -> bool:
        # It has arrived itself, or the store is known to have gone on: by more than the streams were ever out of step.
        return rv in self.seen or self._released_rv >= rv

    def _between(self) -> list[Happening]:
        # From where the wait before this one ended: what the scenario did since then is the first cause to think of.
        fresh = min(self._arrived - self._told, len(self._history))
        return list(self._history)[len(self._history) - fresh :]


def _expired(message: str, unmet: Iterable[Condition]) -> WaitExpired:
    conditions = list(unmet)
    return WaitExpired(message, [one.description for one in conditions], [one.kind for one in conditions])
