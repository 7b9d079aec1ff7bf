"""Taints, tolerations and cordoned nodes."""

from collections.abc import Callable

import pytest

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, finding, needs, scenario

Create = Callable[..., Agent]

AUTOMATIC = {
    ("node.kubernetes.io/not-ready", "Exists", "NoExecute"),
    ("node.kubernetes.io/unreachable", "Exists", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "Exists", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "Exists", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "Exists", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "Exists", "NoSchedule"),
}
NETWORK = ("node.kubernetes.io/network-unavailable", "Exists", "NoSchedule")


@scenario("T01")
@claim("002-37", "002-40", "002-41", "D1-34", "D1-43", "D5-01", "D5-02", "D5-04", "D5-05", "D5-06", "D5-07", "D5-08", "D5-09", "D8-11")
@needs(nodes=1)
@pytest.mark.parametrize(
    ("manifest", "expected"), [("agent.yaml", AUTOMATIC), ("agent-hostnetwork.yaml", AUTOMATIC | {NETWORK})], ids=["plain", "hostNetwork"]
)
def test_pods_get_exactly_the_documented_tolerations(
    cluster: ScenarioCluster, daemonset: Create, trace: Trace, manifest: str, expected: set[tuple[str, str, str]]
) -> None:
    """Daemon pods carry the documented tolerations, without tolerationSeconds, and no others."""
    nodes = cluster.nodes.join(1)

    agent = daemonset(manifest)

    trace.until(agent.exactly_on(*nodes))
    [created] = trace.past.created(agent)
    tolerations = created["spec"]["tolerations"]
    assert {(toleration["key"], toleration["operator"], toleration["effect"]) for toleration in tolerations} == expected
    assert len(tolerations) == len(expected)
    assert not any("tolerationSeconds" in toleration for toleration in tolerations)


@scenario("T02")
@claim("002-37", "D1-45", "D5-02", "D5-10")
@needs(nodes=1)
def test_own_tolerations_are_kept(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The template's own tolerations are kept; one equal to an automatic one loses its tolerationSeconds."""
    nodes = cluster.nodes.join(1)
    own = {"key": "dedicated", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}
    limited = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}

    agent = daemonset("agent.yaml", template={"spec": {"tolerations": [own, limited]}})

    trace.until(agent.exactly_on(*nodes))
    [created] = trace.past.created(agent)
    tolerations = created["spec"]["tolerations"]
    assert own in tolerations
    assert [t for t in tolerations if t["key"] == limited["key"]] == [{k: v for k, v in limited.items() if k != "tolerationSeconds"}]
    assert len(tolerations) == len(AUTOMATIC) + 1


@scenario("T03", seconds=8)
@claim("001-03", "002-33", "002-36", "003-06", "004-01", "004-24", "D1-24", "D9-25")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_noschedule_keeps_the_running_pod_and_admits_no_new_one(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """An untolerated NoSchedule taint leaves the running pod alone, but once it is gone no new one is made until the taint is lifted."""
    free, tainted = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(free, tainted), agent.status(number_available=2))
    before = agent.uids()

    tainted.taint("dedicated", "NoSchedule", "gpu")
    trace.stays(agent.keeps(before), seconds=3)
    cluster.delete_pod(agent.pod_on(tainted).metadata.name)

    trace.until(agent.exactly_on(free), agent.status(desired_number_scheduled=1, number_misscheduled=0))
    trace.stays(agent.absent_from(tainted), seconds=3)
    tainted.untaint("dedicated")
    trace.until(agent.exactly_on(free, tainted), agent.status(desired_number_scheduled=2))
    trace.expect_creations(agent, 3)


@scenario("T03")
@claim("002-36")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_prefernoschedule_changes_nothing(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A PreferNoSchedule taint does not keep a node from its pod."""
    nodes = cluster.nodes.join(2)
    nodes[0].taint("dedicated", "PreferNoSchedule", "gpu")

    agent = daemonset("agent.yaml")

    trace.until(agent.exactly_on(*nodes), agent.status(desired_number_scheduled=2, number_misscheduled=0))


@scenario("T04")
@claim("002-36", "D8-14")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_noexecute_removes_the_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """An untolerated NoExecute taint removes the running pod; it comes back when the taint is lifted."""
    free, tainted = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(free, tainted), agent.status(number_available=2))

    tainted.taint("maintenance", "NoExecute")
    trace.until(agent.exactly_on(free), agent.status(desired_number_scheduled=1, number_misscheduled=0))
    trace.stays(agent.absent_from(tainted), seconds=3)
    tainted.untaint("maintenance")

    trace.until(agent.exactly_on(free, tainted), agent.status(desired_number_scheduled=2))


@scenario("T05", seconds=25)
@claim("D5-10", "D8-04", "D8-14")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_a_taint_that_is_tolerated_for_a_while(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod that tolerates a NoExecute taint for so long is evicted then, with that as the reason, and made anew on the same node."""
    tainted, other = cluster.nodes.join(2)
    briefly = {"key": "example.com/maintenance", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 8}
    agent = daemonset("agent.yaml", template={"spec": {"tolerations": [briefly]}})
    trace.until(agent.exactly_on(tainted, other), agent.status(number_available=2))
    kept, first = agent.pod_on(other).metadata.uid, agent.pod_on(tainted).metadata.name

    tainted.taint("example.com/maintenance", "NoExecute")

    trace.until(cluster.pod_absent(first), agent.bound_to(tainted))
    second = [pod["metadata"]["name"] for pod in trace.past.created(agent)][2]
    trace.until(cluster.pod_absent(second))
    tainted.untaint("example.com/maintenance")
    trace.until(agent.exactly_on(tainted, other), agent.status(number_available=2, number_misscheduled=0))
    assert agent.uids()[other.name] == kept
    for evicted in (first, second):
        assert "DeletionByTaintManager" in {c.reason for c in trace.past.last_pod(evicted).status.conditions}
    # The second one met the taint when it was bound. The news of that may have come late, on a busy machine.
    assert trace.past.seconds_alive(second) > 8 - 4


@scenario("T07")
@claim("002-40", "002-L1", "D1-42", "D1-46", "D5-08", "D6-03", "D6-07", "D6-08", "D6-11", "D8-10", "D8-11")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_a_cordoned_node_still_gets_its_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Daemon pods are made on cordoned nodes: the unschedulable taint is tolerated."""
    nodes = cluster.nodes.join(2)
    cluster.kubectl("cordon", nodes[0].name)

    agent = daemonset("agent.yaml")

    trace.until(agent.exactly_on(*nodes), agent.status(desired_number_scheduled=2, number_misscheduled=0))
    before = agent.uids()
    cluster.evict_pod(agent.pod_on(nodes[0]).metadata.name)
    trace.until(agent.replaced(before, nodes[0]), agent.exactly_on(*nodes))
    trace.expect_creations(agent, 3)


@scenario("T09")
@claim("000-09", "001-06", "003-05", "004-19", "D1-02", "D1-35", "D1-47", "D1-48", "D8-15")
@finding("not-ready-node-gets-no-plain-daemon-pod")
@needs(Capability.JOIN_NODE, Capability.NODE_READINESS, nodes=1)
def test_a_node_that_is_not_ready_gets_no_plain_daemon_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """On a node that is not Ready only a DaemonSet with a blanket toleration gets its pod; a plain one waits until it is Ready."""
    [node] = cluster.nodes.join(1, ready=False)

    plain = daemonset("agent.yaml")
    everywhere = daemonset("agent-everywhere.yaml", name="everywhere")

    trace.until(everywhere.bound_to(node), everywhere.status(desired_number_scheduled=1), plain.status(desired_number_scheduled=0))
    trace.stays(plain.absent_from(node), seconds=3)
    node.set_ready(True)
    trace.until(plain.exactly_on(node), plain.status(desired_number_scheduled=1), everywhere.exactly_on(node))


@scenario("T08", seconds=8)
@claim("D1-44")
@needs(Capability.NODE_READINESS, nodes=1)
def test_a_node_without_network_gets_pods_of_the_host_network_only(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """On a node whose network is unavailable a DaemonSet with hostNetwork has its pod; another one is neither there nor counted."""
    [node] = cluster.nodes.join(1)
    node.set_network_available(False)
    trace.until(cluster.tainted(node, "node.kubernetes.io/network-unavailable"))

    plain = daemonset("agent.yaml")
    host = daemonset("agent-hostnetwork.yaml")

    trace.until(host.exactly_on(node), host.status(number_available=1), plain.status(desired_number_scheduled=0))
    trace.stays(plain.absent_from(node), host.exactly_on(node), seconds=3)
    node.set_network_available(True)
    trace.until(plain.exactly_on(node), host.exactly_on(node), plain.status(number_available=1))
    trace.expect_creations(plain, 1)
    trace.expect_creations(host, 1)
