"""Nodes of the embedded cluster: Node objects that simulated kubelets look after."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from conformance.clusters import waiting
from conformance.clusters.embedded import behaviours
from conformance.clusters.embedded.components import KUBELET_LABEL, KUBELET_VALUE
from conformance.clusters.nodes import CONTROL_PLANE, ApiNode, settled
from conformance.clusters.protocol import Node
from conformance.errors import ApiError, UsageError
from conformance.faults import kubelet
from conformance.faults.pods import now
from conformance.kube.api import Api
from conformance.kube.records import Taint
from conformance.kube.resources import path

if TYPE_CHECKING:
    from conformance.clusters.embedded.cluster import EmbeddedCluster

#: Roomy enough for every DaemonSet of a scenario; a scenario about resources says what it wants instead.
ALLOCATABLE = {"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
#: Seconds for nodes to become Ready; a second is usual for a hundred of them.
READY_LIMIT = 60.0
_PARALLEL = 8
_ATTEMPTS = 20


class EmbeddedNode(ApiNode):
    """A node of the embedded cluster."""

    def __init__(self, cluster: EmbeddedCluster, name: str) -> None:
        super().__init__(cluster, name)
        self._host = cluster
        self._told: frozenset[str] = frozenset()

    def set_ready(self, ready: bool) -> None:
        """Let its kubelet report Ready=True or Ready=False (heartbeats go on)."""
        self._act("set-ready", {"ready": ready}, {"metadata": {"annotations": {kubelet.READY: None if ready else "false"}}})

    def silence(self) -> None:
        """End its heartbeats, and nobody looks after its pods; the node turns Unknown after the grace period."""
        self._act("silence", {}, {"metadata": {"labels": {KUBELET_LABEL: None}}})

    def speak(self) -> None:
        """Let its kubelet come back."""
        self._act("speak", {}, {"metadata": {"labels": {KUBELET_LABEL: KUBELET_VALUE}}})

    def behave(self, *, ready_after: float = 0.0, never_ready: bool = False, terminate_after: float = 0.0, fail: str = "") -> None:
        """Tell its kubelet how the pods on it behave; returns when the kubelet knows (of a silent node: when it will, speaking again)."""
        asked = {"ready_after": ready_after, "never_ready": never_ready, "terminate_after": terminate_after, "fail": fail}
        wanted = behaviours.stages_of(
            self.name, ready_after=ready_after, never_ready=never_ready, terminate_after=terminate_after, fail=fail
        )
        self._host.journal("behave", f"nodes/{self.name}", {key: value for key, value in asked.items() if value})
        self._told = behaviours.tell(self._host, self.name, wanted, self._told)

    def leave(self) -> None:
        """Delete the Node object; one that comes back by its name behaves like any other."""
        self._host.journal("leave", f"nodes/{self.name}", {})
        self._host.api.delete(path("nodes", name=self.name))
        behaviours.forget(self._host.api, self._told)
        self._told = frozenset()


class EmbeddedNodes:
    """The nodes of one scenario."""

    def __init__(self, cluster: EmbeddedCluster) -> None:
        self._cluster = cluster
        self._joined: dict[str, Node] = {}

    def join(
        self,
        count: int = 1,
        *,
        labels: Mapping[str, str] | None = None,
        taints: tuple[Taint, ...] = (),
        ready: bool = True,
        control_plane: bool = False,
        name: str = "",
        allocatable: Mapping[str, str] | None = None,
    ) -> list[Node]:
        """Let nodes join; returns when they are Ready and without the not-ready taint, or with ready=False when they exist."""
        if count < 1 or (name and count != 1):
            message = f"join(count={count}, name={name!r}) makes no sense: at least one node joins, and a name fits one node only."
            raise UsageError(message)
        room = self._cluster.facts.max_nodes
        if len(self._joined) + count > room:
            message = f"{len(self._joined) + count} nodes are more than this cluster takes ({room}). Use fewer."
            raise UsageError(message)
        names = [name] if name else [f"node-{next(self._cluster.node_numbers)}" for _ in range(count)]
        bodies = [
            _node(n, labels or {}, taints, ready=ready, control_plane=control_plane, room={**ALLOCATABLE, **(allocatable or {})})
            for n in names
        ]
        for body in bodies:
            detail = {"ready": ready, "labels": dict(labels or {}), "taints": body["spec"]["taints"]}
            self._cluster.journal("join", f"nodes/{body['metadata']['name']}", detail)
        # Known before they exist, so that they are taken away even if the creation breaks off.
        nodes: dict[str, Node] = {n: EmbeddedNode(self._cluster, n) for n in names}
        self._joined.update(nodes)
        _each(lambda body: self._cluster.api.create(path("nodes"), body), bodies)
        if ready:
            wanted = set(names)
            waiting.until(
                self._cluster.api,
                path("nodes"),
                lambda objects: wanted <= objects.keys() and all(settled(objects[n]) for n in wanted),
                within=READY_LIMIT * self._cluster.facts.time_scale,
                what=f"Readiness of {', '.join(names[:3])}{' …' if count > 3 else ''}",
                check=self._cluster.check,
            )
        return list(nodes.values())

    def all(self) -> list[Node]:
        """Every node that joined and did not leave."""
        there = {item["metadata"]["name"] for item in self._cluster.api.list(path("nodes"))["items"]}
        return [node for name, node in self._joined.items() if name in there]

    def confine(self, daemonset: Mapping[str, Any]) -> Mapping[str, Any]:
        """As it is: scenarios have the nodes to themselves."""
        return daemonset

    def clear(self) -> None:
        """Take away all nodes of the cluster, how they behave, and all pods, whatever holds them."""
        api = self._cluster.api
        api.delete(path("stages"), labelSelector=behaviours.LABEL)
        api.delete(path("nodes"))
        pods = api.list(path("pods"))["items"]
        for namespace in {pod["metadata"]["namespace"] for pod in pods}:
            api.delete(path("pods", namespace), {"gracePeriodSeconds": 0})
        for _ in range(_ATTEMPTS):  # what finalizers hold, and what a controller made meanwhile
            left = {kind: api.list(path(kind))["items"] for kind in ("pods", "nodes")}
            if not any(left.values()):
                return
            for kind, items in left.items():
                _each(functools.partial(_force, api, kind), items)


def _each(act: Callable[[Any], object], items: Iterable[Any]) -> None:
    items = list(items)
    if len(items) <= 1:
        for item in items:
            act(item)
        return
    with ThreadPoolExecutor(min(_PARALLEL, len(items)), thread_name_prefix="nodes") as pool:
        list(pool.map(act, items))


def _force(api: Api, resource: str, item: Mapping[str, Any]) -> None:
    meta = item["metadata"]
    where = path(resource, meta.get("namespace", ""), meta["name"])
    try:
        if meta.get("finalizers"):
            api.patch(where, {"metadata": {"finalizers": None}})
        api.delete(where, {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}})
    except ApiError as error:
        if error.code not in (404, 409):  # gone already, or another one of that name
            raise


def _node(
    name: str,
    labels: Mapping[str, str],
    taints: Iterable[Taint],
    *,
    ready: bool,
    control_plane: bool,
    room: Mapping[str, str],
) -> dict[str, Any]:
    """The Node as a kubelet registers it: not Ready yet.

    Without any condition the node lifecycle controller would take the not-ready taint away before the node is Ready.
    """
    at = now()
    spec_taints = [{"key": t.key, "effect": t.effect, **({"value": t.value} if t.value else {})} for t in taints]
    standard = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    if control_plane:
        standard[CONTROL_PLANE] = ""
        spec_taints.append({"key": CONTROL_PLANE, "effect": "NoSchedule"})
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "KubeletNotReady",
        "message": "the simulated kubelet has just registered",
        "lastHeartbeatTime": at,
        "lastTransitionTime": at,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**standard, KUBELET_LABEL: KUBELET_VALUE, **labels},
            "annotations": {} if ready else {kubelet.READY: "false"},
        },
        "spec": {"taints": spec_taints},
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": [condition],
            "addresses": [{"type": "Hostname", "address": name}],
            "nodeInfo": {
                "architecture": "amd64",
                "operatingSystem": "linux",
                "osImage": "simulated",
                "kernelVersion": "simulated",
                "kubeletVersion": "simulated",
                "kubeProxyVersion": "",
                "containerRuntimeVersion": "simulated://1",
                "machineID": name,
                "systemUUID": name,
                "bootID": name,
            },
        },
    }
