"""Whether the Lease is still the run's, as each of its processes knows: the one that renews it, and the pytest-xdist workers that look on.

All give up before the Lease lapses for others, by the clock of their own machine (which goes on while that sleeps),
so that there are never two runs on one cluster: not when the network is cut, not when the process that renews hangs,
not when a request takes a minute to fail. client-go's leader election leaves such a margin too (RenewDeadline is
shorter than LeaseDuration).
"""

from __future__ import annotations

import threading
import time
from typing import Any

from conformance.clusters.existing.owning import HOME, labels
from conformance.errors import ApiError, ConformanceError, LeaseLost
from conformance.kube.api import Api
from conformance.kube.resources import path

NAME = "run"
#: Seconds that a Lease is good for without being renewed, after which its holder gives up, and between renewals (or looks at them).
DURATION = 60
GIVE_UP = 40.0
INTERVAL = 10.0


def clock() -> float:
    """Seconds that do not stand still while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def is_of(lease: dict[str, Any], run: str) -> bool:
    """Whether a Lease is this run's."""
    return labels(run).items() <= (lease["metadata"].get("labels") or {}).items()


class Holding:
    """Looks at the Lease every INTERVAL seconds, once it was started; `check` is good for any thread."""

    def __init__(self, api: Api, run: str) -> None:
        self._api = api
        self.run = run
        self._lost = ""
        self._good = clock()  # when the Lease was last known to have been renewed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="lease", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._good = clock()
        self._thread.start()

    def check(self) -> None:
        """Raise LeaseLost if somebody else holds the Lease, or it was not renewed in time."""
        if not self._lost and self._thread.ident and clock() - self._good > GIVE_UP:
            self._lost = (
                f"The Lease of this run was not renewed for {GIVE_UP:.0f} s, and another run may take the cluster over; this one ends."
            )
        if self._lost:
            raise LeaseLost(self._lost)

    def held(self) -> bool:
        """Ask whether the Lease is still this run's."""
        try:
            return is_of(self._api.get(path("leases", HOME, NAME)), self.run)
        except ApiError:
            return False

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _go_on(self) -> None:
        while not self._lost and not self._ended.wait(INTERVAL):
            try:
                self._look()
            except ApiError as error:
                if error.code == 404:
                    self._lost = f"The Lease of this run is gone, and another run may use the cluster by now: {error}"
            except ConformanceError:
                continue  # `check` knows how long that may last

    def _look(self) -> None:
        at = clock()  # before the question: the answer may take its time
        found = self._api.get(path("leases", HOME, NAME))
        if not is_of(found, self.run):
            holder = (found.get("spec") or {}).get("holderIdentity") or "unknown"
            self._lost = f"Another run ({holder}) has taken this cluster over; this one cannot go on."
        elif self._renewed(found):
            self._good = at

    def _renewed(self, found: dict[str, Any]) -> bool:
        """Whether somebody has renewed it since the last look; the holder does so here."""
        raise NotImplementedError


class LookingOn(Holding):
    """In a pytest-xdist worker: believes what it sees the controller renew."""

    _seen = ""

    def _renewed(self, found: dict[str, Any]) -> bool:
        before, self._seen = self._seen, str((found.get("spec") or {}).get("renewTime"))
        return before != self._seen
