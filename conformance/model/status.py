"""Status: the counters that a DaemonSet's status should show for given nodes and pods.

Source: API reference, DaemonSetStatus; where it is silent (which of several pods counts, terminating ones) the behaviour of the controller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from conformance.kube.records import DaemonSet, DaemonSetStatus, Node, Pod
from conformance.model.availability import is_available
from conformance.model.eligibility import should_run
from conformance.model.revisions import GENERATION, TEMPLATE_GENERATION


class Counters(NamedTuple):
    """The seven counters, by their API names."""

    desired: int
    current: int
    ready: int
    available: int
    unavailable: int
    misscheduled: int
    updated: int

    def differences(self, other: Counters) -> list[str]:
        """`field is X, should be Y` for each field in which `self` differs from the expectation `other`."""
        return [
            f"{field} is {mine}, should be {theirs}"
            for field, mine, theirs in zip(self._fields, self, other, strict=True)
            if mine != theirs
        ]


def claimed(status: DaemonSetStatus) -> Counters:
    """What a status says."""
    return Counters(
        desired=status.desired_number_scheduled,
        current=status.current_number_scheduled,
        ready=status.number_ready,
        available=status.number_available,
        unavailable=status.number_unavailable,
        misscheduled=status.number_misscheduled,
        updated=status.updated_number_scheduled,
    )


def _first(pod: Pod) -> tuple[bool, str, str]:
    return not pod.spec.node_name, pod.metadata.creation_timestamp or "", pod.metadata.name


def updated(pod: Pod, daemonset: DaemonSet, current_hash: str) -> bool:
    """Whether the controller counts a pod as up to date: by its hash, or by an equal pod-template-generation label.

    The second way makes pods of an orphaned predecessor with the same generation count as updated (seen live on 1.34 to 1.37).
    """
    if current_hash and pod.hash == current_hash:
        return True
    generation = daemonset.metadata.annotations.get(TEMPLATE_GENERATION)
    return generation is not None and pod.metadata.labels.get(GENERATION) == generation


def expected(
    daemonset: DaemonSet,
    nodes: Iterable[Node],
    pods_by_node: Mapping[str, Iterable[Pod]],
    current_hash: str,
    wall: float,
    *,
    runs: Callable[[Node, DaemonSet], bool] = should_run,
) -> Counters:
    """The counters for these nodes and these pods of the DaemonSet (by the node they are on or aimed at).

    Pods that are terminal and being deleted do not count. Of several on a node the bound one counts before the unbound, then the oldest.
    A terminating pod counts, and as ready while its condition says so. `wall` is the wall time in seconds since 1970.
    """
    desired = current = ready = reachable = misscheduled = fresh = 0
    for node in nodes:
        pods = [p for p in pods_by_node.get(node.metadata.name, ()) if not (p.terminal and p.terminating)]
        if not runs(node, daemonset):
            misscheduled += bool(pods)
            continue
        desired += 1
        if not pods:
            continue
        current += 1
        pod = min(pods, key=_first)
        if pod.ready:
            ready += 1
            reachable += is_available(pod, daemonset.spec.min_ready_seconds, wall)
        fresh += updated(pod, daemonset, current_hash)
    return Counters(desired, current, ready, reachable, desired - reachable, misscheduled, fresh)
