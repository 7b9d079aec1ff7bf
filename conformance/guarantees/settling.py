"""INV-16: the status comes to rest at the truth, and says that an update is done only when it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from conformance.guarantees.authors import by_controller
from conformance.guarantees.owed import Said, late, refused_until, ripened
from conformance.guarantees.progress import ORPHANS
from conformance.guarantees.promise import Evaluation, Mark, Step, Violation, guarantee
from conformance.guarantees.quiet import patience
from conformance.guarantees.removal import PENDING_STAYS
from conformance.guarantees.status import oracle, told
from conformance.guarantees.watched import CLOCK, Watched
from conformance.kube.records import DaemonSet
from conformance.model.availability import is_available
from conformance.model.eligibility import STAYS
from conformance.model.status import claimed, updated

#: Since 1.33 a taint that lets a running pod stay does not make the controller look.
TAINT = "noschedule-taint-wakes-no-sync"
#: Nor does the deletion of a Node, or its return while its pod is still bound to it.
NODE = "node-deletion-wakes-no-sync"


@dataclass
class Rest:
    """What has been said, and UID -> the version of the last state that was found to be right."""

    said: Said = field(default_factory=Said)
    right: dict[str, int] = field(default_factory=dict)


@guarantee(
    "INV-16",
    promise="The most recent generation observed by the daemon set controller. By default 'rollout status' will watch the status of the "
    "latest rollout until it's done.",
    source="API reference, DaemonSetStatus.observedGeneration; documentation, kubectl rollout status",
    on=("daemonsets", "review"),
    reads=("pods", "nodes", "controllerrevisions"),
    memory=Rest,
)
def settles(step: Step, rest: Rest) -> Evaluation:
    """A changed spec is observed within 10 s (BOUND); and where nothing about a DaemonSet has changed for 10 s, its status included, all
    counters equal the oracle, whoever was or was not told of the last change. Each state of rest is a chance.

    A status by which `kubectl rollout status` says "successfully rolled out" (observedGeneration is the generation, no fewer nodes are
    updated and available than desired) is written only if each node that should run a pod has one of the current revision, and an available
    one, but for nodes to which something happened within LAG (1 s) before. Each such status is a chance.

    The clock stands as for INV-13, and another minReadySeconds are granted (`patience`). Known deviations: counters that stay behind a
    change which does not wake the controller (TAINT, NODE, PENDING_STAYS), and old pods that count as new ones (ORPHANS).
    """
    if step.review is None:
        return _says_done(step)
    watched, ledger = step.review, step.ledger
    ds, specs = watched.alive, watched.specs
    if ds is None or specs is None or not ledger.controller_works():
        return None
    if ds.status.observed_generation < ds.metadata.generation:
        begun = max(specs.since, ledger.working.controller_since(), refused_until(watched))
        if not rest.said.overdue(watched.uid, "generation", begun, ledger.now):
            return None
        return Violation(
            "generation-not-observed",
            f"DaemonSet {watched.name} has had generation {ds.metadata.generation} for {ledger.now - begun:.0f} s, and its status still "
            f"speaks of generation {ds.status.observed_generation}.",
            (f"daemonsets/{watched.name}",),
        )
    return _at_rest(step, watched, ds, rest)


def _at_rest(step: Step, watched: Watched, ds: DaemonSet, rest: Rest) -> Evaluation:
    ledger, seconds = step.ledger, ds.spec.min_ready_seconds
    allowed = patience(seconds) if seconds else 0.0
    begun = max(watched.changed_at, ledger.working.controller_since(), ripened(ledger, watched, seconds))
    if rest.right.get(watched.uid) == watched.version or not late(begun, ledger.now, allowed) or not watched.hashes.now:
        return None
    wrong = claimed(ds.status).differences(oracle(step, watched, ds))
    if not wrong:
        rest.right[watched.uid] = watched.version
        return Mark.CHANCE
    if not rest.said.overdue(watched.uid, "", begun, ledger.now, allowed):
        return None
    return Violation(
        "comes-to-rest-at-a-lie",
        f"Nothing about DaemonSet {watched.name} has changed for {ledger.now - begun:.0f} s, and its status is not what is there: "
        f"{'; '.join(wrong)}.",
        (f"daemonsets/{watched.name}",),
        known=_not_told(watched),
    )


def _not_told(watched: Watched) -> str:
    """The finding that explains why the controller has not looked since the last change; empty: it should have."""
    if told(watched):
        return ""
    outside = {node: pods for node, pods in watched.pods.items() if not watched.eligible.get(node, STAYS).run}
    if any(not pod.spec.node_name for pods in outside.values() for pod in pods.values()):
        return PENDING_STAYS
    return TAINT if any(watched.eligible.get(node) == STAYS for node in outside) else NODE


def _says_done(step: Step) -> Evaluation:
    before, ds = step.before, step.after
    if not isinstance(before, DaemonSet) or not isinstance(ds, DaemonSet) or before.status == ds.status:
        return None
    status = ds.status
    wanted = status.desired_number_scheduled
    if status.updated_number_scheduled < wanted or status.number_available < wanted or not wanted:
        return None
    if status.observed_generation < ds.metadata.generation or ds.spec.update_strategy.type != "RollingUpdate":
        return None
    watched = step.ledger.of(ds.metadata.uid)
    if watched.alive is None or not watched.hashes.now or by_controller(step.author) is False:
        return None
    since, wall = watched.horizon(step.ledger.now), step.ledger.wall() + CLOCK
    known_of = [node for node in watched.desired() if watched.stirred.get(node, 0.0) < since]
    old = [node for node in known_of if not any(pod.hash == watched.hashes.now for pod in watched.on(node).values())]
    down = [node for node in known_of if not _served(watched, node, ds.spec.min_ready_seconds, wall)]
    if not old and not down:
        return Mark.CHANCE
    as_new = not down and all(any(updated(pod, ds, watched.hashes.now) for pod in watched.on(node).values()) for node in old)
    return Violation(
        "says-done-too-early",
        f"By its status the update of DaemonSet {watched.name} is done ({status.updated_number_scheduled} updated and "
        f"{status.number_available} available of {status.desired_number_scheduled}), but {_lacking(old, down)}.",
        (f"daemonsets/{watched.name}", *(f"nodes/{node}" for node in [*old, *down][:10])),
        known=ORPHANS if as_new else "",
    )


def _served(watched: Watched, node: str, seconds: int, wall: float) -> bool:
    return any(is_available(pod, seconds, wall) for pod in watched.on(node).values())


def _lacking(old: Iterable[str], down: Iterable[str]) -> str:
    parts = (("no pod of the current revision", sorted(old)), ("no available pod", sorted(down)))
    return " and ".join(f"{what} stands on {', '.join(nodes[:10])}" for what, nodes in parts if nodes)
