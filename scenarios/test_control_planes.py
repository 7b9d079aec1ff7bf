"""Nodes of the control plane: which DaemonSets reach them, and which are left out without a word."""

import pytest

from conformance import Capability, Create, Document, ScenarioCluster, Taint, Trace, documents, needs, scenario

MASTER = Taint(key="node-role.kubernetes.io/master", effect="NoSchedule")
DEDICATED = Taint(key="dedicated", value="gpu", effect="NoSchedule")
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
    "everything": {"old", "new", "dedicated"},
}
#: What the nodes that get a pod show, and those that get none.
REACHED = {
    "none": ("000-05", "000-25", "002-33", "003-33", "004-23", "004-24", "004-28", "D4-01", "D4-02", "D4-05", "D9-34"),
    "master": ("003-07", "D1-45", "D5-10"),
    "control-plane": ("001-15", "002-08", "002-43", "004-09", "004-11", "D1-45", "D5-10"),
    "both": ("004-11", "004-22", "004-31", "D1-45", "D1-68", "D5-10"),
    "everything": ("D1-45", "D5-10"),
}


@scenario("T06")
@needs(Capability.CHANGE_NODE, nodes=4)
@pytest.mark.parametrize("tolerations", [pytest.param(name, marks=pytest.mark.claim(*claims)) for name, claims in REACHED.items()])
def test_control_plane_nodes_need_the_toleration(cluster: ScenarioCluster, daemonset: Create, trace: Trace, tolerations: str) -> None:
    """A control-plane node is left out, silently and uncounted, unless its own taint is tolerated; so is any other tainted node."""
    [worker] = cluster.nodes.join(1)
    [new] = cluster.nodes.join(1, control_plane=True)
    [old] = cluster.nodes.join(1, taints=(MASTER,))
    [dedicated] = cluster.nodes.join(1, taints=(DEDICATED,))
    tainted = {"old": old, "new": new, "dedicated": dedicated}

    agent = daemonset("agent.yaml", template={"spec": {"tolerations": TOLERATIONS[tolerations]}})

    wanted = [worker, *(tainted[name] for name in sorted(TOLERATED[tolerations]))]
    counted = agent.status(desired_number_scheduled=len(wanted), number_misscheduled=0)
    trace.until(agent.exactly_on(*wanted), counted)
    trace.stays(agent.exactly_on(*wanted), counted, cluster.no_event("FailedCreate", agent), seconds=3, shows=REACHED[tolerations])
    # No pod was made for the nodes left out. That the scheduler complains of none is not asked for: it learns of a new node by a watch of
    # its own, and may be given a pod for one that it has not heard of yet.
    trace.expect_creations(agent, len(wanted))


@scenario("T06")
@needs(Capability.CHANGE_NODE, nodes=4)
@pytest.mark.parametrize("document", documents("reaches"))
def test_documented_manifests_reach_the_nodes_they_tolerate(cluster: ScenarioCluster, trace: Trace, document: Document) -> None:
    """Each manifest that the documents show runs on the control-plane nodes whose taint it tolerates, and on no other tainted node."""
    [worker] = cluster.nodes.join(1, labels=document.node_labels)
    [new] = cluster.nodes.join(1, labels=document.node_labels, control_plane=True)
    [old] = cluster.nodes.join(1, labels=document.node_labels, taints=(MASTER,))
    cluster.nodes.join(1, labels=document.node_labels, taints=(DEDICATED,))
    nodes = {"worker": worker, "control_plane": new, "master": old}

    cluster.kubectl("apply", "-f", "-", stdin=cluster.manifest_text(document.file))
    agent = cluster.find(document.daemonset)

    reached = [nodes[kind] for kind, reaches in document.reaches.items() if reaches]
    counted = agent.status(desired_number_scheduled=len(reached), number_misscheduled=0)
    trace.until(agent.exactly_on(*reached), counted)
    trace.stays(agent.exactly_on(*reached), counted, seconds=3, shows=document.shows.reaches)
    trace.expect_creations(agent, len(reached))


@scenario("T06")
@needs(Capability.CHANGE_NODE, nodes=1)
def test_application_pods_stay_off_the_control_plane(cluster: ScenarioCluster, trace: Trace) -> None:
    """An application's pod without the toleration waits for ever rather than run on a control-plane node; with it, it runs there."""
    [control_plane] = cluster.nodes.join(1, labels={"pool": "control"}, control_plane=True)
    pods = {name: cluster.bare_pod(name, control_plane, labels={"app": name}) for name in ("workload", "tolerant")}
    for pod in pods.values():
        del pod["spec"]["nodeName"]
        pod["spec"]["nodeSelector"] = {"pool": "control"}
    pods["tolerant"]["spec"]["tolerations"] = TOLERATIONS["control-plane"]

    for pod in pods.values():
        cluster.create_pod(pod)

    trace.until(cluster.pod_runs("tolerant"), cluster.pod_waits("workload", saying="untolerated taint"), shows="004-35")
    trace.stays(cluster.pod_unbound("workload"), seconds=3, shows="004-35")


@scenario("T06", seconds=12)
@needs(Capability.REAL_KUBELET, Capability.KUBEADM, nodes=2)
def test_kubeadm_keeps_workloads_off_its_control_plane(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The node that kubeadm has marked as control plane takes no pod without the toleration, and no daemon pod; elsewhere both run."""
    [control_plane] = cluster.nodes.join(1, control_plane=True)
    agent = daemonset("agent.yaml")
    workload = cluster.bare_pod("workload", control_plane, labels={"app": "workload"})
    del workload["spec"]["nodeName"]

    cluster.create_pod(workload)

    trace.until(
        cluster.pod_waits("workload", saying="untolerated taint"),
        cluster.tainted(control_plane, "node-role.kubernetes.io/control-plane"),
        agent.status(desired_number_scheduled=0),
        shows=("003-11", "004-10", "004-21", "004-35"),
    )
    trace.stays(agent.absent_from(control_plane), seconds=3)
    [worker] = cluster.nodes.join(1)
    trace.until(cluster.pod_runs("workload"), agent.exactly_on(worker))
    trace.expect_creations(agent, 1)
