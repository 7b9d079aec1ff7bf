"""What deleting a DaemonSet does to its pods."""

from collections.abc import Callable

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]


@scenario("D01")
@claim("000-18", "000-19", "002-04", "D1-04", "D7-13", "D7-14", "D7-18", "D7-19")
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
@claim("D7-06", "D7-07", "D7-08", "D7-09", "D7-10", "D7-11", "D7-12", "D7-17")
@needs(Capability.POD_TIMING, nodes=2)
def test_foreground_deletion_waits_for_the_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Deleted in the foreground, the DaemonSet stays until its last pod is gone, makes no new one and writes no status."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml", template=cluster.behave(terminate_after=3))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))

    agent.delete(propagation="Foreground")
    trace.until(agent.terminating_on(*nodes))
    held = agent.get()["metadata"]
    assert held["finalizers"] == ["foregroundDeletion"]
    assert held["deletionTimestamp"]
    assert all(owner["blockOwnerDeletion"] for pod in trace.past.created(agent) for owner in pod["metadata"]["ownerReferences"])
    status = agent.now().status

    trace.until(agent.gone())
    assert trace.past.last_removal_of_pod(agent) < trace.past.removal_of(agent)
    assert trace.past.last_state(agent).status == status
    trace.expect_creations(agent, 2)


@scenario("D02")
@claim("D4-08")
@needs(Capability.POD_TIMING, nodes=1)
def test_now_shortens_no_grace_of_the_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl delete --cascade=foreground --now deletes a DaemonSet; its pods keep the grace period of their own."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml", template=cluster.behave(terminate_after=2))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))

    cluster.kubectl("delete", "--cascade=foreground", "--ignore-not-found", "--now", "--wait=false", f"daemonsets/{agent.name}")

    trace.until(agent.terminating_on(*nodes))
    assert [pod.metadata.deletion_grace_period_seconds for pod in agent.pods()] == [30]
    trace.until(agent.gone(), agent.without_pods())
    cluster.kubectl("delete", "--cascade=foreground", "--ignore-not-found", "--now", f"daemonsets/{agent.name}")
