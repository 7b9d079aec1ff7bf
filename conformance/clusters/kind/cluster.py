"""A running kind cluster."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.clusters import leftovers
from conformance.clusters.kind import behaviour as behaviours
from conformance.clusters.kind import diagnostics, owners
from conformance.clusters.kind.control import NAMES, StaticPod
from conformance.clusters.kind.driver import Driver
from conformance.clusters.kind.machines import Yard, describe
from conformance.clusters.kind.nodes import KindNodes
from conformance.clusters.protocol import Behaviour, Capability, Facts, Journal
from conformance.components.engine.docker import Docker
from conformance.errors import ComponentDied, ConformanceError, UsageError
from conformance.kube.api import Api

LACKING = {
    Capability.POD_PHASE: "a real kubelet decides the phase and the readiness of its pods; it cannot be told to report another one",
}
CAPABILITIES = frozenset(Capability) - LACKING.keys()


def _unheard(verb: str, target: str, detail: Mapping[str, Any]) -> None:
    """Nobody listens yet."""


class KindCluster:
    """What KindProvider.open() gives."""

    def __init__(
        self,
        docker: Docker,
        driver: Driver,
        owner: owners.Owner,
        yard: Yard,
        api: Api,
        facts: Facts,
        capacity: Mapping[str, str],
        *,
        keep: Path | None,
    ) -> None:
        self._docker = docker
        self._driver = driver
        self._owner = owner
        self._keep = keep
        self.yard = yard
        self.api = api
        self.facts = facts
        self.capacity = capacity
        self.journal: Journal = _unheard
        self._components = {name: StaticPod(self, name) for name in NAMES}
        # Ends when the control plane's container does, so that asking costs nothing.
        self._end = subprocess.Popen(
            [str(docker.program), "wait", yard.control_plane.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._inventory = leftovers.Inventory(api)
        self._clean = self.fingerprint()

    @property
    def pytest_kind(self) -> Any:
        """pytest-kind's own object for this cluster."""
        return self._driver.cluster

    @contextlib.contextmanager
    def nodes(self) -> Iterator[KindNodes]:
        """The nodes for one scenario; on leaving, their kubelets end and their Node objects go."""
        nodes = KindNodes(self)
        try:
            yield nodes
        finally:
            nodes.clear()

    def component(self, name: str) -> StaticPod:
        """A component of the control plane by its name."""
        try:
            return self._components[name]
        except KeyError:
            raise UsageError(f"A kind cluster has no component {name!r}; it has {', '.join(NAMES)}.") from None

    def behave(self, behaviour: Behaviour) -> Mapping[str, Any]:
        """The patch for a pod template that makes its pods behave so; containers go by name in it."""
        return behaviours.patch(behaviour)

    def fail_pod(self, namespace: str, name: str, *, reason: str = "Failed") -> None:
        """Not here."""
        self._lack(f"fail_pod({namespace}/{name}, {reason})")

    def finish_pod(self, namespace: str, name: str) -> None:
        """Not here."""
        self._lack(f"finish_pod({namespace}/{name})")

    def unready_pod(self, namespace: str, name: str) -> None:
        """Not here."""
        self._lack(f"unready_pod({namespace}/{name})")

    def _lack(self, what: str) -> None:
        raise UsageError(f"{what}: {LACKING[Capability.POD_PHASE]}. Mark the scenario with @needs(Capability.POD_PHASE).")

    def dirt(self) -> list[str]:
        """How the cluster differs from when it was new: empty, or reason enough to throw it away."""
        return leftovers.not_running(self._components) or leftovers.differences(self.fingerprint(), self._clean)

    def fingerprint(self) -> frozenset[str]:
        """What is in the cluster that a scenario could have left there."""
        return self._inventory.fingerprint()

    def check(self) -> None:
        """Raise ComponentDied if the control plane's container has ended."""
        if self._end.poll() is not None:
            raise ComponentDied(
                f"The control plane's container {self.yard.control_plane.name} has ended: {describe(self.yard.control_plane)}"
            )

    def diagnose(self, folder: Path, namespace: str) -> None:
        """Write down what can be seen at this moment: objects, events, logs of components and kubelets."""
        diagnostics.write(self, self._driver, folder, namespace)

    def add_nodes(self, count: int) -> None:
        """Let nodes join that stay for as long as the cluster does."""
        KindNodes(self).join(count)

    def detach(self) -> None:
        """Let it outlive this process, until `conformance down`."""
        owners.note(self._owner.run, self.facts.name, self.facts.kubeconfig, self.facts.kubernetes)
        self._end.kill()
        self._end.wait()
        self._owner.release(remove=False)

    def close(self, *, keep_logs: bool = False) -> None:
        """Delete its containers and their volumes, the network if nobody else uses it, and its files."""
        self.api.close()
        if keep_logs and self._keep is not None:
            with contextlib.suppress(ConformanceError, OSError, subprocess.SubprocessError):
                self._driver.export_logs(self._keep / self.facts.name)
        self._end.kill()
        self._end.wait()
        try:
            self._driver.delete()
        finally:
            owners.remove(self._docker, self._owner.run)
            owners.remove_network(self._docker)
            self._owner.release()
