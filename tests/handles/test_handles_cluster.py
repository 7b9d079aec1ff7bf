"""What can be waited for of single pods, over written worlds."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.handles.cluster import BARE, ScenarioCluster
from conformance.kube.manifests import load
from conformance.kube.records import Meta, Pod, PodStatus
from conformance.trace.world import World


@pytest.mark.parametrize(
    ("pods", "holds"),
    [
        ([], False),
        ([Pod(Meta("a", "ns"), status=PodStatus("Running"))], False),
        ([Pod(Meta("a", "ns"), status=PodStatus("Failed"))], True),
        ([Pod(Meta("a", "ns", deletion_timestamp="2026-01-01T00:00:00Z"), status=PodStatus("Failed"))], False),
        ([Pod(Meta("a", "other"), status=PodStatus("Failed"))], False),
    ],
    ids=["absent", "running", "failed", "failed and going", "elsewhere"],
)
def test_a_failed_pod_is_one_that_is_there(pods: list[Pod], holds: bool) -> None:
    cluster = ScenarioCluster.__new__(ScenarioCluster)
    cluster.namespace = "ns"
    world = World()
    world.pods.update({(pod.metadata.namespace, pod.metadata.name): pod for pod in pods})
    assert cluster.pod_failed("a").holds(world) == holds


def test_a_bare_pod_is_like_those_of_the_smallest_daemonset() -> None:
    [agent] = load(Path(__file__).parents[2] / "manifests" / "agent.yaml")
    assert agent["spec"]["template"]["spec"]["containers"] == [BARE]
