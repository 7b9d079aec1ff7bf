"""INV-9: the counters of the status tell the truth."""

from __future__ import annotations

from typing import NamedTuple

from conformance.guarantees.authors import by_controller
from conformance.guarantees.promise import Evaluation, Mark, Step, Undecided, Violation, guarantee
from conformance.guarantees.quiet import patience
from conformance.guarantees.watched import LAG, Watched
from conformance.guarantees.working import SLOW
from conformance.kube.records import DaemonSet
from conformance.model.status import Counters, claimed, expected

#: Seconds after it was found wrong within which a controller may put its status right by itself.
LATE = 10.0


class Doubt(NamedTuple):
    """A status that is not what is there: found when, and what had happened to the DaemonSet by then."""

    violation: Violation
    at: float
    others_at: float
    version: int


def oracle(step: Step, watched: Watched, ds: DaemonSet, *, behind: float = 0.0) -> Counters:
    """What the status of this DaemonSet should show now, or where availability is counted as it was so many seconds ago."""
    world = step.world
    pods = {node: list(there.values()) for node, there in watched.pods.items()}
    return expected(
        ds,
        world.nodes.values(),
        pods,
        watched.hashes.now,
        step.ledger.wall() - behind,
        runs=lambda node, _: watched.eligible[node.metadata.name].run,
    )


def told(watched: Watched) -> bool:
    """Whether the last change was one that makes the controller look again.

    The deletion of a Node and, since 1.33, some changes of labels and taints do not (seen live on 1.37.1): counters stay stale until
    something else touches the DaemonSet. That is a documented finding, not a violation.
    """
    return watched.silent_at < watched.woken_at - LAG or watched.silent_at == float("-inf")


@guarantee(
    "INV-9",
    promise="numberAvailable: The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and "
    "available (ready for at least spec.minReadySeconds); desiredNumberScheduled: The total number of nodes that should be running the "
    "daemon pod (including nodes correctly running the daemon pod).",
    source="API reference, DaemonSetStatus, and so for each of its counters",
    on=("daemonsets", "quiet", "end"),
    reads=("pods", "nodes", "controllerrevisions"),
)
def truthful(step: Step, doubts: dict[str, Doubt]) -> Evaluation:
    """At each status write: available ≤ ready ≤ current ≤ desired, updated ≤ current, unavailable = desired - available, and
    observedGeneration neither falls nor runs ahead of the generation. When the DaemonSet is quiet (nothing changed for 2 s): all seven
    equal the oracle. A slow controller may still put them right by itself within 10 s (LATE), but not when something else has happened
    that made it look (a write that the API server had before it answered what else happened is no reaction to that), nor after the end.
    If news comes late of a write of the controller that the API server had, by its clock, within 2 s of the last change, it was not quiet:
    it is looked at when it is. Where the API server took seconds for a single write meanwhile (SLOW), nobody knows who was late: undecided.

    Not held against it: a generation that the controller has not observed, a controller that does not run, and counters that went stale by
    a change that wakes no sync (node deletion; a NoSchedule taint under a running pod, or under a pending one, from 1.33 on).

    "This data may be out of date by some window of time" (DaemonSet.status): with minReadySeconds a pod that has become available may be
    counted as such up to another minReadySeconds late (`patience`), which is when the controller looks again; then it has to be.
    """
    if step.quiet is not None:
        return _doubted(step, step.quiet, _compare(step, step.quiet), doubts)
    if step.entry.type == "end":
        ledger = step.ledger
        said = [_held_against(step, doubt) for uid, doubt in doubts.items() if not _unfounded(ledger.daemonsets.get(uid), doubt)]
        return [one for one in said if isinstance(one, Violation)] or next(iter(said), None)
    written, watched = _written(step), _watched(step)
    lie = _settle(step, watched, doubts) if watched is not None and watched.uid in doubts else None
    if lie is None:
        return written
    if isinstance(written, Violation):
        return [lie, written] if isinstance(lie, Violation) else written
    return lie


def _watched(step: Step) -> Watched | None:
    """What is known of the DaemonSet that the entry is about."""
    found = step.after or step.before
    return step.ledger.daemonsets.get(found.metadata.uid) if found is not None else None


def _doubted(step: Step, watched: Watched, said: Evaluation, doubts: dict[str, Doubt]) -> Evaluation:
    """Keep a lie for later; one that was kept already, and is looked at again, is none that was put right."""
    doubt = doubts.pop(watched.uid, None)
    if doubt is not None and not _unfounded(watched, doubt):
        return _held_against(step, doubt)
    if isinstance(said, Violation):
        doubts[watched.uid] = Doubt(said, step.ledger.now, watched.others_at, watched.version)
        return None
    return said


def _settle(step: Step, watched: Watched, doubts: dict[str, Doubt]) -> Violation | Undecided | None:
    """The DaemonSet has changed since its status was found wrong: was it put right, and by the controller alone?"""
    doubt = doubts[watched.uid]
    if _unfounded(watched, doubt):
        del doubts[watched.uid]
        return None
    # Without an audit log the first change since then is taken to be the controller's.
    alone = watched.others_at == doubt.others_at if step.audited else watched.version == doubt.version + 1
    in_time = (alone or _in_flight(step, watched, doubt)) and step.ledger.now - doubt.at <= LATE
    if in_time and isinstance(_compare(step, watched), Violation):
        return None  # it may need more than one write
    del doubts[watched.uid]
    return None if in_time else _held_against(step, doubt)


def _unfounded(watched: Watched | None, doubt: Doubt) -> bool:
    """Whether the controller had gone on within QUIET, and only the news of it came later: it will be quiet anew, and be looked at then."""
    return watched is not None and watched.restless_at >= doubt.at


def _held_against(step: Step, doubt: Doubt) -> Violation | Undecided:
    """The lie, unless the API server was so slow then that the controller may not have heard, or not have been heard, in time."""
    if step.ledger.working.slow_at < doubt.at - LATE:
        return doubt.violation
    return Undecided(f"the API server took more than {SLOW:g} s for a write, and who was late is not known: {doubt.violation.message}")


def _in_flight(step: Step, watched: Watched, doubt: Doubt) -> bool:
    """Whether the API server had the controller's write before it had answered any of the others': then it is no reaction to them."""
    received = step.ledger.received
    if not received or by_controller(step.author) is not True:
        return False
    if len(watched.others) == watched.others.maxlen and watched.others[0][0] > doubt.others_at:
        return False  # there were more than are remembered
    return all(done > received for at, done in watched.others if at > doubt.others_at)


def _written(step: Step) -> Evaluation:
    before, after = step.before, step.after
    if not isinstance(after, DaemonSet) or not isinstance(before, DaemonSet) or after.status == before.status:
        return None
    # Without an audit log nobody but the controller is taken to write the status.
    if by_controller(step.author) is False:
        return None
    status = after.status
    count = claimed(status)
    wrong: list[str] = []
    if not count.available <= count.ready <= count.current <= count.desired:
        wrong.append("not available ≤ ready ≤ current ≤ desired")
    if count.updated > count.current:
        wrong.append("updated is more than current")
    if count.unavailable != count.desired - count.available:
        wrong.append("unavailable is not desired - available")
    if min(count) < 0:
        wrong.append("a counter is negative")
    if status.observed_generation < before.status.observed_generation:
        wrong.append(f"observedGeneration fell from {before.status.observed_generation} to {status.observed_generation}")
    if status.observed_generation > after.metadata.generation:
        wrong.append(f"observedGeneration {status.observed_generation} is ahead of generation {after.metadata.generation}")
    if not wrong:
        return Mark.CHANCE if count.desired or count.misscheduled else Mark.HELD
    return Violation(
        "contradicts-itself",
        f"The status of DaemonSet {after.metadata.name} says {_plain(count)}: {'; '.join(wrong)}.",
        (f"daemonsets/{after.metadata.name}",),
    )


def _plain(count: Counters) -> str:
    return ", ".join(f"{field} {value}" for field, value in count._asdict().items())


def _compare(step: Step, watched: Watched) -> Evaluation:
    ds = watched.alive
    if ds is None or ds.status.observed_generation != ds.metadata.generation or not step.ledger.controller_works():
        return None
    should = oracle(step, watched, ds)
    says = claimed(ds.status)
    if not watched.hashes.now:
        should = should._replace(updated=says.updated)
    wrong = says.differences(should)
    if not wrong:
        return Mark.CHANCE if should.desired or should.misscheduled else Mark.HELD
    if not told(watched) or _late(step, watched, ds, should):
        return Mark.HELD
    return Violation(
        "not-what-is-there",
        f"The status of DaemonSet {watched.name} is not what is there, although nothing has changed for a while: {'; '.join(wrong)}.",
        (f"daemonsets/{watched.name}",),
    )


def _late(step: Step, watched: Watched, ds: DaemonSet, should: Counters) -> bool:
    """Whether the status differs in nothing but pods that became available so lately that the controller need not have looked."""
    seconds = ds.spec.min_ready_seconds
    if seconds <= 0:
        return False
    says = claimed(ds.status)
    least = oracle(step, watched, ds, behind=patience(seconds)).available
    return least <= says.available < should.available and says == should._replace(
        available=says.available, unavailable=says.desired - says.available
    )
