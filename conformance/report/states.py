"""The state of a pod and the condition of a node, as pictures tell them apart."""

from __future__ import annotations

from conformance.kube.records import Node, Pod
from conformance.report.history import CONDITIONS, Condition, State

#: Taints that say the same as a condition of the node or as its cordon.
IMPLIED = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "node.kubernetes.io/unschedulable"})


def state_of(pod: Pod) -> State:
    """What a reader wants to know of a pod first."""
    if pod.terminal:
        return "failed"
    if pod.terminating:
        return "terminating"
    if pod.ready:
        return "ready"
    return "starting" if pod.status.phase == "Running" else "pending"


def condition_of(node: Node) -> tuple[Condition, str] | None:
    """The gravest condition of a node, and all of them in words."""
    found: dict[Condition, str] = {}
    if not node.ready:
        unknown = any(c.type == "Ready" and c.status == "Unknown" for c in node.status.conditions)
        found["not-ready"] = "not ready (no heartbeats)" if unknown else "not ready"
    if node.spec.unschedulable:
        found["cordoned"] = "cordoned"
    taints = [f"{taint.key}:{taint.effect}" for taint in node.spec.taints if taint.key not in IMPLIED]
    if taints:
        found["tainted"] = "tainted " + ", ".join(taints)
    for condition in CONDITIONS:
        if condition in found:
            return condition, "; ".join(found.values())
    return None
