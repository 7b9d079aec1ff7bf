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
    from conformance.handles.cluster import ScenarioCluster
    from conformance.handles.creating import Create
    from conformance.handles.daemonset import Agent
    from conformance.handles.data import (
        Document,
        Refused,
        Strategies,
        documents,
        invalid_manifests,
        kubectl_refusals,
        lenient_api,
        printed_documents,
        printed_fragments,
        update_matrix,
    )
    from conformance.handles.evidence import accepted, shows
    from conformance.handles.marks import claim, finding, needs, scenario
    from conformance.handles.trace import Trace
    from conformance.kube.records import Pod, Taint
    from conformance.model.rollout import Rollout, rolled_out
    from conformance.trace.conditions import Condition

_HOMES = {
    "Agent": "conformance.handles.daemonset",
    "ApiError": "conformance.errors",
    "Capability": "conformance.clusters.protocol",
    "Condition": "conformance.trace.conditions",
    "Create": "conformance.handles.creating",
    "Document": "conformance.handles.data",
    "Node": "conformance.clusters.protocol",
    "Pod": "conformance.kube.records",
    "Refused": "conformance.handles.data",
    "Rollout": "conformance.model.rollout",
    "ScenarioCluster": "conformance.handles.cluster",
    "Strategies": "conformance.handles.data",
    "Taint": "conformance.kube.records",
    "Trace": "conformance.handles.trace",
    "accepted": "conformance.handles.evidence",
    "claim": "conformance.handles.marks",
    "documents": "conformance.handles.data",
    "finding": "conformance.handles.marks",
    "invalid_manifests": "conformance.handles.data",
    "kubectl_refusals": "conformance.handles.data",
    "lenient_api": "conformance.handles.data",
    "needs": "conformance.handles.marks",
    "printed_documents": "conformance.handles.data",
    "printed_fragments": "conformance.handles.data",
    "rolled_out": "conformance.model.rollout",
    "scenario": "conformance.handles.marks",
    "shows": "conformance.handles.evidence",
    "update_matrix": "conformance.handles.data",
}
__all__ = [
    "Agent",
    "ApiError",
    "Capability",
    "Condition",
    "Create",
    "Document",
    "Node",
    "Pod",
    "Refused",
    "Rollout",
    "ScenarioCluster",
    "Strategies",
    "Taint",
    "Trace",
    "accepted",
    "claim",
    "documents",
    "finding",
    "invalid_manifests",
    "kubectl_refusals",
    "lenient_api",
    "needs",
    "printed_documents",
    "printed_fragments",
    "rolled_out",
    "scenario",
    "shows",
    "update_matrix",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'conformance' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
