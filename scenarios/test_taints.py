"""Taints, tolerations and cordoned nodes."""

import json
from typing import Any

import pytest

from conformance import Capability, Create, ScenarioCluster, Trace, claim, finding, needs, scenario, shows

AUTOMATIC = (
    ("node.kubernetes.io/not-ready", "Exists", "NoExecute"),
    ("node.kubernetes.io/unreachable", "Exists", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "Exists", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "Exists", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "Exists", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "Exists", "NoSchedule"),
)
CRITICAL: dict[str, Any] = {"spec": {"priorityClassName": "system-node-critical"}}
HOST = (*AUTOMATIC, ("node.kubernetes.io/network-unavailable", "Exists", "NoSchedule"))


@scenario("T01")
@needs(nodes=1)
@pytest.mark.parametrize(
    ("manifest", "template", "documented", "more"),
    [
        pytest.param("agent.yaml", {}, AUTOMATIC, ("D1-43", "D5-09"), marks=claim("D1-43", "D5-09"), id="plain"),
        pytest.param("agent-hostnetwork.yaml", {}, HOST, ("D1-43", "D5-09"), marks=claim("D1-43", "D5-09"), id="hostNetwork"),
        pytest.param("agent.yaml", CRITICAL, AUTOMATIC, ("002-41",), marks=claim("002-41"), id="critical"),
    ],
)
def test_pods_get_exactly_the_documented_tolerations(
    cluster: ScenarioCluster,
    daemonset: Create,
    trace: Trace,
    *,
    manifest: str,
    template: dict[str, Any],
    documented: tuple[tuple[str, str, str], ...],
    more: tuple[str, ...],
) -> None:
    """Daemon pods carry the documented tolerations, without tolerationSeconds, and no others."""
    [node] = cluster.nodes.join(1)
    expected = set(documented)

    agent = daemonset(manifest, template=template)

    trace.until(agent.exactly_on(node))
    [created] = trace.past.created(agent)
    tolerations = created["spec"].get("tolerations", [])
    with shows("002-40", "D1-34", "D5-04", "D5-05", "D5-06", "D5-07", "D5-08"), shows(*more):
        assert {(toleration.get("key"), toleration.get("operator"), toleration.get("effect")) for toleration in tolerations} == expected
        assert len(tolerations) == len(expected)
    with shows("002-37"):
        for key in ("not-ready", "unreachable"):
            assert {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"} in tolerations
        assert not any("tolerationSeconds" in toleration for toleration in tolerations)
    bare = cluster.create_pod(cluster.bare_pod("bare", node, labels={"app": "other"}))
    with shows("D5-01"):
        assert [toleration.get("tolerationSeconds") for toleration in bare["spec"].get("tolerations", [])] == [300, 300]
    trace.expect_creations(agent, 1)


@scenario("T02")
@needs(nodes=1)
def test_own_tolerations_are_kept(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The template's own tolerations are kept; one equal to an automatic one loses its tolerationSeconds."""
    nodes = cluster.nodes.join(1)
    own = {"key": "dedicated", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}
    limited = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}

    agent = daemonset("agent.yaml", template={"spec": {"tolerations": [own, limited]}})

    trace.until(agent.exactly_on(*nodes))
    [created] = trace.past.created(agent)
    tolerations = created["spec"].get("tolerations", [])
    with shows("D1-45", "D5-10"):
        assert own in tolerations
    with shows("002-37"):
        unlimited = {name: value for name, value in limited.items() if name != "tolerationSeconds"}
        assert [one for one in tolerations if one.get("key") == limited["key"]] == [unlimited]
    assert len(tolerations) == len(AUTOMATIC) + 1
    trace.expect_creations(agent, 1)


@scenario("T03", seconds=8)
@needs(Capability.CHANGE_NODE, nodes=2)
def test_noschedule_keeps_the_running_pod_and_admits_no_new_one(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """An untolerated NoSchedule taint leaves the running pod alone and lets no new one be made; PreferNoSchedule changes nothing."""
    free, tainted = cluster.nodes.join(2)
    free.taint("dedicated", "PreferNoSchedule", "gpu")
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(free, tainted), agent.status(desired_number_scheduled=2, number_available=2, number_misscheduled=0))
    before = agent.uids()

    tainted.taint("dedicated", "NoSchedule", "gpu")
    agent.touch()  # the taint alone lets the controller not look
    trace.until(agent.status(desired_number_scheduled=1, number_misscheduled=1))
    trace.stays(agent.keeps(before), seconds=3)
    cluster.delete_pod(agent.pod_on(tainted).metadata.name)

    trace.until(agent.exactly_on(free), agent.status(desired_number_scheduled=1, number_misscheduled=0))
    trace.stays(agent.exactly_on(free), seconds=3, shows=("001-03", "002-33", "002-36", "004-01", "004-24", "D9-25"))
    tainted.untaint("dedicated")
    trace.until(agent.exactly_on(free, tainted), agent.status(desired_number_scheduled=2), shows=("002-36", "003-06"))
    trace.expect_creations(agent, 3)


@scenario("T04")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_noexecute_removes_the_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """An untolerated NoExecute taint removes the running pod; it comes back when the taint is lifted."""
    free, tainted = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    tolerant = cluster.bare_pod("tolerant", tainted, labels={"app": "other"})
    tolerant["spec"]["tolerations"] = [{"key": "maintenance", "operator": "Exists", "effect": "NoExecute"}]
    cluster.create_pod(tolerant)
    cluster.create_pod(cluster.bare_pod("other", tainted, labels={"app": "other"}))
    trace.until(cluster.pod_runs("tolerant"), cluster.pod_runs("other"))
    trace.until(agent.exactly_on(free, tainted), agent.status(number_available=2))

    tainted.taint("maintenance", "NoExecute")
    trace.until(agent.exactly_on(free), agent.status(desired_number_scheduled=1, number_misscheduled=0))
    trace.stays(agent.absent_from(tainted), seconds=3, shows="002-36")
    # The pods of the DaemonSet are deleted by its own controller too; whose doing it is shows in those that nobody owns.
    trace.until(cluster.pod_absent("other"), cluster.pod_runs("tolerant"), shows="D8-14")
    with shows("D8-14"):
        assert "DeletionByTaintManager" in {c.reason for c in trace.past.last_pod("other").status.conditions}
    tainted.untaint("maintenance")

    trace.until(agent.exactly_on(free, tainted), agent.status(desired_number_scheduled=2), shows="002-36")
    trace.expect_creations(agent, 3)


@scenario("T05", seconds=25)
@needs(Capability.CHANGE_NODE, nodes=2)
def test_a_taint_that_is_tolerated_for_a_while(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod that tolerates a NoExecute taint for so long is evicted then, with that as the reason, and made anew on the same node."""
    tainted, other = cluster.nodes.join(2)
    briefly = {"key": "example.com/maintenance", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 8}
    agent = daemonset("agent.yaml", template={"spec": {"tolerations": [briefly]}})
    trace.until(agent.exactly_on(tainted, other), agent.status(number_available=2))
    kept, first = agent.pod_on(other).metadata.uid, agent.pod_on(tainted).metadata.name

    tainted.taint("example.com/maintenance", "NoExecute")

    trace.until(cluster.pod_absent(first), agent.bound_to(tainted), shows="D5-10")
    second = [pod["metadata"]["name"] for pod in trace.past.created(agent)][2]
    trace.until(cluster.pod_absent(second))
    tainted.untaint("example.com/maintenance")
    trace.until(agent.exactly_on(tainted, other), agent.status(number_available=2, number_misscheduled=0))
    assert agent.uids()[other.name] == kept
    with shows("D8-14"):
        for evicted in (first, second):
            assert "DeletionByTaintManager" in {c.reason for c in trace.past.last_pod(evicted).status.conditions}
    # By the name under which it reports, it is a controller of its own, and no part of the node lifecycle controller.
    trace.until(cluster.event("TaintManagerEviction", agent))
    reports = cluster.kubectl("get", "events", "--field-selector", "reason=TaintManagerEviction", "--output", "json").out
    with shows("D8-04"):
        assert {event["source"].get("component") for event in json.loads(reports)["items"]} == {"taint-eviction-controller"}
    # The second one met the taint when it was bound. The news of that may have come late, on a busy machine.
    with shows("D5-10"):
        assert trace.past.seconds_alive(second) > 8 - 4
    trace.expect_creations(agent, 4)


@scenario("T07")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_a_cordoned_node_still_gets_its_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Daemon pods are made on cordoned nodes: the unschedulable taint is tolerated."""
    nodes = cluster.nodes.join(2)
    cluster.kubectl("cordon", nodes[0].name)

    agent = daemonset("agent.yaml")

    trace.until(
        agent.exactly_on(*nodes),
        agent.status(desired_number_scheduled=2, number_misscheduled=0),
        shows=("002-L1", "D1-42", "D5-08", "D6-03", "D6-08", "D8-10"),
    )
    before = agent.uids()
    cluster.evict_pod(agent.pod_on(nodes[0]).metadata.name)
    trace.until(agent.replaced(before, nodes[0]), agent.exactly_on(*nodes), shows=("D6-07", "D6-11"))
    trace.expect_creations(agent, 3)


@scenario("T09")
@finding("not-ready-node-gets-no-plain-daemon-pod")
@needs(Capability.JOIN_NODE, Capability.NODE_READINESS, nodes=1)
def test_a_node_that_is_not_ready_gets_no_plain_daemon_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """On a node that is not Ready only a DaemonSet with a blanket toleration gets its pod; a plain one waits until it is Ready."""
    plain = daemonset("agent.yaml")
    everywhere = daemonset("agent-everywhere.yaml", name="everywhere")

    [node] = cluster.nodes.join(1, ready=False)

    bare = cluster.bare_pod("bare", node, labels={"app": "other"})
    del bare["spec"]["nodeName"]
    bare["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node.name}
    cluster.create_pod(bare)
    trace.until(everywhere.bound_to(node), everywhere.status(desired_number_scheduled=1), plain.status(desired_number_scheduled=0))
    trace.until(cluster.pod_waits("bare", saying="untolerated taint"), shows="D8-15")
    trace.stays(plain.absent_from(node), plain.status(desired_number_scheduled=0), seconds=3, shows=("004-19", "D1-35", "D1-47", "D1-48"))
    node.set_ready(True)
    trace.until(
        plain.exactly_on(node),
        plain.status(desired_number_scheduled=1),
        everywhere.exactly_on(node),
        shows="000-09",
    )
    trace.until(cluster.pod_runs("bare"), shows="D8-15")
    trace.expect_creations(plain, 1)
    trace.expect_creations(everywhere, 1)


@scenario("T08", seconds=8)
@needs(Capability.NODE_READINESS, nodes=1)
def test_a_node_without_network_gets_pods_of_the_host_network_only(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """On a node whose network is unavailable a DaemonSet with hostNetwork has its pod; another one is neither there nor counted."""
    [node] = cluster.nodes.join(1)
    node.set_network_available(False)
    trace.until(cluster.tainted(node, "node.kubernetes.io/network-unavailable"), shows="002-42")

    plain = daemonset("agent.yaml")
    host = daemonset("agent-hostnetwork.yaml")

    trace.until(host.exactly_on(node), host.status(number_available=1), plain.status(desired_number_scheduled=0), shows="D1-44")
    trace.stays(plain.absent_from(node), host.exactly_on(node), seconds=3, shows=("D1-43", "D1-44", "D5-09"))
    node.set_network_available(True)
    trace.until(plain.exactly_on(node), host.exactly_on(node), plain.status(number_available=1))
    trace.expect_creations(plain, 1)
    trace.expect_creations(host, 1)
