"""Nodes that are not heard of any more, machines that die, and Node objects that are deleted while their machine goes on."""

from collections.abc import Mapping
from typing import Any

from conformance import Capability, Create, Node, Pod, ScenarioCluster, Trace, needs, scenario, shows

EDITED = {"metadata": {"annotations": {"edited": "yes"}}}


@scenario("T10", seconds=95)
@needs(Capability.SILENT_NODE, nodes=2)
def test_a_node_that_falls_silent_keeps_its_daemon_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """An unreachable node keeps its daemon pods, unready and misscheduled, and loses others; until it is back it gets no new one."""
    heard, silent = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    bystander = cluster.bare_pod("bystander", silent, labels={"app": "other"})
    bystander["spec"]["tolerations"] = [
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2}
    ]
    patient, ordinary = (cluster.create_pod(pod) for pod in (bystander, cluster.bare_pod("ordinary", heard, labels={"app": "other"})))
    trace.until(agent.exactly_on(heard, silent), agent.status(number_available=2), cluster.pod_runs("bystander"))
    before = agent.uids()
    daemons = trace.past.created(agent)
    with shows("002-38", "D1-38", "D5-01", "D5-03", "D8-13"):
        assert _patience("unreachable", ordinary, patient, *daemons) == [300, 2, None, None]
    with shows("002-38", "D1-36"):
        assert _patience("not-ready", ordinary, *daemons) == [300, None, None]

    silent.silence()

    left_alone = agent.pods_where("one of two pods is ready", _one_of_two)
    trace.until(left_alone, cluster.pod_ends("bystander"), within=120)
    late = daemonset("agent.yaml", name="late")
    cluster.create_pod(_meant_for(silent, cluster.bare_pod("workload", silent, labels={"app": "other"})))
    trace.until(late.exactly_on(heard), late.status(desired_number_scheduled=1), shows="D1-37")
    trace.until(cluster.pod_waits("workload", saying="untolerated taint"), shows="D8-15")
    # Longer than the periods of everything in the controller manager that looks again by itself.
    trace.stays(
        agent.keeps(before), left_alone, seconds=21, shows=("001-17", "002-38", "002-57", "D1-36", "D1-38", "D5-03", "D8-13", "D8-16")
    )
    trace.stays(late.absent_from(silent), cluster.pod_waits("workload", saying="untolerated taint"), seconds=2, shows=("D1-37", "D8-15"))
    # The taint that keeps new pods off wakes no sync by itself.
    agent.touch()
    trace.until(agent.status(desired_number_scheduled=1, number_misscheduled=1, number_ready=1), agent.keeps(before))
    silent.speak()
    trace.until(agent.exactly_on(heard, silent), agent.keeps(before), late.exactly_on(heard, silent), cluster.pod_absent("bystander"))
    trace.until(agent.status(number_available=2, number_misscheduled=0), cluster.pod_runs("workload"))
    trace.expect_creations(agent, 2)
    trace.expect_creations(late, 2)


@scenario("T10", seconds=110)
@needs(Capability.REAL_KUBELET, Capability.NODE_RESTART, nodes=2)
def test_the_pods_of_a_dead_machine_wait_for_it(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Nobody replaces the daemon pods of a dead machine; when it is back they start again, and one deleted meanwhile is replaced then."""
    lives, dies = cluster.nodes.join(2)
    left = daemonset("agent.yaml", name="left")
    deleted = daemonset("agent.yaml", name="deleted")
    trace.until(left.exactly_on(lives, dies), deleted.exactly_on(lives, dies), left.status(number_available=2))
    before, lost = left.uids(), deleted.uids()
    with shows("D1-38"):
        assert _patience("unreachable", *trace.past.created(left)) == [None, None]

    dies.power_off()

    one_each = [agent.pods_where("one of two pods is ready", _one_of_two) for agent in (left, deleted)]
    trace.until(*one_each, within=120)
    cluster.delete_pod(deleted.pod_on(dies).metadata.name)
    trace.until(deleted.terminating_on(dies))
    # Longer than the periods of everything in the controller manager that looks again by itself.
    trace.stays(left.keeps(before), *one_each, deleted.terminating_on(dies), seconds=21, shows=("001-17", "002-57", "D1-38"))
    dies.power_on()
    trace.until(left.restarted(1, dies), left.exactly_on(lives, dies), left.keeps(before), within=120)
    trace.until(deleted.replaced(lost, dies), deleted.exactly_on(lives, dies), deleted.status(number_available=2), within=120)
    trace.expect_creations(left, 2)
    trace.expect_creations(deleted, 3)


@scenario("P03", seconds=80)
@needs(Capability.REAL_KUBELET, Capability.NODE_RESTART, nodes=2)
def test_a_node_is_deleted_and_its_kubelet_goes_on(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When a Node is deleted under its kubelet its pod is collected; a restart of the kubelet registers it anew, and it gets a new pod."""
    stays, leaves = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(stays, leaves), agent.status(number_available=2))
    before = agent.uids()
    lost = agent.pod_on(leaves).metadata.name
    cluster.patch_pod(lost, EDITED)

    cluster.kubectl("delete", "node", leaves.name)

    trace.until(agent.exactly_on(stays), agent.status(desired_number_scheduled=1), within=150, shows=("000-10", "000-27", "002-03"))
    with shows("001-07", "D8-05", "D8-18", "D8-22"):
        assert _collected(trace.past.last_pod(lost))
    leaves.restart_kubelet()
    trace.until(agent.exactly_on(stays, leaves), agent.replaced(before, leaves), agent.status(number_available=2), within=120)
    with shows("002-48"):
        assert agent.pod_on(leaves).spec.containers == agent.now().spec.template.spec.containers
        assert "edited" not in agent.pod_on(leaves).metadata.annotations
    assert agent.uids()[stays.name] == before[stays.name]
    trace.expect_creations(agent, 3)


@scenario("P03", seconds=90)
@needs(Capability.REAL_KUBELET, Capability.NODE_RESTART, nodes=2)
def test_the_node_of_a_dead_machine_is_deleted(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When the Node of a dead machine is deleted its pod is collected; a machine that is back registers anew, and gets a new pod."""
    stays, dies = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(stays, dies), agent.status(number_available=2))
    before = agent.uids()
    lost = agent.pod_on(dies).metadata.name

    dies.power_off()
    cluster.kubectl("delete", "node", dies.name)

    trace.until(agent.exactly_on(stays), agent.status(desired_number_scheduled=1), within=150, shows=("000-10", "000-27", "002-03"))
    with shows("001-07", "D8-05", "D8-18", "D8-22"):
        assert _collected(trace.past.last_pod(lost))
    dies.power_on()
    trace.until(agent.exactly_on(stays, dies), agent.replaced(before, dies), within=120, shows=("000-27", "D8-08"))
    assert agent.uids()[stays.name] == before[stays.name]
    trace.expect_creations(agent, 3)


@scenario("T11", seconds=117)
@needs(Capability.SILENT_NODE, Capability.CHANGE_NODE, nodes=2)
def test_the_pods_of_a_node_out_of_service_are_given_up(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Once a silent node is tainted out-of-service its pods go without its kubelet, but for those that tolerate every taint."""
    heard, silent = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    everywhere = daemonset("agent-everywhere.yaml")
    trace.until(agent.exactly_on(heard, silent), everywhere.exactly_on(heard, silent), agent.status(number_available=2))
    kept = everywhere.uids()

    silent.silence()
    trace.until(agent.pods_where("one of two pods is ready", _one_of_two), within=120)
    silent.taint("node.kubernetes.io/out-of-service", "NoExecute", "nodeshutdown")

    trace.until(agent.exactly_on(heard), agent.status(desired_number_scheduled=1, current_number_scheduled=1), shows="D8-20")
    # Longer than the pod garbage collector's period of 20 seconds.
    trace.stays(agent.exactly_on(heard), everywhere.keeps(kept), seconds=21)
    silent.speak()
    silent.untaint("node.kubernetes.io/out-of-service")
    trace.until(agent.exactly_on(heard, silent), agent.status(number_available=2), everywhere.keeps(kept), within=120)
    trace.expect_creations(agent, 3)
    trace.expect_creations(everywhere, 2)


def _one_of_two(pods: list[Pod]) -> bool:
    return sorted(pod.ready for pod in pods) == [False, True]


def _collected(pod: Pod) -> bool:
    """Whether the pod garbage collector says on a pod that it took it."""
    return any(c.type == "DisruptionTarget" and c.reason == "DeletionByPodGC" for c in pod.status.conditions)


def _patience(trouble: str, *pods: Mapping[str, Any]) -> list[int | None]:
    """How many seconds each of the pods stays on a node that is `unreachable` or `not-ready` (None: for ever; left out: not at all)."""
    tolerations = [toleration for pod in pods for toleration in pod["spec"].get("tolerations", [])]
    wanted = (f"node.kubernetes.io/{trouble}", "NoExecute")
    return [one.get("tolerationSeconds") for one in tolerations if (one.get("key"), one.get("effect")) == wanted]


def _meant_for(node: Node, pod: dict[str, Any]) -> dict[str, Any]:
    """The pod for this node and no other, and left to the scheduler."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node.name]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    return {**pod, "spec": {**pod["spec"], "nodeName": None, "affinity": affinity}}
