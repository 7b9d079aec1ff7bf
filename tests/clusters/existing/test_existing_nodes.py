"""Which nodes can be borrowed, what can be done there, and that a confined DaemonSet reaches the borrowed nodes and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from conformance.clusters.existing import probing
from conformance.clusters.existing.cluster import ExistingCluster
from conformance.clusters.existing.nodes import BorrowedNode, BorrowedNodes
from conformance.clusters.existing.probing import Yard, capabilities, occupies, unfitness
from conformance.clusters.existing.provider import ExistingProvider, Reached, Terms, nearest
from conformance.clusters.existing.undo import ANNOTATION
from conformance.clusters.protocol import Capability
from conformance.components.versions import MINORS
from conformance.errors import NotOffered, UsageError
from conformance.kube.manifests import merge, relocated
from conformance.kube.records import DaemonSet, Node
from conformance.model.eligibility import should_run

NODE: dict[str, Any] = {
    "metadata": {"name": "a", "labels": {"kubernetes.io/os": "linux"}},
    "spec": {},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}
POD: dict[str, Any] = {"metadata": {"name": "p", "namespace": "shop"}, "spec": {"nodeName": "a"}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({}, ""),
        ({"spec": {"taints": [{"key": "soft", "effect": "PreferNoSchedule"}]}}, ""),
        ({"metadata": {"deletionTimestamp": "now"}}, "is being deleted"),
        ({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, "is not Ready"),
        ({"spec": {"unschedulable": True}}, "is cordoned"),
        ({"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}}, "has the taint gpu:NoSchedule"),
        ({"metadata": {"labels": {"kubernetes.io/os": "windows"}}}, "does not run Linux"),
        ({"metadata": {"annotations": {ANNOTATION: "{}"}}}, f"has the annotation {ANNOTATION}"),
    ],
)
def test_which_nodes_are_fit(patch: dict[str, Any], words: str) -> None:
    assert unfitness(merge(NODE, patch)) == words


@pytest.mark.parametrize(
    ("patch", "suffers"),
    [
        ({}, True),
        ({"metadata": {"ownerReferences": [{"kind": "ReplicaSet", "controller": True}]}}, True),
        ({"metadata": {"ownerReferences": [{"kind": "DaemonSet", "controller": True}]}}, False),
        ({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}, False),
        ({"status": {"phase": "Succeeded"}}, False),
        ({"metadata": {"namespace": "p01-1"}}, False),
        ({"spec": {"nodeName": None}}, False),
    ],
)
def test_whose_pods_would_suffer(patch: dict[str, Any], suffers: bool) -> None:
    assert occupies(merge(POD, patch), {"p01-1"}) is suffers


def test_capabilities_say_why_not() -> None:
    real = Yard(("a", "b"), 1, True, {})
    offered, lacking = capabilities(real, disruption=False, refused=[])
    assert offered == {Capability.REAL_KUBELET, Capability.POD_TIMING}
    assert lacking[Capability.CHANGE_NODE] == "no node is changed without --allow-disruption"
    assert lacking.keys() | offered == set(Capability)
    assert Capability.CHANGE_NODE in capabilities(real, disruption=True, refused=[])[0]
    assert "may not patch nodes" in capabilities(real, disruption=True, refused=["patch nodes"])[1][Capability.CHANGE_NODE]
    assert "--on-node" in capabilities(Yard(("a",), 0, True, {}), disruption=True, refused=[])[1][Capability.CHANGE_NODE]
    simulated = capabilities(Yard(("a",), 1, False, {}), disruption=True, refused=[])[1]
    assert simulated[Capability.POD_TIMING] == "its kubelets are simulated"


def nodes(names: tuple[str, ...] = ("a", "b", "c"), offered: frozenset[Capability] = frozenset()) -> BorrowedNodes:
    found = [merge(NODE, {"metadata": {"name": name}}) for name in (*names, "other")]
    facts = SimpleNamespace(capabilities=offered, lacking={cap: f"no {cap}" for cap in Capability})
    api = SimpleNamespace(list=lambda _: {"items": found})
    yard = Yard(names, len(names), True, {})
    return BorrowedNodes(cast(ExistingCluster, SimpleNamespace(api=api, facts=facts, yard=yard, journal=lambda *_: None)))


def test_what_only_a_new_node_could_have_is_not_offered() -> None:
    some = nodes()
    for asked in ({"ready": False}, {"name": "x"}, {"allocatable": {"cpu": "1"}}, {"labels": {"a": "b"}}, {"control_plane": True}):
        with pytest.raises(NotOffered):
            some.join(1, **asked)
    with pytest.raises(NotOffered, match=r"4 nodes are asked for.*3 can be had"):
        some.join(4)
    [node] = some.join(1)
    for act in (node.leave, node.silence, node.cordon, lambda: node.set_network_available(False)):
        with pytest.raises(NotOffered, match="no "):
            act()


def test_a_label_of_the_owners_is_not_taken_for_the_scenarios() -> None:
    some = nodes(offered=frozenset([Capability.CHANGE_NODE]))
    some._owners["b"] = {"disktype"}
    with pytest.raises(NotOffered, match="b has the label disktype already"):
        BorrowedNode(some._cluster, "a", some._owners).label(disktype="ssd")


AGENT: dict[str, Any] = {
    "metadata": {"name": "agent", "namespace": "x", "uid": "1"},
    "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": {"spec": {"containers": [{"name": "agent", "image": "x"}]}}},
}
TERMS = [
    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["1"]}]},
    {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]},
]


def reached(daemonset: dict[str, Any], labels: dict[str, dict[str, str]]) -> set[str]:
    record = msgspec.convert(daemonset, DaemonSet)
    there = [msgspec.convert({"metadata": {"name": name, "labels": own}, "spec": {}, "status": {}}, Node) for name, own in labels.items()]
    return {node.metadata.name for node in there if should_run(node, record)}


def test_a_confined_daemonset_reaches_the_borrowed_nodes_and_nothing_else() -> None:
    some = nodes()
    everywhere: dict[str, dict[str, str]] = {"a": {}, "b": {}, "c": {}, "other": {}}
    assert reached(AGENT, everywhere) == everywhere.keys()
    assert reached(some.confine(AGENT), everywhere) == set()
    some.join(2)
    assert reached(some.confine(AGENT), everywhere) == {"a", "b"}
    assert [node.name for node in some.all()] == ["a", "b"]


def test_what_the_template_asks_for_still_holds() -> None:
    some = nodes()
    some.join(3)
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": TERMS}, "preferredDuringSchedulingX": [1]}
    anti = {"podAntiAffinity": {"x": 1}}
    asked = merge(AGENT, {"spec": {"template": {"spec": {"affinity": {"nodeAffinity": required, **anti}}}}})
    confined = some.confine(asked)
    assert reached(confined, {"a": {"zone": "1"}, "b": {"gpu": "x"}, "c": {"zone": "2"}, "other": {"zone": "1", "gpu": "x"}}) == {"a", "b"}
    affinity = confined["spec"]["template"]["spec"]["affinity"]
    assert affinity["podAntiAffinity"] == {"x": 1}
    assert affinity["nodeAffinity"]["preferredDuringSchedulingX"] == [1]
    for term in affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]:
        [field] = term["matchFields"]
        assert len(field["values"]) == 1  # the API takes no more


def test_processes_divide_the_nodes_that_may_be_changed() -> None:
    whole = Yard(("a", "b", "c", "d", "busy"), 4, True, {})
    reached_ = cast(Reached, None)
    shares = [ExistingProvider(reached_, "run", Terms(disruption=True), index, 2)._share(whole) for index in range(2)]
    assert [share.names for share in shares] == [("a", "c", "busy"), ("b", "d")]
    assert [share.changeable for share in shares] == [2, 2]
    harmless = [ExistingProvider(reached_, "run", Terms(), index, 2)._share(whole) for index in range(2)]
    assert {frozenset(share.names) for share in harmless} == {frozenset(whole.names)}


def test_the_servers_version_decides() -> None:
    for minor in MINORS.values():
        assert nearest(minor.version) == (minor, "")
        assert nearest(f"{minor.version}-eks-1") == (minor, "")
    newest, oldest = max(MINORS), min(MINORS)
    assert nearest("v1.99.0")[0].minor == newest
    found, note = nearest("v1.20.1+k3s1")
    assert found.minor == oldest
    assert "v1.20.1+k3s1" in note
    assert oldest in note
    with pytest.raises(UsageError, match="not a version"):
        nearest("nightly")


@pytest.mark.parametrize(
    ("image", "there"),
    [
        ("registry.k8s.io/pause:3.10", "r.example:5000/m/pause:3.10"),
        ("quay.io/fluentd_elasticsearch/fluentd:v5", "r.example:5000/m/fluentd_elasticsearch/fluentd:v5"),
        ("fluent/fluentd:v1", "r.example:5000/m/fluent/fluentd:v1"),
        ("busybox", "r.example:5000/m/busybox"),
        ("localhost/x@sha256:0", "r.example:5000/m/x@sha256:0"),
        ("registry.invalid/agent:missing", "registry.invalid/agent:missing"),
        ("r.example:5000/m/pause:3.10", "r.example:5000/m/pause:3.10"),
    ],
)
def test_images_of_a_private_registry(image: str, there: str) -> None:
    assert relocated(image, "r.example:5000/m") == relocated(image, "r.example:5000/m/") == there
    assert relocated(image, "") == image


def test_the_roles_are_whole() -> None:
    needed = set(probing._permissions("daemonset-conformance"))
    assert {("", "namespaces", "create"), ("apps", "daemonsets", "create"), ("", "pods", "watch")} <= needed
    assert set(probing._permissions("daemonset-conformance-disruption")) == {("", "nodes", "patch")}
