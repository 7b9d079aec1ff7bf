"""What happens to a daemon pod that is deleted, fails or finishes."""

from collections.abc import Callable

from conformance import Agent, Capability, Node, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]

CONTROLLER = "system:serviceaccount:kube-system:daemon-set-controller"
POD_GC = "system:serviceaccount:kube-system:pod-garbage-collector"


@scenario("L01")
@claim("001-18", "002-57", "D1-62", "D6-06")
@needs(Capability.POD_TIMING, nodes=2)
def test_a_deleted_pod_is_replaced_on_its_node(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A deleted pod is replaced on the same node, by a new pod, and only once the old one has ended."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml", template=cluster.behave(terminate_after=2))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    lost = agent.pod_on(nodes[0])

    cluster.delete_pod(lost.metadata.name)

    trace.until(agent.terminating_on(nodes[0]))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    after = agent.uids()
    assert after[nodes[0].name] != before[nodes[0].name]
    assert after[nodes[1].name] == before[nodes[1].name]
    assert trace.past.end_of_pod(lost.metadata.name) < trace.past.creation_of_pod(after[nodes[0].name])
    trace.expect_creations(agent, 3)


@scenario("L02")
@claim("001-16", "D1-62", "D8-17")
@needs(Capability.POD_PHASE, nodes=2)
def test_a_failed_pod_is_replaced(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod in phase Failed is deleted, with an event that says so, and replaced on its node."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()

    cluster.fail_pod(agent.pod_on(nodes[0]).metadata.name)

    trace.until(agent.exactly_on(*nodes), agent.replaced(before, nodes[0]), cluster.event("FailedDaemonPod", agent))
    assert agent.uids()[nodes[1].name] == before[nodes[1].name]
    trace.expect_creations(agent, 3)


@scenario("L02")
@claim("D8-17")
@needs(Capability.POD_PHASE, Capability.AUDIT_LOG, nodes=1)
def test_the_controller_itself_removes_a_failed_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """It is the DaemonSet controller that deletes a pod in phase Failed, not the pod garbage collector."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    failed = agent.pod_on(nodes[0]).metadata.name

    cluster.fail_pod(failed)

    trace.until(cluster.pod_absent(failed), agent.exactly_on(*nodes), trace.written(f"pods/{failed}", "delete", by=CONTROLLER))
    assert POD_GC not in trace.past.authors(f"pods/{failed}", "delete")


@scenario("L02")
@claim("D2-02")
@needs(Capability.POD_PHASE, nodes=2)
def test_with_ondelete_the_successor_of_a_failed_pod_is_new(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With OnDelete a failed pod is replaced too, by one of the current template, though nobody deleted it."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    agent.set_image()
    trace.until(agent.status(updated_number_scheduled=0))

    cluster.fail_pod(agent.pod_on(nodes[0]).metadata.name)

    trace.until(agent.exactly_on(*nodes), agent.replaced(before, nodes[0]), agent.status(updated_number_scheduled=1, number_available=2))
    assert agent.pod_on(nodes[0]).spec.containers[0].image != agent.pod_on(nodes[1]).spec.containers[0].image
    trace.expect_creations(agent, 3)


@scenario("L03", seconds=25)
@claim("001-16", "D8-17")
@needs(Capability.POD_PHASE, Capability.POD_TIMING, nodes=2)
def test_a_pod_that_fails_again_and_again_is_replaced_ever_later(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Where each replacement fails at once the next one comes after 1, 2, 4 seconds and so on; the pods of other nodes are left alone."""
    [bad] = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(bad))
    [good] = cluster.nodes.join(1)
    trace.until(agent.exactly_on(bad, good))
    bad.behave(fail="Broken")
    calm = agent.pod_on(good).metadata.uid

    cluster.fail_pod(agent.pod_on(bad).metadata.name)

    trace.until(cluster.event("FailedDaemonPod", agent, times=5))
    bad.behave()
    trace.until(agent.exactly_on(bad, good), agent.status(number_available=2))
    assert agent.uids()[good.name] == calm
    assert trace.past.failures(agent)[1:4] == ["Broken"] * 3
    _joined, _at_once, *later = trace.past.seconds_between_creations(agent)
    # Kubernetes looks every second whether a delay is over.
    assert [seconds > delay - 0.3 for seconds, delay in zip(later, (1, 2, 4), strict=False)] == [True] * 3


@scenario("L04")
@claim("001-16", "002-64", "D1-62", "D1-65")
@needs(Capability.POD_PHASE, nodes=2)
def test_a_finished_pod_is_replaced(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod in phase Succeeded is deleted and replaced: daemons are not expected to finish."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()

    cluster.finish_pod(agent.pod_on(nodes[0]).metadata.name)

    trace.until(agent.exactly_on(*nodes), agent.replaced(before, nodes[0]), cluster.event("SucceededDaemonPod", agent))
    trace.expect_creations(agent, 3)


@scenario("L04")
@claim("001-16")
@needs(Capability.POD_PHASE, nodes=2)
def test_a_finalizer_on_a_finished_pod_does_not_block_its_replacement(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A terminal pod that a finalizer holds back is replaced at once all the same."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    held = agent.pod_on(nodes[0]).metadata.name
    cluster.patch_pod(held, {"metadata": {"finalizers": ["conformance.daemonset/hold"]}})

    cluster.fail_pod(held)

    trace.until(agent.terminating_on(nodes[0]), agent.has_available_pod_on(nodes[0]))
    cluster.patch_pod(held, {"metadata": {"finalizers": None}})
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    trace.expect_creations(agent, 3)


@scenario("L01", seconds=12)
@claim("003-16")
@needs(Capability.REAL_KUBELET, nodes=1)
def test_a_replacement_has_another_address(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A daemon pod has an address of the pod network, its replacement another one; only with hostNetwork it is the node's, each time."""
    [node] = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    host = daemonset("agent-hostnetwork.yaml")
    trace.until(agent.exactly_on(node), host.exactly_on(node))
    of_node = {a["address"] for a in cluster.api.get(f"/api/v1/nodes/{node.name}")["status"]["addresses"] if a["type"] == "InternalIP"}
    before = {one: (one.uids(), _address(cluster, one, node)) for one in (agent, host)}

    for one in (agent, host):
        cluster.delete_pod(one.pod_on(node).metadata.name)

    trace.until(*(one.replaced(uids, node) for one, (uids, _) in before.items()))
    assert of_node == {before[host][1]} == {_address(cluster, host, node)}
    assert len({before[agent][1], _address(cluster, agent, node)} - of_node) == 2
    trace.expect_creations(agent, 2)
    trace.expect_creations(host, 2)


def _address(cluster: ScenarioCluster, agent: Agent, node: Node) -> str:
    return cluster.kubectl("get", "pod", agent.pod_on(node).metadata.name, "-o", "jsonpath={.status.podIP}").out
