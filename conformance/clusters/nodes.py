"""What can be done to any node through the API: labels, taints, cordon."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from conformance.clusters.protocol import Journal, Shortage
from conformance.errors import ApiError, UsageError
from conformance.faults.pods import now
from conformance.kube.api import Api
from conformance.kube.resources import path

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
NOT_READY = "node.kubernetes.io/not-ready"
_ATTEMPTS = 20


class Host(Protocol):
    """What a node needs of its cluster."""

    @property
    def api(self) -> Api:
        """The API as an administrator."""
        ...

    @property
    def journal(self) -> Journal:
        """Takes every action."""
        ...


class RemoteMachine:
    """A node whose machine is out of reach, or that has none: nothing below its kubelet can be done to it."""

    name: str

    def restart_kubelet(self) -> None:
        """Not here."""
        self._lack("its kubelet cannot be restarted", "NODE_RESTART")

    def restart(self) -> None:
        """Not here."""
        self._lack("it cannot be restarted", "NODE_RESTART")

    def power_off(self) -> None:
        """Not here."""
        self._lack("it cannot be switched off", "NODE_RESTART")

    def power_on(self) -> None:
        """Not here."""
        self._lack("it was never switched off", "NODE_RESTART")

    def run_short(self, of: Shortage) -> None:
        """Not here."""
        self._lack(f"its kubelet cannot run short of {of}", "NODE_PRESSURE")

    def recover(self) -> None:
        """Not here."""
        self._lack("its kubelet never ran short of anything", "NODE_PRESSURE")

    def isolate(self) -> None:
        """Not here."""
        self._lack("it cannot be cut off from the API server", "NODE_ISOLATION")

    def rejoin(self) -> None:
        """Not here."""
        self._lack("it was never cut off from the API server", "NODE_ISOLATION")

    def run_static_pod(self, namespace: str, name: str) -> None:
        """Not here."""
        self._lack(f"its kubelet cannot be given the static pod {namespace}/{name}", "STATIC_POD")

    def remove_static_pod(self, name: str) -> None:
        """Not here."""
        self._lack(f"its kubelet has no static pod {name}", "STATIC_POD")

    def _lack(self, what: str, capability: str) -> None:
        raise UsageError(f"{self.name}: {what}, its machine is out of reach. Mark the scenario with @needs(Capability.{capability}).")


class ApiNode(RemoteMachine):
    """A node, as far as the API reaches."""

    def __init__(self, cluster: Host, name: str) -> None:
        self._cluster = cluster
        self.name = name

    def __repr__(self) -> str:
        return f"node {self.name}"

    def label(self, **labels: str) -> None:
        """Set labels."""
        self._act("label", {"labels": labels}, {"metadata": {"labels": labels}})

    def unlabel(self, *keys: str) -> None:
        """Remove labels."""
        self._act("unlabel", {"keys": list(keys)}, {"metadata": {"labels": dict.fromkeys(keys)}})

    def taint(self, key: str, effect: str, value: str = "") -> None:
        """Add a taint, or change its value."""
        new = {"key": key, "effect": effect, **({"value": value} if value else {})}
        self._taints("taint", new, lambda taints: [*(t for t in taints if (t["key"], t["effect"]) != (key, effect)), new])

    def untaint(self, key: str, effect: str = "") -> None:
        """Remove the taints of that key (and that effect, if one is given)."""
        self._taints(
            "untaint",
            {"key": key, "effect": effect},
            lambda taints: [t for t in taints if t["key"] != key or (effect and t["effect"] != effect)],
        )

    def cordon(self) -> None:
        """Make it unschedulable."""
        self._act("cordon", {}, {"spec": {"unschedulable": True}})

    def uncordon(self) -> None:
        """Make it schedulable again."""
        self._act("uncordon", {}, {"spec": {"unschedulable": None}})

    def set_network_available(self, available: bool) -> None:
        """Set its condition NetworkUnavailable; the node lifecycle controller makes the taint of it. A kubelet leaves it alone."""
        self._cluster.journal("set-network-available", f"nodes/{self.name}", {"available": available})
        status = "False" if available else "True"
        reason, at = "RouteCreated" if available else "NoRouteCreated", now()
        condition = {"type": "NetworkUnavailable", "status": status, "reason": reason, "lastHeartbeatTime": at, "lastTransitionTime": at}
        patch = {"status": {"conditions": [condition]}}
        self._cluster.api.patch(path("nodes", "", self.name, "status"), patch, kind="strategic")

    def _act(self, verb: str, detail: Mapping[str, Any], patch: Mapping[str, Any]) -> None:
        # Told before it is done, so that the cause stands before its effects in the trace.
        self._cluster.journal(verb, f"nodes/{self.name}", detail)
        self._write(patch)

    def _write(self, patch: Mapping[str, Any]) -> None:
        self._cluster.api.patch(path("nodes", name=self.name), patch)

    def _taints(self, verb: str, detail: Mapping[str, Any], change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        self._cluster.journal(verb, f"nodes/{self.name}", detail)
        self._guarded(lambda node: {"spec": {"taints": change(node["spec"].get("taints", []))}})

    def _guarded(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """Send the merge patch that `change` makes of the node, and make it anew when somebody else has written meanwhile."""
        where = path("nodes", name=self.name)
        for attempt in itertools.count(1):
            node = self._cluster.api.get(where)
            patch = self._guarding(node, change(node))
            try:
                self._cluster.api.patch(where, patch)
            except ApiError as error:
                # The node lifecycle controller writes taints too; the list is replaced as a whole, so take its new one.
                if error.reason != "Conflict" or attempt == _ATTEMPTS:
                    raise
            else:
                return

    def _guarding(self, node: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
        meta = {**(patch.get("metadata") or {}), "resourceVersion": node["metadata"]["resourceVersion"]}
        return {**patch, "metadata": meta}


def settled(node: Mapping[str, Any]) -> bool:
    """Whether a node is Ready and the node lifecycle controller has taken its not-ready taints away."""
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", ()))
    return ready and not any(t["key"] == NOT_READY for t in node["spec"].get("taints", ()))
