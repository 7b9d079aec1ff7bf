"""Components of the control plane that stand still or die, and what becomes of DaemonSets meanwhile."""

from collections.abc import Callable

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]


@scenario("X05", seconds=20)
@claim("000-08", "000-20", "002-35", "002-L2", "D1-27", "D9-32")
@needs(Capability.COMPONENT_CONTROL, nodes=2)
def test_without_a_scheduler_every_node_has_one_pod_that_waits(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """While the scheduler stands still each node has one Pending pod that is bound nowhere, and never more; then all of them run."""
    nodes = cluster.nodes.join(2)
    scheduler = cluster.component("kube-scheduler")
    scheduler.pause()

    agent = daemonset("agent.yaml")

    unbound = agent.pods_where("two pods that nobody has bound", lambda pods: [pod.spec.node_name for pod in pods] == ["", ""])
    trace.until(unbound, agent.pending_on(*nodes), agent.status(desired_number_scheduled=2, current_number_scheduled=2, number_ready=0))
    before = agent.uids()
    trace.stays(unbound, agent.keeps(before), seconds=5)
    scheduler.resume()
    trace.until(agent.exactly_on(*nodes), agent.keeps(before), agent.status(number_available=2))
    trace.expect_creations(agent, 2)


@scenario("R11", seconds=40)
@claim("D10-15", "D10-16")
@needs(Capability.COMPONENT_CONTROL, Capability.POD_TIMING, nodes=3)
def test_a_restart_goes_on_where_a_killed_controller_left_it(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A `kubectl rollout restart` whose controller is killed on the way is completed by the next one: each pod once, within the budget."""
    nodes = cluster.nodes.join(3)
    agent = daemonset("agent.yaml", template=cluster.behave(ready_after=2))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=3))
    before = agent.uids()
    controllers = cluster.component("kube-controller-manager")

    cluster.kubectl("rollout", "restart", f"daemonset/{agent.name}")
    agent.refresh()
    old = set(before.values())
    one_new = agent.pods_where("one of its pods is new", lambda pods: sum(pod.metadata.uid not in old for pod in pods) == 1)
    trace.until(one_new)
    controllers.kill()
    trace.stays(one_new, seconds=4)
    controllers.start()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), agent.replaced(before, *nodes), within=120)
    assert "kubectl.kubernetes.io/restartedAt" in agent.get()["spec"]["template"]["metadata"]["annotations"]
    assert trace.past.most_unavailable(agent) == 1
    trace.expect_creations(agent, 6)


@scenario("X05")
@claim("D1-30")
@needs(nodes=2)
def test_another_scheduler_may_be_named(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Pods with a schedulerName of their own are left to that scheduler, played here by the scenario: until it binds them they wait."""
    nodes = cluster.nodes.join(2)

    agent = daemonset("agent.yaml", template={"spec": {"schedulerName": "somebody-else"}})

    unbound = agent.pods_where("two pods that nobody has bound", lambda pods: [pod.spec.node_name for pod in pods] == ["", ""])
    trace.until(unbound, agent.pending_on(*nodes), agent.status(desired_number_scheduled=2, current_number_scheduled=2, number_ready=0))
    before = agent.uids()
    trace.stays(unbound, agent.keeps(before), cluster.no_event("FailedScheduling", agent), seconds=3)
    for node in nodes:
        cluster.bind_pod(agent.pod_on(node).metadata.name, node)
    trace.until(agent.exactly_on(*nodes), agent.keeps(before), agent.status(number_available=2))
    trace.expect_creations(agent, 2)


@scenario("P04")
@claim("D1-03", "D8-19")
@needs(Capability.COMPONENT_CONTROL, Capability.LEAVE_NODE, nodes=2)
def test_a_pod_that_was_never_bound_goes_with_its_node(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod that no scheduler has bound goes at once when it is deleted, and with the next change when its node has gone; others bind."""
    stays, leaves = cluster.nodes.join(2)
    scheduler = cluster.component("kube-scheduler")
    scheduler.pause()
    agent = daemonset("agent.yaml")
    unbound = agent.pods_where("two pods that nobody has bound", lambda pods: [pod.spec.node_name for pod in pods] == ["", ""])
    trace.until(unbound, agent.pending_on(stays, leaves), agent.status(desired_number_scheduled=2))
    first = agent.pod_on(stays).metadata.name

    cluster.delete_pod(first)
    trace.until(cluster.pod_absent(first), unbound, agent.pending_on(stays, leaves))
    leaves.leave()
    scheduler.resume()

    trace.until(agent.exactly_on(stays), agent.status(desired_number_scheduled=1, number_available=1))
    trace.expect_creations(agent, 3)
