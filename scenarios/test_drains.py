"""kubectl drain: which pods keep it from going on, which it takes and which it leaves."""

from conformance import Capability, Create, ScenarioCluster, Trace, accepted, needs, scenario, shows


@scenario("T07")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_drain_refuses_daemon_pods_unless_told_to_ignore_them(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl drain refuses a node with daemon pods; with --ignore-daemonsets it goes on and leaves them where they are."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    cluster.create_pod(cluster.bare_pod("bystander", nodes[0], labels={"app": "other"}))
    trace.until(cluster.pod_runs("bystander"), shows="002-56")

    refused = cluster.kubectl("drain", nodes[0].name, "--force", "--timeout=20s", check=False)
    with shows("D6-01", "D6-04", "D6-09"):
        assert refused.code == 1
        assert "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)" in refused.err.replace("\n", " ")
    assert cluster.kubectl("get", "node", nodes[0].name, "-o", "jsonpath={.spec.unschedulable}").out == "true"
    trace.stays(cluster.pod_runs("bystander"), agent.keeps(before), seconds=1, shows=("D6-04", "D6-09"))
    with shows("D6-04", "D6-09", "D6-14"), accepted():
        ignored = cluster.kubectl("drain", nodes[0].name, "--force", "--ignore-daemonsets", "--timeout=30s")
        assert "ignoring DaemonSet-managed Pods" in ignored.err

    trace.until(cluster.pod_absent("bystander"), agent.exactly_on(*nodes), shows="D6-02")
    trace.stays(agent.keeps(before), seconds=3, shows=("D6-02", "D6-05", "D6-14"))
    trace.expect_creations(agent, 2)


@scenario("T07")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_a_drained_node_still_gets_daemon_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """On a drained node a daemon pod that is evicted by hand is back at once, and a DaemonSet that is made afterwards runs there too."""
    drained, other = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(drained, other), agent.status(number_available=2))
    before = agent.uids()
    cluster.kubectl("drain", drained.name, "--force", "--ignore-daemonsets", "--timeout=30s")

    cluster.evict_pod(agent.pod_on(drained).metadata.name)

    trace.until(agent.replaced(before, drained), agent.exactly_on(drained, other), agent.status(number_available=2), shows="D6-07")
    later = daemonset("agent.yaml", name="later", labels={"app": "later"})
    trace.until(later.exactly_on(drained, other), later.status(number_available=2), shows=("D6-03", "D6-07"))
    assert cluster.kubectl("get", "node", drained.name, "-o", "jsonpath={.spec.unschedulable}").out == "true"
    trace.expect_creations(agent, 3)
    trace.expect_creations(later, 2)


@scenario("T07")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_drain_wants_force_for_pods_that_a_daemonset_left_behind(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl drain refuses pods that were orphaned from a DaemonSet; with --force it takes them, and nobody makes them again."""
    drained, other = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(drained, other), agent.status(number_available=2))
    left, kept = agent.pod_on(drained).metadata.name, agent.pod_on(other).metadata.name
    agent.delete(propagation="Orphan")
    trace.until(agent.gone(), cluster.pod_unowned(left), cluster.pod_unowned(kept))

    refused = cluster.kubectl("drain", drained.name, "--ignore-daemonsets", "--timeout=20s", check=False)
    with shows("D6-12"):
        assert refused.code == 1
        assert "cannot delete Pods that declare no controller (use --force to override)" in refused.err.replace("\n", " ")
    assert cluster.kubectl("get", "node", drained.name, "-o", "jsonpath={.spec.unschedulable}").out == "true"
    trace.stays(cluster.pod_unowned(left), seconds=1, shows="D6-12")
    with shows("D6-12"), accepted():
        cluster.kubectl("drain", drained.name, "--force", "--timeout=60s")

    trace.until(cluster.pod_absent(left), shows="D6-12")
    trace.stays(cluster.pod_unowned(kept), cluster.pod_absent(left), seconds=2)
    trace.expect_creations(agent, 2)


@scenario("T07", seconds=25)
@needs(Capability.CHANGE_NODE, Capability.COMPONENT_CONTROL, nodes=2)
def test_drain_with_force_takes_pods_whose_daemonset_is_missing(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Pods that name a DaemonSet which is not there any more are refused by kubectl drain, and with --force deleted."""
    drained, other = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(drained, other), agent.status(number_available=2))
    lost, kept = agent.pod_on(drained).metadata.name, agent.pod_on(other).metadata.name
    # The garbage collector would delete them before kubectl could.
    controllers = cluster.component("kube-controller-manager")
    controllers.stop()
    agent.delete()
    trace.until(agent.gone())

    refused = cluster.kubectl("drain", drained.name, "--ignore-daemonsets", "--timeout=20s", check=False)
    with shows("D6-13"):
        assert refused.code == 1
        assert f'daemonsets.apps "{agent.name}" not found' in refused.err
    trace.stays(cluster.pod_runs(lost), seconds=1, shows="D6-13")
    with shows("D6-10", "D6-13"), accepted():
        cluster.kubectl("drain", drained.name, "--ignore-daemonsets", "--force", "--timeout=60s")

    trace.until(cluster.pod_absent(lost), cluster.pod_runs(kept), shows=("D6-10", "D6-13"))
    controllers.start()
    trace.until(agent.without_pods())
    trace.expect_creations(agent, 2)


@scenario("T07", seconds=25)
@needs(Capability.CHANGE_NODE, Capability.COMPONENT_CONTROL, Capability.POD_PHASE, nodes=2)
def test_drain_takes_daemon_pods_that_have_failed(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A failed daemon pod keeps kubectl drain from nothing: it is deleted like any other, though nobody said --ignore-daemonsets."""
    drained, other = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(drained, other), agent.status(number_available=2))
    before = agent.uids()
    failed = agent.pod_on(drained).metadata.name
    # It would replace the pod before kubectl could take it.
    controllers = cluster.component("kube-controller-manager")
    controllers.stop()
    cluster.fail_pod(failed)
    trace.until(agent.pods_where("one has failed", lambda pods: sum(pod.status.phase == "Failed" for pod in pods) == 1))

    with shows("D6-10"), accepted():
        cluster.kubectl("drain", drained.name, "--timeout=60s")

    trace.until(cluster.pod_absent(failed), shows="D6-10")
    controllers.start()
    trace.until(agent.exactly_on(drained, other), agent.replaced(before, drained), agent.status(number_available=2))
    trace.expect_creations(agent, 3)
