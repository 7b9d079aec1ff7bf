"""What happens to a daemon pod that is deleted, fails or finishes."""

from conformance import Agent, Capability, Create, Node, ScenarioCluster, Trace, needs, scenario, shows

CONTROLLER = "system:serviceaccount:kube-system:daemon-set-controller"


@scenario("L01")
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
    trace.until(agent.exactly_on(*nodes), agent.replaced(before, nodes[0]), agent.status(number_available=2), shows=("001-18", "D6-06"))
    after = agent.uids()
    assert after[nodes[1].name] == before[nodes[1].name]
    ended, made = trace.past.end_of_pod(lost.metadata.name), trace.past.creation_of_pod(after[nodes[0].name])
    with shows("D6-06"):
        trace.follows(made, after=ended, within=5)
    trace.expect_creations(agent, 3)


@scenario("L01", seconds=9)
@needs(nodes=1)
def test_a_pod_that_nobody_owns_is_not_made_again(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Of two pods that are deleted on a node the DaemonSet's is made again; the one that was made by hand is not."""
    [node] = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    cluster.create_pod(cluster.bare_pod("by-hand", node, labels={"app": "other"}))
    trace.until(agent.exactly_on(node), cluster.pod_runs("by-hand"))
    before = agent.uids()

    for name in (agent.pod_on(node).metadata.name, "by-hand"):
        cluster.delete_pod(name)

    trace.until(agent.replaced(before, node), cluster.pod_absent("by-hand"), shows="002-71")
    trace.stays(agent.exactly_on(node), cluster.pod_absent("by-hand"), seconds=5, shows="002-71")
    trace.expect_creations(agent, 2)


@scenario("L02")
@needs(Capability.POD_PHASE, nodes=2)
def test_a_failed_pod_is_replaced(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod in phase Failed is deleted, with an event that says so, and replaced on its node."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()

    cluster.fail_pod(agent.pod_on(nodes[0]).metadata.name)

    trace.until(agent.exactly_on(*nodes), agent.replaced(before, nodes[0]), cluster.event("FailedDaemonPod", agent), shows="001-16")
    assert agent.uids()[nodes[1].name] == before[nodes[1].name]
    trace.expect_creations(agent, 3)


@scenario("L02", seconds=25)
@needs(Capability.POD_PHASE, Capability.AUDIT_LOG, nodes=1)
def test_the_controller_itself_removes_a_failed_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """It is the DaemonSet controller that deletes its pod in phase Failed; one that nobody owns stays, and no collector takes it."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    cluster.create_pod(cluster.bare_pod("by-hand", nodes[0], labels={"app": "other"}))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1), cluster.pod_runs("by-hand"))
    failed = agent.pod_on(nodes[0]).metadata.name

    cluster.fail_pod("by-hand")
    cluster.fail_pod(failed)

    gone = cluster.pod_absent(failed)
    trace.until(gone, agent.exactly_on(*nodes), trace.written(f"pods/{failed}", "delete", by=CONTROLLER), shows="D8-17")
    # Longer than the pod garbage collector's period of 20 seconds.
    trace.stays(cluster.pod_failed("by-hand"), seconds=21, shows="D8-17")
    with shows("D8-17"):
        assert trace.past.authors(f"pods/{failed}", "delete") == {CONTROLLER}
    trace.expect_creations(agent, 2)


@scenario("L02")
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

    trace.until(agent.exactly_on(*nodes), agent.replaced(before, nodes[0]), agent.status(updated_number_scheduled=1), shows="003-26")
    assert agent.uids()[nodes[1].name] == before[nodes[1].name]
    assert agent.pod_on(nodes[0]).spec.containers == agent.now().spec.template.spec.containers
    assert agent.pod_on(nodes[0]).spec.containers[0].image != agent.pod_on(nodes[1]).spec.containers[0].image
    trace.expect_creations(agent, 3)


@scenario("L03", seconds=25)
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

    trace.until(cluster.event("FailedDaemonPod", agent, times=5), shows=("001-16", "D8-17"))
    bad.behave()
    trace.until(agent.exactly_on(bad, good), agent.status(number_available=2), shows="001-16")
    assert agent.uids()[good.name] == calm
    assert trace.past.failures(agent)[1:4] == ["Broken"] * 3
    assert trace.past.most_pods(agent, bad, phase="Failed") == 1
    _joined, _at_once, *later = trace.past.seconds_between_creations(agent)
    # Kubernetes looks every second whether a delay is over.
    assert [seconds > delay - 0.3 for seconds, delay in zip(later, (1, 2, 4), strict=False)] == [True] * 3


@scenario("L03", seconds=25)
@needs(Capability.POD_PHASE, Capability.POD_TIMING, nodes=1)
def test_a_new_template_does_not_wait_for_the_failures_of_the_old(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Where a pod has failed so often that the next would come after 8 seconds, a new template is tried at once."""
    [bad] = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(bad))
    bad.behave(fail="Broken")
    cluster.fail_pod(agent.pod_on(bad).metadata.name)
    trace.until(cluster.event("FailedDaemonPod", agent, times=4))
    old = agent.now().spec.template.spec.containers
    trace.until(agent.pods_where("its pod has failed once more", lambda pods: [pod.terminal for pod in pods] == [True]))

    agent.set_image()

    tried = agent.pods_where("a pod of the new template is made", lambda pods: any(pod.spec.containers != old for pod in pods))
    trace.until(tried, within=4, shows="001-16")
    bad.behave()
    trace.until(agent.rolled_out(), agent.exactly_on(bad), shows="001-16")


@scenario("L04")
@needs(Capability.POD_PHASE, nodes=2)
def test_a_finished_pod_is_replaced(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod in phase Succeeded is deleted and replaced: daemons are not expected to finish."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()

    cluster.finish_pod(agent.pod_on(nodes[0]).metadata.name)

    finished = cluster.event("SucceededDaemonPod", agent)
    trace.until(agent.exactly_on(*nodes), agent.replaced(before, nodes[0]), finished, shows=("001-16", "002-64"))
    trace.expect_creations(agent, 3)


@scenario("L04")
@needs(Capability.POD_PHASE, nodes=2)
def test_a_finalizer_on_a_finished_pod_does_not_block_its_replacement(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A terminal pod that a finalizer holds back is replaced at once all the same."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    held = agent.pod_on(nodes[0]).metadata.name
    cluster.patch_pod(held, {"metadata": {"finalizers": ["conformance.daemonset/hold"]}})

    cluster.fail_pod(held)

    trace.until(agent.terminating_on(nodes[0]), agent.has_available_pod_on(nodes[0]), shows="001-16")
    cluster.patch_pod(held, {"metadata": {"finalizers": None}})
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    trace.expect_creations(agent, 3)


@scenario("L01", seconds=12)
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
    with shows("003-16"):
        assert len({before[agent][1], _address(cluster, agent, node)} - of_node) == 2
    assert of_node == {before[host][1]} == {_address(cluster, host, node)}
    trace.expect_creations(agent, 2)
    trace.expect_creations(host, 2)


def _address(cluster: ScenarioCluster, agent: Agent, node: Node) -> str:
    return cluster.kubectl("get", "pod", agent.pod_on(node).metadata.name, "-o", "jsonpath={.status.podIP}").out
