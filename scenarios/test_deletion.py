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

    trace.until(agent.gone(), agent.without_pods())
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


@scenario("D03", seconds=18)
@claim("D7-13")
@needs(Capability.POD_TIMING, nodes=1)
def test_a_successor_does_not_wait_for_the_pods_of_a_deleted_one(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A DaemonSet that is made again by its old name has its pod running while that of the deleted one still ends on the same node."""
    [node] = cluster.nodes.join(1)
    deleted = daemonset("agent.yaml", template=cluster.behave(terminate_after=15))
    trace.until(deleted.exactly_on(node), deleted.status(number_available=1))
    old = deleted.pod_on(node).metadata.name

    deleted.delete()
    trace.until(deleted.gone(), cluster.pod_ends(old))
    successor = daemonset("agent.yaml")

    trace.until(successor.exactly_on(node), cluster.pod_ends(old))
    kept = successor.uids()
    trace.until(deleted.without_pods(), successor.keeps(kept), successor.status(number_available=1))
    trace.expect_creations(deleted, 1)
    trace.expect_creations(successor, 1)


@scenario("D04", seconds=75)
@claim("000-19", "D1-04")
@needs(Capability.SILENT_NODE, nodes=2)
def test_the_pod_of_a_silent_node_ends_when_the_node_is_back(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When its DaemonSet is deleted the pod of a node that is not heard of stays Terminating, until the node speaks again; none is made."""
    heard, silent = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(heard, silent), agent.status(number_available=2))
    lost, other = agent.pod_on(silent).metadata.name, agent.pod_on(heard).metadata.name
    silent.silence()
    trace.until(agent.pods_where("one of two pods is ready", lambda pods: sorted(pod.ready for pod in pods) == [False, True]), within=120)

    agent.delete()

    trace.until(agent.gone(), cluster.pod_absent(other), cluster.pod_ends(lost))
    trace.stays(cluster.pod_ends(lost), seconds=5)
    silent.speak()
    trace.until(agent.without_pods(), within=120)
    trace.expect_creations(agent, 2)
