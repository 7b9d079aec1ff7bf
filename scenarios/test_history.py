"""OnDelete, and ControllerRevisions."""

import json
from collections.abc import Callable

import pytest

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]


@scenario("H01", seconds=8)
@claim("001-11", "002-53", "003-26", "D2-02", "D9-04", "D9-27", "D10-15")
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
    kept = agent.uids()
    cluster.kubectl("rollout", "restart", f"daemonset/{agent.name}")
    agent.refresh()
    trace.until(agent.status(updated_number_scheduled=0))
    trace.stays(agent.keeps(kept), seconds=2)
    trace.expect_creations(agent, 4)


@scenario("H02")
@claim("D3-13", "D3-14", "D3-15", "D3-19", "D3-20", "D3-21", "D9-46", "D9-47", "D9-48", "D9-53")
@needs(nodes=1)
def test_each_template_has_one_revision(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Each template has one ControllerRevision, with growing numbers; returning to an old template renumbers its revision."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    oldest = agent.pod_on(nodes[0])
    first = oldest.hash
    trace.until(trace.has_revisions(agent, 1))
    [original] = trace.revisions(agent)

    agent.set_image(cluster.pause("3.9"))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 1, 2))
    listed = cluster.kubectl("get", "controllerrevisions", "--selector", "app=agent", "--no-headers").out.splitlines()
    assert {tuple(line.split()[:3]) for line in listed} == {
        (revision.metadata.name, f"daemonset.apps/{agent.name}", str(revision.revision)) for revision in trace.revisions(agent)
    }
    agent.set_image(cluster.pause("3.10"))

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 2, 3))
    assert agent.pod_on(nodes[0]).hash == first
    revisions = trace.revisions(agent)
    assert revisions[-1].metadata.name == original.metadata.name == f"{agent.name}-{first}"
    assert (revisions[-1].metadata.uid, revisions[-1].data) == (original.metadata.uid, original.data)
    assert trace.past.numbering_of(agent, 3) < trace.past.creation_of_pod(agent.pod_on(nodes[0]).metadata.uid)
    assert (
        trace.past.last_pod(oldest.metadata.name).hash
        == trace.past.created(agent)[0]["metadata"]["labels"]["controller-revision-hash"]
        == first
    )
    assert all(revision.metadata.controller is not None and revision.metadata.controller.uid == agent.uid for revision in revisions)
    trace.expect_creations(agent, 3)


@scenario("H02")
@claim("D3-03", "D3-16", "D9-52")
@needs(nodes=1)
def test_a_revision_holds_the_template_and_carries_the_annotations(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A revision's data is the template alone; the DaemonSet's annotations are copied to it once, when it is made."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))

    agent.patch({"metadata": {"annotations": {"kubernetes.io/change-cause": "newer image"}}}, why="annotate")
    agent.set_image(cluster.pause("3.9"))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    agent.patch({"metadata": {"annotations": {"kubernetes.io/change-cause": "back again"}}}, why="annotate")
    agent.set_image(cluster.pause("3.10"))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 2, 3))

    newer, reused = trace.revisions(agent)
    assert (newer.revision, newer.metadata.annotations.get("kubernetes.io/change-cause")) == (2, "newer image")
    assert (reused.revision, reused.metadata.annotations.get("kubernetes.io/change-cause")) == (3, None)
    data = json.loads(bytes(newer.data))
    assert (data.keys(), data["spec"].keys()) == ({"spec"}, {"template"})
    assert data["spec"]["template"]["spec"]["containers"][0]["image"] == cluster.pause("3.9")


@scenario("H03")
@claim("D9-30", "D9-31")
@needs(nodes=1)
@pytest.mark.parametrize(("limit", "kept"), [(1, (3, 4)), (0, (4,))], ids=["1", "0"])
def test_old_revisions_are_trimmed_to_the_limit(
    cluster: ScenarioCluster, daemonset: Create, trace: Trace, limit: int, kept: tuple[int, ...]
) -> None:
    """Beyond revisionHistoryLimit old revisions are deleted; the current one does not count."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml", spec={"revisionHistoryLimit": limit})
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))

    for tag in ("3.8", "3.9", "3.6"):
        agent.set_image(cluster.pause(tag))
        trace.until(agent.rolled_out(), agent.exactly_on(*nodes))

    trace.until(trace.has_revisions(agent, *kept))
    trace.expect_creations(agent, 4)
