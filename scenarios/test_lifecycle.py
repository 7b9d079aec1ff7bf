"""What happens to a daemon pod that is deleted, fails or finishes."""

from collections.abc import Callable

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]


@scenario("L01")
@claim("L01")
@needs(Capability.POD_TIMING, nodes=2)
def test_a_deleted_pod_is_replaced_on_its_node(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A deleted pod is replaced on the same node, by a new pod, and only once the old one is gone."""
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
    assert trace.past.removal_of_pod(lost.metadata.name) < trace.past.creation_of_pod(after[nodes[0].name])
    trace.expect_creations(agent, 3)


@scenario("L02")
@claim("L02")
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


@scenario("L04")
@claim("L04")
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
@claim("L04")
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
