"""Eligibility: on which nodes a DaemonSet should run a pod, and where a running one may stay.

Source: documentation daemonset.md, "How Daemon Pods are scheduled"; behaviour of the controller since 1.12. Resources, ports and pod
affinity play no part: they are the scheduler's business.
"""

from __future__ import annotations

from typing import NamedTuple

from conformance.kube.records import DaemonSet, Node
from conformance.model.selectors import node_fits
from conformance.model.tolerations import of_daemon_pod, untolerated


class Eligibility(NamedTuple):
    """`run`: a pod should be created; `stay`: one that is there may stay. `run` implies `stay`."""

    run: bool
    stay: bool


EXCLUDED = Eligibility(run=False, stay=False)
STAYS = Eligibility(run=False, stay=True)
RUNS = Eligibility(run=True, stay=True)


def eligibility(node: Node, daemonset: DaemonSet) -> Eligibility:
    """Both answers at once.

    A name, node selector or required affinity that does not match, or a NoExecute taint that is not tolerated, excludes the node. A
    NoSchedule taint that is not tolerated keeps new pods away and lets a running one stay. PreferNoSchedule has no effect.
    """
    spec = daemonset.spec.template.spec
    if spec.node_name and spec.node_name != node.metadata.name:
        return EXCLUDED
    if not node_fits(spec, node):
        return EXCLUDED
    if not node.spec.taints:
        return RUNS
    tolerations = of_daemon_pod(spec)
    if untolerated(tolerations, node.spec.taints, "NoExecute") is not None:
        return EXCLUDED
    if untolerated(tolerations, node.spec.taints, "NoSchedule") is not None:
        return STAYS
    return RUNS


def should_run(node: Node, daemonset: DaemonSet) -> bool:
    """Whether the DaemonSet should have a pod on this node."""
    return eligibility(node, daemonset).run


def should_continue(node: Node, daemonset: DaemonSet) -> bool:
    """Whether a pod of the DaemonSet that is on this node may stay there."""
    return eligibility(node, daemonset).stay


class Obstacle(NamedTuple):
    """Why a DaemonSet should not run a pod on a node: the sort of reason, and the reason in words."""

    kind: str
    why: str


def obstacle(node: Node, daemonset: DaemonSet) -> Obstacle | None:
    """Why the DaemonSet should not run a pod there; None if it should."""
    spec = daemonset.spec.template.spec
    if spec.node_name and spec.node_name != node.metadata.name:
        return Obstacle("another-node-is-named", f"the template names node {spec.node_name}")
    if not node_fits(spec, node):
        return Obstacle("not-selected", "node selector or required node affinity of the template does not match its labels")
    taint = untolerated(of_daemon_pod(spec), node.spec.taints, "NoExecute", "NoSchedule")
    if taint is None:
        return None
    value = f"={taint.value}" if taint.value else ""
    return Obstacle("untolerated-taint", f"its taint {taint.key}{value}:{taint.effect} is not tolerated")
