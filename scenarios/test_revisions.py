"""ControllerRevisions that others delete or make: what the controller restores, and what it does when a name is taken."""

import json

from conformance import Create, ScenarioCluster, Trace, accepted, needs, scenario, shows


@scenario("H05")
@needs(nodes=1)
def test_a_deleted_revision_is_made_again_if_it_is_the_current_one(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The current ControllerRevision comes back by the same name, and no pod is restarted for it; an older one is lost for undo."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    agent.set_image()
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 1, 2))
    before = agent.uids()
    older, current = trace.revisions(agent)

    with shows("D9-50"), accepted():
        cluster.kubectl("delete", "controllerrevision", older.metadata.name, current.metadata.name)

    trace.until(trace.has_made_again(current), agent.keeps(before), shows="D9-50")
    [again] = trace.revisions(agent)
    assert again.metadata.name == f"{agent.name}-{agent.pod_on(nodes[0]).hash}"
    trace.stays(agent.keeps(before), agent.status(updated_number_scheduled=1, number_available=1), seconds=2)
    undone = cluster.kubectl("rollout", "undo", f"daemonset/{agent.name}", check=False)
    assert (undone.code, "no last revision to roll back to" in undone.err) == (1, True)
    trace.expect_creations(agent, 2)


@scenario("H05")
@needs(nodes=1)
def test_a_name_that_is_taken_counts_as_a_collision(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When the name of the next ControllerRevision is taken the controller counts a collision, once, and takes another name."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    agent.set_image(cluster.pause("3.9"))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 1, 2))
    usual = agent.pod_on(nodes[0]).hash
    agent.set_image(cluster.pause("3.10"))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 2, 3))
    foreign = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": f"{agent.name}-{usual}"},
        "revision": 1,
        "data": {"somebody": "else's"},
    }

    cluster.kubectl("delete", "controllerrevision", f"{agent.name}-{usual}")
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(foreign))
    assert not agent.now().status.collision_count
    agent.set_image(cluster.pause("3.9"))

    trace.until(agent.status(collision_count=1), shows="D9-40")
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 3, 4))
    with shows("D9-41"):
        assert agent.pod_on(nodes[0]).hash != usual
        assert trace.revisions(agent)[-1].metadata.name == f"{agent.name}-{agent.pod_on(nodes[0]).hash}"
    trace.stays(agent.status(collision_count=1), seconds=2, shows="D9-40")
    kept = json.loads(cluster.kubectl("get", "controllerrevision", f"{agent.name}-{usual}", "-o", "json").out)
    assert (kept["data"], "ownerReferences" in kept["metadata"]) == (foreign["data"], False)
    trace.expect_creations(agent, 4)
