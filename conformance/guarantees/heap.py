"""INV-17: pods that have ended do not pile up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from conformance.guarantees.owed import LONGEST_PAUSE
from conformance.guarantees.presence import references
from conformance.guarantees.progress import HEAP
from conformance.guarantees.promise import Evaluation, Mark, Step, Violation, guarantee
from conformance.guarantees.watched import Watched
from conformance.kube.records import Pod

#: Pods that may fail one after the other on a node before the pauses between them are long enough to be measured.
QUICK = 3
#: This part of a pause at least has to have passed: its beginning and its end are seen with a delay.
SEEN = 0.5


class Row(NamedTuple):
    """So many pods have failed in a row, the last one at that time and of that revision; `spec` is the generation, and the observed one."""

    length: int = 0
    at: float = 0.0
    revision: str = ""
    spec: tuple[int, int] = (0, 0)


@dataclass
class Failing:
    """(UID, node) -> the pods that have failed there in a row."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)


@guarantee(
    "INV-17",
    promise="The DaemonSet will create exactly one copy of this pod on every node that matches the template's node selector.",
    source="API reference, DaemonSetSpec.template: one that has ended is replaced, not joined by the next",
    on=("creation", "ending", "deletion"),
    reads=("pods", "daemonsets"),
    memory=Failing,
)
def no_heap(step: Step, memory: Failing) -> Evaluation:
    """Of a DaemonSet's own pods on one node one at most has ended and is not being deleted. Where three or more have failed in a row the
    next one is made no sooner than after half of a pause that doubles with each: 2, 4, 8 … 900 s. Each pod that ends, and each that is made
    after such a row, is a chance.

    Adopted pods are not counted. A row begins anew with a change of the spec, and when somebody else than the controller deletes a pod that
    has ended. With a surge both are known to be broken (HEAP).
    """
    watched = step.ledger.subject
    ds = watched.alive if watched is not None else None
    if watched is None or ds is None:
        return None
    spec = ds.metadata.generation, ds.status.observed_generation
    if step.entry.type == "added":
        return _made(step, watched, memory, spec) if memory.rows else None
    if isinstance(step.before, Pod) and step.before.terminal:  # asked to go, after it had ended
        if step.ledger.controller_acted(step.author, step.before) is False:
            memory.rows.pop((watched.uid, step.before.target), None)
        return None
    return _ended(step, watched, memory, spec)


def _ended(step: Step, watched: Watched, memory: Failing, spec: tuple[int, int]) -> Evaluation:
    pod = step.after
    if not isinstance(pod, Pod) or not pod.terminal:
        return None
    node = pod.target
    if pod.status.phase == "Failed":
        last = memory.rows.get((watched.uid, node), Row())
        goes_on = (last.revision, last.spec) == (pod.hash, spec)
        memory.rows[watched.uid, node] = Row(last.length + 1 if goes_on else 1, step.ledger.now, pod.hash, spec)
    else:
        memory.rows.pop((watched.uid, node), None)
    ended = [other for other in watched.on(node).values() if _stands_dead(step, other)]
    if len(ended) < 2:
        return Mark.CHANCE
    return Violation(
        "heap",
        f"{len(ended)} pods of DaemonSet {watched.name} on node {node} have ended and none of them is being deleted.",
        references(watched, node, ended[-5:]),
        _known(step, watched),
    )


def _known(step: Step, watched: Watched) -> str:
    return HEAP if watched.surged_within(watched.horizon(step.ledger.now)) else ""


def _stands_dead(step: Step, pod: Pod) -> bool:
    return pod.terminal and not pod.terminating and pod.metadata.uid not in step.ledger.adopted


def _made(step: Step, watched: Watched, memory: Failing, spec: tuple[int, int]) -> Evaluation:
    pod = step.after
    row = memory.rows.get((watched.uid, pod.target)) if isinstance(pod, Pod) else None
    if not isinstance(pod, Pod) or row is None or row.length < QUICK or row.spec != spec:
        return None
    pause = min(2.0 ** (row.length - 2), LONGEST_PAUSE)
    passed = step.ledger.now - row.at
    if passed >= pause * SEEN:
        return Mark.CHANCE
    return Violation(
        "faster-than-the-backoff",
        f"{pod.metadata.name} of DaemonSet {watched.name} was created for node {pod.target} {passed:.1f} s after the last of {row.length} "
        f"pods there had failed; the pause should be {pause:g} s.",
        references(watched, pod.target, [pod]),
        _known(step, watched),
    )
