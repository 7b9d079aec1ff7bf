"""INV-6 and INV-7: for which nodes, and for which DaemonSets, pods may be created."""

from __future__ import annotations

from conformance.guarantees.authors import by_controller
from conformance.guarantees.promise import Evaluation, Mark, Step, Undecided, Violation, guarantee
from conformance.guarantees.watched import LAG
from conformance.kube.records import Pod
from conformance.model.eligibility import Obstacle, obstacle


@guarantee(
    "INV-6",
    promise="The DaemonSet controller creates a Pod for each eligible node and adds the spec.affinity.nodeAffinity field of the Pod to "
    "match the target host.",
    source="documentation, DaemonSet, How Daemon Pods are scheduled",
    on=("creation",),
    reads=("nodes", "daemonsets"),
)
def only_for_eligible_nodes(step: Step, _: object) -> Evaluation:
    """No pod is created for a node that fails eligibility, or that does not exist.

    The controller acts on what its watches told it: it is a violation only if the node was ineligible at every moment of the last LAG (1 s)
    before its burst of writes, by every template of that time.
    """
    watched, pod = step.ledger.subject, step.after
    if watched is None or watched.record is None or not isinstance(pod, Pod):
        return None
    node = pod.target
    objects = (f"daemonsets/{watched.name}", f"nodes/{node}", f"pods/{pod.metadata.name}")
    if not node:
        return Violation("for-no-node", f"{pod.metadata.name} of DaemonSet {watched.name} was created for no node at all.", objects)
    horizon = watched.horizon(step.ledger.now)
    if any(found.run for found in step.ledger.eligibility_within(watched, node, horizon)):
        others = any(not found.run for found in watched.eligible.values())
        return Mark.CHANCE if others else Mark.HELD
    record = step.world.nodes.get(node)
    found = obstacle(record, watched.record) if record is not None else Obstacle("no-such-node", "there is no such node")
    kind, why = found or ("", "")
    return Violation(kind, f"{pod.metadata.name} of DaemonSet {watched.name} was created for node {node}, but {why}.", objects)


@guarantee(
    "INV-7",
    promise="Deleting a DaemonSet will clean up the Pods it created.",
    source="documentation, DaemonSet: none is created for a DaemonSet (by UID) once it is being deleted or gone",
    on=("creation", "removal"),
    reads=("daemonsets",),
)
def none_after_deletion(step: Step, _: object) -> Evaluation:
    """No pod is created for a DaemonSet UID after its deletionTimestamp, or after it is gone.

    What was decided within LAG (1 s) after that may still arrive. A defect shows where a pod of such a DaemonSet goes away and its node is
    free again: each such removal is a chance.
    """
    watched = step.ledger.subject
    pod = step.after
    if watched is None or not isinstance(pod, Pod):
        return Mark.CHANCE if watched is not None and watched.doomed_at is not None else None
    doomed = watched.doomed_at
    known = watched.specs is not None if doomed is None else doomed >= watched.horizon(step.ledger.now)
    if known:
        return Mark.HELD
    if doomed is None:
        what = "which is not there (its UID was never seen)"
    else:
        what = f"{step.ledger.now - doomed:.1f} s after its deletion (later than the {LAG:g} s that a decision may take to arrive)"
    message = f"{pod.metadata.name} was created for DaemonSet {watched.name}, {what}."
    if doomed is None and by_controller(step.author) is None:
        return Undecided(f"who created is not known: {message}")
    return Violation("for-a-deleted-daemonset", message, (f"daemonsets/{watched.name}", f"pods/{pod.metadata.name}"))
