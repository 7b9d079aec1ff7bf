"""Pods that the API server may refuse: what daemon pods ask for, and what becomes of the DaemonSet meanwhile."""

from collections.abc import Callable

from conformance import Agent, ScenarioCluster, Trace, needs, scenario, shows

Create = Callable[..., Agent]


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
    cluster.kubectl("create", "quota", "full", "--hard=pods=0")
    # Quotas are no part of a trace; kubectl watches this one.
    cluster.kubectl_wait("resourcequota/full", until="jsonpath={.status.hard.pods}=0")

    agent = daemonset("agent.yaml")

    lacking = agent.status(desired_number_scheduled=2, current_number_scheduled=0, number_unavailable=2)
    trace.until(cluster.event("FailedCreate", agent), lacking, agent.without_pods(), shows=("D9-34", "D9-39"))
    trace.stays(lacking, agent.without_pods(), seconds=3)
    cluster.kubectl("delete", "quota", "full")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2, number_unavailable=0), shows="D9-39")
    trace.expect_creations(agent, 2)
