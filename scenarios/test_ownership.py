"""Which pods belong to a DaemonSet: adoption, release, orphans."""

from collections.abc import Callable
from typing import Any

import pytest

from conformance import Agent, ApiError, Capability, ScenarioCluster, Trace, claim, finding, needs, scenario

Create = Callable[..., Agent]


@scenario("O01")
@claim("001-08", "002-27", "002-28", "002-29", "002-30", "002-56", "D1-61", "D7-01", "D9-23")
@needs(nodes=2)
def test_a_bare_pod_with_matching_labels_is_adopted(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A bare pod whose labels match is taken over, and as it has no revision it is replaced like an old one."""
    nodes = cluster.nodes.join(2)
    bare = cluster.create_pod(cluster.bare_pod("by-hand", nodes[0], labels={"app": "agent"}))
    trace.until(cluster.pod_runs("by-hand"))

    agent = daemonset("agent.yaml")

    trace.until(agent.exactly_on(*nodes), agent.rolled_out(), cluster.pod_absent("by-hand"))
    assert trace.past.was_owned_by("by-hand", agent)
    assert bare["metadata"]["uid"] not in agent.uids().values()
    trace.expect_creations(agent, 2)


@scenario("O01")
@claim("002-28", "002-30")
@needs(nodes=1)
def test_a_surplus_pod_is_removed_and_the_older_one_kept(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A second matching pod on a node that has one already is taken over and removed; the older one stays."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    before = agent.uids()
    trace.stays(agent.keeps(before), seconds=1.1)  # creation timestamps have a resolution of one second

    cluster.create_pod(cluster.bare_pod("second", nodes[0], labels={"app": "agent"}))

    trace.until(cluster.pod_absent("second"), agent.exactly_on(*nodes))
    assert trace.past.was_owned_by("second", agent)
    assert agent.uids() == before


@scenario("O02")
@claim("002-46", "D1-55", "D7-05", "D9-23")
@needs(nodes=2)
def test_a_relabelled_pod_is_released(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod whose labels no longer match is let go: it keeps running, without an owner, and the node gets a new one."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    released = agent.pod_on(nodes[0])

    cluster.patch_pod(released.metadata.name, {"metadata": {"labels": {"app": "debug"}}})

    trace.until(cluster.pod_unowned(released.metadata.name), agent.exactly_on(*nodes), agent.status(number_available=2))
    trace.stays(cluster.pod_unowned(released.metadata.name), agent.exactly_on(*nodes), seconds=2)
    trace.expect_creations(agent, 3)


@scenario("O02")
@claim("002-47", "D1-56")
@needs(nodes=1)
def test_most_of_a_pod_cannot_be_changed(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Labels of a daemon pod can be changed, most of its spec cannot: the API server refuses that of any pod."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    name = agent.pod_on(nodes[0]).metadata.name

    with pytest.raises(ApiError, match="pod updates may not change fields other than") as refused:
        cluster.patch_pod(name, {"spec": {"terminationGracePeriodSeconds": 5}})

    assert (refused.value.code, refused.value.reason) == (422, "Invalid")


@scenario("O03")
@claim("002-06", "002-27", "002-28", "002-29", "D1-05")
@needs(nodes=2)
def test_pods_of_another_controller_are_left_alone(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Pods that another controller owns are not touched, even when their labels match."""
    nodes = cluster.nodes.join(2)
    first = daemonset("agent.yaml", name="first")
    trace.until(first.exactly_on(*nodes), first.status(number_available=2))
    before = first.uids()

    second = daemonset("agent.yaml", name="second")

    trace.until(second.exactly_on(*nodes), second.status(number_available=2))
    trace.stays(first.keeps(before), seconds=2)
    trace.expect_creations(first, 2)
    trace.expect_creations(second, 2)


@scenario("O03")
@claim("002-06", "D1-05")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_two_daemonsets_share_a_daemon(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """One kind of daemon as two DaemonSets, each for nodes of its own: each node runs one pod, of the one that is meant for it."""
    small, big = cluster.nodes.join(2)
    small.label(size="small")
    big.label(size="big")

    first = daemonset("agent.yaml", name="agent-small", node_selector={"size": "small"})
    second = daemonset("agent.yaml", name="agent-big", node_selector={"size": "big"})

    trace.until(first.exactly_on(small), second.exactly_on(big), first.status(number_misscheduled=0), second.status(number_misscheduled=0))
    trace.expect_creations(first, 1)
    trace.expect_creations(second, 1)


@scenario("O04", seconds=7)
@claim("002-49", "002-51", "D1-58", "D1-59", "D7-05", "D7-15", "D7-20", "D7-21", "D7-22")
@needs(nodes=2)
@pytest.mark.parametrize("spelling", ["--cascade=orphan", "--cascade=false"])
@pytest.mark.parametrize("name", ["agent", "successor"])
def test_orphans_are_adopted_without_a_restart(cluster: ScenarioCluster, daemonset: Create, trace: Trace, spelling: str, name: str) -> None:
    """Deleted without cascading, a DaemonSet leaves its pods; one with the same selector and template takes them over as they are."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    names = [pod.metadata.name for pod in agent.pods()]

    said = cluster.kubectl("delete", "daemonset", agent.name, spelling)
    assert ("deprecated" in said.err) == (spelling == "--cascade=false")
    trace.until(agent.gone(), *(cluster.pod_unowned(name) for name in names))
    assert trace.past.finalizers(agent) == {"orphan"}
    trace.stays(*(cluster.pod_unowned(name) for name in names), seconds=2)
    successor = daemonset("agent.yaml", name=name)

    trace.until(successor.exactly_on(*nodes), successor.status(number_available=2, updated_number_scheduled=2))
    trace.stays(successor.keeps(before), seconds=3)
    trace.expect_creations(successor, 0)


@scenario("O05")
@claim("002-50", "002-51")
@needs(nodes=2)
def test_orphans_of_another_template_and_generation_are_replaced(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A successor with another template replaces the orphans within its budget, when the template generations differ."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    agent.set_image(cluster.pause("3.8"))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    before = agent.uids()

    agent.delete(propagation="Orphan")
    trace.until(agent.gone())
    successor = daemonset("agent.yaml", template=cluster.image(cluster.pause("3.9")))

    trace.until(successor.rolled_out(), successor.exactly_on(*nodes))
    assert not set(successor.uids().values()) & set(before.values())
    trace.expect_creations(successor, 2)


@scenario("O05", seconds=7)
@claim("D1-60", "D9-37")
@finding("orphans-of-the-same-generation-count-as-updated")
@needs(nodes=2)
def test_orphans_of_another_template_and_the_same_generation_stay(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A successor with another template but the same generation counts the orphans as up to date and never replaces them."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()

    agent.delete(propagation="Orphan")
    trace.until(agent.gone())
    successor = daemonset("agent.yaml", template=cluster.image(cluster.pause("3.9")))

    trace.until(successor.exactly_on(*nodes), successor.status(updated_number_scheduled=2, number_available=2))
    assert "successfully rolled out" in cluster.kubectl("rollout", "status", f"daemonset/{successor.name}", "--timeout=20s").out
    trace.stays(successor.keeps(before), seconds=5)
    assert {pod.spec.containers[0].image for pod in successor.pods()} == {cluster.pause("3.10")}
    trace.expect_creations(successor, 0)


@scenario("O05")
@claim("002-50", "002-52", "002-53")
@needs(nodes=2)
def test_ondelete_leaves_orphans_of_another_template(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With OnDelete a successor with another template adopts the orphans and neither changes nor deletes them."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    agent.set_image(cluster.pause("3.8"))
    trace.until(agent.status(updated_number_scheduled=0))
    before = agent.uids()

    agent.delete(propagation="Orphan")
    trace.until(agent.gone())
    successor = daemonset("agent-ondelete.yaml", template=cluster.image(cluster.pause("3.9")))
    successor.patch_template({"metadata": {"annotations": {"generation": "two"}}})

    trace.until(successor.exactly_on(*nodes), successor.status(updated_number_scheduled=0, number_available=2))
    trace.stays(successor.keeps(before), seconds=3)
    cluster.delete_pod(successor.pod_on(nodes[0]).metadata.name)
    trace.until(successor.replaced(before, nodes[0]), successor.exactly_on(*nodes), successor.status(updated_number_scheduled=1))
    trace.expect_creations(successor, 1)


@scenario("O06")
@claim("D7-03")
@needs(nodes=1)
def test_a_pod_of_an_earlier_daemonset_is_not_adopted(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod that names an earlier DaemonSet of the same name as its owner is nobody's: it is not adopted, and it is collected."""
    [node] = cluster.nodes.join(1)
    earlier = daemonset("agent.yaml")
    trace.until(earlier.exactly_on(node))
    earlier.delete()
    trace.until(earlier.gone(), earlier.without_pods())
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(node), agent.status(number_available=1))
    before = agent.uids()
    stale = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": agent.name, "uid": earlier.uid, "controller": True}

    cluster.create_pod(_owned_by(cluster.bare_pod("stale", node, labels={"app": "agent"}), stale))

    trace.until(cluster.pod_absent("stale"), agent.keeps(before), agent.status(desired_number_scheduled=1, number_available=1))
    assert not trace.past.was_owned_by("stale", agent)
    trace.expect_creations(earlier, 1)
    trace.expect_creations(agent, 1)


@scenario("O06")
@claim("D7-02", "D7-03", "D7-04")
@needs(Capability.AUDIT_LOG, nodes=1)
def test_an_owner_in_another_namespace_is_none(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod whose only owner lives in another namespace is deleted by the garbage collector, which says why; the DaemonSet lets it be."""
    [node] = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(node), agent.status(number_available=1))
    before = agent.uids()
    there = cluster.api.get("/api/v1/namespaces/kube-system/configmaps/kube-root-ca.crt")["metadata"]
    elsewhere = {"apiVersion": "v1", "kind": "ConfigMap", "name": there["name"], "uid": there["uid"], "controller": True}

    cluster.create_pod(_owned_by(cluster.bare_pod(f"{agent.name}-elsewhere", node, labels={"app": "agent"}), elsewhere))

    trace.until(cluster.pod_absent(f"{agent.name}-elsewhere"), cluster.event("OwnerRefInvalidNamespace", agent), agent.keeps(before))
    collector = "system:serviceaccount:kube-system:generic-garbage-collector"
    trace.until(trace.written(f"pods/{agent.name}-elsewhere", "delete", by=collector))
    assert not trace.past.was_owned_by(f"{agent.name}-elsewhere", agent)
    trace.expect_creations(agent, 1)


def _owned_by(pod: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
    return {**pod, "metadata": {**pod["metadata"], "ownerReferences": [owner]}}
