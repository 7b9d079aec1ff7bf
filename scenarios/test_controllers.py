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
