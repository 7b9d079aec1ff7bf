"""What deleting a DaemonSet does to its pods."""

import pytest

from conformance import Capability, Create, ScenarioCluster, Trace, accepted, needs, scenario, shows


@scenario("D01")
@needs(nodes=2)
def test_deleting_a_daemonset_cleans_up_its_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl delete daemonset removes the DaemonSet at once and its pods and revisions after it."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    other = daemonset("agent.yaml", name="bystander", labels={"app": "bystander"})
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2), other.exactly_on(*nodes), other.status(number_available=2))
    kept = other.uids()

    with shows("000-18", "002-70"), accepted():
        cluster.kubectl("delete", "daemonset", agent.name, "--wait=false")

    trace.until(agent.gone(), agent.without_pods(), trace.has_revisions(agent), shows=("000-18", "002-04", "002-70", "D7-19"))
    with shows("000-18", "D7-13"):
        assert trace.past.removal_of(agent) < trace.past.last_removal_of_pod(agent)
    trace.stays(agent.without_pods(), other.keeps(kept), seconds=2)
    trace.expect_creations(agent, 2)


@scenario("D01")
@needs(nodes=2)
@pytest.mark.parametrize("what", ["one", "all"])
def test_the_api_deletes_in_the_background_unless_told_otherwise(
    cluster: ScenarioCluster, daemonset: Create, trace: Trace, what: str
) -> None:
    """Deleted through the API without a propagation policy, by name or with all others, a DaemonSet goes at once and its pods follow."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    path = {"one": agent.path, "all": agent.path.rpartition("/")[0]}[what]

    answer = cluster.api.delete(path)

    with shows("D7-14", "D7-18"):
        assert "finalizers" not in answer.get("metadata", {})
    trace.until(agent.gone(), agent.without_pods(), trace.has_revisions(agent), shows=("D7-14", "D7-18", "D7-19"))
    with shows("D7-14", "D7-18"):
        assert trace.past.finalizers(agent) == set()
        assert trace.past.removal_of(agent) < trace.past.last_removal_of_pod(agent)
    trace.expect_creations(agent, 2)


@scenario("D02")
@needs(Capability.POD_TIMING, nodes=2)
def test_foreground_deletion_waits_for_the_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Deleted in the foreground, the DaemonSet stays until its last pod is gone, makes no new one and writes no status."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml", template=cluster.behave(terminate_after=3))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))

    answer = agent.delete(propagation="Foreground")
    with shows("D7-07", "D7-17"):
        assert answer["metadata"].get("finalizers") == ["foregroundDeletion"]
    trace.until(agent.terminating_on(*nodes), shows="D7-09")
    held = agent.get()["metadata"]
    with shows("D7-06", "D7-07", "D7-08"):
        assert held.get("finalizers") == ["foregroundDeletion"]
        assert held.get("deletionTimestamp")
    status = agent.now().status

    trace.until(agent.gone(), agent.without_pods(), shows="D7-10")
    with shows("D7-08", "D7-10"):
        assert trace.past.last_removal_of_pod(agent) < trace.past.removal_of(agent)
    assert trace.past.last_state(agent).status == status
    trace.expect_creations(agent, 2)


@scenario("D02")
@needs(nodes=2)
def test_only_dependents_that_block_hold_the_owner(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Deleted in the foreground, a DaemonSet waits for its own pods, but not for a pod that names it as owner without blocking it."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": agent.name, "uid": agent.uid, "blockOwnerDeletion": False}
    held = cluster.bare_pod("held", nodes[0], labels={"app": "other"})
    held["metadata"] |= {"ownerReferences": [owner], "finalizers": ["conformance.daemonset/hold"]}
    cluster.create_pod(held)
    trace.until(cluster.pod_runs("held"))

    agent.delete(propagation="Foreground")

    trace.until(agent.gone(), agent.without_pods(), cluster.pod_ends("held"), shows="D7-11")
    with shows("D7-11"):
        assert all(owner.get("blockOwnerDeletion") for pod in trace.past.created(agent) for owner in pod["metadata"]["ownerReferences"])
        assert trace.past.last_removal_of_pod(agent) < trace.past.removal_of(agent)
    cluster.patch_pod("held", {"metadata": {"finalizers": None}})
    trace.until(cluster.pod_absent("held"))
    trace.expect_creations(agent, 2)


@scenario("D02")
@needs(Capability.POD_TIMING, nodes=1)
def test_now_shortens_no_grace_of_the_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl delete --cascade=foreground --now deletes a DaemonSet; its pods keep the grace period of their own."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml", template=cluster.behave(terminate_after=2))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))

    cluster.kubectl("delete", "--cascade=foreground", "--ignore-not-found", "--now", "--wait=false", f"daemonsets/{agent.name}")

    trace.until(agent.terminating_on(*nodes))
    with shows("D4-08"):
        assert [pod.metadata.deletion_grace_period_seconds for pod in agent.pods()] == [30]
    trace.until(agent.gone(), agent.without_pods(), shows="D4-08")
    with shows("D4-08"), accepted():
        cluster.kubectl("delete", "--cascade=foreground", "--ignore-not-found", "--now", f"daemonsets/{agent.name}")
    trace.expect_creations(agent, 1)


@scenario("D03", seconds=18)
@needs(Capability.POD_TIMING, nodes=1)
def test_a_successor_does_not_wait_for_the_pods_of_a_deleted_one(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A DaemonSet that is made again by its old name has its pod running while that of the deleted one still ends on the same node."""
    [node] = cluster.nodes.join(1)
    deleted = daemonset("agent.yaml", template=cluster.behave(terminate_after=15))
    trace.until(deleted.exactly_on(node), deleted.status(number_available=1))
    old = deleted.pod_on(node).metadata.name

    deleted.delete()
    trace.until(deleted.gone(), cluster.pod_ends(old), shows="D7-13")
    successor = daemonset("agent.yaml")

    trace.until(successor.exactly_on(node), cluster.pod_ends(old), shows="D7-13")
    kept = successor.uids()
    trace.until(deleted.without_pods(), successor.keeps(kept), successor.status(number_available=1))
    trace.expect_creations(deleted, 1)
    trace.expect_creations(successor, 1)


@scenario("D04", seconds=92)
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
    trace.stays(cluster.pod_ends(lost), seconds=22, shows="000-19")  # the collector of pods looks every 20 s
    silent.speak()
    trace.until(agent.without_pods(), within=120, shows="002-04")
    trace.expect_creations(agent, 2)
