"""What deleting a DaemonSet does to its pods."""

from collections.abc import Callable

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]


@scenario("D01")
@claim("D01")
@needs(nodes=2)
def test_deleting_a_daemonset_cleans_up_its_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl delete daemonset removes the DaemonSet at once and its pods and revisions after it."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    other = daemonset("agent-hostnetwork.yaml", name="bystander")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2), other.exactly_on(*nodes), other.status(number_available=2))
    kept = other.uids()

    cluster.kubectl("delete", "daemonset", agent.name, "--wait=false")

    trace.until(agent.gone(), agent.without_pods(), trace.has_revisions(agent))
    assert trace.past.removal_of(agent) < trace.past.last_removal_of_pod(agent)
    trace.stays(agent.without_pods(), other.keeps(kept), seconds=2)
    trace.expect_creations(agent, 2)


@scenario("D02")
@claim("D02")
@needs(Capability.POD_TIMING, nodes=2)
def test_foreground_deletion_waits_for_the_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Deleted in the foreground, the DaemonSet stays until its last pod is gone, makes no new one and writes no status."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml", template=cluster.behave(terminate_after=3))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))

    agent.delete(propagation="Foreground")
    trace.until(agent.terminating_on(*nodes))
    status = agent.now().status

    trace.until(agent.gone())
    assert trace.past.last_removal_of_pod(agent) < trace.past.removal_of(agent)
    assert trace.past.last_state(agent).status == status
    trace.expect_creations(agent, 2)
