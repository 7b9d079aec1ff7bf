"""INV-15: an update that may go on goes on."""

from __future__ import annotations

from conformance.guarantees.owed import BOUND, Said, late, refused_until, ripened
from conformance.guarantees.presence import references
from conformance.guarantees.promise import Evaluation, Mark, Step, Violation, guarantee
from conformance.guarantees.quiet import patience
from conformance.guarantees.updating import Update, by_its_status, revised, same_generation, stands
from conformance.guarantees.watched import Watched
from conformance.kube.records import DaemonSet, Pod

#: `rollingUpdate` is not reached when creating a pod has failed before it in the same sync.
REFUSED = "a-refused-pod-holds-up-the-update"
#: A pod that is being deleted counts as unavailable, on whatever node it was, until its object goes.
LOST = "pods-of-lost-nodes-use-up-the-budget"
#: With a surge the whole update ends in an error as long as a pod stands on a node that cannot be found.
GONE = "surge-waits-for-the-pod-of-a-deleted-node"
#: With a surge every old pod that ended counts, and each of them as a surge of its own.
HEAP = "surge-piles-up-failed-pods"
#: The look that a surge asks for after minReadySeconds is merged with an earlier one.
STALL = "surge-stalls-within-min-ready-seconds"
#: Pods of another DaemonSet that were made from a template of the same number count as up to date.
ORPHANS = "orphans-of-the-same-generation-count-as-updated"


@guarantee(
    "INV-15",
    promise="Once the new pods are available, it then proceeds onto other DaemonSet pods. If the old pod becomes unavailable for any "
    "reason, an updated pod is immediately created on that node without considering surge limits.",
    source="API reference, RollingUpdateDaemonSet.maxUnavailable and maxSurge",
    on=("creation", "deletion", "review"),
    reads=("pods", "nodes", "daemonsets", "controllerrevisions"),
    memory=Said,
)
def moves_on(step: Step, said: Said) -> Evaluation:
    """A rolling update with budget left, and an old pod that may go or get a successor, deletes or creates a pod within 10 s (BOUND) after
    anything last happened to the DaemonSet, a pod's becoming available by the clock alone included. Each such deletion or creation is a
    chance.

    Plain: an old pod may go if it is not available, or if fewer nodes that should run a pod lack an available one than maxUnavailable
    allows, both by what is there and by the DaemonSet's own status. Surge: an old pod gets a successor if it is not available, or if fewer
    nodes than maxSurge have both; it goes when its successor is available, or when it is not. A node whose pod is being deleted is waited
    for, and so is one without any (INV-13). A surge whose pods the API server refuses may wait for its next try as in INV-13.

    The clock stands as for INV-13, and another minReadySeconds are granted (`patience`). OnDelete is not judged. Known deviations: pods on
    lost nodes (LOST, GONE) or failed pods (HEAP) in the way, a refused pod (REFUSED), a surge that misses the moment of availability
    (STALL), and old pods that count as new ones (ORPHANS).
    """
    if step.review is None:
        return _moved(step)
    watched, ledger = step.review, step.ledger
    ds = watched.alive
    if ds is None or ds.spec.update_strategy.type != "RollingUpdate" or not ledger.controller_works() or not revised(watched):
        return None
    seconds = ds.spec.min_ready_seconds
    allowed = patience(seconds) if seconds else 0.0
    begun = max(watched.changed_at, ledger.working.controller_since(), ripened(ledger, watched, seconds))
    if not late(begun, ledger.now, allowed):
        return None
    update = stands(watched, ds, ledger.wall())
    if not update.may_go or (not update.free and not update.surge and not by_its_status(ds)):
        return None
    if update.surge and not update.lacking:
        begun = max(begun, refused_until(watched))
    if not said.overdue(watched.uid, "", begun, ledger.now, allowed):
        return None
    return _stands_still(step, watched, ds, update, begun)


def _moved(step: Step) -> Evaluation:
    """The controller has deleted an old pod, or created a new one beside it."""
    watched = step.ledger.subject
    if watched is None:
        return None
    pod, made = (step.after, True) if step.entry.type == "added" else (step.before, False)
    if not isinstance(pod, Pod):
        return None
    if made:
        there = watched.on(pod.target)
        beside = len(there) > 1 and any(other.hash != pod.hash and not other.terminal for other in there.values())
        return Mark.CHANCE if beside and watched.alive is not None else None
    if pod.hash == watched.hashes.now or pod.terminal or step.ledger.controller_acted(step.author, pod) is False:
        return None
    ds = watched.alive
    found = watched.eligible.get(pod.target)
    wanted = ds is not None and ds.spec.update_strategy.type == "RollingUpdate" and found is not None and found.run
    return Mark.CHANCE if wanted and watched.hashes.now else None


def _stands_still(step: Step, watched: Watched, ds: DaemonSet, update: Update, begun: float) -> Violation:
    nodes = sorted(update.may_go)
    kind, known, because = _why(step, watched, ds, update, nodes)
    left = f"{len(update.taken)} of {update.allowed} of its {'maxSurge' if update.surge else 'maxUnavailable'} used"
    message = (
        f"The update of DaemonSet {watched.name} has stood still for {step.ledger.now - begun:.0f} s with {left}, although the old pods of "
        f"{', '.join(nodes[:10])} may be replaced; {because}."
    )
    pods = [pod for node in nodes[:3] for pod in watched.on(node).values()]
    return Violation(kind, message, references(watched, nodes[0], pods), known)


def _why(step: Step, watched: Watched, ds: DaemonSet, update: Update, nodes: list[str]) -> tuple[str, str, str]:
    """The kind of the stand-still, the finding that explains it, and what uses the budget up, in words."""
    gone = [pod.metadata.name for node, there in watched.pods.items() if node not in watched.eligible for pod in there.values()]
    lost = [pod.metadata.name for pod in update.lost]
    merged = update.surge and ds.spec.min_ready_seconds > 0 and set(nodes) <= set(update.taken)
    explained = (
        (
            update.lacking and refused_until(watched) + BOUND >= step.ledger.now,
            ("held-up-by-a-refused-pod", REFUSED, f"a pod of it was refused, and {', '.join(update.lacking)} has none"),
        ),
        (update.surge and gone, ("held-up-by-a-deleted-node", GONE, f"the nodes of {', '.join(gone)} are gone")),
        (
            not update.surge and lost,
            ("held-up-by-a-lost-node", LOST, f"{', '.join(lost)}, being deleted where none should run, is what may use the budget up"),
        ),
        (
            update.surge and update.crowded,
            ("held-up-by-a-heap", HEAP, f"more than two of its pods stand on {', '.join(update.crowded)}"),
        ),
        (same_generation(watched, ds, nodes), ("taken-for-new", ORPHANS, "they carry the number of its template, though not its hash")),
        (merged, ("successor-not-noticed", STALL, "their successors are available")),
    )
    return next((why for applies, why in explained if applies), ("stands-still", "", "nothing is in the way"))
