"""What this suite has written on nodes, recorded where only it writes: the proof without which no note on a node is believed.

A note (`undo`) stands on the node itself, and many may write there: the node's own kubelet, controllers, whoever may
annotate nodes. Before a note is written, its text goes into a Lease of the suite's own namespace, one for each node
(by its uid). A note that does not stand there word for word is somebody else's, or was tampered with; it is named and
left alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from conformance.clusters.existing import undo
from conformance.clusters.existing.owning import HOME, labels
from conformance.errors import ApiError, ClusterError
from conformance.kube.api import Api
from conformance.kube.resources import path

NOTES = "conformance.daemonset/notes"


@dataclass
class PutBack:
    """What came of taking changes back: nodes as they were again, and those that were left alone, with the reason."""

    done: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


def noting(api: Api, run: str, node: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch with its note, which is on record when this returns. ClusterError if the node has a note of somebody else's."""
    lease = _lease(api, node)
    if undo.pending(node) and (strange := _strange(node, lease)):
        raise ClusterError(f"Node {name_of(node)} is not changed any further: {strange}")
    noted = undo.noted(node, patch)
    text = undo.text(noted)
    if text in _notes(lease):
        return noted
    # The one that stands there stays good until the write that replaces it.
    notes = [*([undo.text(node)] if undo.pending(node) else []), text]
    meta = {"name": _name(node), "namespace": HOME, "labels": labels(run), "annotations": {NOTES: msgspec.json.encode(notes).decode()}}
    body: dict[str, Any] = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": meta,
        "spec": {"holderIdentity": name_of(node)},
    }
    if lease is None:
        api.create(path("leases", HOME), body)
    else:
        meta["resourceVersion"] = lease["metadata"]["resourceVersion"]
        api.replace(path("leases", HOME, _name(node)), body)
    return noted


def put_back(api: Api, nodes: set[str] | None = None) -> PutBack:
    """Undo what this suite has changed on these nodes (on all of them without any)."""
    came = PutBack()
    for node in api.list(path("nodes"))["items"]:
        name = name_of(node)
        if not undo.pending(node) or (nodes is not None and name not in nodes):
            continue
        if why := _undo(api, node):
            came.left[name] = why
        else:
            came.done.append(f"changes of node {name}")
    return came


def outstanding(api: Api) -> dict[str, str]:
    """The nodes with a note on them, each with why it is not taken back if it is not this suite's (empty: it is)."""
    found = [node for node in api.list(path("nodes"))["items"] if undo.pending(node)]
    return {name_of(node): _strange(node, _lease(api, node)) for node in found}


def name_of(node: Mapping[str, Any]) -> str:
    """The name of a node."""
    return str(node["metadata"]["name"])


def _undo(api: Api, node: Mapping[str, Any]) -> str:
    """Take back what the note says; returns why not, if it was left alone."""
    where = path("nodes", name=name_of(node))
    while undo.pending(node):
        if strange := _strange(node, _lease(api, node)):
            return strange
        try:
            api.patch(where, undo.undone(node))
            break
        except ApiError as error:
            if error.code == 404:
                break
            if error.reason != "Conflict":
                raise
            node = api.get(where)  # its note may be another one by now
    with contextlib.suppress(ApiError):
        api.delete(path("leases", HOME, _name(node)))
    return ""


def _strange(node: Mapping[str, Any], lease: Mapping[str, Any] | None) -> str:
    """Why the note on a node is not believed; empty if it is."""
    if undo.text(node) not in _notes(lease):
        return (
            f"its annotation {undo.ANNOTATION} is not on record in the namespace {HOME}, so this suite did not write it, or not like this. "
            f"Look at it, and remove it: `kubectl annotate node {name_of(node)} {undo.ANNOTATION}-`"
        )
    return undo.malformed(node)


def _lease(api: Api, node: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return api.get(path("leases", HOME, _name(node)))
    except ApiError as error:
        if error.code != 404:
            raise
        return None


def _notes(lease: Mapping[str, Any] | None) -> list[str]:
    text = ((lease or {}).get("metadata", {}).get("annotations") or {}).get(NOTES, "[]")
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError:
        return []


def _name(node: Mapping[str, Any]) -> str:
    return f"undo-{node['metadata']['uid']}"
