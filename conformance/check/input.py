"""The input: the DaemonSets of some manifests, what belongs to them, what is left alone, and what they refer to and the manifests lack.

Of a Secret, a ConfigMap and whatever else is no part of this, kind and name are read and nothing more.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as File
from typing import Any, BinaryIO, NamedTuple, TypeVar

import msgspec
import yaml

from conformance import received
from conformance.check import reading
from conformance.check.reading import Path, line_at, line_of, plain
from conformance.check.shapes import DisruptionBudget, Template
from conformance.errors import UsageError, refused
from conformance.kube.records import DaemonSet

STANDARD_INPUT = "standard input"
_T = TypeVar("_T")

_WORKLOADS = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Job", "DaemonSet", "Pod")
#: Nothing of a DaemonSet hangs on them, and without their own servers they harm the cluster that they are put into.
_HARMFUL = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService", "CustomResourceDefinition")
_UNRENDERED = re.compile(r"\{\{|\$\{|__[A-Z][A-Z0-9_]*__|FILLED BY")
_TEXT_OF_THE_PROGRAM = ("args", "command", "env", "annotations")


class Thing(NamedTuple):
    """An object of the input: what it is, and where it stands."""

    kind: str
    namespace: str
    name: str
    source: str
    line: int

    @property
    def label(self) -> str:
        """`namespace/name`, or the name alone where no namespace is written."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Workload(NamedTuple):
    """Something that makes pods, or is one: the labels of its pods."""

    thing: Thing
    labels: dict[str, str]


class Lacking(NamedTuple):
    """What a pod refers to and the input has not. `blocks` is what waits for it: `creation`, `scheduling` or `start`."""

    kind: str
    name: str
    blocks: str


@dataclass(frozen=True)
class Manifest:
    """One DaemonSet of the input: `raw` as JSON, `record` as the model knows it, `pod` with what the rules look at besides."""

    thing: Thing
    raw: dict[str, Any]
    record: DaemonSet
    pod: Template
    node: yaml.Node

    def line(self, path: Path) -> int:
        """The line in its file of what a path leads to."""
        return line_at(self.node, path)


@dataclass
class Input:
    """All that was read.

    `left_alone` are webhooks, APIServices, definitions and hooks; `pod_security` is the level that each Namespace enforces.
    """

    daemonsets: list[Manifest] = field(default_factory=list)
    workloads: list[Workload] = field(default_factory=list)
    budgets: list[tuple[Thing, DisruptionBudget]] = field(default_factory=list)
    left_alone: list[Thing] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    pod_security: dict[str, str] = field(default_factory=dict)

    @cached_property
    def names(self) -> set[tuple[str, str, str]]:
        """Kind, namespace and name of everything in it."""
        return {(thing.kind, thing.namespace, thing.name) for thing in self.things}

    def has(self, kind: str, name: str, namespace: str) -> bool:
        """Whether it has an object, in this namespace or in one that is not written down."""
        return not {(kind, namespace, name), (kind, "", name)}.isdisjoint(self.names)

    def lacking(self, manifest: Manifest) -> list[Lacking]:
        """What the pods of a DaemonSet refer to and the input has not, each once."""
        place = manifest.thing.namespace
        return [each for each in dict.fromkeys(_references(manifest.pod)) if not self.has(each.kind, each.name, place)]


def _references(pod: Template) -> Iterator[Lacking]:
    if pod.service_account_name not in ("", "default"):
        yield Lacking("ServiceAccount", pod.service_account_name, "creation")
    if pod.priority_class_name and not pod.priority_class_name.startswith("system-"):
        yield Lacking("PriorityClass", pod.priority_class_name, "creation")
    if pod.runtime_class_name:
        yield Lacking("RuntimeClass", pod.runtime_class_name, "creation")
    for volume in pod.volumes:
        if volume.persistent_volume_claim:
            yield Lacking("PersistentVolumeClaim", volume.persistent_volume_claim.claim_name, "scheduling")
        projected = volume.projected.sources if volume.projected else ()
        yield from _mounted([volume.config_map, *(each.config_map for each in projected)], "ConfigMap")
        yield from _mounted([volume.secret, *(each.secret for each in projected)], "Secret")
    for container in (*pod.init_containers, *pod.containers):
        variables = [each.value_from for each in container.env if each.value_from]
        yield from _mounted([*(v.config_map_key_ref for v in variables), *(e.config_map_ref for e in container.env_from)], "ConfigMap")
        yield from _mounted([*(v.secret_key_ref for v in variables), *(e.secret_ref for e in container.env_from)], "Secret")


def _mounted(references: Iterable[Any], kind: str) -> Iterator[Lacking]:
    for reference in references:
        # Every namespace has kube-root-ca.crt, made by the controller manager.
        name = reference and not reference.optional and (reference.name or reference.secret_name)
        if name and name != "kube-root-ca.crt":
            yield Lacking(kind, name, "start")


# -- reading --------------------------------------------------------------------------------------------------------------------------


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
