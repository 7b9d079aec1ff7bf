"""INV-11: where there is nothing to do the controller does nothing, and in one sync it does not do everything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from conformance.guarantees.authors import by_controller
from conformance.guarantees.promise import Evaluation, Mark, Step, Violation, guarantee
from conformance.guarantees.quiet import QUIET
from conformance.guarantees.status import oracle
from conformance.guarantees.watched import Watched
from conformance.kube.records import DaemonSet
from conformance.model.status import claimed

#: Pods the controller creates, or deletes, in one sync at most.
BURST = 250
#: Status writes that may follow the last change by anybody else, once that is QUIET ago; one is needed, conflicts and timers may double it.
AFTERTHOUGHTS = 3


@dataclass
class Calm:
    """UID -> the version of the settled state; UID -> writes since the last status write; UID -> status writes since others were silent."""

    settled: dict[str, int] = field(default_factory=dict)
    created: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)
    afterthoughts: dict[str, tuple[float, int]] = field(default_factory=dict)


@guarantee(
    "INV-11",
    promise="In Kubernetes, controllers are control loops that watch the state of your cluster, then make or request changes where needed.",
    source="documentation, Controllers: no writes where nothing is needed; and at most 250 creations and 250 deletions in one sync",
    on=("creation", "deletion", "daemonsets", "quiet"),
    reads=("pods", "nodes"),
    memory=Calm,
)
def does_nothing_in_vain(step: Step, memory: Calm) -> Evaluation:
    """A settled DaemonSet sees no pod creation, pod deletion or status write by the controller; between two status writes the controller
    creates at most 250 pods and deletes at most 250.

    Settled: the status equals the oracle, every node that should has one pod, up to date (unless OnDelete) and available, nothing is
    terminating or left over, and nothing has changed for 2 s. The first controller's write after that, with no change by anybody else in
    between, breaks it. Each settled window is a chance.
    """
    acted = by_controller(step.author)
    if step.quiet is not None:
        return _rest(step, step.quiet, memory)
    if step.entry.resource == "daemonsets":
        return _status(step, memory, acted)
    return _pod(step, memory, acted)


def _rest(step: Step, watched: Watched, memory: Calm) -> Evaluation:
    if not _settled(step, watched):
        return None
    memory.settled[watched.uid] = watched.version
    return Mark.CHANCE


def _pod(step: Step, memory: Calm, acted: bool | None) -> Evaluation:
    watched = step.ledger.subject
    if watched is None or acted is False:
        return None
    created = step.entry.type == "added"
    pod = step.after or step.before
    name = pod.metadata.name if pod else "?"
    what = f"pod {name} was {'created' if created else 'deleted'}"
    # A deletion by nobody known may have been the scenario's.
    if (created or acted) and memory.settled.get(watched.uid) == watched.version - 1:
        return _broken(watched, "pod-created" if created else "pod-deleted", what)
    counts = memory.created if created else memory.deleted
    counts[watched.uid] += 1
    if counts[watched.uid] <= BURST or not (created or acted):
        return None
    counts[watched.uid] = 0
    return Violation(
        "too-many-in-one-go",
        f"DaemonSet {watched.name}: more than {BURST} pods were {'created' if created else 'deleted'} without a status write in between.",
        (f"daemonsets/{watched.name}",),
    )


def _broken(watched: Watched, kind: str, what: str) -> Violation:
    return Violation(
        kind, f"DaemonSet {watched.name} was settled and nobody had changed anything, and yet {what}.", (f"daemonsets/{watched.name}",)
    )


def _status(step: Step, memory: Calm, acted: bool | None) -> Evaluation:
    before, after = step.before, step.after
    if not isinstance(before, DaemonSet) or not isinstance(after, DaemonSet) or acted is False or before.status == after.status:
        return None
    watched = step.ledger.of(after.metadata.uid)
    memory.created[watched.uid] = 0
    memory.deleted[watched.uid] = 0
    if not step.audited and before.metadata.generation != after.metadata.generation:
        return None
    if memory.settled.get(watched.uid) == watched.version - 1:
        return _broken(watched, "status-written", "its status was written")
    if acted is not True or after.spec.min_ready_seconds > 0 or step.ledger.now - watched.others_at < QUIET:
        return None
    others_at, count = memory.afterthoughts.get(watched.uid, (watched.others_at, 0))
    count = count + 1 if others_at == watched.others_at else 1
    memory.afterthoughts[watched.uid] = watched.others_at, count
    if count <= AFTERTHOUGHTS:
        return None
    memory.afterthoughts[watched.uid] = watched.others_at, 0
    return _broken(watched, "status-written", f"its status was written {count} times since")


def _settled(step: Step, watched: Watched) -> bool:
    ds = watched.alive
    if ds is None or ds.status.observed_generation != ds.metadata.generation or not watched.hashes.now:
        return False
    counts = oracle(step, watched, ds)
    if counts != claimed(ds.status) or counts.misscheduled or counts.available != counts.desired:
        return False
    if ds.spec.update_strategy.type == "RollingUpdate" and counts.updated != counts.desired:
        return False
    pods = [pod for there in watched.pods.values() for pod in there.values()]
    return len(pods) == counts.desired and not any(pod.terminating or pod.terminal for pod in pods)
