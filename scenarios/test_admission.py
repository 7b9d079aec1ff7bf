"""Pods that the API server may refuse: what daemon pods ask for, and what becomes of the DaemonSet meanwhile."""

from conformance import Capability, Create, ScenarioCluster, Trace, needs, scenario, shows


@scenario("X01")
@needs(nodes=1)
def test_daemon_pods_may_be_privileged(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A daemon pod that asks for the network of its host and for all privileges is taken as it is, and runs."""
    [node] = cluster.nodes.join(1)
    privileged = {"containers": [{"name": "agent", "securityContext": {"privileged": True}}]}

    agent = daemonset("agent-hostnetwork.yaml", template={"spec": privileged})

    trace.until(agent.exactly_on(node), agent.status(number_available=1), shows="004-20")
    [pod] = trace.past.created(agent)
    with shows("004-20"):
        assert pod["spec"].get("hostNetwork") is True
        assert [container.get("securityContext") for container in pod["spec"]["containers"]] == [{"privileged": True}]
    trace.expect_creations(agent, 1)


@scenario("X01", seconds=12)
@needs(nodes=2)
def test_a_refused_pod_is_tried_again(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Where a quota leaves no room for a pod the controller says so, counts the node as lacking one, and makes it when there is room."""
    nodes = cluster.nodes.join(2)
    with cluster.quota(pods=0):
        agent = daemonset("agent.yaml")

        lacking = agent.status(desired_number_scheduled=2, current_number_scheduled=0, number_unavailable=2)
        trace.until(cluster.event("FailedCreate", agent), lacking, agent.without_pods(), shows=("D9-34", "D9-39"))
        trace.stays(lacking, agent.without_pods(), seconds=3)
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2, number_unavailable=0), shows="D9-39")
    trace.expect_creations(agent, 2)


@scenario("X01", seconds=10)
@needs(Capability.CHANGE_NODE, Capability.ADMISSION_POLICY, nodes=2)
def test_a_pod_refused_on_one_node_is_tried_again_there(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Where a policy refuses the pod of one node the other keeps its own, the node counts as lacking one, and gets it in the end."""
    served, refused = cluster.nodes.join(2)
    served.label(disktype="ssd")
    agent = daemonset("agent.yaml", node_selector={"disktype": "ssd"})
    trace.until(agent.exactly_on(served), agent.status(desired_number_scheduled=1, number_available=1))
    kept = agent.uids()

    with cluster.refuse_pods(refused):
        refused.label(disktype="ssd")

        lacking = agent.status(desired_number_scheduled=2, current_number_scheduled=1, number_unavailable=1)
        trace.until(cluster.event("FailedCreate", agent), lacking, agent.keeps(kept), shows=("D9-34", "D9-39"))
        trace.stays(lacking, agent.keeps(kept), seconds=2)

    trace.until(agent.exactly_on(served, refused), agent.status(number_available=2, number_unavailable=0), shows="D9-39")
    made = trace.past.creation_of_pod(agent.uids()[refused.name])
    labelled = trace.past.change_of_node(refused, before=made)
    trace.note(f"{refused.name} had its pod {trace.past.seconds_from(labelled, made):.1f} s after it was labelled")
    assert trace.past.pods_per_node(agent) == {served.name: 1, refused.name: 1}
    trace.expect_creations(agent, 2)
