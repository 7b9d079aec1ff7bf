"""The nodes of one scenario: borrowed ones, to which its DaemonSets are confined."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from conformance.clusters import waiting
from conformance.clusters.existing import records
from conformance.clusters.existing.probing import unfitness
from conformance.clusters.nodes import CONTROL_PLANE, ApiNode
from conformance.clusters.protocol import Capability, Node
from conformance.errors import ClusterError, NotOffered, UsageError
from conformance.kube.manifests import merge
from conformance.kube.records import Taint
from conformance.kube.resources import path

if TYPE_CHECKING:
    from conformance.clusters.existing.cluster import ExistingCluster

#: No node can be called so: a DaemonSet that is made before any node was borrowed reaches none.
NOWHERE = "no-node.invalid"
#: Seconds for a node that was changed to be as before, once its changes are taken back.
AGAIN_LIMIT = 30.0
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


class BorrowedNode(ApiNode):
    """A node of somebody else's: labels, taints and cordon are noted on it before they change, and put back."""

    def __init__(self, cluster: ExistingCluster, name: str, owners: Mapping[str, Collection[str]] | None = None) -> None:
        super().__init__(cluster, name)
        self._host = cluster
        #: node -> labels that its owner has put there; of all nodes of the scenario
        self._owners = owners or {}

    def label(self, **labels: str) -> None:
        """Set labels; NotOffered where a node of the scenario has one of them already, for it would match what it should not."""
        for name, there in self._owners.items():
            if taken := sorted(labels.keys() & set(there)):
                raise NotOffered(f"{name} has the label {taken[0]} already, which means something to its owner")
        super().label(**labels)

    def note(self) -> None:
        """Write down on the node whether it is cordoned: kubectl may do that behind our back."""
        self._write({"spec": {"unschedulable": None}})

    def set_ready(self, ready: bool) -> None:
        """Not here."""
        self._withhold(Capability.NODE_READINESS, f"set_ready({ready})")

    def set_network_available(self, available: bool) -> None:
        """Not here."""
        self._withhold(Capability.NODE_READINESS, f"set_network_available({available})")

    def silence(self) -> None:
        """Not here."""
        self._withhold(Capability.SILENT_NODE, "silence")

    def speak(self) -> None:
        """Not here."""
        self._withhold(Capability.SILENT_NODE, "speak")

    def behave(self, *, ready_after: float = 0.0, never_ready: bool = False, terminate_after: float = 0.0, fail: str = "") -> None:
        """Not here."""
        self._withhold(Capability.POD_PHASE, f"behave{(ready_after, never_ready, terminate_after, fail)}")

    def leave(self) -> None:
        """Not here."""
        self._withhold(Capability.LEAVE_NODE, "leave")

    def _withhold(self, capability: Capability, what: str) -> NoReturn:
        raise NotOffered(f"{self.name}: {what}: {self._host.facts.lacking[capability]}")

    def _write(self, patch: Mapping[str, Any]) -> None:
        self._guarded(lambda _: patch)

    def _guarded(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        if Capability.CHANGE_NODE not in self._host.facts.capabilities:
            self._withhold(Capability.CHANGE_NODE, "change")
        self._host.check()  # before each write: without the Lease the node may be another run's
        super()._guarded(change)

    def _guarding(self, node: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
        return records.noting(self._host.api, self._host.run, node, patch)


class BorrowedNodes:
    """The nodes of one scenario."""

    def __init__(self, cluster: ExistingCluster) -> None:
        self._cluster = cluster
        self._borrowed: dict[str, BorrowedNode] = {}
        self._owners: dict[str, Collection[str]] = {}

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
        """Borrow nodes that are there; labels and taints are put on them. What only a new node could have is not offered (NotOffered)."""
        if count < 1 or (name and count != 1):
            raise UsageError(f"join(count={count}, name={name!r}) makes no sense: at least one node joins, and a name fits one node only.")
        if not ready or name or allocatable:
            raise NotOffered("a node that is not Ready, of a given name or of a given size cannot be borrowed")
        wanted = {**(labels or {}), **({CONTROL_PLANE: ""} if control_plane else {})}
        wanted_taints = [*taints, *([Taint(key=CONTROL_PLANE, effect="NoSchedule")] if control_plane else [])]
        change = Capability.CHANGE_NODE in self._cluster.facts.capabilities
        if (wanted or wanted_taints) and not change:
            raise NotOffered(f"nodes with labels or taints of their own: {self._cluster.facts.lacking[Capability.CHANGE_NODE]}")
        nodes = [BorrowedNode(self._cluster, one, self._owners) for one in self._choose(count)]
        self._borrowed.update({node.name: node for node in nodes})
        for node in nodes:
            self._cluster.journal("borrow", f"nodes/{node.name}", {})
            if change:
                node.note()
            if wanted:
                node.label(**wanted)
            for taint in wanted_taints:
                node.taint(taint.key, taint.effect, taint.value or "")
        return list(nodes)

    def _choose(self, count: int) -> list[str]:
        """The next nodes of the yard that are fit at this moment."""
        there = {node["metadata"]["name"]: node for node in self._cluster.api.list(path("nodes"))["items"]}
        free = [name for name in self._cluster.yard.names if name not in self._borrowed]
        unfit = {name: unfitness(there[name]) if name in there else "is gone" for name in free}
        fit = [name for name in free if not unfit[name]]
        if len(fit) < count:
            why = "; ".join(f"{name} {reason}" for name, reason in unfit.items() if reason) or "there are no more"
            raise NotOffered(f"{count} nodes are asked for besides the {len(self._borrowed)} borrowed, {len(fit)} can be had: {why}")
        self._owners.update({name: set(there[name]["metadata"].get("labels") or ()) for name in fit[:count]})
        return fit[:count]

    def all(self) -> list[Node]:
        """Every node that was borrowed."""
        return list(self._borrowed.values())

    def confine(self, daemonset: Mapping[str, Any]) -> dict[str, Any]:
        """The DaemonSet with a required node affinity for the borrowed nodes, besides what its template asks for.

        The controller replaces this affinity in the pods that it makes, so that they look as they would without it.
        """
        own: Mapping[str, Any] = daemonset["spec"]["template"]["spec"].get("affinity") or {}
        terms = ((own.get("nodeAffinity") or {}).get(REQUIRED) or {}).get("nodeSelectorTerms") or [{}]
        names = list(self._borrowed) or [NOWHERE]
        # Terms are ORed, what is inside of one is ANDed, and a field takes one value only: each term once for each node.
        confined = [
            {**term, "matchFields": [*(term.get("matchFields") or ()), {"key": "metadata.name", "operator": "In", "values": [name]}]}
            for term, name in itertools.product(terms, names)
        ]
        affinity = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": confined}}}
        return merge(daemonset, {"spec": {"template": {"spec": {"affinity": affinity}}}})

    def clear(self) -> None:
        """Give the nodes back as they were."""
        if Capability.CHANGE_NODE in self._cluster.facts.capabilities and self._borrowed:
            names = set(self._borrowed)
            self._cluster.check()  # whoever holds the Lease now puts them back
            if left := records.put_back(self._cluster.api, names).left:
                raise ClusterError("; ".join(f"node {name} was not put back: {why}" for name, why in left.items()))
            # The node lifecycle controller takes its taint for a cordon away a moment later, and the next scenario wants the node.
            with contextlib.suppress(ClusterError):
                waiting.until(
                    self._cluster.api,
                    path("nodes"),
                    lambda objects: all(name not in objects or not unfitness(objects[name]) for name in names),
                    within=AGAIN_LIMIT * self._cluster.facts.time_scale,
                    what=f"Fitness of {', '.join(sorted(names))}",
                )
        self._borrowed.clear()
