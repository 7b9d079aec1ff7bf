"""INV-5: whose pods the controller may touch."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.guarantees.authors import CONTROLLER, by_controller, owner_uid
from conformance.guarantees.promise import Evaluation, Mark, Step, Undecided, Violation, guarantee
from conformance.guarantees.watched import LAG, Watched
from conformance.kube.records import DaemonSet, Pod
from conformance.model.selectors import selects
from conformance.trace.world import Key


@dataclass
class Strangers:
    """Pods that no DaemonSet owns, and when pods lately lost an owner."""

    keys: set[Key] = field(default_factory=set)
    left: dict[str, tuple[str, float]] = field(default_factory=dict)


@guarantee(
    "INV-5",
    promise="Owner references help different parts of Kubernetes avoid interfering with objects they don't control.",
    source="documentation, Owners and Dependents",
    on=("pods",),
    reads=("daemonsets",),
    memory=Strangers,
)
def only_its_own(step: Step, memory: Strangers) -> Evaluation:
    """The controller writes only to pods whose controllerRef is a DaemonSet that is (or was until LAG ago) there.

    The one exception is adoption: a pod without a managing owner gets one, if its labels match the DaemonSet's selector, in the same
    namespace.
    """
    before, after = step.before, step.after
    subject = after or before
    assert isinstance(subject, Pod)
    key = (subject.metadata.namespace, subject.metadata.name)
    was = owner_uid(before) if isinstance(before, Pod) else ""
    now = owner_uid(after) if isinstance(after, Pod) else ""
    if now or after is None:
        memory.keys.discard(key)
    else:
        memory.keys.add(key)
    if was != now and was:
        memory.left[subject.metadata.uid] = was, step.ledger.now
    if step.entry.type == "listed" or not isinstance(before, Pod):
        return None
    if step.author != CONTROLLER:
        return _by_somebody(step, before, after)
    if was:
        return _own(step, before, step.ledger.of(was), memory)
    since = memory.left.get(subject.metadata.uid)
    if since is not None and since[1] >= step.ledger.now - LAG:
        return Mark.HELD
    if now and isinstance(after, Pod):
        return _adoption(step, before, after, step.ledger.of(now))
    return _stranger(step, before)


def _own(step: Step, before: Pod, watched: Watched, memory: Strangers) -> Evaluation:
    if watched.specs is None or (watched.gone and (watched.doomed_at or 0.0) < watched.horizon(step.ledger.now)):
        return Violation(
            "pod-of-a-daemonset-that-is-gone",
            f"The controller wrote to pod {before.metadata.name}, whose owner {watched.name} (uid {watched.uid}) is not there.",
            (f"pods/{before.metadata.name}",),
        )
    return Mark.CHANCE if memory.keys or len(step.ledger.daemonsets) > 1 else Mark.HELD


def _stranger(step: Step, before: Pod) -> Violation:
    owner = before.metadata.controller
    whose = f"which belongs to {owner.kind} {owner.name}" if owner is not None else "which belongs to nobody"
    what = (
        "deleted"
        if step.after is None or (isinstance(step.after, Pod) and step.after.terminating and not before.terminating)
        else "changed"
    )
    return Violation(
        f"strangers-pod-{what}", f"The controller {what} pod {before.metadata.name}, {whose}.", (f"pods/{before.metadata.name}",)
    )


def _adoption(step: Step, before: Pod, after: Pod, watched: Watched) -> Evaluation:
    problem = ""
    if before.metadata.controller is not None:
        return _stranger(step, before)
    horizon = watched.horizon(step.ledger.now)
    ds: DaemonSet | None = watched.record
    if ds is None or (watched.doomed_at is not None and watched.doomed_at < horizon):
        problem = "that is not there, or is being deleted"
    elif ds.metadata.namespace != before.metadata.namespace:
        problem = f"of namespace {ds.metadata.namespace}"
    elif not selects(ds.spec.selector, before.metadata.labels):
        problem = "whose selector does not match its labels"
    elif before.terminating:
        problem = "although it was being deleted"
    if not problem:
        return Mark.CHANCE
    return Violation(
        "wrong-adoption",
        f"The controller made pod {before.metadata.name} the property of a DaemonSet ({watched.name}) {problem}.",
        (f"pods/{after.metadata.name}",),
    )


def _by_somebody(step: Step, before: Pod, after: object) -> Evaluation:
    """Somebody else's write is none of our business; one by nobody known is, where only a stranger's pod can be hit."""
    if by_controller(step.author) is False or owner_uid(before):
        return None
    gone = after is None and not before.terminating
    asked = isinstance(after, Pod) and after.terminating and not before.terminating
    if not gone and not asked:
        return None
    labels = before.metadata.labels
    for ds in step.world.daemonsets.values():
        if ds.metadata.namespace == before.metadata.namespace and selects(ds.spec.selector, labels):
            what = f"pod {before.metadata.name}, which matches the selector of {ds.metadata.name} but is not its own"
            return Undecided(f"who deleted is not known: {what}")
    return None
