"""The nodes of the embedded cluster, with the real components: they join, change, turn unready or silent, and leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from embedded_agent import LIMIT, Agent, Pod, is_ready

from conformance.clusters import waiting
from conformance.clusters.embedded import EmbeddedCluster, components
from conformance.clusters.embedded.nodes import EmbeddedNodes
from conformance.errors import ConformanceError, UsageError
from conformance.kube.records import Taint
from conformance.kube.resources import path

UNREACHABLE = "node.kubernetes.io/unreachable"
NOT_READY = "node.kubernetes.io/not-ready"
NETWORK_UNAVAILABLE = "node.kubernetes.io/network-unavailable"


def _node(cluster: EmbeddedCluster, name: str, holds: Callable[[Pod], bool], within: float = LIMIT) -> None:
    def met(objects: waiting.Objects) -> bool:
        return name in objects and holds(objects[name])

    waiting.until(cluster.api, path("nodes"), met, within=within, what=name, check=cluster.check)


def _taints(node: Pod) -> set[tuple[str, str]]:
    return {(t["key"], t["effect"]) for t in node["spec"].get("taints", ())}


def test_a_hundred_nodes_and_a_daemonset_on_them(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    # It tolerates what a node is tainted with at first, so its pods are there before the simulated kubelet is.
    agent = Agent(cluster, "everywhere", tolerations=[{"operator": "Exists"}])
    nodes.join(100)
    pods = agent.ready(100)
    assert {pod["spec"]["nodeName"] for pod in pods} == {node.name for node in nodes.all()}
    assert len({pod["status"]["podIP"] for pod in pods}) == 100


def test_a_node_that_joins(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    (node,) = nodes.join(labels={"disktype": "ssd"}, taints=(Taint("gpu", "NoSchedule", "yes"),), allocatable={"pods": "5"})
    found = cluster.api.get(path("nodes", name=node.name))
    assert _taints(found) == {("gpu", "NoSchedule")}
    assert found["metadata"]["labels"]["kubernetes.io/hostname"] == node.name
    assert found["metadata"]["labels"]["disktype"] == "ssd"
    assert found["status"]["allocatable"]["pods"] == "5"
    (again,) = nodes.join(name="by-name", control_plane=True)
    assert again.name == "by-name"
    assert ("node-role.kubernetes.io/control-plane", "NoSchedule") in _taints(cluster.api.get(path("nodes", name="by-name")))
    with pytest.raises(UsageError, match="name"):
        nodes.join(2, name="both")


def test_a_node_that_changes_and_leaves(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    heard: list[tuple[str, str]] = []
    (node,) = nodes.join()
    cluster.journal = lambda verb, target, detail: heard.append((verb, target))
    node.label(**{"example.org/zone": "a"})
    node.taint("k", "NoSchedule", "v")
    node.taint("k", "NoExecute")
    node.untaint("k", "NoExecute")
    node.cordon()
    found = cluster.api.get(path("nodes", name=node.name))
    assert found["metadata"]["labels"]["example.org/zone"] == "a"
    assert ("k", "NoSchedule") in _taints(found)
    assert ("k", "NoExecute") not in _taints(found)
    assert found["spec"]["unschedulable"] is True
    node.unlabel("example.org/zone")
    node.untaint("k")
    node.uncordon()
    _node(cluster, node.name, lambda found: not found["spec"].get("taints"))
    assert "example.org/zone" not in cluster.api.get(path("nodes", name=node.name))["metadata"]["labels"]
    node.leave()
    assert nodes.all() == []
    words = ["label", "taint", "taint", "untaint", "cordon", "unlabel", "untaint", "uncordon", "leave"]
    assert heard == [(word, f"nodes/{node.name}") for word in words]


def test_a_node_that_is_not_ready(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    nodes.join(1)  # were no node ready, the controller would hold back its NoExecute taints
    (node,) = nodes.join(ready=False)
    assert (NOT_READY, "NoSchedule") in _taints(cluster.api.get(path("nodes", name=node.name)))
    node.set_ready(True)
    _node(cluster, node.name, lambda found: not _taints(found))
    node.set_ready(False)
    _node(cluster, node.name, lambda found: (NOT_READY, "NoExecute") in _taints(found))
    node.set_ready(True)
    _node(cluster, node.name, lambda found: not _taints(found))


def test_a_node_without_network(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    (node,) = nodes.join(1)
    node.set_network_available(False)
    _node(cluster, node.name, lambda found: (NETWORK_UNAVAILABLE, "NoSchedule") in _taints(found))
    ready = [c["status"] for c in cluster.api.get(path("nodes", name=node.name))["status"]["conditions"] if c["type"] == "Ready"]
    assert ready == ["True"]
    node.set_network_available(True)
    _node(cluster, node.name, lambda found: not _taints(found))


def test_a_node_whose_kubelet_has_not_spoken_yet_stays_tainted(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    cluster.component(components.KUBELETS).pause()
    try:
        (node,) = nodes.join(ready=False)
        with pytest.raises(ConformanceError, match="did not come about"):
            _node(cluster, node.name, lambda found: (NOT_READY, "NoSchedule") not in _taints(found), within=3.0)
    finally:
        cluster.component(components.KUBELETS).resume()


def test_nodes_that_left_do_not_hold_up_the_taints_of_others(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    nodes.join(14)  # were more than half of them not ready, the controller would hold back
    nodes.join(10, ready=False)
    waiting.until(
        cluster.api,
        path("nodes"),
        lambda found: any((NOT_READY, "NoExecute") in _taints(n) for n in found.values()),
        within=LIMIT,
        what="A taint",
    )
    nodes.clear()
    _, other = nodes.join(2)
    other.set_ready(False)
    _node(cluster, other.name, lambda found: (NOT_READY, "NoExecute") in _taints(found), within=20.0)


def test_a_silent_node(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    one, other = nodes.join(2)
    agent = Agent(cluster, "stays")
    agent.ready(2)
    one.silence()
    _node(cluster, one.name, lambda found: (UNREACHABLE, "NoExecute") in _taints(found))
    _node(cluster, other.name, lambda found: not _taints(found))
    agent.pods(lambda pods: {p["spec"]["nodeName"]: is_ready(p) for p in pods} == {one.name: False, other.name: True})
    one.speak()
    _node(cluster, one.name, lambda found: not _taints(found))
    agent.ready(2)
