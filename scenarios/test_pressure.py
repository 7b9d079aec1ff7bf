"""Nodes that run short of memory, disk or process ids: kubelets end daemon pods and turn new ones away, but those of a system class."""

from collections.abc import Callable
from typing import Any, Literal

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]

CRITICAL: dict[str, Any] = {"spec": {"priorityClassName": "system-node-critical"}}
IMPORTANT: dict[str, Any] = {"spec": {"priorityClassName": "important"}}


@scenario("L08", seconds=60)
@claim("000-22", "D1-40")
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

    trace.until(cluster.event("Evicted", plain, times=2), within=120)
    # The lowest priority goes first; when it is gone it is the next one's turn, however high it is.
    plain.delete()
    trace.until(plain.gone(), plain.without_pods(), cluster.event("Evicted", important, times=2), within=120)
    node.recover()
    trace.until(important.exactly_on(node), important.status(number_available=1), within=60)
    trace.until(cluster.no_event("Evicted", critical), critical.keeps(spared))
    trace.expect_creations(critical, 1)
    cluster.kubectl("delete", "priorityclass", "important")


@scenario("L08", seconds=40)
@claim("000-22", "D1-39")
@needs(Capability.REAL_KUBELET, Capability.NODE_PRESSURE, nodes=1)
def test_short_of_disk_a_node_turns_new_pods_away(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Short of disk, a kubelet evicts a daemon pod and rejects what replaces it, ever later; a pod of a system class runs on."""
    _turned_away(cluster, daemonset, trace, "disk")


@scenario("L08", seconds=40)
@claim("000-22", "D1-41")
@needs(Capability.REAL_KUBELET, Capability.NODE_PRESSURE, nodes=1)
def test_short_of_process_ids_a_node_turns_new_pods_away(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Short of process ids, a kubelet evicts a daemon pod and rejects what replaces it, ever later; a pod of a system class runs on."""
    _turned_away(cluster, daemonset, trace, "pid")


def _turned_away(cluster: ScenarioCluster, daemonset: Create, trace: Trace, of: Literal["disk", "pid"]) -> None:
    [node] = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    critical = daemonset("agent.yaml", name="critical", template=CRITICAL)
    for one in (agent, critical):
        trace.until(one.exactly_on(node), one.status(number_available=1))
    spared = critical.uids()

    node.run_short(of)

    # The evicted one may end well in the time that it is given: then it is Succeeded, and the first failure is that of the next.
    trace.until(cluster.event("Evicted", agent), cluster.event("FailedDaemonPod", agent, times=5), within=120)
    assert trace.past.failures(agent)[:5] == ["Evicted"] * 5
    _, *between = trace.past.seconds_between_creations(agent)
    # As for other pods that a kubelet rejects: 1 s, doubled each time, and counted from the failure.
    assert sum(between) > 0.7 + 1.7 + 3.9
    assert max(between) > 3.5
    node.recover()
    trace.until(agent.exactly_on(node), agent.status(number_available=1), within=60)
    trace.until(cluster.no_event("Evicted", critical), critical.keeps(spared))
    trace.expect_creations(critical, 1)
