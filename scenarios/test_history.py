"""OnDelete, and ControllerRevisions."""

import json

import pytest

from conformance import ApiError, Capability, Create, ScenarioCluster, Trace, accepted, needs, scenario, shows


@scenario("H01", seconds=8)
@needs(Capability.JOIN_NODE, nodes=3)
def test_ondelete_updates_only_what_is_deleted(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With OnDelete a new template reaches only pods that are deleted by hand and nodes that join."""
    first, second = cluster.nodes.join(2)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(first, second), agent.status(number_available=2))
    before = agent.uids()

    agent.set_image()
    trace.until(agent.status(updated_number_scheduled=0))
    trace.stays(agent.keeps(before), seconds=5, shows="D9-04")
    cluster.delete_pod(agent.pod_on(first).metadata.name)
    trace.until(agent.replaced(before, first), agent.status(updated_number_scheduled=1, number_available=2), shows=("D9-04", "D9-27"))
    [third] = cluster.nodes.join(1)

    everywhere = agent.exactly_on(first, second, third)
    trace.until(everywhere, agent.status(updated_number_scheduled=2, number_available=3), shows=("003-26", "D2-02"))
    with shows("001-11"):
        assert agent.pod_on(first).hash == agent.pod_on(third).hash != agent.pod_on(second).hash
    assert agent.uids()[second.name] == before[second.name]
    trace.expect_creations(agent, 4)


@scenario("H01")
@needs(nodes=2)
def test_with_ondelete_a_restart_of_the_rollout_restarts_nothing(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With OnDelete kubectl rollout restart says that it has restarted the DaemonSet, and every pod stays as it is."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(updated_number_scheduled=2, number_available=2))
    before = agent.uids()

    said = cluster.kubectl("rollout", "restart", f"daemonset/{agent.name}")

    assert said.out.strip() == f"daemonset.apps/{agent.name} restarted"
    agent.refresh()
    trace.until(agent.status(updated_number_scheduled=0))
    trace.stays(agent.keeps(before), seconds=5, shows="D9-04")
    trace.expect_creations(agent, 2)


@scenario("H02")
@needs(nodes=1)
def test_each_template_has_one_revision(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Each template has one ControllerRevision, with growing numbers; returning to an old template renumbers its revision."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    oldest = agent.pod_on(nodes[0])
    first = oldest.hash
    trace.until(trace.has_revisions(agent, 1), shows="D3-13")
    [original] = trace.revisions(agent)

    agent.set_image(cluster.pause("3.9"))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 1, 2), shows="D3-13")
    listed = cluster.kubectl("get", "controllerrevisions", "--selector", "app=agent", "--no-headers").out.splitlines()
    with shows("D3-14", "D3-15"):
        assert {tuple(line.split()[:3]) for line in listed} == {
            (revision.metadata.name, f"daemonset.apps/{agent.name}", str(revision.revision)) for revision in trace.revisions(agent)
        }
    agent.set_image(cluster.pause("3.10"))

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 2, 3), shows=("D3-19", "D3-21", "D9-53"))
    assert agent.pod_on(nodes[0]).hash == first
    revisions = trace.revisions(agent)
    assert all(revision.metadata.controller is not None and revision.metadata.controller.uid == agent.uid for revision in revisions)
    with shows("D3-21", "D9-48"):
        assert revisions[-1].metadata.name == original.metadata.name == f"{agent.name}-{first}"
        assert (revisions[-1].metadata.uid, original.revision, revisions[-1].revision) == (original.metadata.uid, 1, 3)
    with shows("D9-47"):
        assert revisions[-1].data == original.data
    with shows("D3-20"):
        assert trace.past.numbering_of(agent, 3) < trace.past.creation_of_pod(agent.pod_on(nodes[0]).metadata.uid)
    with shows("D9-46"):
        born_with = [pod["metadata"]["labels"].get("controller-revision-hash") for pod in trace.past.created(agent)]
        assert born_with == [first, revisions[0].metadata.labels.get("controller-revision-hash"), first]
        assert trace.past.last_pod(oldest.metadata.name).hash == first
    trace.expect_creations(agent, 3)


@scenario("H02")
@needs(nodes=1)
def test_the_data_of_a_revision_cannot_be_changed(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The API server refuses every change of a revision's data, and takes changes of its labels and its number."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), trace.has_revisions(agent, 1))
    [revision] = trace.revisions(agent)
    path = f"/apis/apps/v1/namespaces/{cluster.namespace}/controllerrevisions/{revision.metadata.name}"

    for data in ({"spec": {"template": {"metadata": {"labels": {"app": "other"}}}}}, {"spec": None}, None):
        with shows("D9-49"), pytest.raises(ApiError, match="field is immutable") as refused:
            cluster.api.patch(path, {"data": data})
        with shows("D9-49"):
            assert (refused.value.code, refused.value.reason) == (422, "Invalid")

    with shows("D9-48"), accepted():
        changed = cluster.api.patch(path, {"metadata": {"labels": {"seen": "yes"}}})
    with shows("D9-47"):
        assert changed["data"] == json.loads(bytes(revision.data))
    trace.stays(trace.has_revisions(agent, 1), seconds=2)
    trace.expect_creations(agent, 1)


@scenario("H02")
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
    with shows("D3-03"):
        assert (newer.revision, newer.metadata.annotations.get("kubernetes.io/change-cause")) == (2, "newer image")
    with shows("D3-16"):
        assert (reused.revision, reused.metadata.annotations.get("kubernetes.io/change-cause")) == (3, None)
    data = json.loads(bytes(newer.data))
    with shows("D3-16", "D9-52"):
        assert data.keys() == {"spec"}
        assert data["spec"].keys() == {"template"}
    with shows("D9-52"):
        assert data["spec"]["template"]["spec"]["containers"][0]["image"] == cluster.pause("3.9")
    trace.expect_creations(agent, 3)


@scenario("H03")
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

    trace.until(trace.has_revisions(agent, *kept), shows=("D9-30", "D9-31"))
    trace.stays(trace.has_revisions(agent, *kept), seconds=3, shows="D9-30")
    trace.expect_creations(agent, 4)


@scenario("H03", seconds=8)
@needs(nodes=1)
def test_ten_old_revisions_are_kept_where_no_limit_is_given(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Without revisionHistoryLimit ten old revisions are kept; the one that a pod still runs is never the one to go."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))

    for version in range(2, 14):
        agent.patch_template({"metadata": {"annotations": {"version": str(version)}}})
        trace.until(agent.observed())

    ten_and_the_current = trace.has_revisions(agent, 1, *range(4, 14))
    trace.until(ten_and_the_current, shows="D9-31")
    trace.stays(ten_and_the_current, seconds=3, shows="D9-31")
    trace.expect_creations(agent, 1)


@scenario("H03")
@needs(nodes=1)
def test_a_revision_that_a_pod_runs_is_kept_beyond_the_limit(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With a limit of 0 the revision that a pod still runs is kept all the same, and goes when the pod has been replaced."""
    [node] = cluster.nodes.join(1)
    agent = daemonset("agent-ondelete.yaml", spec={"revisionHistoryLimit": 0})
    trace.until(agent.exactly_on(node), agent.status(number_available=1))
    before = agent.uids()

    for tag in ("3.8", "3.9"):
        agent.set_image(cluster.pause(tag))
        trace.until(agent.status(updated_number_scheduled=0))

    trace.until(trace.has_revisions(agent, 1, 3), shows="D9-30")
    trace.stays(trace.has_revisions(agent, 1, 3), agent.keeps(before), seconds=3)
    cluster.delete_pod(agent.pod_on(node).metadata.name)
    trace.until(agent.replaced(before, node), trace.has_revisions(agent, 3), shows="D9-30")
    trace.expect_creations(agent, 2)
