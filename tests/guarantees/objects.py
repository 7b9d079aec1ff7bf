"""Nodes, DaemonSets and pods as the API server would show them, for histories to be made of."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
NS = "test"
AUTOMATIC: list[Json] = [
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    *(
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoSchedule"}
        for key in ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
    ),
]


def node(name: str, *, labels: dict[str, str] | None = None, taints: list[Json] | None = None) -> Json:
    ready = {"type": "Ready", "status": "True"}
    return {
        "kind": "Node",
        "metadata": {"name": name, "uid": f"node-{name}", "labels": labels or {}},
        "spec": {"taints": taints or []},
        "status": {"conditions": [ready]},
    }


def taint(key: str, effect: str = "NoSchedule", value: str = "") -> Json:
    return {"key": key, "effect": effect, "value": value}


def daemonset(name: str = "agent", *, uid: str = "", image: str = "1", labels: dict[str, str] | None = None, **spec: Any) -> Json:
    template_spec = {
        "containers": [{"name": "main", "image": f"agent:{image}", "command": ["run"], "resources": {"limits": {"memory": "64Mi"}}}],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
        **spec.pop("template", {}),
    }
    rolling = {"maxUnavailable": spec.pop("max_unavailable", 1), "maxSurge": spec.pop("max_surge", 0)}
    strategy = spec.pop("strategy", "RollingUpdate")
    return {
        "kind": "DaemonSet",
        "metadata": {
            "name": name,
            "namespace": NS,
            "uid": uid or f"ds-{name}",
            "generation": 1,
            "labels": labels or {},
            "annotations": {"deprecated.daemonset.template.generation": "1"},
        },
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": template_spec},
            "updateStrategy": {"type": strategy, **({"rollingUpdate": rolling} if strategy == "RollingUpdate" else {})},
            "minReadySeconds": spec.pop("min_ready", 0),
            "revisionHistoryLimit": spec.pop("history_limit", 10),
        },
        "status": {},
    }


def owner(ds: Json) -> list[Json]:
    meta = ds["metadata"]
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def pinned(name: str) -> Json:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def bare(name: str, on: str = "", **labels: str) -> Json:
    """A pod that nobody owns."""
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NS, "uid": f"pod-{name}", "labels": labels},
        "spec": {"nodeName": on, "containers": [{"name": "main", "image": "x"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }
