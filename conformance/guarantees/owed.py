"""What the controller owes, and from when on it is late.

Something is owed from the last thing that happened to what it is about, and for as long as the controller can be expected to work at all:
while it, the API server or etcd is stopped, and until they are quick again, the clock stands. What is owed is looked at every second.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.guarantees.ledger import Ledger
from conformance.guarantees.watched import CLOCK, Watched
from conformance.model.availability import available_from

#: Seconds within which a controller that works does what it owes: it takes some hundred times less, and a busy machine a part of it.
BOUND = 10.0
#: Seconds of the longest pause between two tries at a node whose pods fail.
LONGEST_PAUSE = 900.0
#: Seconds of the first and the longest pause between two tries of a controller's work queue.
FIRST_PAUSE = 0.005
LONGEST_WAIT = 1000.0
#: A pause after a refusal is as long as it had been refused by then; this much of it more is a matter of chance.
JITTER = 1.25


def late(since: float, now: float, allowed: float = 0.0) -> bool:
    """Whether what is owed since then is overdue, where so many seconds are allowed besides."""
    return now - since > BOUND + allowed


@dataclass
class Said:
    """What has been said to be overdue: the debt, and from when on it was one. The same debt is said once."""

    since: dict[tuple[str, str], float] = field(default_factory=dict)

    def overdue(self, uid: str, node: str, since: float, now: float, allowed: float = 0.0) -> bool:
        """Whether it is owed for longer than BOUND and what is allowed besides, and has not been said to be."""
        if not late(since, now, allowed) or self.since.get((uid, node)) == since:
            return False
        self.since[uid, node] = since
        return True


def since(ledger: Ledger, watched: Watched, node: str) -> float:
    """The last thing that happened to the DaemonSet on a node: to the node's eligibility, to its pods there, or to its spec."""
    specs = watched.specs
    return max(watched.stirred.get(node, 0.0), specs.since if specs else 0.0, ledger.working.controller_since())


def ripened(ledger: Ledger, watched: Watched, seconds: int) -> float:
    """When the last of its pods became available by the clock alone (seconds of the trace), or may have become so by any clock."""
    started = ledger.wall() - ledger.now
    moments = [available_from(pod, seconds) for pods in watched.pods.values() for pod in pods.values()] if seconds > 0 else []
    ripe = [moment - started for moment in moments if moment is not None]
    return max((moment + CLOCK for moment in ripe if moment - CLOCK <= ledger.now), default=0.0)


def pause(ended: int) -> float:
    """Seconds that the controller may wait before it replaces a pod, where so many have ended by themselves: twice what it does wait."""
    return min(2.0 ** (ended - 1), LONGEST_PAUSE) if ended else 0.0


def refused_for(watched: Watched) -> float:
    """Seconds of the longest pause that so many refusals bring about where each doubles it: two more are granted, which no Event told."""
    return min(FIRST_PAUSE * 2.0 ** (watched.refusals + 1), LONGEST_WAIT)


def refused_until(watched: Watched) -> float:
    """Until when it may wait for its next try, if pods of it were refused: the pauses double, so it is as long again as it has been."""
    return watched.refused_at + (watched.refused_at - watched.refused_from) * JITTER if watched.refused_at > float("-inf") else 0.0
