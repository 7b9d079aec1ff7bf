"""When nothing has happened to a DaemonSet for a while."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from conformance.guarantees.watched import CLOCK, Watched
from conformance.model.availability import available_from

#: Seconds without any change after which a DaemonSet is quiet: whatever the controller had to do then has been done.
QUIET = 2.0


class Silence:
    """The DaemonSets that are waiting to become quiet, by the time (seconds of the trace) at which they may."""

    def __init__(self) -> None:
        #: nobody becomes quiet before that
        self.next = float("inf")
        self._waiting: list[tuple[float, str, bool, Watched]] = []

    def broken(self, watched: Watched) -> None:
        """Something concerning it has changed just now."""
        if watched.asleep:
            watched.asleep = False
            deadline = watched.changed_at + QUIET
            heapq.heappush(self._waiting, (deadline, watched.uid, False, watched))
            self.next = min(self.next, deadline)

    def over(self, now: float, started: float | None) -> Iterator[Watched]:
        """Those that have become quiet by `now`; `started` is the wall time at which the trace began, if it is known."""
        while self._waiting and self._waiting[0][0] <= now:
            _, uid, again, watched = heapq.heappop(self._waiting)
            until = _noisy_until(watched, started)
            if until <= now:
                if not again:
                    watched.asleep = True
                    # Whoever may still be behind is looked at once more when it may not be any longer.
                    late = _noisy_until(watched, started, behind=True)
                    if late > now:
                        heapq.heappush(self._waiting, (late, uid, True, watched))
                yield watched
            elif not again:
                heapq.heappush(self._waiting, (until, uid, False, watched))
        self.next = self._waiting[0][0] if self._waiting else float("inf")


def patience(min_ready_seconds: int) -> float:
    """Seconds by which the controller may count an available pod late.

    It asks its queue for a look when a pod will be available, and the queue merges that with an earlier one that another pod has coming.
    That look finds a pod that is ready and not yet available, and asks for the next one after another minReadySeconds.
    """
    return min_ready_seconds + CLOCK


def _noisy_until(watched: Watched, started: float | None, *, behind: bool = False) -> float:
    until = watched.changed_at + QUIET
    ds = watched.alive
    if ds is not None and ds.spec.min_ready_seconds > 0 and started is not None:
        # Becoming available is a change that no entry shows.
        late = patience(ds.spec.min_ready_seconds) if behind else 0.0
        for pods in watched.pods.values():
            for pod in pods.values():
                ripe = available_from(pod, ds.spec.min_ready_seconds)
                if ripe is not None:
                    until = max(until, ripe - started + late + CLOCK + QUIET)
    return until
