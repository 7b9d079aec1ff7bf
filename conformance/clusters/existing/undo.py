"""Every change of a node is written down on the node itself, in the same write, so that anybody can take it back: after a SIGKILL too.

The annotation holds what was there before: labels, taints and cordon that were touched, and nothing else. What others change on the node
meanwhile stays as they made it. Whether a note is the suite's own, `records` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

ANNOTATION = "conformance.daemonset/undo"


class Before(msgspec.Struct, omit_defaults=True):
    """What was there before: label values (null: no such label), taints by `key:effect` (null: no such taint), cordoned or not."""

    labels: dict[str, str | None] = {}
    taints: dict[str, dict[str, Any] | None] = {}
    unschedulable: bool | None = None


def pending(node: Mapping[str, Any]) -> bool:
    """Whether there is something to take back."""
    return ANNOTATION in (node["metadata"].get("annotations") or {})


def noted(node: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch, with what it changes on this node noted. What was noted first is what was there before."""
    before = _read(node)
    labels = node["metadata"].get("labels") or {}
    for key in (patch.get("metadata") or {}).get("labels") or {}:
        before.labels.setdefault(key, labels.get(key))
    spec = patch.get("spec") or {}
    if "taints" in spec:
        old, new = _by_name(node["spec"].get("taints")), _by_name(spec["taints"])
        for name in old.keys() | new.keys():
            if old.get(name) != new.get(name):
                before.taints.setdefault(name, old.get(name))
    if "unschedulable" in spec and before.unschedulable is None:
        before.unschedulable = bool(node["spec"].get("unschedulable"))
    return _annotated(node, patch, msgspec.json.encode(before).decode())


def text(node: Mapping[str, Any]) -> str:
    """The note of a node, or of a patch of one, as it stands there; empty if there is none."""
    return str((node["metadata"].get("annotations") or {}).get(ANNOTATION) or "")


def malformed(node: Mapping[str, Any]) -> str:
    """What is wrong with the note of a node; empty if it can be read."""
    try:
        _read(node)
    except (msgspec.DecodeError, RecursionError) as error:
        return f"its annotation {ANNOTATION} cannot be read ({error})"
    return ""


def undone(node: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that puts everything noted back, and removes the note."""
    before = _read(node)
    patch: dict[str, Any] = {"metadata": {}, "spec": {}}
    if before.labels:
        patch["metadata"]["labels"] = before.labels
    if before.taints:
        taints = _by_name(node["spec"].get("taints"))
        for name, taint in before.taints.items():
            taints.pop(name, None)
            if taint is not None:
                taints[name] = taint
        patch["spec"]["taints"] = list(taints.values())
    if before.unschedulable is not None:
        patch["spec"]["unschedulable"] = before.unschedulable or None
    return _annotated(node, patch, None)


def _read(node: Mapping[str, Any]) -> Before:
    note = text(node)
    return msgspec.json.decode(note, type=Before) if note else Before()


def _by_name(taints: Any) -> dict[str, Any]:
    return {f"{taint['key']}:{taint['effect']}": taint for taint in taints or ()}


def _annotated(node: Mapping[str, Any], patch: Mapping[str, Any], note: str | None) -> dict[str, Any]:
    # Guarded by the version that was looked at: somebody else's change in between would be noted wrongly.
    meta = {**(patch.get("metadata") or {}), "annotations": {ANNOTATION: note}, "resourceVersion": node["metadata"]["resourceVersion"]}
    return {**patch, "metadata": meta}
