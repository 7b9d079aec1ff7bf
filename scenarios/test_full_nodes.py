"""Nodes that are full: a daemon pod waits for its turn like any other, and an update waits with it."""

from conformance import Agent, Capability, Condition, Create, Node, Pod, ScenarioCluster, Trace, finding, needs, scenario, shows

#: A node of this size holds one big pod and not two.
SMALL = {"cpu": "500m"}
BIG = {"resources": {"requests": {"cpu": "300m"}}}
HUGE = {"resources": {"requests": {"cpu": "900m"}}}


@scenario("P12", seconds=28)
@finding("pending-pod-stays-when-its-node-stops-matching")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_a_pod_that_waits_stays_when_its_node_stops_matching(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A daemon pod that waits for room stays when its node loses the label, until something touches the DaemonSet; then it goes."""
    full, free = cluster.nodes.join(2, labels={"disktype": "ssd"}, allocatable=SMALL)
    _fill(cluster, full)
    agent = daemonset("agent.yaml", node_selector={"disktype": "ssd"}, template=_requests(BIG))
    waits = _waits_for_cpu(agent, full)
    trace.until(waits, agent.available_on(free), agent.status(desired_number_scheduled=2, number_available=1))
    trace.stays(waits, seconds=3)  # a sync that the creation still had coming would see the change

    full.unlabel("disktype")

    # Longer than the periods of everything in the controller manager that looks again by itself.
    trace.stays(waits, agent.status(desired_number_scheduled=2), seconds=21, shows=("002-45", "D1-54"))
    agent.touch()
    trace.until(agent.exactly_on(free), agent.status(desired_number_scheduled=1, number_available=1), within=10)
    trace.expect_creations(agent, 2)


@scenario("R07", seconds=8)
@needs(nodes=3)
def test_an_update_stalls_at_a_node_without_room(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Where the new pod does not fit the update waits; a larger budget lets it reach the other nodes, and it ends when there is room."""
    full, *others = cluster.nodes.join(3, allocatable=SMALL)
    _fill(cluster, full)
    agent = daemonset("agent.yaml", spec={"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}})
    trace.until(cluster.pod_runs("earlier"), agent.exactly_on(full, *others), agent.status(number_available=3))
    before = agent.uids()

    agent.patch_template(_requests(BIG))

    waits = _waits_for_cpu(agent, full)
    trace.until(waits, agent.replaced(before, *others))
    trace.until(agent.status(updated_number_scheduled=3, number_available=2, number_unavailable=1), shows="D9-39")
    trace.stays(waits, agent.available_on(*others), seconds=5, shows="D2-15")
    stuck = cluster.rollout_status(agent, timeout=1)
    with shows("D2-15"):
        assert (stuck.code, "timed out waiting for the condition" in stuck.err) == (1, True)
    cluster.delete_pod("earlier")
    trace.until(agent.rolled_out(), agent.exactly_on(full, *others))
    trace.expect_creations(agent, 6)


@scenario("R07", seconds=8)
@needs(nodes=3)
def test_an_update_that_fits_nowhere_stalls_at_the_budget(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When the new pod fits on no node the update takes one pod down and no other; a template that fits completes it."""
    nodes = cluster.nodes.join(3, allocatable=SMALL)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=3))
    old = set(agent.uids().values())

    agent.patch_template(_requests(HUGE))

    stuck = agent.pods_where(
        "one new pod waits for cpu, and the others are the old ones",
        lambda pods: (
            len(pods) == 3
            and sum(pod.metadata.uid in old and pod.ready for pod in pods) == 2
            and sum("Insufficient cpu" in pod.why_unscheduled for pod in pods) == 1
        ),
    )
    trace.until(stuck, agent.status(updated_number_scheduled=1, number_unavailable=1))
    trace.stays(stuck, seconds=5, shows="D2-15")
    agent.patch_template(_requests(BIG))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    assert trace.past.most_unavailable(agent) == 1
    trace.expect_creations(agent, 3 + 1 + 3)


@scenario("R02", seconds=8)
@needs(Capability.JOIN_NODE, nodes=4)
def test_a_percentage_follows_the_nodes_of_the_moment(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Half of two nodes is one; when two nodes join in the middle of the update it is two at once, not one as at its start."""
    full = cluster.nodes.join(2, allocatable=SMALL)
    agent = daemonset("agent.yaml", spec={"updateStrategy": {"rollingUpdate": {"maxUnavailable": "50%"}}})
    trace.until(agent.exactly_on(*full), agent.status(number_available=2))
    old = set(agent.uids().values())

    names = {node.name for node in full}

    def waiting(count: int) -> Condition:
        def wait(pods: list[Pod]) -> bool:
            new = [pod for pod in pods if pod.target in names and pod.metadata.uid not in old]
            return ["Insufficient cpu" in pod.why_unscheduled for pod in new] == [True] * count

        return agent.pods_where(f"{count} of the first nodes have a new pod that waits for cpu", wait)

    agent.patch_template(_requests(HUGE))
    trace.until(waiting(1), agent.status(updated_number_scheduled=1, number_unavailable=1))
    trace.stays(waiting(1), seconds=3)
    roomy = cluster.nodes.join(2, allocatable={"cpu": "2"})

    trace.until(waiting(2), agent.available_on(*roomy), agent.status(updated_number_scheduled=4, number_unavailable=2), shows="D9-06")
    trace.expect_creations(agent, 2 + 1 + 2 + 1)


def _requests(container: dict[str, dict[str, dict[str, str]]]) -> dict[str, dict[str, list[dict[str, object]]]]:
    return {"spec": {"containers": [{"name": "agent", **container}]}}


def _fill(cluster: ScenarioCluster, node: Node) -> None:
    pod = cluster.bare_pod("earlier", node, labels={"app": "other"})
    pod["spec"]["containers"][0] |= BIG
    cluster.create_pod(pod)


def _waits_for_cpu(agent: Agent, node: Node) -> Condition:
    return agent.pods_where(
        f"the pod of {node.name} waits for cpu",
        lambda pods: ["Insufficient cpu" in pod.why_unscheduled for pod in pods if pod.target == node.name] == [True],
    )
