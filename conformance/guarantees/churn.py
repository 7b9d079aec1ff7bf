"""INV-12: no pod is created or deleted without a cause."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from conformance.guarantees.presence import names, references
from conformance.guarantees.promise import Evaluation, Mark, Step, Undecided, Violation, guarantee
from conformance.guarantees.watched import Watched
from conformance.kube.records import Pod
from conformance.trace.entries import Entry


@dataclass
class Count:
    """Creations by DaemonSet UID, those for a node that had just become ineligible, the nodes that have had one, the expectations."""

    creations: Counter[str] = field(default_factory=Counter)
    belated: Counter[str] = field(default_factory=Counter)
    nodes: set[tuple[str, str]] = field(default_factory=set)
    expectations: list[dict[str, Any]] = field(default_factory=list)


@guarantee(
    "INV-12",
    promise="Any updates to a RollingUpdate DaemonSet .spec.template will trigger a rolling update; old DaemonSet pods will be killed, "
    "and new DaemonSet pods will be created automatically, in a controlled fashion.",
    source="documentation, Perform a Rolling Update on a DaemonSet: one pod per node for an update, none without a cause",
    on=("creation", "deletion", "expect", "end"),
    reads=("pods", "nodes", "daemonsets", "controllerrevisions"),
    memory=Count,
)
def no_churn(step: Step, memory: Count) -> Evaluation:
    """Each further creation for a node needs the earlier pod gone, terminal or released, or a surge; each deletion by the controller needs
    a reason: an old revision (unless OnDelete), a terminal phase, a node that excludes it or is gone, or another pod of the DaemonSet
    there.

    What the controller could not have known LAG (1 s) before its burst of writes is not held against it. At the end the creations are
    compared with the number that the scenario expects, if it said one; a creation for a node that is no longer eligible may be in it or
    not (whether the controller could have known is what INV-6 judges). Adopted pods may be surplus, and are replaced like any other.
    """
    kind = step.entry.type
    if kind == "expect":
        memory.expectations.append(step.entry.detail)
        return None
    if kind == "end":
        return _reckon(step, memory)
    watched = step.ledger.subject
    if watched is None:
        return None
    if kind == "added":
        return _created(step, watched, memory)
    return _deleted(step, watched)


def _created(step: Step, watched: Watched, memory: Count) -> Evaluation:
    pod = step.after
    if not isinstance(pod, Pod):
        return None
    memory.creations[watched.uid] += 1
    eligible = watched.eligible.get(pod.target)
    if eligible is None or not eligible.run:
        memory.belated[watched.uid] += 1
    pair = watched.uid, pod.target
    if pair not in memory.nodes:
        memory.nodes.add(pair)
        return Mark.HELD
    horizon = watched.horizon(step.ledger.now)
    there = [p for p in watched.on(pod.target).values() if p is not pod and not p.terminal]
    if not there or watched.surged_within(horizon):
        return Mark.CHANCE
    if all(step.ledger.adopted.get(p.metadata.uid, float("-inf")) >= horizon for p in there):
        return Mark.HELD
    return Violation(
        "created-without-a-cause",
        f"DaemonSet {watched.name} got one more pod, {pod.metadata.name}, for node {pod.target} without a cause: {names(there)} is still "
        "there.",
        references(watched, pod.target, [pod, *there]),
    )


def _deleted(step: Step, watched: Watched) -> Evaluation:
    pod = step.before
    acted = step.ledger.controller_acted(step.author, pod) if isinstance(pod, Pod) else False
    if acted is False or not isinstance(pod, Pod):
        return None
    if _reason(step, watched, pod):
        return Mark.CHANCE
    message = f"{pod.metadata.name} of DaemonSet {watched.name} on node {pod.target} was deleted without a cause: {_as_it_was(pod)}."
    if acted is None:
        # Somebody else's deletion needs no cause, and here nobody knows whose it was.
        return Mark.HELD if watched.doomed_at is not None else Undecided(f"who deleted is not known: {message}")
    return Violation("deleted-without-a-cause", message, references(watched, pod.target, [pod]))


def _reason(step: Step, watched: Watched, pod: Pod) -> str:
    if pod.terminal:
        return "terminal"
    horizon = watched.horizon(step.ledger.now)
    if watched.is_current(pod, horizon) is not True and any(
        ds.spec.update_strategy.type == "RollingUpdate" for ds in watched.specs_within(horizon)
    ):
        return "old revision"
    if not all(found.stay for found in step.ledger.eligibility_within(watched, pod.target, horizon)):
        return "node excludes it"
    if any(other.metadata.uid != pod.metadata.uid and not other.terminal for other in watched.on(pod.target).values()):
        return "not the only one"
    return ""


def _as_it_was(pod: Pod) -> str:
    ready = "ready" if pod.ready else "not ready"
    return f"phase {pod.status.phase or 'unknown'}, {ready}, revision {pod.hash or '-'}, node eligible, no other pod there"


def _reckon(step: Step, memory: Count) -> Evaluation:
    if not memory.expectations:
        return None
    wrong = [broken for wanted in memory.expectations if (broken := _compare(step.entry, step, wanted, memory))]
    return wrong or Mark.CHANCE


def _compare(entry: Entry, step: Step, wanted: dict[str, Any], memory: Count) -> Violation | None:
    name, uid = str(wanted.get("name", "")), str(wanted.get("uid", ""))
    number = int(wanted.get("creations", wanted.get("count", 0)))
    uids = [uid] if uid else [w.uid for w in step.ledger.daemonsets.values() if w.name == name]
    seen = sum(memory.creations[one] for one in uids)
    belated = sum(memory.belated[one] for one in uids)
    if seen - belated <= number <= seen:
        return None
    return Violation(
        "more-than-expected" if seen > number else "fewer-than-expected",
        f"DaemonSet {name} got {seen} pods from the controller by {entry.at:.1f} s; the scenario expects {number}.",
        (f"daemonsets/{name}",),
    )
