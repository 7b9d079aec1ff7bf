"""Kubelets and nodes that restart, and pods that only their kubelet knows how to start."""

from conformance import Capability, Create, Node, ScenarioCluster, Trace, accepted, needs, scenario, shows

#: Lost with the container, and only with it.
OWN_FILE = "/of-this-container"


@scenario("L09", seconds=15)
@needs(Capability.REAL_KUBELET, Capability.NODE_RESTART, nodes=2)
def test_pods_outlive_their_kubelet(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A kubelet that restarts finds its containers running and leaves them so; it serves the DaemonSet as before."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent-shell.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    pod = agent.pod_on(nodes[0]).metadata.name
    cluster.kubectl("exec", pod, "--", "touch", OWN_FILE)

    starts = _starts_of_kubelet(cluster, nodes[0])
    nodes[0].restart_kubelet()

    trace.stays(agent.keeps(before), seconds=5)
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    assert [pod.restarts for pod in agent.pods()] == [0, 0]
    with accepted():
        cluster.kubectl("exec", pod, "--", "ls", OWN_FILE)
    agent.set_image()
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), shows="D2-11")
    assert _starts_of_kubelet(cluster, nodes[0]) > starts
    trace.expect_creations(agent, 4)


@scenario("L09", seconds=20)
@needs(Capability.REAL_KUBELET, Capability.NODE_RESTART, nodes=2)
def test_pods_come_back_with_their_node(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """After a restart of the node its kubelet starts the containers of the same pod again; the controller makes no new one."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent-shell.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    cluster.kubectl("exec", agent.pod_on(nodes[0]).metadata.name, "--", "touch", OWN_FILE)

    nodes[0].restart()

    trace.until(agent.restarted(1, nodes[0]), agent.exactly_on(*nodes), agent.status(number_available=2), within=120)
    trace.stays(agent.keeps(before), seconds=3, shows="002-57")
    assert agent.pod_on(nodes[1]).restarts == 0
    lost = cluster.kubectl("exec", agent.pod_on(nodes[0]).metadata.name, "--", "ls", OWN_FILE, check=False)
    assert "No such file" in lost.err
    trace.expect_creations(agent, 2)


@scenario("L09", seconds=90)
@needs(Capability.REAL_KUBELET, Capability.STATIC_POD, nodes=1)
def test_a_static_pod_cannot_be_deleted_through_the_api(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Deleting the mirror of a static pod ends nothing, while a daemon pod on the same node is replaced by another when it is deleted."""
    [node] = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(node))
    before = agent.uids()

    node.run_static_pod(cluster.namespace, "static")

    mirror = f"static-{node.name}"
    trace.until(cluster.pod_runs(mirror), shows="002-59")
    first = trace.past.last_pod(mirror)
    cluster.kubectl("exec", mirror, "--", "touch", OWN_FILE)
    cluster.kubectl("delete", "pod", mirror, "--wait=false")
    # The kubelet looks at its static pods at the latest every minute and a half.
    trace.until(cluster.pod_is_another(mirror, first.metadata.uid), cluster.pod_runs(mirror), within=180)
    with shows("002-60"), accepted():
        cluster.kubectl("exec", mirror, "--", "ls", OWN_FILE)
        assert trace.past.last_pod(mirror).restarts == 0
    cluster.delete_pod(agent.pod_on(node).metadata.name)
    trace.until(agent.replaced(before, node), cluster.pod_runs(mirror), shows="000-23")
    node.remove_static_pod("static")
    trace.until(cluster.pod_absent(mirror), agent.exactly_on(node))
    trace.expect_creations(agent, 2)


@scenario("L09", seconds=100)
@needs(Capability.REAL_KUBELET, Capability.STATIC_POD, Capability.NODE_ISOLATION, nodes=1)
def test_a_static_pod_needs_no_api_server(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A static pod starts on a node that cannot reach the API server, and daemon pods run on there; its mirror appears afterwards."""
    [node] = cluster.nodes.join(1)
    agent = daemonset("agent-shell.yaml")
    trace.until(agent.exactly_on(node))
    before = agent.uids()

    node.isolate()
    node.run_static_pod(cluster.namespace, "static")
    trace.stays(cluster.pod_absent(f"static-{node.name}"), seconds=3)
    node.rejoin()

    mirror = f"static-{node.name}"
    trace.until(cluster.pod_runs(mirror), agent.exactly_on(node), agent.keeps(before), within=240)
    with shows("002-61"):
        container = "{.status.containerStatuses[0].state.running.startedAt}"
        times = cluster.kubectl("get", "pod", mirror, "-o", f"jsonpath={container} {{.metadata.creationTimestamp}}").out
        started, _, seen = times.partition(" ")
        assert "" < started < seen, "the API server knew of the pod before its container ran"
    assert agent.pod_on(node).restarts == 0
    node.remove_static_pod("static")
    trace.until(cluster.pod_absent(mirror))
    trace.expect_creations(agent, 1)


def _starts_of_kubelet(cluster: ScenarioCluster, node: Node) -> int:
    """How often a kubelet has said that it starts, in an Event about its node; those are not of the scenario's namespace."""
    about = f"reason=Starting,involvedObject.kind=Node,involvedObject.name={node.name}"
    return len(cluster.kubectl("get", "events", "--namespace", "default", "--field-selector", about, "--output", "name").out.split())
