"""The cluster of one pytest worker: opened when the first scenario needs it, thrown away when it comes back dirty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from conformance.clusters.protocol import Cluster
from conformance.errors import ConformanceError


class Leasable(Cluster, Protocol):
    """A cluster that can tell whether a scenario left anything behind."""

    def dirt(self) -> list[str]:
        """How the cluster differs from when it was new; empty if it is clean."""
        ...

    def detach(self) -> None:
        """Let the cluster outlive this process."""
        ...


class Lease:
    """Hands out the worker's cluster; one scenario holds it at a time."""

    def __init__(self, open_cluster: Callable[[], Leasable], *, say: Callable[[str], None], kubectl: Callable[[], str]) -> None:
        self._open = open_cluster
        self._say = say
        self._kubectl = kubectl
        self._cluster: Leasable | None = None
        self.last: Leasable | None = None
        self.kept = False

    def take(self) -> Leasable:
        """The running cluster; a new one if there is none, or if a component of the last one has ended since it was given back."""
        if self._cluster is not None:
            try:
                self._cluster.check()
            except ConformanceError as error:
                self._say(f"between two scenarios the cluster broke, so the next one gets a new one: {error}")
                self.throw_away(keep_logs=True)
        if self._cluster is None:
            self._cluster = self.last = self._open()
        return self._cluster

    def give_back(self) -> None:
        """Take the cluster back from a scenario; a dirty one is thrown away. Raises ComponentDied if a component ended while it was out."""
        if self._cluster is None:
            return
        self._cluster.check()
        if left := self._cluster.dirt():
            self._say(f"the cluster came back dirty ({', '.join(left[:5])}); the next scenario gets a new one")
            self.throw_away(keep_logs=False)

    def keep(self) -> None:
        """Leave the cluster running for the user, as the scenario left it."""
        if self._cluster is not None:
            facts = self._cluster.facts
            self._cluster.detach()
            self.kept = True
            self._cluster = None
            self._say(
                f"The cluster is still running, as the scenario left it:\n"
                f"  {self._kubectl()} --kubeconfig {facts.kubeconfig} get pods --all-namespaces\n"
                f"  {facts.farewell or f'conformance down {facts.name}'}"
            )

    def throw_away(self, *, keep_logs: bool) -> None:
        """End the cluster, if there is one."""
        if self._cluster is not None:
            cluster, self._cluster = self._cluster, None
            cluster.close(keep_logs=keep_logs)
