"""Manifests: plain YAML read into plain objects, and the JSON merge patch as a pure function."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from conformance.errors import UsageError

#: libyaml's loader where PyYAML was built with it: the same documents, ten times faster.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def text_of(name: str, *folders: Path) -> str:
    """The text of a file below the first of the folders of manifests that has it; UsageError says which ones are there."""
    folder = next((each for each in folders if (each / name).is_file()), folders[0])
    try:
        return (folder / name).read_text(encoding="utf-8")
    except OSError as error:
        there = sorted({file.relative_to(each).as_posix() for each in folders for file in each.rglob("*.yaml")})
        near = difflib.get_close_matches(name, there, n=3) or there[:5]
        meant = f"There are: {', '.join(near)}." if near else "There is none."
        raise UsageError(f"The manifest {name} cannot be read from {folder} ({error.strerror}). {meant}") from error


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


def relocated(image: str, registry: str) -> str:
    """The image's name with this registry (and path) in the place of its own, or of Docker Hub; `registry.invalid` stays what it is."""
    first, slash, rest = image.partition("/")
    if not registry or first.endswith(".invalid") or image.startswith(f"{registry.rstrip('/')}/"):
        return image
    named = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return f"{registry.rstrip('/')}/{rest if named else image}"


def merge_template(template: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A pod template after a JSON merge patch in which containers without an image change those of the same name.

    With an image in it the list of containers replaces the old one, as a merge patch does. Neither argument is changed.
    """
    changes = (patch.get("spec") or {}).get("containers")
    if not changes or any("image" in container for container in changes):
        return merge(template, patch)
    by_name = {container["name"]: container for container in changes}
    containers = [merge(old, by_name.pop(old["name"], {})) for old in template["spec"]["containers"]]
    if by_name:
        raise UsageError(
            f"the pod template has no container called {', '.join(by_name)}; it has {', '.join(c['name'] for c in containers)}"
        )
    return merge(template, {**patch, "spec": {**patch["spec"], "containers": containers}})


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
