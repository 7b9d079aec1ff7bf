"""Gathering: manifests of files, folders and standard input become one input, or a paragraph says why not.

Of a Secret, a ConfigMap and whatever else is no part of this, kind and name are read and nothing more.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path as File
from typing import Any, BinaryIO, TypeVar

import msgspec
import yaml

from conformance import received
from conformance.check import reading
from conformance.check.input import STANDARD_INPUT, Input, Manifest, Thing, Workload
from conformance.check.reading import Path, line_at, line_of, plain
from conformance.check.shapes import DisruptionBudget, Template
from conformance.errors import UsageError, refused
from conformance.kube.records import DaemonSet

_T = TypeVar("_T")
_WORKLOADS = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Job", "DaemonSet", "Pod")
#: Nothing of a DaemonSet hangs on them, and without their own servers they harm the cluster that they are put into.
_HARMFUL = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService", "CustomResourceDefinition")
_UNRENDERED = re.compile(r"\{\{|\$\{|__[A-Z][A-Z0-9_]*__|FILLED BY")
_TEXT_OF_THE_PROGRAM = ("args", "command", "env", "annotations")


def gathered(names: Iterable[str], stdin: BinaryIO | None = None) -> Input:
    """Read files, the manifests directly in folders, and `-`, standard input. UsageError, one paragraph, for what is unfit."""
    found = Input()
    for name in names:
        if name == "-":
            _add(found, (stdin or sys.stdin.buffer).read(reading.MOST + 1), STANDARD_INPUT)
        elif File(name).is_dir():
            _add_folder(found, File(name))
        else:
            _add(found, _content(File(name)), name)
    _look_at(found)
    return found


def _content(file: File) -> bytes:
    try:
        with received.opened(file) as stream:
            return stream.read(reading.MOST + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({refused(error)}): name a file, a folder, or - for standard input.") from error


def _add_folder(found: Input, folder: File) -> None:
    for sign, command in (("Chart.yaml", f"helm template NAME {folder}"), ("kustomization.yaml", f"kustomize build {folder}")):
        if (folder / sign).is_file():
            raise UsageError(
                f"{folder} has a {sign}: what it makes is checked, not what it is made of. Run `{command} | conformance check -`."
            )
    files = sorted(file for file in folder.iterdir() if file.suffix in (".yaml", ".yml", ".json") and file.is_file())
    if not files:
        raise UsageError(
            f"{folder} has no manifest in it (.yaml, .yml or .json); folders below it are not looked into. Name the right one."
        )
    for file in files:
        _add(found, _content(file), str(file))


def _add(found: Input, data: bytes, source: str) -> None:
    for node in reading.documents(data, source):
        fields = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
        metadata = _part(fields.get("metadata"), ("name", "namespace", "generateName", "labels", "annotations"), source)
        name = str(metadata.get("name") or metadata.get("generateName") or "")
        kind = fields["kind"].value
        thing = Thing(kind, str(metadata.get("namespace") or ""), name, source, line_of(node))
        found.things.append(thing)
        if kind in _HARMFUL or "helm.sh/hook" in (metadata.get("annotations") or {}):
            found.left_alone.append(thing)
        elif kind == "DaemonSet":
            found.daemonsets.append(_manifest(thing, node, fields["apiVersion"].value))
        elif kind in _WORKLOADS:
            found.workloads.append(Workload(thing, _labels_of_pods(kind, fields, metadata, source)))
        elif kind == "PodDisruptionBudget":
            spec = _part(fields.get("spec"), ("selector", "minAvailable", "maxUnavailable"), source)
            found.budgets.append((thing, _converted(spec, DisruptionBudget, thing, node, ("spec",))))
        elif kind == "Namespace":
            found.pod_security[name] = (metadata.get("labels") or {}).get("pod-security.kubernetes.io/enforce", "")


def _part(node: yaml.Node | None, names: tuple[str, ...], source: str) -> dict[str, Any]:
    """Some fields of a mapping, and nothing of the others."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    kept = [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode) and key.value in names]
    part = yaml.MappingNode(node.tag, kept, node.start_mark, node.end_mark)
    found: dict[str, Any] = plain(part, source)
    return found


def _labels_of_pods(kind: str, fields: dict[str, yaml.Node], metadata: dict[str, Any], source: str) -> dict[str, str]:
    if kind != "Pod":
        spec = fields.get("spec")
        template = next((v for k, v in spec.value if k.value == "template"), None) if isinstance(spec, yaml.MappingNode) else None
        metadata = _part(template, ("metadata",), source).get("metadata") or {}
    labels = metadata.get("labels")
    return {key: str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}


def _manifest(thing: Thing, node: yaml.MappingNode, api_version: str) -> Manifest:
    where = f"{thing.source}, line {thing.line}"
    if not thing.name:
        raise UsageError(f"{where}: the DaemonSet has no metadata.name; give it one.")
    raw: dict[str, Any] = plain(node, thing.source)
    for path, text in _texts(raw, ()):
        if _UNRENDERED.search(text):
            raise UsageError(
                f"{thing.source}, line {line_at(node, path)}: {reading.spelled(path)} of DaemonSet {thing.label} is a placeholder"
                f" that nobody filled in. {reading.RENDER}"
            )
    spec = (raw.get("spec") or {}) if isinstance(raw.get("spec", {}), dict) else raw["spec"]
    record = _converted({**raw, "apiVersion": api_version, "spec": spec}, DaemonSet, thing, node, ())
    pod = (spec.get("template") or {}).get("spec") or {}
    return Manifest(thing, raw, record, _converted(pod, Template, thing, node, ("spec", "template", "spec")), node)


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """All text below a value but that which is the program's own business, where two braces are no sign of a template."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _TEXT_OF_THE_PROGRAM:
                yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*path, number))


_WHERE = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def _converted(value: Any, kind: type[_T], thing: Thing, node: yaml.Node, base: Path) -> _T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        found = _WHERE.search(str(error))
        # `[...]` stands for a key of a map, beyond which the message does not say where.
        steps = found[1].split("[...]")[0] if found else ""
        path = (*base, *(int(number) if number else name for name, number in _STEP.findall(steps)))
        said = _WHERE.sub("", str(error)).replace("`", "").lower()
        raise UsageError(
            f"{thing.source}, line {line_at(node, path)}: {reading.spelled(path) or thing.kind} of {thing.kind} {thing.label}"
            f" is of a type that the API refuses ({said}). Quote or unquote the value."
        ) from error


def _look_at(found: Input) -> None:
    if not found.things:
        raise UsageError("The input holds no object at all. Pass a manifest with a DaemonSet in it.")
    if not found.daemonsets:
        kinds = sorted({thing.kind for thing in found.things})
        raise UsageError(
            f"The input has no DaemonSet to check, only {', '.join(kinds[:8])}{' …' if len(kinds) > 8 else ''}. Pass one that has."
        )
    seen: dict[tuple[str, str], Thing] = {}
    for each in found.daemonsets:
        first = seen.setdefault((each.thing.namespace, each.thing.name), each.thing)
        if first is not each.thing:
            raise UsageError(
                f"DaemonSet {first.label} is there twice: {first.source} line {first.line} and {each.thing.source} line {each.thing.line}."
                f" The second would replace the first; leave one out."
            )
