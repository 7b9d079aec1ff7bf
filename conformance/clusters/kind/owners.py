"""Whose a cluster is: a run directory, locked by its owner for as long as that lives, which every node carries as a mount.

A cluster whose owner was killed is found by its containers, and removed with them, its volumes and its network.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from conformance.clusters import rundirs
from conformance.clusters.kind.configuration import OWNER_MOUNT
from conformance.components import cache
from conformance.components.engine.docker import Docker
from conformance.components.locks import locked
from conformance.errors import UsageError

PREFIX = "kind-"
STATE = "state.json"
NETWORK = "kind"
NETWORK_LABEL = "conformance.daemonset/network"
CLUSTER_LABEL = "io.x-k8s.kind.cluster"


@dataclass
class Owner:
    """The run directory of one cluster, and the lock that says that somebody is there."""

    run: Path
    _lock: int

    def release(self, *, remove: bool = True) -> None:
        """Give it up; the directory goes too, unless the cluster lives on."""
        if remove:
            shutil.rmtree(self.run, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def create(runs: Path) -> Owner:
    """Make a run directory and hold its lock."""
    with rundirs.alone(runs, PREFIX):
        run = rundirs.make(runs, PREFIX)
        return Owner(run, rundirs.lock(run))


def alive(run: Path) -> bool:
    """Whether somebody holds the lock of this run directory, or meant its cluster to live on."""
    return _meant_to_stay(run) or rundirs.held(run)


def _meant_to_stay(run: Path) -> bool:
    # What cannot be read is somebody else's.
    try:
        return (run / STATE).exists()
    except PermissionError:
        return True


def note(run: Path, name: str, kubeconfig: Path) -> None:
    """Write down that this cluster is meant to outlive its owner, and what `down` needs to find it."""
    (run / STATE).write_text(json.dumps({"name": name, "kubeconfig": str(kubeconfig)}))


def detached(runs: Path) -> dict[str, Path]:
    """The run directories of clusters that were meant to live on, by their names."""
    return {json.loads(file.read_text())["name"]: file.parent for file in sorted(runs.glob(f"{PREFIX}*/{STATE}"))}


def down(runs: Path, docker: Docker, names: Sequence[str] = ()) -> list[str]:
    """End detached clusters of these names (all without any)."""
    there = detached(runs)
    if unknown := [name for name in names if name not in there]:
        raise UsageError(f"No cluster {', '.join(unknown)} is up; there {'is' if len(there) < 2 else 'are'} {', '.join(there) or 'none'}.")
    wanted = list(dict.fromkeys(names)) or list(there)
    for name in wanted:
        remove(docker, name)
        shutil.rmtree(there[name], ignore_errors=True)
    remove_network(docker)
    return wanted


def clusters(docker: Docker) -> dict[str, Path]:
    """The clusters of this suite that have containers, with their run directories; clusters of others are not among them."""
    names = docker.names("container", f"label={CLUSTER_LABEL}")
    found: dict[str, Path] = {}
    for name in names:
        container = docker.inspect(name)
        if container is None:
            continue
        for mount in container.get("Mounts") or ():
            if mount.get("Destination") == OWNER_MOUNT:
                found[container["Config"]["Labels"][CLUSTER_LABEL]] = Path(mount["Source"])
    return found


def sweep(runs: Path, docker: Docker) -> list[str]:
    """Remove the clusters whose owner was killed, and only those; returns their names and directories."""
    with rundirs.alone(runs, PREFIX):
        removed = []
        for name, run in clusters(docker).items():
            if not alive(run):
                remove(docker, name)
                removed.append(f"kind cluster {name}")
        for run in sorted(runs.resolve().glob(f"{PREFIX}*")):
            if run.is_dir() and not alive(run):
                shutil.rmtree(run, ignore_errors=True)
                removed.append(str(run))
        if removed:
            remove_network(docker)
    return removed


def remove(docker: Docker, cluster: str) -> None:
    """Remove the containers of a cluster with their volumes."""
    if left := docker.names("container", f"label={CLUSTER_LABEL}={cluster}"):
        docker.run("rm", "--force", "--volumes", *left)


def _network() -> AbstractContextManager[int]:
    """One at a time: Docker lets two that look at once both make a network of the same name, and can tell neither from the other then."""
    return locked(cache.root() / "locks" / "kind-network.lock", lambda: None)


def ensure_network(docker: Docker) -> None:
    """Make kind's network beforehand: its own attempt wants IPv6, and gives up for some of the reasons why there is none."""
    with _network():
        if docker.inspect(NETWORK, kind="network") is None:
            masquerade = "com.docker.network.bridge.enable_ip_masquerade=true"
            docker.run("network", "create", "--driver", "bridge", "--opt", masquerade, "--label", NETWORK_LABEL, NETWORK, check=False)


def remove_network(docker: Docker) -> None:
    """Remove the network if it was made here and nobody uses it any more."""
    with _network():
        network = docker.inspect(NETWORK, kind="network")
        if network and NETWORK_LABEL in (network.get("Labels") or {}) and not network.get("Containers"):
            docker.run("network", "rm", NETWORK, check=False)
