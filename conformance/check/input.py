"""The input: the DaemonSets of some manifests, what belongs to them, what is left alone, and what they refer to and the manifests lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import yaml

from conformance.check.reading import Path, line_at
from conformance.check.shapes import DisruptionBudget, Template
from conformance.kube.records import DaemonSet

STANDARD_INPUT = "standard input"


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
