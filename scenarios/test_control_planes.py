"""Nodes of the control plane: which DaemonSets reach them, and which are left out without a word."""

from collections.abc import Callable

import pytest

from conformance import Agent, Capability, Document, ScenarioCluster, Taint, Trace, claim, documents, needs, scenario

Create = Callable[..., Agent]


MASTER = Taint(key="node-role.kubernetes.io/master", effect="NoSchedule")
TOLERATIONS = {
    "none": [],
    "master": [{"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"}],
    "control-plane": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}],
    "both": [
        {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "node-role.kubernetes.io/master", "operator": "Exists", "effect": "NoSchedule"},
    ],
    "everything": [{"operator": "Exists"}],
}
TOLERATED = {
    "none": set(),
    "master": {"old"},
    "control-plane": {"new"},
    "both": {"old", "new"},
    "everything": {"old", "new"},
}
EVIDENCE = {
    "none": (
        *("000-05", "000-15", "000-25", "001-23", "002-33", "004-23", "004-24", "004-28"),
        *("D1-24", "D4-01", "D4-02", "D4-05", "D9-34"),
    ),
    "master": ("003-07", "003-09", "003-10"),
    "control-plane": ("002-08", "002-43", "004-09", "004-10", "004-11", "D1-68"),
    "both": ("004-05", "004-09", "004-10", "004-11", "004-21", "004-22", "D1-68"),
    "everything": (),
}


@scenario("T06")
@claim("001-15", "D1-45", "D5-10")
@needs(Capability.CHANGE_NODE, nodes=3)
@pytest.mark.parametrize("tolerations", [pytest.param(name, marks=pytest.mark.claim(*evidence)) for name, evidence in EVIDENCE.items()])
def test_control_plane_nodes_need_the_toleration(cluster: ScenarioCluster, daemonset: Create, trace: Trace, tolerations: str) -> None:
    """A control-plane node is left out, silently and uncounted, unless its own taint is tolerated."""
    [worker] = cluster.nodes.join(1)
    [new] = cluster.nodes.join(1, control_plane=True)
    [old] = cluster.nodes.join(1, taints=(MASTER,))
    expected = {"old": old, "new": new}

    agent = daemonset("agent.yaml", template={"spec": {"tolerations": TOLERATIONS[tolerations]}})

    wanted = [worker, *(expected[name] for name in sorted(TOLERATED[tolerations]))]
    trace.until(agent.exactly_on(*wanted), agent.status(desired_number_scheduled=len(wanted), number_misscheduled=0))
    trace.stays(agent.exactly_on(*wanted), cluster.no_event("FailedCreate", agent), seconds=2)
    # No pod was made for the nodes left out. That the scheduler complains of none is not asked for: it learns of a new node by a watch of
    # its own, and may be given a pod for one that it has not heard of yet.
    trace.expect_creations(agent, len(wanted))


@scenario("T06")
@needs(Capability.CHANGE_NODE, nodes=3)
@pytest.mark.parametrize("document", documents("T06"))
def test_documented_manifests_reach_the_nodes_they_tolerate(cluster: ScenarioCluster, trace: Trace, document: Document) -> None:
    """Each manifest that the documents show runs on the control-plane nodes whose taint it tolerates, and on no others."""
    [worker] = cluster.nodes.join(1, labels=document.node_labels)
    [new] = cluster.nodes.join(1, labels=document.node_labels, control_plane=True)
    [old] = cluster.nodes.join(1, labels=document.node_labels, taints=(MASTER,))
    nodes = {"worker": worker, "control_plane": new, "master": old}

    cluster.kubectl("apply", "-f", "-", stdin=cluster.manifest_text(document.file))
    agent = cluster.find(document.daemonset)

    reached = [nodes[kind] for kind, reaches in document.reaches.items() if reaches]
    trace.until(agent.exactly_on(*reached), agent.status(desired_number_scheduled=len(reached), number_misscheduled=0))
    trace.stays(agent.exactly_on(*reached), seconds=1)
    trace.expect_creations(agent, len(reached))


@scenario("T06", seconds=12)
@claim("003-11")
@needs(Capability.REAL_KUBELET, Capability.NODE_RESTART, nodes=1)
def test_kubeadm_keeps_workloads_off_its_control_plane(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The node that kubeadm has marked as control plane takes no pod without the toleration, and no daemon pod; elsewhere both run."""
    [control_plane] = cluster.nodes.join(1, control_plane=True)
    agent = daemonset("agent.yaml")
    workload = cluster.bare_pod("workload", control_plane, labels={"app": "workload"})
    del workload["spec"]["nodeName"]

    cluster.create_pod(workload)

    trace.until(cluster.pod_waits("workload", saying="untolerated taint"), agent.status(desired_number_scheduled=0))
    trace.stays(agent.absent_from(control_plane), seconds=2)
    [worker] = cluster.nodes.join(1)
    trace.until(cluster.pod_runs("workload"), agent.exactly_on(worker))
    trace.expect_creations(agent, 1)
