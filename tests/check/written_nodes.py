"""Nodes as `kubectl get nodes` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

ARM = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}
AMD = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
CONTROL_PLANE = {**AMD, "node-role.kubernetes.io/control-plane": "", "node-role.kubernetes.io/master": ""}


def node(name: str, labels: dict[str, str], *taints: tuple[str, str], **more: Any) -> dict[str, Any]:
    """A Node as the API returns it, with what a check does not look at."""
    named = {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}, "managedFields": [{"manager": "kubelet"}]}
    status = {
        "capacity": {"cpu": "4"},
        "images": [{"names": ["x"]}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    spec = {"taints": [{"key": key, "effect": effect} for key, effect in taints], "podCIDR": "10.0.0.0/24"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": named, "spec": spec, "status": status, **more}


def saved(folder: Path, items: list[dict[str, Any]], form: str = "json", kind: str = "List") -> Path:
    whole = {"apiVersion": "v1", "kind": kind, "items": items, "metadata": {"resourceVersion": ""}}
    file = folder / f"nodes.{form}"
    file.write_text(json.dumps(whole) if form == "json" else yaml.safe_dump(whole))
    return file
