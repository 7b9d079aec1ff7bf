"""Static pods of the control plane and nodes, as a scenario acts on them: what the trace is told, and what is left when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fake_docker import FakeDocker

from conformance.clusters import waiting
from conformance.clusters.kind.cluster import KindCluster
from conformance.clusters.kind.control import NAMES, StaticPod
from conformance.clusters.kind.machines import ControlPlane, Yard
from conformance.clusters.kind.nodes import KindNodes
from conformance.clusters.protocol import Node
from conformance.guarantees.ledger import Ledger
from conformance.trace.entries import Entry
from conformance.trace.world import World


class Standin:
    """As much of a cluster as nodes and components ask for: Docker is a script, and the API has nothing."""

    def __init__(self, folder: Path) -> None:
        self.docker = FakeDocker(folder)
        self.docker.has("container", "c-worker", {"State": {"StartedAt": "2026-01-02T03:04:05Z"}})
        self.docker.answers("logs", out="[  OK  ] Reached target multi-user.target - Multi-User System.\n")
        self.yard = Yard(self.docker, "c", ControlPlane(self.docker, "c-control-plane", 0), ["c-worker"])
        self.api = SimpleNamespace(delete=lambda *_, **__: None, list=lambda _: {"items": []})
        self.facts = SimpleNamespace(max_nodes=4, time_scale=1.0)
        self.capacity = {"cpu": "2", "memory": "4Gi", "pods": "110"}
        self.heard: list[tuple[str, str]] = []

    def journal(self, verb: str, target: str, detail: Mapping[str, Any]) -> None:
        self.heard.append((verb, target))

    def check(self) -> None:
        """All is well."""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Standin:
    monkeypatch.setattr(waiting, "until", lambda *_, **__: {})
    return Standin(tmp_path)


def _joined(cluster: Standin) -> tuple[KindNodes, Node]:
    nodes = KindNodes(cast(KindCluster, cluster))
    [node] = nodes.join(1)
    cluster.heard.clear()
    return nodes, node


@pytest.mark.parametrize("name", NAMES)
def test_what_is_done_to_a_component_is_told_as_the_guarantees_read_it(cluster: Standin, name: str) -> None:
    component = StaticPod(cast(KindCluster, cluster), name)
    for act in (component.stop, component.start, component.pause, component.resume, component.kill):
        act()

    assert cluster.heard == [(verb, f"components/{name}") for verb in ("stop", "starting", "start", "pause", "resume", "kill")]


def test_a_component_is_off_until_it_goes_on(cluster: Standin) -> None:
    component = StaticPod(cast(KindCluster, cluster), "kube-scheduler")
    seen = [component.off]
    for act in (component.pause, component.resume, component.stop, component.start, component.kill):
        act()
        seen.append(component.off)

    assert seen == [False, True, False, True, False, True]


def test_nothing_is_expected_of_a_controller_that_was_stopped_on_kind(cluster: Standin) -> None:
    ledger = Ledger(World(), audited=True)
    StaticPod(cast(KindCluster, cluster), "kube-controller-manager").stop()
    [(verb, target)] = cluster.heard

    assert ledger.controller_works()
    ledger.record(Entry(seq=1, at=1.0, type="action", detail={"verb": verb, "target": target}), None, None, "")

    assert not ledger.controller_works()


def test_a_machine_that_is_off_is_started_before_it_waits_again(cluster: Standin) -> None:
    nodes, node = _joined(cluster)

    node.power_off()
    nodes.clear()

    joined, *said = [call.split()[0] for call in cluster.docker.calls]
    assert (joined, said) == ("exec", ["kill", "start", "inspect", "logs", "exec"]), "the last is its kubelet's end"
    assert cluster.yard.take(1)[1] == 0, "it waits again"


def test_a_machine_that_is_back_is_not_started_once_more(cluster: Standin) -> None:
    nodes, node = _joined(cluster)

    node.power_off()
    node.power_on()
    nodes.clear()

    assert [call.split()[0] for call in cluster.docker.calls].count("start") == 1
    assert cluster.heard == [("power-off", "nodes/c-worker"), ("power-on", "nodes/c-worker")]
