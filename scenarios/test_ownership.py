"""Which pods belong to a DaemonSet: adoption, release, orphans."""

from typing import Any

import pytest

from conformance import ApiError, Capability, Create, ScenarioCluster, Trace, accepted, finding, needs, scenario, shows

#: An owner that was never there.
NOBODY = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "nobody", "uid": "0b0d1e5c-0000-4000-8000-000000000000", "controller": True}


@scenario("O01")
@needs(nodes=2)
def test_a_bare_pod_with_matching_labels_is_adopted(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A bare pod whose labels match is taken over, and as it has no revision it is replaced like an old one."""
    nodes = cluster.nodes.join(2)
    with shows("002-56"), accepted():
        bare = cluster.create_pod(cluster.bare_pod("by-hand", nodes[0], labels={"app": "agent"}))
    trace.until(cluster.pod_runs("by-hand"), shows="002-56")

    agent = daemonset("agent.yaml")

    trace.until(agent.exactly_on(*nodes), agent.rolled_out(), cluster.pod_absent("by-hand"), shows=("002-27", "002-30"))
    with shows("002-27", "D9-23"):
        assert trace.past.was_owned_by("by-hand", agent)
    assert bare["metadata"]["uid"] not in agent.uids().values()
    trace.expect_creations(agent, 2)


@scenario("O01")
@needs(nodes=1)
def test_a_surplus_pod_is_removed_and_the_older_one_kept(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A second matching pod on a node that has one already is taken over and removed; the older one stays."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    before = agent.uids()
    trace.stays(agent.keeps(before), seconds=1.1)  # creation timestamps have a resolution of one second

    with shows("002-29"), accepted():
        cluster.create_pod(cluster.bare_pod("second", nodes[0], labels={"app": "agent"}))

    trace.until(cluster.pod_absent("second"), agent.keeps(before), shows=("002-27", "002-30"))
    with shows("002-27", "D9-23"):
        assert trace.past.was_owned_by("second", agent)
    trace.expect_creations(agent, 1)


@scenario("O01")
@needs(nodes=1)
def test_a_pod_that_matches_half_of_the_selector_is_not_adopted(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Of a selector with labels and expressions a bare pod has to match both: the one that does is taken over, the other left alone."""
    [node] = cluster.nodes.join(1)
    both = {"matchLabels": {"app": "agent"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["node", "edge"]}]}
    labels = {"metadata": {"labels": {"tier": "node"}}}
    agent = daemonset("agent-ondelete.yaml", spec={"selector": both}, template=labels)
    trace.until(agent.exactly_on(node), agent.status(number_available=1))
    before = agent.uids()

    for name, tier in (("half", "web"), ("whole", "edge")):
        cluster.create_pod(cluster.bare_pod(name, node, labels={"app": "agent", "tier": tier}))

    trace.until(cluster.pod_absent("whole"), cluster.pod_runs("half"), agent.keeps(before), shows="D9-23")
    trace.stays(cluster.pod_unowned("half"), agent.keeps(before), seconds=3, shows="D9-23")
    assert trace.past.was_owned_by("whole", agent)
    assert not trace.past.was_owned_by("half", agent)
    trace.expect_creations(agent, 1)


@scenario("O02", seconds=9)
@needs(nodes=2)
def test_a_relabelled_pod_is_released(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod whose labels no longer match is let go: it keeps running, without an owner, and the node gets a new one."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    released = agent.pod_on(nodes[0])

    cluster.patch_pod(released.metadata.name, {"metadata": {"labels": {"app": "debug"}}})

    alone = cluster.pod_unowned(released.metadata.name)
    trace.until(alone, agent.exactly_on(*nodes), agent.status(number_available=2), shows=("002-46", "D9-23"))
    # The garbage collector has looked since then: it takes a pod whose owner is not there.
    cluster.create_pod(_owned_by(cluster.bare_pod("stale", nodes[0], labels={"app": "debug"}), NOBODY))
    trace.until(cluster.pod_absent("stale"), alone)
    trace.stays(alone, agent.exactly_on(*nodes), seconds=5, shows="D7-05")
    trace.expect_creations(agent, 3)


@scenario("O02", seconds=9)
@needs(nodes=2)
def test_an_edited_pod_stays_as_it_was_edited(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """What is changed of a daemon pod besides the labels of the selector stays changed: the controller neither reverts nor replaces it."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before, edited = agent.uids(), agent.pod_on(nodes[0]).metadata.name

    with shows("002-46"), accepted():
        cluster.patch_pod(edited, {"metadata": {"labels": {"debug": "yes"}, "annotations": {"edited": "yes"}}})
        image = cluster.pause("3.9")
        cluster.kubectl("set", "image", f"pod/{edited}", f"agent={image}")

    changed = agent.pods_where(
        "its first pod is as it was edited, the other one as it was made",
        lambda pods: (
            [("debug" in pod.metadata.labels, "edited" in pod.metadata.annotations, pod.spec.containers[0].image == image) for pod in pods]
            == [(pod.metadata.name == edited,) * 3 for pod in pods]
        ),
    )
    trace.until(changed, agent.keeps(before))
    # A sync that has nothing else to do.
    agent.patch({"spec": {"revisionHistoryLimit": 9}}, why="change revisionHistoryLimit")
    trace.until(agent.observed())
    trace.stays(changed, agent.keeps(before), seconds=5, shows="002-46")
    trace.expect_creations(agent, 2)


@scenario("O02")
@needs(nodes=1)
def test_most_of_a_pod_cannot_be_changed(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Labels of a daemon pod can be changed, most of its spec cannot: the API server refuses that of any pod."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    name = agent.pod_on(nodes[0]).metadata.name

    with shows("002-47"), pytest.raises(ApiError, match="pod updates may not change fields other than") as refused:
        cluster.patch_pod(name, {"spec": {"terminationGracePeriodSeconds": 5}})

    with shows("002-47"):
        assert (refused.value.code, refused.value.reason) == (422, "Invalid")
    trace.expect_creations(agent, 1)


@scenario("O03")
@needs(nodes=2)
def test_pods_of_another_controller_are_left_alone(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Pods of another DaemonSet are not touched, even when their labels match: each of the two has a pod of its own on each node."""
    nodes = cluster.nodes.join(2)
    first = daemonset("agent.yaml", name="first")
    trace.until(first.exactly_on(*nodes), first.status(number_available=2))
    before = first.uids()

    with shows("002-29"), accepted():
        second = daemonset("agent.yaml", name="second")

    trace.until(second.exactly_on(*nodes), second.status(number_available=2), first.keeps(before), shows="002-28")
    trace.stays(first.keeps(before), second.exactly_on(*nodes), seconds=5, shows="002-28")
    trace.expect_creations(first, 2)
    trace.expect_creations(second, 2)


@scenario("O03", seconds=9)
@needs(nodes=2)
def test_pods_of_a_replicaset_are_left_alone(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Pods of a ReplicaSet are not touched, even when their labels match: the DaemonSet has a pod of its own on each node besides."""
    nodes = cluster.nodes.join(2)
    replicas = _replicas(cluster.bare_pod("replicas", nodes[0], labels={"app": "agent"}))
    with shows("002-29"), accepted():
        cluster.api.create(f"/apis/apps/v1/namespaces/{cluster.namespace}/replicasets", replicas)
    cluster.kubectl_wait("replicaset/replicas", until="jsonpath={.status.readyReplicas}=2")
    before = _uids_of_replicas(cluster)

    agent = daemonset("agent.yaml")

    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    trace.stays(agent.exactly_on(*nodes), seconds=5)
    with shows("002-28"):
        assert _uids_of_replicas(cluster) == before
        assert before.isdisjoint(pod.metadata.uid for pod in agent.pods())
    trace.expect_creations(agent, 2)


@scenario("O03")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_two_daemonsets_share_a_daemon(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """One kind of daemon as two DaemonSets, each for nodes of its own: each node runs one pod, of the one that is meant for it."""
    small, big = cluster.nodes.join(2)
    small.label(size="small")
    big.label(size="big")

    first = daemonset("agent.yaml", name="agent-small", node_selector={"size": "small"}, template=_requests(cpu="1m"))
    second = daemonset("agent.yaml", name="agent-big", node_selector={"size": "big"}, template=_requests(cpu="3m"))

    of_one = (first.exactly_on(small), first.status(number_misscheduled=0))
    trace.until(*of_one, second.exactly_on(big), second.status(number_misscheduled=0), shows="002-06")
    with shows("002-06"):
        pods = [*trace.past.created(first), *trace.past.created(second)]
        assert [pod["spec"]["containers"][0]["resources"].get("requests", {}).get("cpu") for pod in pods] == ["1m", "3m"]
    trace.expect_creations(first, 1)
    trace.expect_creations(second, 1)


#: How kubectl is told to leave the pods, and the claim that says so.
SPELLINGS = [
    pytest.param("--cascade=orphan", "D1-58", marks=pytest.mark.claim("D1-58"), id="orphan"),
    pytest.param("--cascade=false", "002-49", marks=pytest.mark.claim("002-49"), id="false"),
]


@scenario("O04", seconds=7)
@needs(nodes=2)
@pytest.mark.parametrize(("spelling", "sentence"), SPELLINGS)
@pytest.mark.parametrize("name", ["agent", "successor"])
def test_orphans_are_adopted_without_a_restart(
    cluster: ScenarioCluster, daemonset: Create, trace: Trace, spelling: str, sentence: str, name: str
) -> None:
    """Deleted without cascading, a DaemonSet leaves its pods; one with the same selector and template takes them over as they are."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2), trace.has_revisions(agent, 1))
    before, history = agent.uids(), [revision.metadata.uid for revision in trace.revisions(agent)]
    orphans = [cluster.pod_unowned(pod.metadata.name) for pod in agent.pods()]

    said = cluster.kubectl("delete", "daemonset", agent.name, spelling)
    with shows(sentence):
        assert ("deprecated" in said.err) == (spelling == "--cascade=false")
    trace.until(agent.gone(), *orphans, shows=(sentence, "D7-15", "D7-20"))
    with shows("D7-21"):
        assert trace.past.finalizers(agent) == {"orphan"}
    trace.stays(*orphans, seconds=5, shows=(sentence, "D7-05", "D7-22"))
    successor = daemonset("agent.yaml", name=name)

    adopted = (successor.exactly_on(*nodes), successor.status(number_available=2, updated_number_scheduled=2))
    trace.until(*adopted, trace.has_revisions(successor, 1), shows=("002-51", "D1-59"))
    trace.stays(successor.keeps(before), seconds=3, shows=("002-51", "D1-59"))
    with shows("D1-59"):
        assert [revision.metadata.uid for revision in trace.revisions(successor)] == history
    trace.expect_creations(successor, 0)


@scenario("O05")
@needs(nodes=2)
def test_orphans_of_another_template_and_generation_are_replaced(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A successor with another template replaces the orphans within its budget, when the template generations differ."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    agent.set_image(cluster.pause("3.8"))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    before = agent.uids()

    orphans = [pod.metadata.name for pod in agent.pods()]
    agent.delete(propagation="Orphan")
    trace.until(agent.gone(), *(cluster.pod_unowned(name) for name in orphans), shows="D7-20")
    with shows("002-50"), accepted():
        successor = daemonset("agent.yaml", template=cluster.image(cluster.pause("3.9")))

    trace.until(successor.rolled_out(), successor.exactly_on(*nodes), successor.replaced(before, *nodes), shows=("002-52", "002-53"))
    with shows("002-51"):
        assert all(trace.past.was_owned_by(name, successor) for name in orphans)
    trace.expect_creations(successor, 2)


@scenario("O05", seconds=14)
@finding("orphans-of-the-same-generation-count-as-updated")
@needs(nodes=2)
def test_orphans_of_another_template_and_the_same_generation_stay(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A successor with another template but the same generation counts the orphans as up to date and never replaces them."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()

    agent.delete(propagation="Orphan")
    trace.until(agent.gone())
    successor = daemonset("agent.yaml", template=cluster.image(cluster.pause("3.9")))

    trace.until(successor.exactly_on(*nodes), successor.status(updated_number_scheduled=2, number_available=2))
    assert "successfully rolled out" in cluster.rollout_status(successor, timeout=20).out
    trace.stays(successor.keeps(before), seconds=5, shows="D1-60")
    # A sync that would come to see it, if any would.
    successor.patch({"spec": {"revisionHistoryLimit": 9}}, why="change revisionHistoryLimit")
    trace.until(successor.status(updated_number_scheduled=2, number_available=2), successor.keeps(before))
    trace.stays(successor.keeps(before), successor.status(updated_number_scheduled=2), seconds=5, shows=("D1-60", "D9-37"))
    with shows("D1-60", "D9-37"):
        assert {pod.spec.containers[0].image for pod in successor.pods()} == {cluster.pause("3.10")}
    trace.expect_creations(successor, 0)


@scenario("O05")
@needs(nodes=2)
def test_ondelete_leaves_orphans_of_another_template(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With OnDelete a successor with another template adopts the orphans and neither changes nor deletes them."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    agent.set_image(cluster.pause("3.8"))
    trace.until(agent.status(updated_number_scheduled=0))
    before = agent.uids()

    agent.delete(propagation="Orphan")
    trace.until(agent.gone())
    with shows("002-50"), accepted():
        successor = daemonset("agent-ondelete.yaml", template=cluster.image(cluster.pause("3.9")))
    successor.patch_template({"metadata": {"annotations": {"generation": "two"}}})

    trace.until(successor.exactly_on(*nodes), successor.status(updated_number_scheduled=0, number_available=2), shows="002-51")
    trace.stays(successor.keeps(before), seconds=5, shows="D9-04")
    cluster.delete_pod(successor.pod_on(nodes[0]).metadata.name)
    trace.until(
        successor.replaced(before, nodes[0]), successor.exactly_on(*nodes), successor.status(updated_number_scheduled=1), shows="D9-04"
    )
    trace.expect_creations(successor, 1)


@scenario("O06")
@needs(nodes=1)
def test_a_pod_of_an_earlier_daemonset_is_not_adopted(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod that names an earlier DaemonSet of the same name as its owner is nobody's: it is not adopted, and it is collected."""
    [node] = cluster.nodes.join(1)
    earlier = daemonset("agent.yaml")
    trace.until(earlier.exactly_on(node))
    earlier.delete()
    trace.until(earlier.gone(), earlier.without_pods())
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(node), agent.status(number_available=1))
    before = agent.uids()
    stale = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": agent.name, "uid": earlier.uid, "controller": True}

    cluster.create_pod(_owned_by(cluster.bare_pod("stale", node, labels={"app": "agent"}), stale))

    trace.until(cluster.pod_absent("stale"), agent.keeps(before), agent.status(number_available=1), shows=("D7-01", "D7-03"))
    with shows("D7-01"):
        assert not trace.past.was_owned_by("stale", agent)
    trace.expect_creations(earlier, 1)
    trace.expect_creations(agent, 1)


@scenario("O06")
@needs(Capability.AUDIT_LOG, nodes=1)
def test_an_owner_in_another_namespace_is_none(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod whose only owner lives in another namespace is deleted by the garbage collector, which says why; the DaemonSet lets it be."""
    [node] = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(node), agent.status(number_available=1))
    before = agent.uids()
    there = cluster.api.get("/api/v1/namespaces/kube-system/configmaps/kube-root-ca.crt")["metadata"]
    elsewhere = {"apiVersion": "v1", "kind": "ConfigMap", "name": there["name"], "uid": there["uid"], "controller": True}

    cluster.create_pod(_owned_by(cluster.bare_pod(f"{agent.name}-elsewhere", node, labels={"app": "agent"}), elsewhere))

    trace.until(cluster.event("OwnerRefInvalidNamespace", agent), shows="D7-04")
    trace.until(cluster.pod_absent(f"{agent.name}-elsewhere"), agent.keeps(before), shows=("D7-02", "D7-03"))
    collector = "system:serviceaccount:kube-system:generic-garbage-collector"
    trace.until(trace.written(f"pods/{agent.name}-elsewhere", "delete", by=collector), shows="D7-03")
    assert not trace.past.was_owned_by(f"{agent.name}-elsewhere", agent)
    trace.expect_creations(agent, 1)


def _replicas(pod: dict[str, Any]) -> dict[str, Any]:
    """A ReplicaSet of two pods like this one, with its name and on its node."""
    name, labels = pod["metadata"]["name"], pod["metadata"]["labels"]
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod["spec"]}}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name}, "spec": spec}


def _uids_of_replicas(cluster: ScenarioCluster) -> set[str]:
    """The UIDs of the pods that ReplicaSets have and that are not being deleted."""
    pods = cluster.api.get(f"/api/v1/namespaces/{cluster.namespace}/pods")["items"]
    owned = [pod["metadata"] for pod in pods if [owner["kind"] for owner in pod["metadata"].get("ownerReferences", ())] == ["ReplicaSet"]]
    return {meta["uid"] for meta in owned if "deletionTimestamp" not in meta}


def _requests(**requests: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "agent", "resources": {"requests": requests}}]}}


def _owned_by(pod: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
    return {**pod, "metadata": {**pod["metadata"], "ownerReferences": [owner]}}
