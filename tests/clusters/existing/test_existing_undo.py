"""What is noted on a node before it changes puts it back exactly, and leaves alone what others changed meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.clusters.existing import undo
from conformance.kube.manifests import merge

GPU = {"key": "dedicated", "effect": "NoSchedule", "value": "gpu"}
NODE: dict[str, Any] = {
    "metadata": {"name": "a", "resourceVersion": "7", "labels": {"zone": "old", "kept": "yes"}},
    "spec": {"taints": [GPU]},
}


def patched(node: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The node after a write of the suite."""
    return merge(node, undo.noted(node, patch))


def back(node: Mapping[str, Any]) -> dict[str, Any]:
    node = merge(node, undo.undone(node))
    node["metadata"].pop("annotations", None)
    return node


def test_a_write_carries_its_note_and_is_guarded() -> None:
    patch = undo.noted(NODE, {"metadata": {"labels": {"zone": "new"}}})
    assert patch["metadata"]["resourceVersion"] == "7"
    assert undo.ANNOTATION in patch["metadata"]["annotations"]
    assert not undo.pending(NODE)
    assert undo.pending(merge(NODE, patch))


def test_everything_is_put_back() -> None:
    node = patched(NODE, {"metadata": {"labels": {"zone": "new", "disktype": "ssd", "kept": None}}})
    node = patched(node, {"metadata": {"labels": {"zone": "newer", "disktype": None}}})
    node = patched(node, {"spec": {"taints": [{**GPU, "value": "tpu"}, {"key": "x", "effect": "NoExecute"}]}})
    node = patched(node, {"spec": {"taints": []}})
    node = patched(node, {"spec": {"unschedulable": True}})
    assert back(node) == NODE


def test_a_cordon_behind_our_back_is_taken_back_if_it_was_noted() -> None:
    node = patched(NODE, {"spec": {"unschedulable": None}})
    node = merge(node, {"spec": {"unschedulable": True}})
    assert back(node) == NODE


def test_a_node_that_was_cordoned_before_stays_so() -> None:
    cordoned = merge(NODE, {"spec": {"unschedulable": True}})
    assert back(patched(cordoned, {"spec": {"unschedulable": None}})) == cordoned


def test_what_others_changed_stays() -> None:
    node = patched(NODE, {"metadata": {"labels": {"disktype": "ssd"}}})
    node = patched(node, {"spec": {"taints": [GPU, {"key": "x", "effect": "NoExecute"}]}})
    others = {"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"}
    node = merge(node, {"metadata": {"labels": {"team": "edge"}}, "spec": {"taints": [*node["spec"]["taints"], others]}})
    found = back(node)
    assert found["metadata"]["labels"] == {**NODE["metadata"]["labels"], "team": "edge"}
    assert found["spec"]["taints"] == [GPU, others]
