"""The nodes of one scenario: real kubelets that are started for it, and stopped when it is over."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from conformance.clusters import waiting
from conformance.clusters.kind import kubelets
from conformance.clusters.kind.machines import ControlPlane, Machine, each
from conformance.clusters.nodes import CONTROL_PLANE, ApiNode, settled
from conformance.clusters.protocol import Node, Shortage
from conformance.errors import ApiError, UsageError
from conformance.kube.api import Api
from conformance.kube.records import Taint
from conformance.kube.resources import path

if TYPE_CHECKING:
    from conformance.clusters.kind.cluster import KindCluster

#: Seconds for a kubelet to register and to become Ready; five are usual.
READY_LIMIT = 120.0
GONE_LIMIT = 60.0


class KindNode(ApiNode):
    """A node that is a container."""

    def __init__(self, cluster: KindCluster, machine: Machine) -> None:
        super().__init__(cluster, machine.name)
        self._host = cluster
        self.machine = machine
        self._off = False

    def set_ready(self, ready: bool) -> None:
        """Give its pods' network back, or take it away: the kubelet goes on and reports Ready=False (NetworkPluginNotReady)."""
        self._host.journal("set-ready", f"nodes/{self.name}", {"ready": ready})
        (self.machine.connect if ready else self.machine.disconnect)()

    def behave(self, *, ready_after: float = 0.0, never_ready: bool = False, terminate_after: float = 0.0, fail: str = "") -> None:
        """Not here: a real kubelet decides what becomes of its pods."""
        asked = (ready_after, never_ready, terminate_after, fail)
        raise UsageError(
            f"{self.name} cannot be told how its pods behave {asked}: a real kubelet decides that. "
            "Mark the scenario with @needs(Capability.POD_PHASE)."
        )

    def silence(self) -> None:
        """Stop its kubelet: no heartbeats, and nobody looks after its pods, which go on running."""
        self._host.journal("silence", f"nodes/{self.name}", {})
        self.machine.stop_kubelet()

    def speak(self) -> None:
        """Start its kubelet again."""
        self._host.journal("speak", f"nodes/{self.name}", {})
        self.machine.resume_kubelet()

    def restart_kubelet(self) -> None:
        """Restart its kubelet's service."""
        self._host.journal("restart-kubelet", f"nodes/{self.name}", {})
        self.machine.restart_kubelet()

    def restart(self) -> None:
        """Restart the container; returns when its services have been started again."""
        self._host.journal("restart", f"nodes/{self.name}", {})
        self.machine.reboot()

    def power_off(self) -> None:
        """Kill the container."""
        self._host.journal("power-off", f"nodes/{self.name}", {})
        self.machine.power_off()
        self._off = True

    def power_on(self) -> None:
        """Start the container; returns when its services have been started."""
        self._host.journal("power-on", f"nodes/{self.name}", {})
        self.bring_up()

    def bring_up(self) -> None:
        """Start the container if it was killed: a machine that waits to join is up."""
        if self._off:
            self.machine.power_on()
            self._off = False

    def run_short(self, of: Shortage) -> None:
        """Restart its kubelet with a threshold that no machine reaches."""
        self._host.journal("run-short", f"nodes/{self.name}", {"of": of})
        self.machine.run_short(of)

    def recover(self) -> None:
        """Restart its kubelet without it."""
        self._host.journal("recover", f"nodes/{self.name}", {})
        self.machine.recover()

    def isolate(self) -> None:
        """Refuse its machine the API server."""
        self._host.journal("isolate", f"nodes/{self.name}", {})
        self.machine.cut_off(self._host.yard.address(self._host.yard.control_plane.name))

    def rejoin(self) -> None:
        """Let it through again."""
        self._host.journal("rejoin", f"nodes/{self.name}", {})
        self.machine.connect_again()

    def run_static_pod(self, namespace: str, name: str) -> None:
        """Put a manifest into its kubelet's folder; returns when the pod runs."""
        self._host.journal("run-static-pod", f"nodes/{self.name}", {"pod": name})
        self.machine.run_static_pod(namespace, name)

    def remove_static_pod(self, name: str) -> None:
        """Take that manifest away."""
        self._host.journal("remove-static-pod", f"nodes/{self.name}", {"pod": name})
        self.machine.remove_static_pod(name)

    def leave(self) -> None:
        """Delete the Node object, then end the kubelet and all that it runs."""
        self._host.journal("leave", f"nodes/{self.name}", {})
        self._host.api.delete(path("nodes", name=self.name))
        self.bring_up()
        self._host.yard.give_back([self.machine])


class KindNodes:
    """The nodes of one scenario."""

    def __init__(self, cluster: KindCluster) -> None:
        self._cluster = cluster
        self._joined: dict[str, KindNode] = {}

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
        """Let real nodes join; returns when they are Ready and without the not-ready taint, or with ready=False when they exist.

        Machines that wait are taken first; more of them are made, each with a kubeadm join of its own. With `name` a node that left
        comes back. The first with `control_plane` is the control plane's own machine, marked by kubeadm; further ones are workers that
        look like it.
        """
        cluster = self._cluster
        if count < 1 or (name and count != 1):
            raise UsageError(f"join(count={count}, name={name!r}) makes no sense: at least one node joins, and a name fits one node only.")
        if len(self.all()) + count > cluster.facts.max_nodes:
            raise UsageError(f"{len(self._joined) + count} nodes are more than this cluster takes ({cluster.facts.max_nodes}). Use fewer.")
        own = dict(labels or {})
        own_taints = [{"key": t.key, "value": t.value or "", "effect": t.effect} for t in taints]
        wanted, wanted_taints = dict(own), list(own_taints)
        if control_plane:
            wanted[CONTROL_PLANE] = ""
            wanted_taints.append({"key": CONTROL_PLANE, "value": "", "effect": "NoSchedule"})
        room = kubelets.reserved(cluster.capacity, allocatable or {})
        arguments = kubelets.arguments(wanted, wanted_taints, room)
        unmarked = kubelets.arguments(own, own_taints, room)
        machines, missing = cluster.yard.take(count, name, control_plane=control_plane)
        names = [machine.name for machine in machines]
        detail = {"ready": ready, "labels": wanted, "taints": wanted_taints}
        nodes = [KindNode(cluster, machine) for machine in machines]
        self._joined.update({node.name: node for node in nodes})
        for one in names:
            cluster.journal("join", f"nodes/{one}", detail)
        each(
            lambda machine: machine.start_kubelet(unmarked if isinstance(machine, ControlPlane) else arguments, network=ready),
            machines,
        )
        for _ in range(missing):
            new = name or cluster.yard.new_name()
            cluster.journal("join", f"nodes/{new}", detail)
            node = KindNode(cluster, cluster.yard.build(new, arguments, network=ready))
            self._joined[node.name] = node
            nodes.append(node)
        self._registered(
            nodes, {key: value for key, value in wanted.items() if not kubelets.may_set(key)}, marked=control_plane, ready=ready
        )
        return list(nodes)

    def _registered(self, nodes: list[KindNode], administrators: Mapping[str, str], *, marked: bool, ready: bool) -> None:
        names = {node.name for node in nodes}
        what = f"{', '.join(sorted(names))} of {'ready' if ready else 'registered'} nodes"
        within = READY_LIMIT * self._cluster.facts.time_scale
        wait = functools.partial(waiting.until, self._cluster.api, path("nodes"), within=within, what=what, check=self._cluster.check)
        if administrators or not ready:
            wait(lambda objects: names <= objects.keys())
        for node in nodes:
            by_hand = dict(administrators)
            if marked and isinstance(node.machine, ControlPlane):
                by_hand.pop(CONTROL_PLANE, None)
                node.machine.mark()
            if by_hand:
                self._cluster.api.patch(path("nodes", name=node.name), {"metadata": {"labels": by_hand}})
        if ready:
            wait(lambda objects: names <= objects.keys() and all(settled(objects[name]) for name in names))

    def all(self) -> list[Node]:
        """Every node that joined and did not leave."""
        there = {item["metadata"]["name"] for item in self._cluster.api.list(path("nodes"))["items"]}
        return [node for name, node in self._joined.items() if name in there]

    def confine(self, daemonset: Mapping[str, Any]) -> Mapping[str, Any]:
        """As it is: scenarios have the nodes to themselves."""
        return daemonset

    def clear(self) -> None:
        """Take them all away: kubelets and what they run first, then Node objects and the pods that were there."""
        if not self._joined:
            return
        cluster = self._cluster
        each(KindNode.bring_up, list(self._joined.values()))
        cluster.yard.give_back([node.machine for node in self._joined.values() if cluster.yard.is_out(node.machine)])
        for name in self._joined:
            with contextlib.suppress(ApiError):
                cluster.api.delete(path("nodes", name=name))
        clear_pods(cluster.api, within=GONE_LIMIT * cluster.facts.time_scale)


def clear_pods(api: Api, *, within: float = GONE_LIMIT) -> None:
    """Remove all pods, whatever holds them; those that mirror the control plane's go with its Node and are only a picture of it."""
    end = time.monotonic() + within
    while time.monotonic() < end:  # a controller may make one more while the first ones go
        pods = api.list(path("pods"))["items"]
        if not pods:
            return
        for pod in pods:
            meta = pod["metadata"]
            where = path("pods", meta["namespace"], meta["name"])
            with contextlib.suppress(ApiError):
                if meta.get("finalizers"):
                    api.patch(where, {"metadata": {"finalizers": None}})
                api.delete(where, {"gracePeriodSeconds": 0})
