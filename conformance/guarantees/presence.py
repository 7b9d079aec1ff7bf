"""INV-1 and INV-2: how many pods of one DaemonSet may stand on one node."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.guarantees.promise import Evaluation, Mark, Step, Violation, guarantee
from conformance.guarantees.watched import Watched
from conformance.kube.records import Pod
from conformance.model.availability import is_available
from conformance.model.budgets import budget, surges


@dataclass
class Served:
    """The (UID, node) pairs that have had a pod: only a second creation can be one too many."""

    pairs: set[tuple[str, str]] = field(default_factory=set)

    def mark(self, watched: Watched, node: str) -> Mark:
        """CHANCE if the node had been served before."""
        pair = watched.uid, node
        if pair in self.pairs:
            return Mark.CHANCE
        self.pairs.add(pair)
        return Mark.HELD


def names(pods: list[Pod]) -> str:
    """Pods for a message, with what matters of them."""
    return ", ".join(pod.metadata.name + (" (terminating)" if pod.terminating else "") for pod in pods)


def references(watched: Watched, node: str, pods: list[Pod]) -> tuple[str, ...]:
    """The objects of a violation."""
    return (f"daemonsets/{watched.name}", f"nodes/{node}", *(f"pods/{pod.metadata.name}" for pod in pods))


@guarantee(
    "INV-1",
    promise="At most one pod of the DaemonSet will be running on each node during the whole update process.",
    source="documentation, Perform a Rolling Update on a DaemonSet; without surge it holds at every instant",
    on=("creation", "quiet"),
    reads=("pods", "daemonsets"),
    memory=Served,
)
def at_most_one(step: Step, memory: Served) -> Evaluation:
    """No surge: at most one non-terminal pod per (DaemonSet UID, target node); a terminating one still counts.

    Judged when the controller creates a pod. An adopted pod that stands there already excuses the creation only if the adoption came within
    the controller's horizon (LAG, 1 s, before its burst of writes); surplus from adoption or from a surge that was switched off has to
    be gone when the DaemonSet is quiet.
    """
    if step.quiet is not None:
        return _no_surplus(step, step.quiet)
    watched, pod = step.ledger.subject, step.after
    if watched is None or not isinstance(pod, Pod) or not pod.target:
        return None
    horizon = watched.horizon(step.ledger.now)
    if watched.surged_within(horizon):
        return None
    mark = memory.mark(watched, pod.target)
    others = [other for other in watched.on(pod.target).values() if other is not pod and not other.terminal]
    if not others:
        return mark
    if all(step.ledger.adopted.get(other.metadata.uid, float("-inf")) >= horizon for other in others):
        return Mark.HELD
    return Violation(
        "created-beside-another",
        f"{pod.metadata.name} of DaemonSet {watched.name} was created for node {pod.target}, where {names(others)} still stood.",
        references(watched, pod.target, [pod, *others]),
    )


def _no_surplus(step: Step, watched: Watched) -> Evaluation:
    if watched.alive is None or watched.surged_within(step.ledger.now):
        return None
    # What no event told the controller about, or what it was not running to hear, is not its fault.
    if watched.silent_at > watched.woken_at or not step.ledger.controller_works():
        return None
    for node, pods in watched.pods.items():
        if len(pods) < 2:
            continue
        present = [pod for pod in pods.values() if not pod.terminal]
        found = watched.eligible.get(node)
        if len(present) < 2 or any(pod.terminating for pod in present) or found is None:
            continue
        return Violation(
            "surplus-stays",
            f"{names(present)} of DaemonSet {watched.name} stand on node {node}, and none of them is being deleted, "
            "although nothing has changed for a while.",
            references(watched, node, present),
        )
    return None


@guarantee(
    "INV-2",
    promise="The maximum number of nodes with an existing available DaemonSet pod that can have an updated DaemonSet pod during during an "
    "update.",
    source="API reference, RollingUpdateDaemonSet.maxSurge: beside the existing pod one updated pod, so two in all",
    on=("creation",),
    reads=("pods", "daemonsets"),
    memory=Served,
)
def at_most_two(step: Step, memory: Served) -> Evaluation:
    """Surge: at most one non-terminating pod per revision hash on a node, and at most two in all. Adopted pods are not counted.

    And when the controller creates a pod of the current revision beside an available old one, the nodes with both, this one's counted, are
    no more than ceil(maxSurge) of the nodes that should run a pod. An old pod counts as available if it was so for all of the controller's
    horizon (LAG, 1 s, before its burst of writes); the largest budget of that time counts.
    """
    watched, pod = step.ledger.subject, step.after
    if watched is None or not isinstance(pod, Pod) or not pod.target:
        return None
    horizon = watched.horizon(step.ledger.now)
    if not watched.surged_within(horizon):
        return None
    mark = memory.mark(watched, pod.target)
    others = [
        other
        for other in watched.on(pod.target).values()
        if other is not pod and not other.terminal and not other.terminating and other.metadata.uid not in step.ledger.adopted
    ]
    twins = [other for other in others if other.hash == pod.hash]
    if not twins and len(others) < 2:
        return _within_budget(step, watched, pod, horizon) or mark
    what = f"a second one of revision {pod.hash}" if twins else "a third one"
    return Violation(
        "second-of-its-revision" if twins else "third-on-the-node",
        f"{pod.metadata.name} of DaemonSet {watched.name} was created for node {pod.target}, {what} beside {names(others)}.",
        references(watched, pod.target, [pod, *others]),
    )


def _within_budget(step: Step, watched: Watched, pod: Pod, horizon: float) -> Evaluation:
    """None if the creation does not surge."""
    ledger, current = step.ledger, watched.hashes.now
    specs = list(watched.specs_within(horizon))
    if not all(surges(ds) for ds in specs) or pod.hash != current or watched.is_current(pod, horizon) is not True:
        return None
    wall = ledger.wall() - (ledger.now - horizon)
    seconds = max(ds.spec.min_ready_seconds for ds in specs)
    both = [node for node in watched.desired() if _has_both(watched, node, current, horizon, seconds, wall)]
    if pod.target not in both:
        return None
    count = len(watched.desired())
    if ledger.nodes_changed_at > horizon:
        count = max(count, *(ds.status.desired_number_scheduled for ds in specs))
    allowed = max(budget(ds, count).surge for ds in specs)
    if len(both) <= allowed:
        return Mark.CHANCE if allowed < count else Mark.HELD
    return Violation(
        "more-than-max-surge",
        f"{pod.metadata.name} of DaemonSet {watched.name} was created beside an available old pod on node {pod.target}: now {len(both)} "
        f"nodes have both ({', '.join(sorted(both)[:10])}), and maxSurge allows {allowed} of {count}.",
        references(watched, pod.target, [pod]),
    )


def _has_both(watched: Watched, node: str, current: str, horizon: float, seconds: int, wall: float) -> bool:
    """Whether the node has an updated pod, and an old one that was available at the horizon and ever since."""
    pods = [pod for pod in watched.on(node).values() if not pod.terminating and not pod.terminal]
    return any(pod.hash == current for pod in pods) and any(
        pod.hash != current and watched.flipped.get(pod.metadata.uid, 0.0) < horizon and is_available(pod, seconds, wall) for pod in pods
    )
