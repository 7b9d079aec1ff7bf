"""Revisions: which ControllerRevision holds a DaemonSet's current template.

A ControllerRevision of a DaemonSet keeps the template as the patch that restores it: `{"spec": {"template": {…, "$patch": "replace"}}}`.
Source: API reference, ControllerRevision; behaviour seen live on all supported versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from conformance.kube.records import ControllerRevision

HASH = "controller-revision-hash"
GENERATION = "pod-template-generation"
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


class _Spec(msgspec.Struct):
    template: msgspec.Raw = msgspec.Raw(b"null")


class _Holder(msgspec.Struct):
    spec: _Spec | None = None


_HOLDER = msgspec.json.Decoder(_Holder)


def template_bytes(document: bytes | msgspec.Raw) -> bytes:
    """The raw JSON of `spec.template` in a DaemonSet or in the data of a ControllerRevision; `null` if it has none."""
    try:
        holder = _HOLDER.decode(document)
    except msgspec.ValidationError:
        # Anybody may create a ControllerRevision, with any data.
        return b"null"
    return bytes(holder.spec.template) if holder and holder.spec else b"null"


def _essence(value: Any) -> Any:
    """What is left of a JSON value without the ways to say nothing: nulls, empty objects, empty lists."""
    if isinstance(value, dict):
        kept = {key: _essence(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item not in ({}, [])}
    if isinstance(value, list):
        return [_essence(item) for item in value]
    return value


def template(document: bytes | msgspec.Raw) -> dict[str, Any]:
    """The template of a DaemonSet or of the data of a ControllerRevision, as plain JSON without the patch directive."""
    found = msgspec.json.decode(template_bytes(document))
    return {key: value for key, value in found.items() if key != "$patch"} if isinstance(found, dict) else {}


def essence(template_json: dict[str, Any]) -> bytes:
    """A form in which equal templates have equal bytes: keys sorted, nulls and empty members dropped."""
    return msgspec.json.encode(_essence(template_json), order="deterministic")


def matches(revision: ControllerRevision, wanted: bytes) -> bool:
    """Whether a revision holds the template of this essence."""
    return essence(template(revision.data)) == wanted


def current(revisions: Iterable[ControllerRevision], wanted: bytes) -> ControllerRevision | None:
    """The revision that holds the template of this essence; of several the one with the highest number."""
    found = [revision for revision in revisions if matches(revision, wanted)]
    return max(found, key=lambda revision: revision.revision, default=None)


def hash_of(revision: ControllerRevision) -> str:
    """The hash that a revision puts on its pods."""
    return revision.metadata.labels.get(HASH, "")
