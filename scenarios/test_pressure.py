"""Nodes that run short of memory, disk or process ids: kubelets end daemon pods and turn new ones away, but those of a system class."""

from typing import Any

from conformance import Agent, Capability, Create, Node, ScenarioCluster, Trace, needs, scenario, shows

CRITICAL: dict[str, Any] = {"spec": {"priorityClassName": "system-node-critical"}}
IMPORTANT: dict[str, Any] = {"spec": {"priorityClassName": "important"}}


@scenario("L08", seconds=60)
@needs(Capability.REAL_KUBELET, Capability.NODE_PRESSURE, nodes=1)
def test_short_of_memory_a_node_spares_the_system_classes_alone(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Short of memory, a kubelet evicts daemon pods, of high priority too, and runs what replaces them; system classes are spared."""
    [node] = cluster.nodes.join(1)
    cluster.kubectl("create", "priorityclass", "important", "--value=1000000000")
    plain = daemonset("agent.yaml", name="plain")
    important = daemonset("agent.yaml", name="important", template=IMPORTANT)
    critical = daemonset("agent.yaml", name="critical", template=CRITICAL)
    for agent in (plain, important, critical):
        trace.until(agent.exactly_on(node), agent.status(number_available=1))
    spared = critical.uids()

    node.run_short("memory")

    # A pod that the kubelet does not admit is "Evicted" too; only one that it runs has its containers started.
    under_pressure = cluster.tainted(node, "node.kubernetes.io/memory-pressure")
    trace.until(under_pressure, cluster.event("Evicted", plain, times=2), within=120)
    trace.until(under_pressure, cluster.event("Started", plain, times=2), within=120, shows="D1-40")
    # The lowest priority goes first; when it is gone it is the next one's turn, however high it is.
    plain.delete()
    trace.until(plain.gone(), plain.without_pods())
    trace.until(cluster.event("Evicted", important, times=2), within=120, shows="000-22")
    node.recover()
    trace.until(important.exactly_on(node), important.status(number_available=1), within=60)
    trace.until(cluster.no_event("Evicted", critical), critical.keeps(spared))
    trace.expect_creations(critical, 1)
    cluster.kubectl("delete", "priorityclass", "important")


@scenario("L08", seconds=40)
@needs(Capability.REAL_KUBELET, Capability.NODE_PRESSURE, nodes=1)
def test_short_of_disk_a_node_turns_new_pods_away(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Short of disk, a kubelet evicts a daemon pod and rejects what replaces it, ever later; a pod of a system class runs on."""
    [node] = cluster.nodes.join(1)
    agent, critical = _plain_and_critical(node, daemonset, trace)
    spared = critical.uids()

    node.run_short("disk")

    _until_rejected_again_and_again(cluster, agent, trace)
    with shows("D1-39"):
        assert trace.past.failures(agent)[:5] == ["Evicted"] * 5
    _rejected_ever_later(agent, trace)
    node.recover()
    trace.until(agent.exactly_on(node), agent.status(number_available=1), within=60)
    trace.until(cluster.no_event("Evicted", critical), critical.keeps(spared))
    trace.expect_creations(critical, 1)


@scenario("L08", seconds=40)
@needs(Capability.REAL_KUBELET, Capability.NODE_PRESSURE, nodes=1)
def test_short_of_process_ids_a_node_turns_new_pods_away(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Short of process ids, a kubelet evicts a daemon pod and rejects what replaces it, ever later; a pod of a system class runs on."""
    [node] = cluster.nodes.join(1)
    agent, critical = _plain_and_critical(node, daemonset, trace)
    spared = critical.uids()

    node.run_short("pid")

    _until_rejected_again_and_again(cluster, agent, trace)
    with shows("D1-41"):
        assert trace.past.failures(agent)[:5] == ["Evicted"] * 5
    _rejected_ever_later(agent, trace)
    node.recover()
    trace.until(agent.exactly_on(node), agent.status(number_available=1), within=60)
    trace.until(cluster.no_event("Evicted", critical), critical.keeps(spared))
    trace.expect_creations(critical, 1)


def _plain_and_critical(node: Node, daemonset: Create, trace: Trace) -> tuple[Agent, Agent]:
    plain, critical = daemonset("agent.yaml"), daemonset("agent.yaml", name="critical", template=CRITICAL)
    for agent in (plain, critical):
        trace.until(agent.exactly_on(node), agent.status(number_available=1))
    return plain, critical


def _until_rejected_again_and_again(cluster: ScenarioCluster, agent: Agent, trace: Trace) -> None:
    # The evicted one may end well in the time that it is given: then it is Succeeded, and the first failure is that of the next.
    trace.until(cluster.event("Evicted", agent), cluster.event("FailedDaemonPod", agent, times=5), within=120)


def _rejected_ever_later(agent: Agent, trace: Trace) -> None:
    _, *between = trace.past.seconds_between_creations(agent)
    # As for other pods that a kubelet rejects: 1 s, doubled each time, and counted from the failure.
    assert sum(between) > 0.7 + 1.7 + 3.9
    assert max(between) > 3.5
