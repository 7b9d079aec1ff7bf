"""The embedded cluster: a real control plane of five local processes, with simulated kubelets."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.clusters import leftovers, outliving
from conformance.clusters.embedded.components import NAMES
from conformance.clusters.embedded.control import EmbeddedComponent
from conformance.clusters.embedded.nodes import EmbeddedNodes
from conformance.clusters.embedded.process import Supervisor
from conformance.clusters.embedded.readiness import Probe
from conformance.clusters.protocol import Behaviour, Capability, Facts, Journal
from conformance.errors import ApiError, UsageError
from conformance.faults import kubelet, pods
from conformance.kube.api import Api
from conformance.kube.resources import path

LACKING = {
    Capability.REAL_KUBELET: "its kubelets are simulated; take a kind or existing cluster for real ones",
    **dict.fromkeys(
        (Capability.NODE_RESTART, Capability.NODE_PRESSURE, Capability.NODE_ISOLATION, Capability.STATIC_POD),
        "its nodes are objects without a machine; take a kind cluster",
    ),
    Capability.KUBEADM: "nothing installed it: the suite itself marks the nodes of its control plane; take a kind cluster",
}
CAPABILITIES = frozenset(Capability) - LACKING.keys()
MAX_NODES = 1000
_ATTEMPTS = 20


def _unheard(verb: str, target: str, detail: Mapping[str, Any]) -> None:
    """Nobody listens yet."""


class EmbeddedCluster:
    """A running embedded cluster; what EmbeddedProvider.open() gives."""

    def __init__(self, supervisor: Supervisor, api: Api, kubelets: Api, probe: Probe, facts: Facts, *, keep: Path | None = None) -> None:
        self._supervisor = supervisor
        self._kubelets = kubelets
        self._keep = keep
        self.probe = probe
        self._components = {name: EmbeddedComponent(self, supervisor, name) for name in NAMES}
        self.api = api
        self.facts = facts
        self.journal: Journal = _unheard
        #: Names are never given twice, so that no cache anywhere takes a new node for an old one.
        self.node_numbers = itertools.count(1)
        #: Every change of a node's behaviour has a number of its own, so that no answer is taken for another's.
        self.behaviour_numbers = itertools.count(1)
        self._inventory = leftovers.Inventory(api)
        self._clean = self.fingerprint()

    @contextlib.contextmanager
    def nodes(self) -> Iterator[EmbeddedNodes]:
        """The nodes for one scenario; on leaving, every node and pod of the cluster is taken away."""
        nodes = EmbeddedNodes(self)
        try:
            yield nodes
        finally:
            nodes.clear()

    def component(self, name: str) -> EmbeddedComponent:
        """A component by its name."""
        try:
            return self._components[name]
        except KeyError:
            message = f"The embedded cluster has no component {name!r}; it has {', '.join(NAMES)}."
            raise UsageError(message) from None

    def behave(self, behaviour: Behaviour) -> Mapping[str, Any]:
        """The merge patch for a pod template; annotations of an earlier behaviour are taken away."""
        wanted = kubelet.pod(
            ready_after=behaviour.ready_after,
            never_ready=behaviour.never_ready,
            terminate_after=behaviour.terminate_after,
        )
        known = (kubelet.READY_AFTER, kubelet.NEVER_READY, kubelet.TERMINATE_AFTER)
        return {"metadata": {"annotations": {key: wanted.get(key) for key in known}}}

    def fail_pod(self, namespace: str, name: str, *, reason: str = "Failed") -> None:
        """Let its kubelet report phase Failed."""
        self._report("fail", namespace, name, lambda pod: pods.failed(pod, reason=reason), {"reason": reason})

    def finish_pod(self, namespace: str, name: str) -> None:
        """Let its kubelet report phase Succeeded."""
        self._report("finish", namespace, name, pods.finished)

    def unready_pod(self, namespace: str, name: str) -> None:
        """Let its kubelet report it not Ready, until ready_pod."""
        self._report("unready", namespace, name, pods.unready)

    def ready_pod(self, namespace: str, name: str) -> None:
        """Let its kubelet report it Ready again."""
        self._report("ready", namespace, name, pods.ready)

    def restart_pod(self, namespace: str, name: str) -> None:
        """Let its kubelet report that every container ended and was started again; Ready again as at its start."""
        self._report("restart", namespace, name, pods.restarted)

    def look_again(self, node: str) -> None:
        """Let the kubelet of a node look at its pods that are on their way to Ready, or to their end.

        A simulated kubelet decides what comes next when a pod changes, and only then. So they change: the Ready condition gets a message.
        """
        for pod in self._kubelets.list(path("pods"), fieldSelector=f"spec.nodeName={node}")["items"]:
            if not pods.underway(pod):
                continue
            noted = {"type": "Ready", "message": f"its node behaves otherwise ({next(self.behaviour_numbers)})"}
            where = path("pods", pod["metadata"]["namespace"], pod["metadata"]["name"], "status")
            patch = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": {"conditions": [noted]}}
            try:
                self._kubelets.patch(where, patch, kind="strategic")
            except ApiError as error:
                if error.code not in (404, 409):  # gone already, or another one of that name
                    raise

    def _report(
        self,
        verb: str,
        namespace: str,
        name: str,
        status: Callable[[Mapping[str, Any]], dict[str, Any]],
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        self.journal(verb, f"pods/{namespace}/{name}", detail or {})
        for attempt in itertools.count(1):
            pod = self._kubelets.get(path("pods", namespace, name))
            try:
                self._kubelets.patch(path("pods", namespace, name, "status"), status(pod))
            except ApiError as error:
                if error.reason != "Conflict" or attempt == _ATTEMPTS:
                    raise
            else:
                return

    def dirt(self) -> list[str]:
        """How the cluster differs from when it was new: empty, or reason enough to throw it away."""
        return leftovers.not_running(self._components) or leftovers.differences(self.fingerprint(), self._clean)

    def fingerprint(self) -> frozenset[str]:
        """What is in the cluster that a scenario could have left there."""
        return self._inventory.fingerprint()

    def check(self) -> None:
        """Raise ComponentDied, with its last log lines, if a component has ended by itself."""
        self._supervisor.check()

    def add_nodes(self, count: int) -> None:
        """Let nodes join that stay for as long as the cluster does."""
        if count:
            EmbeddedNodes(self).join(count)

    def detach(self) -> None:
        """Let it outlive this process, until `runs.down`."""
        facts = self.facts
        outliving.note(self._supervisor.run, facts.name, facts.kubeconfig, facts.kubernetes, self._supervisor.pid)
        self._supervisor.detach()

    def close(self, *, keep_logs: bool = False) -> None:
        """Kill its processes and remove its files; logs are kept where the provider was told to, if they are asked for."""
        self.api.close()
        self._kubelets.close()
        self._supervisor.shutdown(keep=self._keep if keep_logs else None)
