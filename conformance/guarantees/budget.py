"""INV-3 and INV-4: what a rolling update may take away."""

from __future__ import annotations

from typing import NamedTuple

from conformance.guarantees.presence import references
from conformance.guarantees.promise import Evaluation, Mark, Step, Undecided, Violation, guarantee
from conformance.guarantees.watched import CLOCK, LAG, Watched
from conformance.kube.records import Pod
from conformance.model.availability import available_from, epoch, is_available
from conformance.model.budgets import budget, surges

#: `rollingUpdate` counts over the nodes that have a pod (pkg/controller/daemon/update.go), and lists them after `manage` has looked for
#: nodes without one: a pod whose object goes between the two looks is missing from both.
BETWEEN_TWO_LOOKS = "rolling-update-exceeds-max-unavailable"

#: Seconds by which the clocks of API server, controller and kubelets may differ: where there is an audit log they are one machine's.
SKEW = 0.2


class Taken(NamedTuple):
    """A pod whose deletion has just been asked for while it was available, where it may have stayed."""

    watched: Watched
    pod: Pod
    horizon: float
    informed: float
    sure: bool


def _taken(step: Step) -> Taken | None:
    """The pod that this step takes from a node, if the controller (or nobody known) did it and must have known it as available."""
    watched, pod = step.ledger.subject, step.before
    if watched is None or watched.alive is None or not isinstance(pod, Pod) or pod.terminal or not pod.ready:
        return None
    acted = step.ledger.controller_acted(step.author, pod)
    if acted is False:
        return None
    now = step.ledger.now
    informed = watched.informed(now)
    if watched.flipped.get(pod.metadata.uid, float("-inf")) > informed:
        return None
    seconds = watched.alive.spec.min_ready_seconds
    wall = step.ledger.wall()
    if seconds > 0 and informed != watched.known_at and (wall == float("inf") or not is_available(pod, seconds, wall - (now - informed))):
        return None
    return Taken(watched, pod, watched.horizon(now), informed, acted is True)


@guarantee(
    "INV-3",
    promise="The maximum number of DaemonSet pods that can be unavailable during the update.",
    source="API reference, RollingUpdateDaemonSet.maxUnavailable",
    on=("deletion",),
    reads=("pods", "daemonsets", "nodes"),
)
def budget_kept(step: Step, races: dict[str, float]) -> Evaluation:
    """The controller deletes an available pod only while the nodes without one, this one's counted, stay within ceil(maxUnavailable).

    Counted are the nodes that should run a pod and have no available, non-terminating one: those the controller made so at once, all others
    only when it could have known (LAG before its burst of writes). The largest budget of that time counts. Not judged: pods that were
    not available, pods on nodes that stopped being eligible, surging DaemonSets.

    One way to break it is known (BETWEEN_TWO_LOOKS), and recognised by this: without the nodes whose pod's object went within the last LAG,
    and that have no new pod yet, the budget would be kept. It is a race that is seldom lost, so it explains one burst of writes for each
    DaemonSet and scenario: a controller that does it again does not count such nodes at all.
    """
    taken = _taken(step)
    if taken is None:
        return None
    watched, pod, horizon, informed, sure = taken
    node = pod.target
    specs = list(watched.specs_within(horizon))
    if any(surges(ds) or ds.spec.update_strategy.type != "RollingUpdate" for ds in specs):
        return None
    if not all(found.run for found in step.ledger.eligibility_within(watched, node, informed)):
        return Mark.HELD
    desired = watched.desired()
    count = len(desired)
    if step.ledger.nodes_changed_at > horizon:
        count = max(count, *(ds.status.desired_number_scheduled for ds in specs))
    allowed = max(budget(ds, count).unavailable for ds in specs)
    down, doubtful = _without(step, watched, desired, horizon)
    if node in watched.down:
        down.add(node)
    if len(down) > allowed:
        message = (
            f"{pod.metadata.name} of DaemonSet {watched.name}, available on node {node}, was deleted: now {len(down)} of {len(desired)} "
            f"nodes have no available pod ({', '.join(sorted(down)[:10])}), and maxUnavailable allows {allowed}."
        )
        unseen = {name for name in down if step.ledger.now - watched.emptied.get(name, float("-inf")) <= LAG}
        now = step.ledger.now
        raced = len(down - unseen) <= allowed and now - races.setdefault(watched.uid, now) <= LAG
        known = BETWEEN_TWO_LOOKS if raced else ""
        broken = Violation("more-than-max-unavailable", message, references(watched, node, [pod]), known)
        return broken if sure else Undecided(f"who deleted is not known: {message}")
    if doubtful and not sure and len(down | doubtful) > allowed:
        return Undecided(
            f"who deleted pods of DaemonSet {watched.name} is not known, so neither is what the controller took from its budget"
        )
    return Mark.CHANCE if allowed < len(desired) else Mark.HELD


def _without(step: Step, watched: Watched, desired: list[str], horizon: float) -> tuple[set[str], set[str]]:
    """The desired nodes that surely count as being without an available pod, and those of which that is not known."""
    down: set[str] = set()
    doubtful: set[str] = set()
    ds = watched.alive
    seconds = ds.spec.min_ready_seconds if ds else 0
    wall = step.ledger.wall()
    for name in desired:
        state = watched.down.get(name)
        if state is not None:
            since, acted = state
            if acted or since <= horizon:
                down.add(name)
            elif acted is None:
                doubtful.add(name)
        elif seconds > 0:
            ripe = [available_from(pod, seconds) for pod in watched.on(name).values() if not pod.terminating]
            if all(moment is None or moment > wall + CLOCK for moment in ripe):
                down.add(name)
    return down, doubtful


@guarantee(
    "INV-4",
    promise="Once an updated pod is available (Ready for at least minReadySeconds) the old DaemonSet pod on that node is marked deleted.",
    source="API reference, RollingUpdateDaemonSet.maxSurge",
    on=("deletion",),
    reads=("pods", "daemonsets", "nodes"),
)
def replaced_first(step: Step, _: object) -> Evaluation:
    """Surge: the controller deletes an available pod only when another available one stands on the node.

    A node whose labels or NoExecute taints no longer fit loses its pod at once. One with a NoSchedule taint that is not tolerated loses it
    only while more pods are available than desired. A pod that was available within the controller's horizon counts as available. What
    is available is told by the API server's clock at the time of the request (SKEW besides), or if that is not known by an estimate.
    """
    taken = _taken(step)
    if taken is None:
        return None
    watched, pod, horizon, informed, sure = taken
    node = pod.target
    if not all(surges(ds) for ds in watched.specs_within(horizon)):
        return None
    seconds = watched.alive.spec.min_ready_seconds if watched.alive else 0
    found = list(step.ledger.eligibility_within(watched, node, informed))
    if not all(one.stay for one in found):
        return Mark.HELD
    wall = step.ledger.received + SKEW if step.ledger.received else step.ledger.wall() + CLOCK
    if not all(one.run for one in found):
        desired = len(watched.desired())
        left = sum(watched.available_on(name, wall) for name in watched.pods)
        if left >= desired or watched.others_at > horizon:
            return Mark.CHANCE
        kind, why = "below-desired", f"and {left} pods are available where {desired} are desired"
    elif watched.available_on(node, wall) or _just_lost(watched, node, horizon, seconds, wall):
        return Mark.CHANCE
    else:
        kind, why = "none-beside-it", "and no other pod on the node was available"
    message = f"{pod.metadata.name} of DaemonSet {watched.name}, available on node {node}, was deleted {why}."
    return Violation(kind, message, references(watched, node, [pod])) if sure else Undecided(f"who deleted is not known: {message}")


def _just_lost(watched: Watched, node: str, horizon: float, seconds: int, wall: float) -> bool:
    """Whether a pod on the node, which may have been available, changed its readiness so lately that the controller need not have known."""
    never = float("-inf")
    lately = [pod for pod in watched.on(node).values() if not pod.terminating and watched.flipped.get(pod.metadata.uid, never) >= horizon]
    return any(not pod.ready or _old_enough(pod, seconds, wall) for pod in lately)


def _old_enough(pod: Pod, seconds: int, wall: float) -> bool:
    """Whether the pod has been there for long enough to have been available once."""
    created = pod.metadata.creation_timestamp
    return created is None or epoch(created) + seconds <= wall
