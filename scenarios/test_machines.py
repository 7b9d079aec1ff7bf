"""Nodes that are not heard of any more, machines that die, and Node objects that are deleted while their machine goes on."""

from collections.abc import Callable

from conformance import Agent, Capability, Node, Pod, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]


@scenario("T10", seconds=75)
@claim("001-17", "002-38", "002-57", "D1-36", "D1-37", "D1-38", "D1-62", "D5-01", "D5-03", "D8-13", "D8-15", "D8-16")
@needs(Capability.SILENT_NODE, nodes=2)
def test_a_node_that_falls_silent_keeps_its_daemon_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """An unreachable node keeps its daemon pods, unready and misscheduled, and loses others; until it is back it gets no new one."""
    heard, silent = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    bystander = cluster.bare_pod("bystander", silent, labels={"app": "other"})
    bystander["spec"]["tolerations"] = [
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2}
    ]
    cluster.create_pod(bystander)
    trace.until(agent.exactly_on(heard, silent), agent.status(number_available=2), cluster.pod_runs("bystander"))
    before = agent.uids()

    silent.silence()

    trace.until(agent.pods_where("one of two pods is ready", _one_of_two), cluster.pod_ends("bystander"), within=120)
    late = daemonset("agent.yaml", name="late")
    trace.until(late.exactly_on(heard), late.status(desired_number_scheduled=1))
    trace.stays(agent.keeps(before), agent.pods_where("one of two pods is ready", _one_of_two), late.absent_from(silent), seconds=5)
    # The taint that keeps new pods off wakes no sync by itself.
    agent.patch({"metadata": {"annotations": {"touched": "yes"}}}, why="annotate")
    trace.until(agent.status(desired_number_scheduled=1, number_misscheduled=1, number_ready=1), agent.keeps(before))
    silent.speak()
    trace.until(agent.exactly_on(heard, silent), agent.keeps(before), late.exactly_on(heard, silent), cluster.pod_absent("bystander"))
    trace.until(agent.status(number_available=2, number_misscheduled=0))
    trace.expect_creations(agent, 2)
    trace.expect_creations(late, 2)


@scenario("T10", seconds=90)
@claim("001-17", "002-57", "D1-38", "D1-62")
@needs(Capability.REAL_KUBELET, Capability.NODE_RESTART, nodes=2)
def test_the_pods_of_a_dead_machine_wait_for_it(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Nobody replaces the daemon pods of a dead machine; when it is back they start again, and one deleted meanwhile is replaced then."""
    lives, dies = cluster.nodes.join(2)
    left = daemonset("agent.yaml", name="left")
    deleted = daemonset("agent.yaml", name="deleted")
    trace.until(left.exactly_on(lives, dies), deleted.exactly_on(lives, dies), left.status(number_available=2))
    before, lost = left.uids(), deleted.uids()

    dies.power_off()

    one_each = [agent.pods_where("one of two pods is ready", _one_of_two) for agent in (left, deleted)]
    trace.until(*one_each, within=120)
    cluster.delete_pod(deleted.pod_on(dies).metadata.name)
    trace.until(deleted.terminating_on(dies))
    trace.stays(left.keeps(before), deleted.terminating_on(dies), *one_each, seconds=5)
    dies.power_on()
    trace.until(left.restarted(1, dies), left.exactly_on(lives, dies), left.keeps(before), within=120)
    trace.until(deleted.replaced(lost, dies), deleted.exactly_on(lives, dies), deleted.status(number_available=2), within=120)
    trace.expect_creations(left, 2)
    trace.expect_creations(deleted, 3)


@scenario("P03", seconds=80)
@claim("000-10", "001-07", "002-03", "002-48", "D1-03", "D1-57", "D8-05", "D8-18", "D8-22")
@needs(Capability.REAL_KUBELET, Capability.NODE_RESTART, nodes=2)
def test_a_node_is_deleted_and_its_kubelet_goes_on(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When a Node is deleted under its kubelet its pod is collected; a restart of the kubelet registers it anew, and it gets a new pod."""
    stays, leaves = cluster.nodes.join(2)
    _collected_and_back(cluster, daemonset, trace, stays, leaves, comes_back=leaves.restart_kubelet)


@scenario("P03", seconds=90)
@claim("000-10", "001-07", "002-03", "002-48", "D1-03", "D1-57", "D8-05", "D8-18", "D8-22")
@needs(Capability.REAL_KUBELET, Capability.NODE_RESTART, nodes=2)
def test_the_node_of_a_dead_machine_is_deleted(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When the Node of a dead machine is deleted its pod is collected; a machine that is back registers anew, and gets a new pod."""
    stays, dies = cluster.nodes.join(2)
    _collected_and_back(cluster, daemonset, trace, stays, dies, first=dies.power_off, comes_back=dies.power_on)


@scenario("T11", seconds=100)
@claim("D8-20")
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

    trace.until(agent.exactly_on(heard), agent.status(desired_number_scheduled=1, current_number_scheduled=1), everywhere.keeps(kept))
    trace.stays(agent.exactly_on(heard), everywhere.keeps(kept), seconds=4)
    silent.speak()
    silent.untaint("node.kubernetes.io/out-of-service")
    trace.until(agent.exactly_on(heard, silent), agent.status(number_available=2), everywhere.keeps(kept), within=120)
    trace.expect_creations(agent, 3)
    trace.expect_creations(everywhere, 2)


def _one_of_two(pods: list[Pod]) -> bool:
    return sorted(pod.ready for pod in pods) == [False, True]


def _nothing() -> None:
    """A machine that is left as it is."""


def _collected_and_back(
    cluster: ScenarioCluster,
    daemonset: Create,
    trace: Trace,
    stays: Node,
    leaves: Node,
    *,
    comes_back: Callable[[], None],
    first: Callable[[], None] = _nothing,
) -> None:
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(stays, leaves), agent.status(number_available=2))
    before = agent.uids()
    lost = agent.pod_on(leaves).metadata.name

    first()
    cluster.kubectl("delete", "node", leaves.name)

    trace.until(agent.exactly_on(stays), agent.status(desired_number_scheduled=1, current_number_scheduled=1), within=150)
    last = trace.past.last_pod(lost)
    assert any(c.type == "DisruptionTarget" and c.reason == "DeletionByPodGC" for c in last.status.conditions)
    comes_back()
    trace.until(agent.exactly_on(stays, leaves), agent.replaced(before, leaves), agent.status(number_available=2), within=120)
    assert agent.uids()[stays.name] == before[stays.name]
    trace.expect_creations(agent, 3)
