"""What the status counts, and when it counts anew."""

from conformance import Agent, Capability, Condition, Create, ScenarioCluster, Trace, finding, needs, scenario


@scenario("V05", seconds=8)
@needs(Capability.JOIN_NODE, Capability.CHANGE_NODE, nodes=4)
def test_the_number_of_pods_is_that_of_the_eligible_nodes(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Nodes join, are labelled, or lose the label: desiredNumberScheduled is the number of those that match, each time."""
    ssd = {"disktype": "ssd"}
    first, second = cluster.nodes.join(2, labels=ssd)
    agent = daemonset("agent.yaml", node_selector=ssd)

    trace.until(agent.exactly_on(first, second), _all_of(agent, 2), shows="003-17")
    [third] = cluster.nodes.join(1, labels=ssd)
    trace.until(agent.exactly_on(first, second, third), _all_of(agent, 3), shows="003-17")
    [other] = cluster.nodes.join(1)
    trace.stays(_all_of(agent, 3), agent.absent_from(other), seconds=2, shows="003-17")
    other.label(**ssd)
    trace.until(agent.exactly_on(first, second, third, other), _all_of(agent, 4), shows="003-17")
    third.unlabel("disktype")
    trace.until(agent.exactly_on(first, second, other), _all_of(agent, 3), shows="003-17")
    trace.expect_creations(agent, 4)


@scenario("P10")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_no_eligible_node_is_no_error(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A DaemonSet without an eligible node counts zero and is rolled out; the first eligible node gets a pod."""
    [node, _] = cluster.nodes.join(2)

    agent = daemonset("agent.yaml", node_selector={"disktype": "ssd"})
    none = agent.status(desired_number_scheduled=0, current_number_scheduled=0, number_ready=0)
    trace.until(none, agent.without_pods(), shows="D9-34")
    assert cluster.rollout_status(agent, timeout=10).code == 0
    node.label(disktype="ssd")

    trace.until(agent.exactly_on(node), agent.status(desired_number_scheduled=1), shows="D9-34")
    trace.expect_creations(agent, 1)


@scenario("T03", seconds=20)
@finding("noschedule-taint-wakes-no-sync")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_counters_do_not_follow_a_noschedule_taint(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """After a NoSchedule taint under a running pod the status counters are stale until the next sync."""
    free, tainted = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(free, tainted), agent.status(desired_number_scheduled=2, number_available=2))
    trace.stays(agent.status(desired_number_scheduled=2), seconds=2)  # a sync that the creation still had coming would see the taint
    before = agent.uids()

    tainted.taint("dedicated", "NoSchedule", "gpu")

    stale = agent.status(desired_number_scheduled=2, number_misscheduled=0)
    trace.stays(stale, seconds=15, shows=("D9-33", "D9-34", "D9-44"))
    agent.touch()
    right = agent.status(desired_number_scheduled=1, number_misscheduled=1)
    trace.until(right, agent.exactly_on(free, tainted), agent.keeps(before), shows="D9-44")
    trace.expect_creations(agent, 2)


@scenario("T12")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_a_pod_is_not_misscheduled_any_more_when_the_taint_has_gone(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod that counts as misscheduled for a taint ceases to when the taint goes, without anything else touching the DaemonSet."""
    free, tainted = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(free, tainted), agent.status(desired_number_scheduled=2, number_available=2))
    before = agent.uids()
    tainted.taint("dedicated", "NoSchedule", "gpu")
    agent.touch()
    trace.until(agent.status(desired_number_scheduled=1, number_misscheduled=1), shows="D9-34")

    tainted.untaint("dedicated")

    right = agent.status(desired_number_scheduled=2, number_misscheduled=0, number_available=2)
    trace.until(right, agent.keeps(before), shows=("D9-33", "D9-34"))
    trace.expect_creations(agent, 2)


def _all_of(agent: Agent, nodes: int) -> Condition:
    return agent.status(
        desired_number_scheduled=nodes,
        current_number_scheduled=nodes,
        updated_number_scheduled=nodes,
        number_ready=nodes,
        number_available=nodes,
        number_unavailable=0,
        number_misscheduled=0,
    )
