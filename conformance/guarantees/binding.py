"""INV-18: a daemon pod that waits for the scheduler is bound, or the scheduler says why not."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.guarantees.owed import BOUND, Said
from conformance.guarantees.presence import references
from conformance.guarantees.promise import Evaluation, Mark, Step, Violation, guarantee
from conformance.kube.records import Pod
from conformance.trace.world import Key

DEFAULT = "default-scheduler"


@dataclass
class Waiting:
    """Pods that were created without a node, and what has been said of them."""

    keys: dict[Key, str] = field(default_factory=dict)
    said: Said = field(default_factory=Said)


@guarantee(
    "INV-18",
    promise="After the Pod is created, the default scheduler typically takes over and then binds the Pod to the target host by setting the "
    ".spec.nodeName field.",
    source="documentation, DaemonSet, How Daemon Pods are scheduled",
    on=("creation", "review"),
    reads=("pods", "nodes"),
    memory=Waiting,
)
def bound(step: Step, memory: Waiting) -> Evaluation:
    """A pod that the controller has created for the default scheduler is bound within 10 s (BOUND) after anything last happened to the
    DaemonSet on its node, or the scheduler says in the pod's condition PodScheduled why it is not. Each pod that is bound is a chance, seen
    within a second.

    The clock stands as for INV-13, and while the scheduler is stopped. Whether what the scheduler says is true is not judged. Nothing is
    owed to a pod that is being deleted, has ended, or whose node is gone or does not take it.
    """
    watched = step.review or step.ledger.subject
    if watched is None:
        return None
    if step.review is None:
        pod = step.after
        if isinstance(pod, Pod) and not pod.spec.node_name and pod.spec.scheduler_name in ("", DEFAULT):
            memory.keys[pod.metadata.namespace, pod.metadata.name] = watched.uid
        return None
    ledger = step.ledger
    since = ledger.working.scheduler_since()
    answers: list[Evaluation] = []
    for key in [key for key, uid in memory.keys.items() if uid == watched.uid]:
        pod = step.world.pods.get(key)
        if pod is None or pod.spec.node_name or pod.terminal or pod.terminating:
            del memory.keys[key]
            answers.append(Mark.CHANCE if pod is not None and pod.spec.node_name else None)
            continue
        found = watched.eligible.get(pod.target)
        begun = max(watched.stirred.get(pod.target, 0.0), since)
        if found is None or not found.run or pod.why_unscheduled:
            continue
        if memory.said.overdue(watched.uid, pod.metadata.name, begun, ledger.now):
            answers.append(
                Violation(
                    "not-bound",
                    f"{pod.metadata.name} of DaemonSet {watched.name} has waited for the scheduler for more than {BOUND:g} s; it is not "
                    f"bound to node {pod.target}, and the scheduler has not said why.",
                    references(watched, pod.target, [pod]),
                )
            )
    wrong = [answer for answer in answers if isinstance(answer, Violation)]
    return wrong or (Mark.CHANCE if Mark.CHANCE in answers else None)
