"""The reference conformance suite for DaemonSets.

Scenarios import what they need from here and nothing else:

    from conformance import Capability, claim, finding, needs, scenario

The names are resolved when they are first used, so that the command line and the cluster's supervisor start without pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.clusters.protocol import Capability, Node
    from conformance.errors import ApiError
    from conformance.kube.records import Pod, Taint
    from conformance.handles.cluster import ScenarioCluster
    from conformance.handles.daemonset import Agent
    from conformance.handles.marks import claim, finding, needs, scenario
    from conformance.handles.trace import Trace

_HOMES = {
    "Agent": "conformance.handles.daemonset",
    "ApiError": "conformance.errors",
    "Capability": "conformance.clusters.protocol",
    "Node": "conformance.clusters.protocol",
    "Pod": "conformance.kube.records",
    "ScenarioCluster": "conformance.handles.cluster",
    "Taint": "conformance.kube.records",
    "Trace": "conformance.handles.trace",
    "claim": "conformance.handles.marks",
    "finding": "conformance.handles.marks",
    "needs": "conformance.handles.marks",
    "scenario": "conformance.handles.marks",
}
__all__ = ["Agent", "ApiError", "Capability", "Node", "Pod", "ScenarioCluster", "Taint", "Trace", "claim", "finding", "needs", "scenario"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'conformance' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
