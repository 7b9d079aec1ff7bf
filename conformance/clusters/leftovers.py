"""What a scenario could have left in a cluster of the suite's own, and whether it did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from conformance.errors import ApiError
from conformance.kube.api import Api
from conformance.kube.resources import path

#: What has to be gone when a scenario is over, wherever it is, also in a namespace that is on its way out.
RESOURCES = ("nodes", "pods", "daemonsets", "controllerrevisions", "priorityclasses")
#: What comes and goes by itself, or comes a while after the cluster; nothing of it changes what another scenario sees.
_RESTLESS = frozenset(
    {
        "bindings",
        "certificatesigningrequests",
        "clustertrustbundles",
        "componentstatuses",
        "csinodes",
        "csistoragecapacities",
        "endpoints",
        "endpointslices",
        "events",
        "ipaddresses",
        "leases",
        "podcertificaterequests",
        "resourceslices",
        "servicecidrs",
    }
)
#: Made by controllers in every namespace, or by the API server, at their own time.
_THEIRS = {("configmaps", "kube-root-ca.crt"), ("serviceaccounts", "default"), ("services", "kubernetes")}
_OF_SYSTEM = frozenset({"configmaps", "secrets", "serviceaccounts"})
_AUTOMATIC = "kube-aggregator.kubernetes.io/automanaged"
_PARALLEL = 8


class Switched(Protocol):
    """A component that a scenario can end or halt."""

    @property
    def off(self) -> bool:
        """Whether it did, and has not let it go on."""
        ...


class Inventory:
    """Everything that a cluster can hold, as its discovery says, and what of it is there: policies, webhooks and quotas like all else."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._others = list(_listed(api))

    def fingerprint(self) -> frozenset[str]:
        """What is there; namespaces on their way out do not count, nor what goes with them."""
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="inventory") as pool:
            strict = list(pool.map(self._items, RESOURCES, map(path, RESOURCES)))
            others = list(pool.map(lambda other: self._items(*other), self._others))
        # Asked last: what was seen in a namespace that is gone by now went with it.
        live = {
            item["metadata"]["name"]
            for item in self._items("namespaces", path("namespaces"))
            if "deletionTimestamp" not in item["metadata"]
        }
        found = {_told(resource, item) for resource, items in zip(RESOURCES, strict, strict=True) for item in items}
        found |= {
            _told(resource, item)
            for (resource, _), items in zip(self._others, others, strict=True)
            for item in items
            if item["metadata"].get("namespace", "") in ("", *live) and not _theirs(resource, item["metadata"])
        }
        return frozenset(found | {f"namespaces /{name}" for name in live})

    def _items(self, resource: str, where: str) -> list[dict[str, Any]]:  # noqa: ARG002 - a pair of Inventory._others
        try:
            items: list[dict[str, Any]] = self._api.list(where).get("items") or []
        except ApiError as error:
            if error.code not in (404, 405):  # a resource that went with its definition
                raise
            return []
        return items


def _listed(api: Api) -> Iterator[tuple[str, str]]:
    """The resources that can be listed, each with its path: of every group in the version that the server prefers."""
    versions = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in api.get("/apis")["groups"])]
    seen = {*RESOURCES, "namespaces"} | _RESTLESS
    for version in versions:
        for resource in api.get(version)["resources"]:
            name = resource["name"]
            if "/" not in name and "list" in resource["verbs"] and name not in seen:
                yield name, f"{version}/{name}"


def _theirs(resource: str, meta: Mapping[str, Any]) -> bool:
    if (resource, meta["name"]) in _THEIRS or _AUTOMATIC in (meta.get("labels") or {}):
        return True
    return resource in _OF_SYSTEM and meta.get("namespace", "").startswith("kube-")


def _told(resource: str, item: Mapping[str, Any]) -> str:
    return f"{resource} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


def not_running(components: Mapping[str, Switched]) -> list[str]:
    """The components that a scenario left ended or halted, in words."""
    return [f"not running: {name}" for name, component in components.items() if component.off]


def differences(left: Iterable[str], clean: Iterable[str]) -> list[str]:
    """How a fingerprint differs from that of the clean cluster, in words."""
    left, clean = set(left), set(clean)
    return [f"left over: {name}" for name in sorted(left - clean)] + [f"missing: {name}" for name in sorted(clean - left)]
