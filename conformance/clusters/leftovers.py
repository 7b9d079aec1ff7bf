"""What a scenario could have left in a cluster of the suite's own, and whether it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from conformance.kube.api import Api
from conformance.kube.resources import path

#: What every kind of cluster can be left with, besides namespaces.
RESOURCES = ("nodes", "pods", "daemonsets", "controllerrevisions", "priorityclasses")


class Switched(Protocol):
    """A component that a scenario can end or halt."""

    @property
    def off(self) -> bool:
        """Whether it did, and has not let it go on."""
        ...


def fingerprint(api: Api, *more: str) -> frozenset[str]:
    """What is there, of these resources too; namespaces on their way out do not count."""
    found = {
        f"{resource} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
        for resource in (*RESOURCES, *more)
        for item in api.list(path(resource))["items"]
    }
    for item in api.list(path("namespaces"))["items"]:
        if "deletionTimestamp" not in item["metadata"]:
            found.add(f"namespaces /{item['metadata']['name']}")
    return frozenset(found)


def not_running(components: Mapping[str, Switched]) -> list[str]:
    """The components that a scenario left ended or halted, in words."""
    return [f"not running: {name}" for name, component in components.items() if component.off]


def differences(left: Iterable[str], clean: Iterable[str]) -> list[str]:
    """How a fingerprint differs from that of the clean cluster, in words."""
    left, clean = set(left), set(clean)
    return [f"left over: {name}" for name in sorted(left - clean)] + [f"missing: {name}" for name in sorted(clean - left)]
