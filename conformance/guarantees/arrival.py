"""INV-13: a node that should run a pod gets one."""

from __future__ import annotations

from conformance.guarantees.owed import Said, late, pause, refused_for, refused_until, since
from conformance.guarantees.presence import references
from conformance.guarantees.promise import Evaluation, Mark, Step, Violation, guarantee
from conformance.guarantees.watched import Watched
from conformance.kube.records import Pod

#: One refused pod ends the sync, and each further cause to look doubles the pause before the next try: innocent nodes wait with it.
REFUSED_ONCE = "a-refused-pod-delays-all-others"


@guarantee(
    "INV-13",
    promise="As nodes are added to the cluster, Pods are added to them. If node labels are changed, the DaemonSet will promptly add Pods "
    "to newly matching nodes.",
    source="documentation, DaemonSet, introduction and Updating a DaemonSet",
    on=("creation", "review"),
    reads=("pods", "nodes", "daemonsets", "events"),
    memory=Said,
)
def arrives(step: Step, said: Said) -> Evaluation:
    """A node that should run a pod of a DaemonSet, and has none, gets one within 10 s (BOUND) after the last thing that happened to it: to
    its eligibility, to the DaemonSet's pods there, or to its spec. Each creation is a chance.

    The clock stands while the controller, the API server or etcd is stopped, and begins anew when they can be expected to work, or when
    the API server has taken seconds for a write. Nothing is owed while a pod that is being deleted stands there ("at most one pod of the
    DaemonSet will be running on each node"), nor for a DaemonSet that is being deleted. Where pods have failed the controller may pause
    before the next, 1, 2, 4 … 900 s, and twice that is granted. Where the API server refuses pods (Event FailedCreate) it may wait for its
    next try as long again as it has been refused by then; a wait beyond that is a known deviation (REFUSED_ONCE), but for no longer than
    the pause that as many refusals bring about where each doubles it, from 5 ms to 1000 s.
    """
    if step.review is None:
        return Mark.CHANCE
    watched, ledger = step.review, step.ledger
    if not ledger.controller_works():
        return None
    wrong = []
    for node, found in watched.eligible.items():
        if not found.run or node not in watched.down:  # it has a ready one
            continue
        pods = watched.on(node)
        if pods and not all(pod.terminal and not pod.terminating for pod in pods.values()):
            continue
        begun = since(ledger, watched, node)
        refused = watched.refused_at >= begun
        due = max(begun, refused_until(watched)) if refused else begun
        never = max(due, watched.refused_at + refused_for(watched))
        allowed = pause(watched.ended[node])
        if said.overdue(watched.uid, node, due, ledger.now, allowed):
            known = REFUSED_ONCE if refused and not late(never, ledger.now, allowed) else ""
            wrong.append(_late(step, watched, node, begun, list(pods.values()), refused=refused, known=known))
        elif refused and late(due, ledger.now, allowed) and said.overdue(watched.uid, f"{node} again", never, ledger.now, allowed):
            wrong.append(_late(step, watched, node, begun, list(pods.values()), refused=True, known=""))
    return wrong or None


def _late(step: Step, watched: Watched, node: str, begun: float, pods: list[Pod], *, refused: bool, known: str) -> Violation:
    waited = f"for {step.ledger.now - begun:.0f} s"
    if refused:
        last = step.ledger.now - watched.refused_at
        what = f"node {node} has had no pod {waited}: the last one was refused {last:.0f} s ago, and none was tried since"
        kind = "not-tried-again"
    elif pods:
        what = f"node {node} has had none but pods that have ended {waited}, and none has taken their place"
        kind = "not-replaced"
    else:
        what, kind = f"node {node} should run a pod and has had none {waited}, and nothing is in the way", "no-pod"
    return Violation(kind, f"DaemonSet {watched.name}: {what}.", references(watched, node, pods), known)
