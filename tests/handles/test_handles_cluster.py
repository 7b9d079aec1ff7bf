"""What a scenario does to a pod through the cluster's handle, over an API that is written down."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.clusters.protocol import Cluster, Nodes
from conformance.handles.cluster import ScenarioCluster
from conformance.trace.recorder import Recorder

INITIALIZED = {"type": "Initialized", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T23:59:50Z"}


class Api:
    """One pod, and the patches that it got."""

    def __init__(self) -> None:
        self.patches: list[tuple[str, Any]] = []

    def get(self, _: str) -> dict[str, Any]:
        return {"status": {"conditions": [INITIALIZED, READY]}}

    def patch(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        self.patches.append((path, patch))
        return {"metadata": {"name": "pod", "resourceVersion": "7"}}


@pytest.mark.parametrize(("seconds", "time"), [(15, "2026-01-02T00:00:05Z"), (-50, "2026-01-01T23:59:00Z")])
def test_readiness_is_shifted_and_nothing_else(seconds: int, time: str) -> None:
    api = Api()
    recorder = SimpleNamespace(action=lambda *_: None, until=lambda *_: None)
    facts = SimpleNamespace(kubeconfig=Path("kubeconfig"), run=None, plugin=None)
    host = cast(Cluster, SimpleNamespace(api=api, facts=facts))
    cluster = ScenarioCluster(host, cast(Nodes, None), "ns", cast(Recorder, recorder), Path("kubectl"), Path())

    cluster.shift_readiness("pod", seconds=seconds)

    [(path, patch)] = api.patches
    assert path.endswith("/namespaces/ns/pods/pod/status")
    assert patch == {"status": {"conditions": [INITIALIZED, {**READY, "lastTransitionTime": time}]}}
