"""What a rolling update stands at: which old pods may go or get a successor, and what uses the budget up. Pure; nothing is remembered."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.guarantees.watched import Watched
from conformance.kube.records import DaemonSet, Pod
from conformance.model import revisions
from conformance.model.availability import is_available
from conformance.model.budgets import budget, scaled, surges


@dataclass
class Update:
    """The nodes that should run a pod, sorted by what an update may do there next.

    `free` may be touched whatever the budget says: an old pod there is not available, or has an available successor. `waiting` have an
    available old pod and need budget; `taken` use the budget up. `allowed` is the budget. `lost` are pods that are being deleted on nodes
    that are gone or should not run one, `crowded` nodes with more than two pods, `lacking` nodes with none.
    """

    allowed: int
    surge: bool
    free: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    lost: list[Pod] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)

    @property
    def may_go(self) -> list[str]:
        """The nodes of which one has to be touched next; none: it is over, or waits for its budget."""
        return self.free + (self.waiting if len(self.taken) < self.allowed else [])


def stands(watched: Watched, ds: DaemonSet, wall: float) -> Update:
    """How far the update has come. A pod is old if its hash is not that of the revision with the current template, if there is one."""
    desired = watched.desired()
    surge = surges(ds)
    allowed = budget(ds, len(desired))
    update = Update(allowed.surge if surge else allowed.unavailable, surge)
    seconds = ds.spec.min_ready_seconds
    current = watched.hashes.now
    for node in desired:
        pods = watched.on(node).values()
        if len(pods) > (2 if surge else 1):
            update.crowded.append(node)
        if not pods:
            update.lacking.append(node)
        staying = [pod for pod in pods if not pod.terminating]
        old = [pod for pod in staying if not pod.terminal and (not current or pod.hash != current)]
        new = [pod for pod in staying if current and pod.hash == current]
        ready = [pod for pod in old if is_available(pod, seconds, wall)]
        if surge:
            _surging(update, node, old, new, ready=bool(ready), over=any(is_available(pod, seconds, wall) for pod in new))
        else:
            _plain(update, node, old, up=any(is_available(pod, seconds, wall) for pod in staying))
    update.lost = [pod for node, there in watched.pods.items() for pod in there.values() if pod.terminating and not _runs(watched, node)]
    return update


def _runs(watched: Watched, node: str) -> bool:
    found = watched.eligible.get(node)
    return found is not None and found.run


def _plain(update: Update, node: str, old: list[Pod], *, up: bool) -> None:
    if not up:
        update.taken.append(node)
    if old:
        (update.waiting if up else update.free).append(node)


def _surging(update: Update, node: str, old: list[Pod], new: list[Pod], *, ready: bool, over: bool) -> None:
    if not old:
        return
    if not new:
        (update.waiting if ready else update.free).append(node)
        return
    update.taken.append(node)
    if over or not ready:
        update.free.append(node)


def by_its_status(ds: DaemonSet) -> bool:
    """Whether a plain update has budget left by the DaemonSet's own status. One that is behind the spec says nothing against it."""
    status, rolling = ds.status, ds.spec.update_strategy.rolling_update
    if status.observed_generation < ds.metadata.generation:
        return True
    limit = 1 if rolling is None or rolling.max_unavailable is None else rolling.max_unavailable
    return status.number_unavailable < max(scaled(limit, status.desired_number_scheduled), 1)


def revised(watched: Watched) -> bool:
    """Whether it is known at all what is old: some revision of the DaemonSet was seen."""
    ds = watched.record
    return bool(watched.hashes.now) or (ds is not None and bool(watched.world.revisions_of(ds)))


def same_generation(watched: Watched, ds: DaemonSet, nodes: list[str]) -> bool:
    """Whether all old pods of these nodes carry the DaemonSet's own generation: then the controller takes them for new ones."""
    wanted = ds.metadata.annotations.get(revisions.TEMPLATE_GENERATION, "-")
    pods = [pod for node in nodes for pod in watched.on(node).values() if not pod.terminal and pod.hash != watched.hashes.now]
    return bool(pods) and all(pod.metadata.labels.get(revisions.GENERATION) == wanted for pod in pods)
