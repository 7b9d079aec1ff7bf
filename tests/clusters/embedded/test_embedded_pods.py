"""The pods of the embedded cluster, with the real components: they behave as a scenario, or a node of theirs, was told to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from embedded_agent import LIMIT, Agent, Pod, is_ready

from conformance.clusters import waiting
from conformance.clusters.embedded import EmbeddedCluster, behaviours
from conformance.clusters.embedded.nodes import EmbeddedNodes
from conformance.clusters.protocol import Behaviour, Node
from conformance.errors import ConformanceError
from conformance.faults import kubelet
from conformance.kube.resources import path


def _phase(pod: Pod) -> str:
    return str(pod["status"].get("phase"))


def test_pods_that_start_slowly_or_never(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    nodes.join(1)
    before = time.monotonic()
    slow = Agent(cluster, "slow", Behaviour(ready_after=1.0))
    slow.pods(lambda pods: any(_phase(p) == "Running" and not is_ready(p) for p in pods))
    slow.ready(1)
    assert time.monotonic() - before > 0.8
    never = Agent(cluster, "never", Behaviour(never_ready=True))
    never.pods(lambda pods: any(_phase(p) == "Running" for p in pods))
    missing = Agent(cluster, "missing", image="registry.invalid/agent:1")
    (pod,) = missing.pods(lambda pods: any(p["status"].get("containerStatuses") for p in pods))
    assert _phase(pod) == "Pending"
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ErrImagePull"
    assert not any(map(is_ready, never.pods(lambda _: True)))


@pytest.mark.parametrize(("wanted", "expected"), [(1.0, 1.0), (30.0, 2.0)], ids=["as long as asked for", "no longer than the grace period"])
def test_pods_that_end_slowly(cluster: EmbeddedCluster, nodes: EmbeddedNodes, wanted: float, expected: float) -> None:
    nodes.join(1)
    agent = Agent(cluster, "lingers", Behaviour(terminate_after=wanted))
    agent.ready(1)
    before = time.monotonic()
    cluster.api.delete(path("daemonsets", "default", agent.name), {"propagationPolicy": "Background"})
    agent.pods(lambda pods: not pods)
    assert expected - 0.2 < time.monotonic() - before < expected + 5.0


def test_pods_that_turn_unready_restart_fail_and_finish(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    nodes.join(1)
    agent = Agent(cluster, "agent")
    (pod,) = agent.ready(1)
    name = pod["metadata"]["name"]
    cluster.unready_pod("default", name)
    agent.pods(lambda pods: not any(map(is_ready, pods)))
    # A pod that is not held would be Ready again at once; this one is touched, and must not be.
    cluster.api.patch(path("pods", "default", name), {"metadata": {"annotations": {"touched": "yes"}}})
    with pytest.raises(ConformanceError, match="did not come about"):
        agent.pods(lambda pods: any(map(is_ready, pods)), within=1.0)
    cluster.ready_pod("default", name)
    agent.ready(1)
    cluster.restart_pod("default", name)
    (restarted,) = agent.pods(lambda pods: any(is_ready(p) and p["status"]["containerStatuses"][0]["restartCount"] == 1 for p in pods))
    assert restarted["metadata"]["name"] == name
    cluster.fail_pod("default", name, reason="Evicted")
    (second,) = agent.pods(lambda pods: len(pods) == 1 and is_ready(pods[0]) and pods[0]["metadata"]["name"] != name)
    cluster.finish_pod("default", second["metadata"]["name"])
    agent.pods(lambda pods: len(pods) == 1 and is_ready(pods[0]) and pods[0]["metadata"]["name"] != second["metadata"]["name"])


@pytest.mark.parametrize("change", ["fail_pod", "unready_pod"])
def test_a_pod_that_failed_or_is_held_does_not_become_ready_later(cluster: EmbeddedCluster, nodes: EmbeddedNodes, change: str) -> None:
    (node,) = nodes.join(1)
    # With restartPolicy Never the API server itself would refuse to let its containers run again.
    spec = {"nodeName": node.name, "containers": [{"name": "c", "image": "x"}], "restartPolicy": "Always"}
    body = {"metadata": {"name": "bare", "annotations": kubelet.pod(ready_after=0.5)}, "spec": spec}
    cluster.api.create(path("pods", "default"), body)
    waiting.until(cluster.api, path("pods", "default"), lambda found: _phase(found["bare"]) == "Running", within=LIMIT, what="bare")
    getattr(cluster, change)("default", "bare")
    with pytest.raises(ConformanceError, match="did not come about"):
        waiting.until(cluster.api, path("pods", "default"), lambda found: is_ready(found["bare"]), within=1.5, what="bare")


def test_pods_of_one_node_start_slowly_or_never(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    one, other = nodes.join(2)
    one.behave(never_ready=True)
    first, second = Agent(cluster, "first"), Agent(cluster, "second")
    for agent in (first, second):
        agent.pods(lambda pods: {p["spec"].get("nodeName"): (_phase(p), is_ready(p)) for p in pods} == _both(one, other))
    # Not Ready for longer than it takes to become so; and a change does not make kwok think again of the stages of every node.
    (pod,) = (p for p in first.pods(lambda _: True) if p["spec"]["nodeName"] == one.name)
    cluster.api.patch(path("pods", "default", pod["metadata"]["name"]), {"metadata": {"annotations": {"touched": "yes"}}})
    with pytest.raises(ConformanceError, match="did not come about"):
        first.pods(lambda pods: all(map(is_ready, pods)), within=1.0)
    before = time.monotonic()
    one.behave(ready_after=1.0)
    ready = [*first.ready(2), *second.ready(2)]
    assert time.monotonic() - before > 0.8
    assert pod["metadata"]["uid"] in {p["metadata"]["uid"] for p in ready}
    one.behave(never_ready=True)
    assert _left(cluster) == {f"{one.name}.pod-run", f"{one.name}.pod-ready"}
    first.ready(2)  # those that are Ready stay so
    one.behave()
    assert _left(cluster) == set()


def test_a_pod_that_would_never_be_ready_is_when_that_is_taken_back(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    heard: list[tuple[str, str, Mapping[str, Any]]] = []
    (node,) = nodes.join()
    cluster.journal = lambda verb, target, detail: heard.append((verb, target, detail))
    node.behave(never_ready=True)
    agent = Agent(cluster, "agent")
    (before,) = agent.pods(lambda pods: any(_phase(p) == "Running" for p in pods))
    node.behave()
    (after,) = agent.ready(1)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert heard == [("behave", f"nodes/{node.name}", {"never_ready": True}), ("behave", f"nodes/{node.name}", {})]


def test_pods_of_one_node_fail_until_that_is_taken_back(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    one, other = nodes.join(2)
    one.behave(fail="OutOfSpirits")
    agent = Agent(cluster, "agent")
    pods = agent.pods(lambda pods: {_phase(p) for p in pods} == {"Failed", "Running"})
    (failed,) = (p for p in pods if _phase(p) == "Failed")
    assert (failed["spec"]["nodeName"], failed["status"]["reason"]) == (one.name, "OutOfSpirits")
    one.behave()
    assert {p["spec"]["nodeName"] for p in agent.ready(2)} == {one.name, other.name}


def test_pods_of_one_node_end_slowly(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    one, _ = nodes.join(2)
    agent = Agent(cluster, "lingers")
    agent.ready(2)
    one.behave(terminate_after=1.0)
    before = time.monotonic()
    cluster.api.delete(path("daemonsets", "default", agent.name), {"propagationPolicy": "Background"})
    agent.pods(lambda pods: {p["spec"]["nodeName"] for p in pods} == {one.name})
    agent.pods(lambda pods: not pods)
    assert time.monotonic() - before > 0.8


def test_a_node_that_comes_back_does_not_behave_as_it_did(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    (node,) = nodes.join(name="again")
    node.behave(never_ready=True, terminate_after=1.0)
    assert len(_left(cluster)) == 3
    node.leave()
    assert _left(cluster) == set()
    (node,) = nodes.join(name="again")
    node.silence()
    node.behave(never_ready=True)
    assert _left(cluster)
    nodes.clear()
    assert cluster.dirt() == []


def _both(one: Node, other: Node) -> dict[str, tuple[str, bool]]:
    return {one.name: ("Running", False), other.name: ("Running", True)}


def _left(cluster: EmbeddedCluster) -> set[str]:
    """The stages that a scenario has made."""
    return {s["metadata"]["name"] for s in cluster.api.list(path("stages"), labelSelector=behaviours.LABEL)["items"]}
