"""A cluster that was there before, as one process of a run uses it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from conformance.clusters.existing import undo
from conformance.clusters.existing.nodes import BorrowedNodes
from conformance.clusters.existing.probing import Yard
from conformance.clusters.kind import behaviour as behaviours
from conformance.clusters.protocol import Behaviour, Capability, Component, Facts, Journal
from conformance.errors import NotOffered
from conformance.kube.api import Api
from conformance.kube.resources import path


def _unheard(verb: str, target: str, detail: Mapping[str, Any]) -> None:
    """Nobody listens yet."""


class ExistingCluster:
    """What ExistingProvider.open() gives. `alive` raises if the run may no longer use the cluster."""

    def __init__(self, api: Api, facts: Facts, yard: Yard, run: str, alive: Callable[[], None]) -> None:
        self.api = api
        self.run = run
        self.facts = facts
        self.yard = yard
        self.journal: Journal = _unheard
        self._alive = alive
        self._clean = self.fingerprint()

    @contextlib.contextmanager
    def nodes(self) -> Iterator[BorrowedNodes]:
        """The nodes for one scenario; on leaving, they are as they were."""
        nodes = BorrowedNodes(self)
        try:
            yield nodes
        finally:
            nodes.clear()

    def component(self, name: str) -> Component:
        """Not here."""
        self._lack(Capability.COMPONENT_CONTROL, f"component({name})")

    def behave(self, behaviour: Behaviour) -> Mapping[str, Any]:
        """The patch for a pod template that makes its pods behave so; containers go by name in it."""
        return behaviours.patch(behaviour)

    def fail_pod(self, namespace: str, name: str, *, reason: str = "Failed") -> None:
        """Not here."""
        self._lack(Capability.POD_PHASE, f"fail_pod({namespace}/{name}, {reason})")

    def finish_pod(self, namespace: str, name: str) -> None:
        """Not here."""
        self._lack(Capability.POD_PHASE, f"finish_pod({namespace}/{name})")

    def unready_pod(self, namespace: str, name: str) -> None:
        """Not here."""
        self._lack(Capability.POD_PHASE, f"unready_pod({namespace}/{name})")

    def _lack(self, capability: Capability, what: str) -> NoReturn:
        raise NotOffered(f"{what}: {self.facts.lacking[capability]}")

    def fingerprint(self) -> frozenset[str]:
        """What of the nodes of this process is not as it should be: changes that were not taken back."""
        nodes = self.api.list(path("nodes"))["items"]
        return frozenset(
            f"changes of node {node['metadata']['name']}"
            for node in nodes
            if node["metadata"]["name"] in self.yard.names and undo.pending(node)
        )

    def dirt(self) -> list[str]:
        """Changes of nodes that were not taken back."""
        return sorted(self.fingerprint() - self._clean)

    def check(self) -> None:
        """Raise LeaseLost if the run has lost its right to the cluster."""
        self._alive()

    def detach(self) -> None:
        """Leave everything as it is, until `conformance clean` or the next run."""
        self.api.close()

    def close(self, *, keep_logs: bool = False) -> None:  # noqa: ARG002 - there are no logs to keep: they are their owner's
        """Give the connections back; what the run made in the cluster goes when the whole run ends."""
        self.api.close()
