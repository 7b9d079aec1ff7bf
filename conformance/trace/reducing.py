"""What of a Node goes into a trace: what DaemonSets, scheduling and readiness depend on. The rest is the business of the cluster's owner.

Traces are handed on: with reports, as artifacts of CI. Of addresses, machine ids, provider ids, annotations and
images of somebody's nodes nothing is judged, so nothing of them is kept.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

_METADATA = ("name", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "labels", "finalizers")
_SPEC = ("taints", "unschedulable")
_STATUS = ("conditions", "allocatable", "capacity", "nodeInfo")
_INFO = ("kubeletVersion", "containerRuntimeVersion", "operatingSystem", "architecture")


def reduce_node(node: dict[str, Any]) -> None:
    """Take out of a Node, as the API sends it, what is not judged."""
    for field, kept in (("metadata", _METADATA), ("spec", _SPEC), ("status", _STATUS)):
        _keep(node, field, kept)
    _keep(node.get("status", {}), "nodeInfo", _INFO)


def _keep(holder: dict[str, Any], field: str, kept: Collection[str]) -> None:
    if isinstance(holder.get(field), dict):
        holder[field] = {name: value for name, value in holder[field].items() if name in kept}
