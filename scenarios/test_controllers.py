"""Components of the control plane that stand still or die, and what becomes of DaemonSets meanwhile."""

from conformance import Capability, Create, ScenarioCluster, Trace, needs, scenario, shows


@scenario("X05", seconds=20)
@needs(Capability.COMPONENT_CONTROL, nodes=2)
def test_without_a_scheduler_every_node_has_one_pod_that_waits(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """While the scheduler stands still each node has one Pending pod that is bound nowhere, and never more; then all of them run."""
    nodes = cluster.nodes.join(2)
    scheduler = cluster.component("kube-scheduler")
    scheduler.pause()
    ordinary = cluster.bare_pod("ordinary", nodes[0], labels={"app": "other"})
    del ordinary["spec"]["nodeName"]

    cluster.create_pod(ordinary)
    agent = daemonset("agent.yaml")

    unbound = agent.pods_where("two pods that nobody has bound", lambda pods: [pod.spec.node_name for pod in pods] == ["", ""])
    counted = agent.status(desired_number_scheduled=2, current_number_scheduled=2, number_ready=0)
    trace.until(unbound, agent.pending_on(*nodes), counted, shows="D9-32")
    before = agent.uids()
    trace.stays(unbound, agent.keeps(before), seconds=5, shows=("000-20", "002-35", "002-L2"))
    trace.stays(cluster.pod_unbound("ordinary"), seconds=1, shows="002-69")
    scheduler.resume()
    trace.until(cluster.pod_runs("ordinary"), shows="002-69")
    running = (agent.exactly_on(*nodes), agent.keeps(before), agent.status(number_available=2))
    trace.until(*running, shows=("000-08", "000-20", "D1-27"))
    trace.expect_creations(agent, 2)


@scenario("R11", seconds=40)
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

    done = (agent.rolled_out(), agent.exactly_on(*nodes), agent.replaced(before, *nodes))
    trace.until(*done, within=120, shows=("D10-15", "D10-16"))
    with shows("D10-15"):
        assert "kubectl.kubernetes.io/restartedAt" in agent.get()["spec"]["template"]["metadata"].get("annotations", {})
    assert trace.past.most_unavailable(agent) == 1
    trace.expect_creations(agent, 6)


@scenario("X05")
@needs(nodes=2)
def test_another_scheduler_may_be_named(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Pods with a schedulerName of their own are left to that scheduler, played here by the scenario: until it binds them they wait."""
    nodes = cluster.nodes.join(2)

    agent = daemonset("agent.yaml", template={"spec": {"schedulerName": "somebody-else"}})

    unbound = agent.pods_where("two pods that nobody has bound", lambda pods: [pod.spec.node_name for pod in pods] == ["", ""])
    trace.until(unbound, agent.pending_on(*nodes), agent.status(desired_number_scheduled=2, current_number_scheduled=2, number_ready=0))
    before = agent.uids()
    trace.stays(unbound, agent.keeps(before), cluster.no_event("FailedScheduling", agent), seconds=3, shows="D1-30")
    for node in nodes:
        cluster.bind_pod(agent.pod_on(node).metadata.name, node)
    trace.until(agent.exactly_on(*nodes), agent.keeps(before), agent.status(number_available=2), shows="D1-30")
    trace.expect_creations(agent, 2)


@scenario("P04")
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

    # A scheduler that has not heard yet that the node is gone may bind the pod to it: then the pod collector takes it, which looks every
    # 20 s and waits 40 s for the node to come back.
    alone = (agent.exactly_on(stays), agent.status(desired_number_scheduled=1, number_available=1))
    trace.until(*alone, within=150, shows=("002-03", "D1-03"))
    trace.expect_creations(agent, 3)


@scenario("P04", seconds=30)
@needs(Capability.COMPONENT_CONTROL, nodes=1)
def test_an_unbound_pod_that_cannot_end_is_collected(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A deleted pod that no scheduler has bound and a finalizer holds is marked Failed by the pod collector; then another is made."""
    [node] = cluster.nodes.join(1)
    scheduler = cluster.component("kube-scheduler")
    scheduler.pause()
    agent = daemonset("agent.yaml")
    trace.until(agent.pending_on(node))
    held = agent.pod_on(node).metadata.name
    cluster.patch_pod(held, {"metadata": {"finalizers": ["conformance.daemonset/hold"]}})

    cluster.delete_pod(held)

    trace.until(cluster.pod_ends(held))
    trace.until(cluster.pod_ends_failed(held), shows=("D8-19", "D8-21"))
    cluster.patch_pod(held, {"metadata": {"finalizers": None}})
    scheduler.resume()
    trace.until(cluster.pod_absent(held), agent.exactly_on(node), agent.status(number_available=1))
    trace.expect_creations(agent, 2)


@scenario("X04", seconds=15)
@needs(Capability.COMPONENT_CONTROL, nodes=1)
def test_without_its_controller_a_daemonset_makes_nothing(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """While the controller manager is stopped a DaemonSet is taken and stored, and nothing comes of it; when it is back the pods come."""
    [node] = cluster.nodes.join(1)
    controllers = cluster.component("kube-controller-manager")
    controllers.stop()

    agent = daemonset("agent.yaml")

    trace.until(agent.unobserved())
    trace.stays(agent.unobserved(), agent.without_pods(), trace.has_revisions(agent), seconds=4, shows="000-26")
    controllers.start()
    trace.until(agent.exactly_on(node), agent.status(number_available=1), within=120, shows="000-26")
    trace.expect_creations(agent, 1)


@scenario("X04", seconds=15)
@needs(Capability.COMPONENT_CONTROL, nodes=2)
def test_a_restarted_controller_leaves_what_is_as_it_should_be(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A controller that is killed and started again makes, deletes and numbers nothing anew; a change of the spec is then seen as usual."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    controllers = cluster.component("kube-controller-manager")

    controllers.kill()
    controllers.start()
    agent.patch({"spec": {"revisionHistoryLimit": 3}}, why="have the new controller look")

    trace.until(agent.observed(), within=120, shows="D9-36")
    trace.stays(agent.keeps(before), trace.has_revisions(agent, 1), seconds=3)
    trace.expect_creations(agent, 2)
