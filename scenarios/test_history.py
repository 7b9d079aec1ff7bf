"""OnDelete, ControllerRevisions and kubectl rollout."""

from collections.abc import Callable

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]


@scenario("H01")
@claim("H01")
@needs(Capability.JOIN_NODE, nodes=3)
def test_ondelete_updates_only_what_is_deleted(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With OnDelete a new template reaches only pods that are deleted by hand and nodes that join."""
    first, second = cluster.nodes.join(2)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(first, second), agent.status(number_available=2))
    before = agent.uids()

    agent.set_image()
    trace.until(agent.status(updated_number_scheduled=0))
    trace.stays(agent.keeps(before), seconds=3)
    cluster.delete_pod(agent.pod_on(first).metadata.name)
    trace.until(agent.replaced(before, first), agent.status(updated_number_scheduled=1, number_available=2))
    [third] = cluster.nodes.join(1)

    trace.until(agent.exactly_on(first, second, third), agent.status(updated_number_scheduled=2, number_available=3))
    assert agent.pod_on(first).hash == agent.pod_on(third).hash != agent.pod_on(second).hash
    assert agent.uids()[second.name] == before[second.name]
    trace.expect_creations(agent, 4)


@scenario("H02")
@claim("H02")
@needs(nodes=1)
def test_each_template_has_one_revision(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Each template has one ControllerRevision, with growing numbers; returning to an old template renumbers its revision."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    first = agent.pod_on(nodes[0]).hash

    agent.set_image("registry.k8s.io/pause:3.9")
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    assert [revision.revision for revision in trace.revisions(agent)] == [1, 2]
    agent.set_image("registry.k8s.io/pause:3.10")

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    assert agent.pod_on(nodes[0]).hash == first
    revisions = trace.revisions(agent)
    assert [revision.revision for revision in revisions] == [2, 3]
    assert revisions[-1].metadata.name == f"{agent.name}-{first}"
    assert all(revision.metadata.controller is not None and revision.metadata.controller.uid == agent.uid for revision in revisions)
    trace.expect_creations(agent, 3)


@scenario("H03")
@claim("H03")
@needs(nodes=1)
def test_old_revisions_are_trimmed_to_the_limit(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Beyond revisionHistoryLimit old revisions are deleted; the current one does not count."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml", spec={"revisionHistoryLimit": 1})
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))

    for tag in ("3.8", "3.9", "3.6"):
        agent.set_image(f"registry.k8s.io/pause:{tag}")
        trace.until(agent.rolled_out(), agent.exactly_on(*nodes))

    trace.until(trace.has_revisions(agent, 3, 4))
    trace.expect_creations(agent, 4)


@scenario("H04")
@claim("H04")
@needs(nodes=1)
def test_kubectl_rollout_history_and_undo(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl rollout history lists the revisions, undo goes to the one before or to the one named, and refuses one that is not there."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    agent.set_image("registry.k8s.io/pause:3.9")
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    name = f"daemonset/{agent.name}"

    history = cluster.kubectl("rollout", "history", name)
    assert [line.split()[0] for line in history.out.splitlines() if line[:1].isdigit()] == ["1", "2"]
    assert "pause:3.10" in cluster.kubectl("rollout", "history", name, "--revision=1").out
    assert cluster.kubectl("rollout", "undo", name, "--to-revision=99", check=False).code != 0
    undone = cluster.kubectl("rollout", "undo", name, "--to-revision=1")
    assert "rolled back" in undone.out
    agent.refresh()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    assert agent.pod_on(nodes[0]).spec.containers[0].image == "registry.k8s.io/pause:3.10"
    trace.expect_creations(agent, 3)


@scenario("H04")
@claim("H04")
@needs(nodes=1)
def test_kubectl_rollout_status_refuses_ondelete(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl rollout status has nothing to say about a DaemonSet with the OnDelete strategy, and fails."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(*nodes))

    refused = cluster.kubectl("rollout", "status", f"daemonset/{agent.name}", "--timeout=5s", check=False)

    assert refused.code != 0
    assert "rollout status is only available for RollingUpdate strategy type" in refused.err
