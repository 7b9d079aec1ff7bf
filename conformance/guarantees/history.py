"""INV-10: the revisions of a DaemonSet."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.guarantees.authors import by_controller
from conformance.guarantees.promise import Evaluation, Mark, Step, Undecided, Violation, guarantee
from conformance.guarantees.watched import LAG, Watched
from conformance.kube.records import ControllerRevision, Object
from conformance.model import revisions
from conformance.trace.world import Key


@dataclass
class Foreign:
    """Revisions that somebody else made or that were adopted, and when somebody else last touched one of a DaemonSet's."""

    keys: set[Key] = field(default_factory=set)
    touched: dict[str, float] = field(default_factory=dict)


@guarantee(
    "INV-10",
    promise="ControllerRevision implements an immutable snapshot of state data; revisionHistoryLimit: The number of old history to "
    "retain to allow rollback.",
    source="API reference, ControllerRevision and DaemonSetSpec",
    on=("controllerrevisions", "quiet"),
    reads=("daemonsets", "pods"),
    memory=Foreign,
)
def well_kept(step: Step, memory: Foreign) -> Evaluation:
    """Data never changes; a number the controller gives is higher than all others of its DaemonSet; and it deletes no revision that a pod
    of the DaemonSet carries the hash of, if the pod had been there for LAG (1 s). When the DaemonSet is quiet, exactly
    one revision holds the current template, it has the highest number, and at most revisionHistoryLimit others are left that no pod needs.

    Revisions that somebody else made, or that were adopted, are not the controller's numbering. What somebody else did to revisions wakes
    no sync, so the quiet state is judged only if something else came after it.
    """
    if step.quiet is not None:
        return _kept(step, step.quiet, memory)
    before, after = step.before, step.after
    subject = after or before
    assert isinstance(subject, ControllerRevision)
    meta = subject.metadata
    key = (meta.namespace, meta.name)
    owner = meta.controller
    acted = by_controller(step.author)
    if owner is not None and acted is not True:
        memory.touched[owner.uid] = step.ledger.now
    if not isinstance(after, ControllerRevision) or owner is None or step.entry.type == "listed":
        memory.keys.discard(key)
        return _lost(step, subject) if after is None and acted is not False and owner is not None else None
    return _written(step, before, after, memory)


def _written(step: Step, before: Object | None, after: ControllerRevision, memory: Foreign) -> Evaluation:
    meta, owner, acted = after.metadata, after.metadata.controller, by_controller(step.author)
    key = (meta.namespace, meta.name)
    objects = (f"controllerrevisions/{meta.name}",)
    if isinstance(before, ControllerRevision):
        if before.data != after.data and revisions.template(before.data) != revisions.template(after.data):
            return Violation("data-changed", f"The data of revision {meta.name} was changed.", objects)
        if before.metadata.controller != after.metadata.controller:
            memory.keys.add(key)
            return Mark.HELD
        if before.revision == after.revision:
            return Mark.HELD
    elif acted is False:
        memory.keys.add(key)
    if acted is False or key in memory.keys:
        return None
    mine = [r for r in step.world.revisions.values() if r is not after and r.metadata.controller == owner]
    others = [r.revision for r in mine if (r.metadata.namespace, r.metadata.name) not in memory.keys]
    if others and after.revision <= max(others):
        return Violation(
            "number-not-highest",
            f"Revision {meta.name} got number {after.revision}, and its DaemonSet already has {sorted(others)}.",
            objects,
        )
    return Mark.CHANCE if others else Mark.HELD


def _lost(step: Step, gone: ControllerRevision) -> Evaluation:
    """The controller, or nobody known, has deleted a revision."""
    watched = step.ledger.daemonsets.get(gone.metadata.controller.uid) if gone.metadata.controller else None
    if watched is None or watched.alive is None:
        return None
    pods = [pod for there in watched.pods.values() for pod in there.values()]
    wanted = revisions.hash_of(gone)
    since = watched.horizon(step.ledger.now)
    need = [pod for pod in pods if wanted and pod.hash == wanted and watched.stirred.get(pod.target, 0.0) < since]
    if not need:
        return Mark.CHANCE if pods else Mark.HELD
    names = ", ".join(pod.metadata.name for pod in need[:5])
    message = f"Revision {gone.metadata.name} of DaemonSet {watched.name} was deleted, and {len(need)} of its pods need it: {names}."
    if by_controller(step.author) is None:
        # What follows closely upon something that the scenario did is taken to be its own deed.
        mine = step.ledger.now - step.ledger.acted_at <= 2 * LAG
        return Mark.HELD if mine else Undecided(f"who deleted is not known: {message}")
    objects = (f"daemonsets/{watched.name}", f"controllerrevisions/{gone.metadata.name}")
    return Violation("lost-a-revision-in-use", message, objects)


def _kept(step: Step, watched: Watched, memory: Foreign) -> Evaluation:
    ds = watched.alive
    if ds is None or ds.status.observed_generation != ds.metadata.generation or not step.ledger.controller_works():
        return None
    if memory.touched.get(watched.uid, float("-inf")) >= watched.woken_at - LAG and step.audited:
        return Mark.HELD
    mine = step.world.revisions_of(ds)
    wanted = revisions.essence(revisions.template(watched.document))
    same = [r for r in mine if revisions.matches(r, wanted)]
    objects = (f"daemonsets/{watched.name}", *(f"controllerrevisions/{r.metadata.name}" for r in mine))
    if len(same) != 1:
        return Violation(
            "not-one-current-revision",
            f"{len(same)} of the {len(mine)} revisions of DaemonSet {watched.name} hold its current template; it should be one.",
            objects,
        )
    kept = [r for r in mine if r is not same[0]]
    if kept and same[0].revision <= max(r.revision for r in kept):
        numbers = sorted(r.revision for r in kept)
        return Violation(
            "current-not-highest",
            f"The current revision of DaemonSet {watched.name} has number {same[0].revision}, others have {numbers}.",
            objects,
        )
    limit = 10 if ds.spec.revision_history_limit is None else ds.spec.revision_history_limit
    used = {pod.hash for pods in watched.pods.values() for pod in pods.values()}
    live = sum(revisions.hash_of(r) in used for r in kept)
    if len(kept) > limit + live:
        return Violation(
            "too-many-old-revisions",
            f"DaemonSet {watched.name} keeps {len(kept)} old revisions; its revisionHistoryLimit is {limit}, and pods still need {live}.",
            objects,
        )
    return Mark.CHANCE if kept else Mark.HELD
