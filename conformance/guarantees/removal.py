"""INV-14: a node that must not run a pod loses it."""

from __future__ import annotations

from conformance.guarantees.owed import Said, since
from conformance.guarantees.presence import names, references
from conformance.guarantees.promise import Evaluation, Mark, Step, Violation, guarantee
from conformance.kube.records import Pod

#: Since 1.33 a change of a node makes the controller look only at pods that are bound to it.
PENDING_STAYS = "pending-pod-stays-when-its-node-stops-matching"


@guarantee(
    "INV-14",
    promise="If node labels are changed, the DaemonSet will promptly add Pods to newly matching nodes and delete Pods from newly "
    "not-matching nodes.",
    source="documentation, DaemonSet, Updating a DaemonSet; and so for taints of effect NoExecute, and for the template's own selection",
    on=("deletion", "review"),
    reads=("pods", "nodes", "daemonsets"),
    memory=Said,
)
def removed(step: Step, said: Said) -> Evaluation:
    """A pod on a node that excludes it (its name, node selector, required affinity, or a NoExecute taint that is not tolerated) is asked to
    go within 10 s (BOUND) after the last thing that happened to the DaemonSet on that node, or to its spec. Each such deletion is a chance.

    The clock stands as for INV-13. Nothing is owed of a Node that is gone (its pods are for pod garbage collection), nor for a DaemonSet
    that is being deleted. That a pod which is not bound yet stays is a known deviation (PENDING_STAYS).
    """
    if step.review is None:
        watched, pod = step.ledger.subject, step.before
        if watched is None or watched.alive is None or not isinstance(pod, Pod):
            return None
        found = watched.eligible.get(pod.target)
        return Mark.CHANCE if found is not None and not found.stay else None
    watched, ledger = step.review, step.ledger
    if not ledger.controller_works():
        return None
    wrong = []
    for node, there in watched.pods.items():
        found = watched.eligible.get(node)
        if found is None or found.stay:
            continue
        staying = [pod for pod in there.values() if not pod.terminating]
        begun = since(ledger, watched, node)
        if not staying or not said.overdue(watched.uid, node, begun, ledger.now):
            continue
        bound = any(pod.spec.node_name for pod in staying)
        wrong.append(
            Violation(
                "stays-where-it-must-not" if bound else "waits-where-it-must-not",
                f"{names(staying)} of DaemonSet {watched.name} stands on node {node}, which has excluded it for {ledger.now - begun:.0f} "
                "s, and nobody has asked it to go.",
                references(watched, node, staying),
                known="" if bound else PENDING_STAYS,
            )
        )
    return wrong or None
