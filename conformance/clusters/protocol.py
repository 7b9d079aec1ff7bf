"""What every provider gives: a running cluster, its nodes, and a truthful list of what can be done to them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from conformance.kube.api import Api
from conformance.kube.records import Taint


class Capability(enum.StrEnum):
    """One thing a cluster can do for a scenario. A scenario that needs more than there is is reported as left out, with the reason."""

    JOIN_NODE = "join-node"
    LEAVE_NODE = "leave-node"
    CHANGE_NODE = "change-node"  # labels, taints, cordon
    NODE_READINESS = "node-readiness"  # make a node Ready or not at will, or report its network unavailable
    SILENT_NODE = "silent-node"  # stop its heartbeats
    POD_PHASE = "pod-phase"  # let a pod fail, finish or turn unready at will
    POD_TIMING = "pod-timing"  # slow start, never ready, slow termination
    COMPONENT_CONTROL = "component-control"  # stop, pause, kill control-plane components
    ADMISSION_POLICY = "admission-policy"  # have the API server refuse requests by a policy, an object of the whole cluster
    AUDIT_LOG = "audit-log"
    REAL_KUBELET = "real-kubelet"
    NODE_RESTART = "node-restart"  # restart a kubelet or a whole node, or switch its machine off
    NODE_ISOLATION = "node-isolation"  # cut a node off from the API server, with its kubelet running
    NODE_PRESSURE = "node-pressure"  # let a kubelet find too little memory, disk or process ids
    STATIC_POD = "static-pod"  # put a manifest into a kubelet's own folder
    KUBEADM = "kubeadm"  # control-plane nodes as kubeadm marks them, not as the suite does


@dataclass(frozen=True)
class Behaviour:
    """How the pods of a template behave on their node; every cluster brings it about in its own way (seconds, wall clock).

    The embedded cluster tells its simulated kubelets by annotations of the template; a real kubelet is given probes and commands.
    """

    ready_after: float = 0.0
    never_ready: bool = False
    terminate_after: float = 0.0


Shortage = Literal["memory", "disk", "pid"]
"""What a kubelet watches for itself, and evicts pods for (documentation page "Node-pressure Eviction")."""


class Node(Protocol):
    """A node as a scenario holds it. Every call is recorded as an action of the trace and returns when the API server has accepted it."""

    name: str

    def label(self, **labels: str) -> None:
        """Set labels."""
        ...

    def unlabel(self, *keys: str) -> None:
        """Remove labels."""
        ...

    def taint(self, key: str, effect: str, value: str = "") -> None:
        """Add a taint, or change its value."""
        ...

    def untaint(self, key: str, effect: str = "") -> None:
        """Remove the taints of that key (and effect, if one is given)."""
        ...

    def cordon(self) -> None:
        """Make it unschedulable."""
        ...

    def uncordon(self) -> None:
        """Make it schedulable again."""
        ...

    def set_ready(self, ready: bool) -> None:
        """Let its kubelet report Ready=True or Ready=False; its heartbeats go on."""
        ...

    def set_network_available(self, available: bool) -> None:
        """Let its condition NetworkUnavailable say so, as the route controller of a cloud does. It needs Capability.NODE_READINESS."""
        ...

    def silence(self) -> None:
        """End its heartbeats; it turns Unknown after the grace period."""
        ...

    def speak(self) -> None:
        """Let its heartbeats begin again."""
        ...

    def behave(self, *, ready_after: float = 0.0, never_ready: bool = False, terminate_after: float = 0.0, fail: str = "") -> None:
        """Let the pods on this node, whosever they are, start slowly, never become ready, end slowly (seconds) or fail (with that reason).

        It holds for pods that start or end from now on, and for those that have begun to and are not there yet; a pod that is Ready stays
        so. What the pod's own template asks for holds too: the slower of the two. A further call replaces the one before, and one without
        arguments takes everything back: pods that were kept from becoming ready then do. It needs Capability.POD_PHASE and POD_TIMING.
        """
        ...

    def restart_kubelet(self) -> None:
        """Restart its kubelet alone; returns when the process has been started. It needs Capability.NODE_RESTART."""
        ...

    def restart(self) -> None:
        """Let the machine go down and come up again; returns when its kubelet has been started. It needs Capability.NODE_RESTART."""
        ...

    def power_off(self) -> None:
        """Let the machine die: nothing on it gets any notice, and its Node stays. It needs Capability.NODE_RESTART."""
        ...

    def power_on(self) -> None:
        """Let the machine come up again; returns when its kubelet has been started. It needs Capability.NODE_RESTART."""
        ...

    def run_short(self, of: Shortage) -> None:
        """Let its kubelet find too little left, whatever there is: it reports the pressure and evicts pods. It needs NODE_PRESSURE."""
        ...

    def recover(self) -> None:
        """Let its kubelet see again how much there is."""
        ...

    def isolate(self) -> None:
        """Cut its machine off from the API server; its kubelet goes on. It needs Capability.NODE_ISOLATION."""
        ...

    def rejoin(self) -> None:
        """Let its machine reach the API server again."""
        ...

    def run_static_pod(self, namespace: str, name: str) -> None:
        """Let its kubelet run a pod that the API server was not asked about; returns when its container runs, isolated or not.

        Its mirror pod is called NAME-NODE. It needs Capability.STATIC_POD.
        """
        ...

    def remove_static_pod(self, name: str) -> None:
        """Take its manifest away, so that the kubelet ends it."""
        ...

    def leave(self) -> None:
        """Take it out of the cluster: its Node object, and its machine."""
        ...


class Nodes(Protocol):
    """The nodes of one scenario; the cluster takes them away when the scenario is over."""

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
        """Let nodes join; returns when their Node objects exist (Ready, unless ready=False). `name` re-uses one (count 1)."""
        ...

    def all(self) -> list[Node]:
        """Every node that joined and did not leave."""
        ...

    def confine(self, daemonset: Mapping[str, Any]) -> Mapping[str, Any]:
        """The DaemonSet as it has to be so that it reaches no nodes but the scenario's; the same one where there are no others."""
        ...


class Component(Protocol):
    """One process (or static pod) of the control plane."""

    name: str

    def stop(self) -> None:
        """Ask it to end; returns when the process is gone."""
        ...

    def start(self) -> None:
        """Start it as it was started first; returns when it serves."""
        ...

    def pause(self) -> None:
        """Let it stand still."""
        ...

    def resume(self) -> None:
        """Let it go on."""
        ...

    def kill(self) -> None:
        """End it without notice; returns when the process is gone."""
        ...


Journal = Callable[[str, str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Facts:
    """What is known of a cluster without asking it again.

    `changeable` is how many nodes a scenario may change at once (None: all). `labels` say whose a namespace or DaemonSet is. `images` is
    the registry, with a path if need be, that takes the place of those that images name. `plugin` tells that a program of the user's hands
    out the credentials, which wants the user's environment. `run` is the directory that goes when the cluster goes, also when its owner is
    killed. `farewell` is the command that removes what was kept. `time_scale` multiplies the limits of waits: how much slower than an
    ordinary machine this one is.
    """

    name: str
    provider: str
    kubernetes: str
    kubeconfig: Path
    capabilities: frozenset[Capability]
    max_nodes: int
    lacking: Mapping[Capability, str] = field(default_factory=dict)
    audit_log: Path | None = None
    run: Path | None = None
    changeable: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    images: str = ""
    plugin: bool = False
    farewell: str = ""
    time_scale: float = 1.0


class Cluster(Protocol):
    """A running cluster."""

    facts: Facts
    api: Api
    journal: Journal  # set by the plugin for each scenario: verb, target, detail

    def nodes(self) -> AbstractContextManager[Nodes]:
        """The nodes for one scenario; on leaving, every one of them and what stood on them is gone."""
        ...

    def component(self, name: str) -> Component:
        """A component by its name; UsageError lists those there are."""
        ...

    def behave(self, behaviour: Behaviour) -> Mapping[str, Any]:
        """The merge patch for a pod template that makes its pods behave so here."""
        ...

    def fail_pod(self, namespace: str, name: str, *, reason: str = "Failed") -> None:
        """Let a pod reach phase Failed."""
        ...

    def finish_pod(self, namespace: str, name: str) -> None:
        """Let a pod reach phase Succeeded."""
        ...

    def unready_pod(self, namespace: str, name: str) -> None:
        """Let a running pod turn not Ready, and stay so."""
        ...

    def check(self) -> None:
        """Raise ComponentDied, with its last log lines, if a component has ended by itself."""
        ...

    def close(self, *, keep_logs: bool) -> None:
        """End it and remove what it left; its logs are kept if they are asked for."""
        ...


class Provider(Protocol):
    """How a cluster comes to be; one instance a pytest worker."""

    name: str

    def open(self) -> Cluster:
        """Start one, or connect to it; returns when its API is ready."""
        ...
