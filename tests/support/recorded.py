"""What the tests of the recorder record: pods, nodes, and conditions on them."""

from __future__ import annotations

from typing import Any

from api_standin import Json, obj

from conformance.kube.resources import path
from conformance.trace.conditions import When
from conformance.trace.entries import Header

PODS = path("pods", "ns")
NODES = path("nodes")
HEADER = Header(1, "T01", "test", "v1.37.1", "stand-in", audited=True)


def pod(name: str, rv: int, *, ready: bool = False, **meta: Any) -> Json:
    return obj(name, rv, metadata=meta, status={"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]})


def node(name: str, rv: int, **labels: str) -> Json:
    return obj(name, rv, namespace="", metadata={"labels": labels})


def has(name: str) -> When:
    return When(
        "there",
        f"pods/{name} is there",
        lambda world: ("ns", name) in world.pods,
        lambda world: ", ".join(name for _, name in world.pods) or "no pods",
        "kubectl --namespace ns get pods",
    )
