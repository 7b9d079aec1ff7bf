"""Nodes that are full: priority lets the scheduler make room, and without it a daemon pod waits."""

from typing import Any

from conformance import Capability, Create, Node, ScenarioCluster, Trace, needs, scenario, shows

#: A node of this size holds one big pod and not two.
SMALL = {"cpu": "500m"}
BIG = {"resources": {"requests": {"cpu": "300m"}}}
FIRST = {"spec": {"priorityClassName": "system-node-critical", "containers": [{"name": "agent", **BIG}]}}
HIGH = {"spec": {"priorityClassName": "system-cluster-critical", "containers": [{"name": "agent", **BIG}]}}
EQUAL = {"spec": {"containers": [{"name": "agent", **BIG}]}}


@scenario("P14")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_a_pod_of_higher_priority_makes_room_on_its_node_only(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """On a full node a daemon pod of higher priority takes the place of another pod; pods of other nodes are left alone."""
    wanted, other = cluster.nodes.join(2, allocatable=SMALL)
    wanted.label(disktype="ssd")
    cluster.create_pod(_big(cluster, "victim", wanted))
    cluster.create_pod(_big(cluster, "elsewhere", other))
    trace.until(cluster.pod_runs("victim"), cluster.pod_runs("elsewhere"))

    agent = daemonset("agent.yaml", node_selector={"disktype": "ssd"}, template=FIRST)

    trace.until(agent.exactly_on(wanted), cluster.pod_absent("victim"))
    with shows("D1-28"):
        disrupted = [c.reason for c in trace.past.last_pod("victim").status.conditions if c.type == "DisruptionTarget"]
        assert disrupted == ["PreemptionByScheduler"]
    trace.stays(cluster.pod_runs("elsewhere"), agent.exactly_on(wanted), seconds=2)
    trace.expect_creations(agent, 1)


@scenario("P14")
@needs(nodes=2)
def test_without_higher_priority_a_pod_waits(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """On a full node a daemon pod of equal priority stays Pending, and says why, until there is room."""
    full, free = cluster.nodes.join(2, allocatable=SMALL)
    cluster.create_pod(_big(cluster, "equal", full))
    trace.until(cluster.pod_runs("equal"))

    agent = daemonset("agent.yaml", template=EQUAL)

    waiting = agent.pods_where(
        f"the pod of {full.name} waits for cpu",
        lambda pods: ["Insufficient cpu" in pod.why_unscheduled for pod in pods if pod.target == full.name] == [True],
    )
    trace.until(waiting, agent.available_on(free), agent.status(desired_number_scheduled=2, number_unavailable=1))
    trace.stays(waiting, cluster.pod_runs("equal"), seconds=5, shows=("000-24", "002-65", "002-66", "004-02"))
    cluster.delete_pod("equal")
    trace.until(agent.exactly_on(full, free), agent.status(number_available=2), shows="D2-16")
    trace.expect_creations(agent, 2)


@scenario("P14")
@needs(nodes=2)
def test_a_high_priority_ensures_no_room(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A daemon pod of a high priority waits where the pods of lower priority would not free enough: none of them is taken away."""
    full, free = cluster.nodes.join(2, allocatable=SMALL)
    higher = _big(cluster, "higher", full)
    higher["spec"] |= {"priorityClassName": "system-node-critical"}
    lower = cluster.bare_pod("lower", full, labels={"app": "other"})
    lower["spec"]["containers"][0] |= {"resources": {"requests": {"cpu": "50m"}}}
    cluster.create_pod(higher)
    cluster.create_pod(lower)
    trace.until(cluster.pod_runs("higher"), cluster.pod_runs("lower"))

    agent = daemonset("agent.yaml", template=HIGH)

    waiting = agent.pods_where(
        f"the pod of {full.name} waits for cpu",
        lambda pods: ["Insufficient cpu" in pod.why_unscheduled for pod in pods if pod.target == full.name] == [True],
    )
    trace.until(waiting, agent.available_on(free), agent.status(desired_number_scheduled=2, number_unavailable=1))
    trace.stays(waiting, cluster.pod_runs("higher"), cluster.pod_runs("lower"), seconds=5, shows=("D1-29", "D1-69"))
    cluster.delete_pod("higher")
    trace.until(agent.exactly_on(full, free), cluster.pod_runs("lower"), agent.status(number_available=2))
    trace.expect_creations(agent, 2)


@scenario("P14")
@needs(nodes=1)
def test_a_surge_onto_a_full_node_disturbs_others(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """During a surge the node has to hold both pods: one of lower priority goes, and does not come back by itself."""
    [node] = cluster.nodes.join(1, allocatable={"cpu": "900m"})
    agent = daemonset("agent-surge.yaml", template=FIRST)
    cluster.create_pod(_big(cluster, "fits", node))
    cluster.create_pod(_big(cluster, "victim", node))
    trace.until(agent.exactly_on(node), agent.status(number_available=1), cluster.pod_runs("fits"), cluster.pod_runs("victim"))

    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(node))
    assert trace.past.most_unavailable(agent) == 0
    with shows("D9-22"):
        preempted = [name for name in ("fits", "victim") if trace.past.last_pod(name).terminating]
        assert len(preempted) == 1
    trace.expect_creations(agent, 2)


@scenario("P14", seconds=15)
@needs(Capability.REAL_KUBELET, nodes=1)
def test_room_is_there_when_the_victim_has_ended(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The preempted pod has its time to end; the daemon pod is bound when the containers are gone from the node."""
    [node] = cluster.nodes.join(1, allocatable=SMALL)
    victim = _big(cluster, "victim", node)
    shell = cluster.manifest("agent-shell.yaml")["spec"]["template"]["spec"]["containers"][0]
    slow = {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}}}
    victim["spec"] |= {"terminationGracePeriodSeconds": 60, "containers": [shell | BIG | slow]}
    cluster.create_pod(victim)
    trace.until(cluster.pod_runs("victim"))

    agent = daemonset("agent.yaml", template=FIRST)

    trace.until(agent.exactly_on(node), cluster.pod_absent("victim"), shows="D1-28")
    assert trace.past.seconds_to_end("victim") > 4.5
    assert trace.past.end_of_pod("victim") < trace.past.binding_of_pod(agent.uids()[node.name])
    trace.expect_creations(agent, 1)


def _big(cluster: ScenarioCluster, name: str, node: Node) -> dict[str, Any]:
    """A pod of no priority that fills a node."""
    pod = cluster.bare_pod(name, node, labels={"app": "other"})
    pod["spec"]["containers"][0] |= BIG
    return pod
