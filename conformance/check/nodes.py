"""The nodes at hand: those of a file that kubectl wrote, or the default set of `nodes.yaml`.

Of a Node its name, labels and taints count.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import yaml

from conformance import received
from conformance.check import reading
from conformance.errors import UsageError, refused
from conformance.kube.records import Meta, Node, NodeSpec, Taint

DEFAULT = Path(__file__).with_name("nodes.yaml")
_OS, _ARCH, _ROLE = "kubernetes.io/os", "kubernetes.io/arch", "node-role.kubernetes.io/"
#: Values of one document in YAML: some thousand nodes.
_MOST_NODES = 10_000_000


@dataclass(frozen=True)
class Nodes:
    """Nodes with the name of the group that each is told of in. `given` says whether somebody named them."""

    grouped: tuple[tuple[str, Node], ...]
    given: bool

    @cached_property
    def virtual(self) -> tuple[str, ...]:
        """The groups of nodes that no kubelet serves: pods of a DaemonSet never start there."""
        return tuple(dict.fromkeys(group for group, node in self.grouped if is_virtual(node)))


def is_virtual(node: Node) -> bool:
    """Whether it carries the labels or taints of Virtual Kubelet or of Fargate."""
    labels = node.metadata.labels
    return (
        labels.get("type") == "virtual-kubelet"
        or labels.get("eks.amazonaws.com/compute-type") == "fargate"
        or any(taint.key == "virtual-kubelet.io/provider" for taint in node.spec.taints)
    )


@functools.cache
def default() -> Nodes:
    """The documented set."""
    grouped = [
        (pool["name"], _node(f"{pool['name']}-{number}", pool.get("labels", {}), pool.get("taints", [])))
        for pool in yaml.load(DEFAULT.read_text(encoding="utf-8"), Loader=reading.LOADER)  # noqa: S506 - a safe loader
        for number in range(1, pool["nodes"] + 1)
    ]
    return Nodes(tuple(grouped), given=False)


def _node(name: str, labels: dict[str, str], taints: list[dict[str, str]]) -> Node:
    return Node(Meta(name=name, labels=labels), NodeSpec(taints=msgspec.convert(taints, tuple[Taint, ...])))


def of_file(file: Path, telling: Iterable[str] = ()) -> Nodes:
    """The nodes of `kubectl get nodes -o json` or `-o yaml`. Labels with a key of `telling` part groups, beside role, system and taints."""
    try:
        data = received.content(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({refused(error)}): write it with `kubectl get nodes -o json`.") from error
    keys = tuple(sorted(set(telling)))
    found = _of_json(data, file) if data.lstrip()[:1] == b"{" else _of_yaml(data, file)
    if not found:
        raise UsageError(f"{file} has no node in it. Write it with `kubectl get nodes -o json` from a cluster that has some.")
    return Nodes(tuple((_group(node, keys), node) for node in found), given=True)


class _Kind(msgspec.Struct):
    kind: str = ""


class _Items(msgspec.Struct):
    kind: str = ""
    items: list[msgspec.Raw] = []


def _of_json(data: bytes, file: Path) -> list[Node]:
    try:
        whole = msgspec.json.decode(data, type=_Items)
        items = whole.items if whole.kind.endswith("List") else [msgspec.Raw(data)]
        # The items of a NodeList as the API returns it do not name their kind.
        kinds = [msgspec.json.decode(item, type=_Kind).kind or whole.kind.removesuffix("List") for item in items]
        return [] if _others(kinds, file) else [msgspec.json.decode(item, type=Node) for item in items]
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{file} is no list of nodes as kubectl writes it ({error}). Write it with `kubectl get nodes -o json`."
        ) from error


def _of_yaml(data: bytes, file: Path) -> list[Node]:
    objects: list[dict[str, Any]] = [
        reading.plain(node, str(file)) for node in reading.documents(data, str(file), most=received.MOST, most_nodes=_MOST_NODES)
    ]
    _others([found["kind"] for found in objects], file)
    try:
        return [msgspec.convert(found, Node) for found in objects]
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{file} is no list of nodes as kubectl writes it ({error}). Write it with `kubectl get nodes -o yaml`."
        ) from error


def _others(kinds: list[str], file: Path) -> bool:
    """Whether there is nothing; UsageError if there is something else than nodes."""
    if strange := sorted(set(kinds) - {"Node"}):
        raise UsageError(
            f"{file} holds {', '.join(strange[:5]) or 'objects without a kind'}, not nodes. Write it with `kubectl get nodes -o json`."
        )
    return not kinds


def _group(node: Node, telling: tuple[str, ...]) -> str:
    """What a node has in common with its like: its roles, system, labels that are asked for, and taints."""
    labels = node.metadata.labels
    roles = sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE) and key != f"{_ROLE}master")
    system = "/".join(labels[key] for key in (_OS, _ARCH) if key in labels)
    parts = ["+".join(roles) or "worker", system]
    parts += [f"{key}={labels[key]}" for key in telling if key in labels and key not in (_OS, _ARCH) and not key.startswith(_ROLE)]
    parts += [f"taint {spelled(taint)}" for taint in sorted(node.spec.taints, key=spelled)]
    return ", ".join(part for part in parts if part)


def spelled(taint: Taint) -> str:
    """A taint as kubectl takes it: `key=value:effect`."""
    return f"{taint.key}{f'={taint.value}' if taint.value else ''}:{taint.effect}"
