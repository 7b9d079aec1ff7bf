"""Stopping, starting, pausing and killing one component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.clusters.embedded import readiness
from conformance.clusters.embedded.components import API_SERVER, ETCD
from conformance.clusters.embedded.process import Supervisor

if TYPE_CHECKING:
    from conformance.clusters.embedded.cluster import EmbeddedCluster


class EmbeddedComponent:
    """One process of the embedded cluster; every call returns when it is so, and is recorded as an action."""

    def __init__(self, cluster: EmbeddedCluster, supervisor: Supervisor, name: str) -> None:
        self._cluster = cluster
        self._supervisor = supervisor
        self.name = name
        #: whether a scenario has ended or halted it, and not let it go on
        self.off = False

    def stop(self) -> None:
        """SIGTERM; returns when the process is gone."""
        self._tell("stop")
        self._supervisor.stop(self.name)

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self._tell("kill")
        self._supervisor.kill(self.name)

    def start(self) -> None:
        """Start it with the same command line; the API server and etcd serve when this returns, if both of them run."""
        self._tell("start")
        self._supervisor.start(self.name)
        if self.name in (API_SERVER, ETCD) and self._supervisor.running >= {API_SERVER, ETCD}:
            readiness.wait(self._supervisor, self._cluster.probe, within=readiness.LIMIT * self._cluster.facts.time_scale)

    def pause(self) -> None:
        """SIGSTOP; returns when the process stands still."""
        self._tell("pause")
        self._supervisor.pause(self.name)

    def resume(self) -> None:
        """SIGCONT; returns when the process runs."""
        self._tell("resume")
        self._supervisor.resume(self.name)

    def _tell(self, verb: str) -> None:
        self.off = verb not in ("start", "resume")
        self._cluster.journal(verb, f"components/{self.name}", {})
