"""Manifests: plain YAML read into plain objects, and the JSON merge patch as a pure function."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from conformance.errors import UsageError

#: libyaml's loader where PyYAML was built with it: the same documents, ten times faster.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(path: Path) -> list[dict[str, Any]]:
    """The objects of a YAML file, in their order; empty documents are left out and Lists are opened."""
    try:
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=_LOADER))
    except OSError as error:
        raise UsageError(f"the manifest {path} cannot be read ({error.strerror}); check its path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"the manifest {path} is not valid YAML, mend it: {error}") from error
    objects: list[dict[str, Any]] = []
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict) or "kind" not in document or "apiVersion" not in document:
            raise UsageError(f"the manifest {path} holds a document without apiVersion and kind; add both")
        items = document.get("items") if document["kind"] == "List" else None
        objects.extend(items if items is not None else [document])
    return objects


def merge(obj: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`obj` after a JSON merge patch (RFC 7386): objects are merged, null removes, all else replaces.

    Neither argument is changed.
    """
    merged: dict[str, Any] = _merge(obj, patch)
    return merged


def _merge(old: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = {key: copy.deepcopy(value) for key, value in old.items()} if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result
