"""Whose a cluster is: a run directory, locked by its owner for as long as that lives, which every node carries as a mount.

A cluster whose owner was killed is found by its containers, and removed with them, its volumes and its network. It is
known to be dead when its run directory is here and nobody holds its lock, or when it was made on this machine before
the last boot. Whoever shares a Docker daemon, such as containers with its socket, sees containers whose run
directories are out of sight: those are left alone, and named by `strangers`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from conformance.clusters import outliving, rundirs
from conformance.clusters.kind.configuration import OWNER_MOUNT
from conformance.clusters.outliving import Outliving
from conformance.components import cache
from conformance.components.engine.docker import Docker
from conformance.components.locks import locked

PREFIX = "kind-"
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
    """Make a run directory and hold its lock. Its name, which the containers carry too, says where and in which boot it was made."""
    with rundirs.alone(runs, PREFIX):
        run = rundirs.make(runs, f"{PREFIX}{_here()}-{_boot()}-")
        lock = rundirs.lock(run)
        outliving.sign(run)
        return Owner(run, lock)


def here(runs: Path) -> list[Outliving]:
    """The kind clusters of this user that live, or were meant to."""
    found = [outliving.read(run) for run in sorted(runs.resolve().glob(f"{PREFIX}*"))]
    return [one for one in found if one.state is not None or rundirs.held(one.run)]


def dead(run: Path) -> bool:
    """Whether the owner of this run directory is known to be gone, and did not mean its cluster to live on."""
    return not _meant_to_stay(run) and (rundirs.dead(run) or _before_the_boot(run))


def _before_the_boot(run: Path) -> bool:
    """Whether it was made by this user on this machine, went when that went down, and nobody can live who had locked it."""
    made = run.name.removeprefix(PREFIX).split("-")
    return not os.path.lexists(run) and len(made) == 3 and made[0] == _here() and made[1] != _boot()


def _here() -> str:
    return hashlib.sha256(f"{socket.gethostname()}/{os.getuid()}/{cache.identity()}".encode()).hexdigest()[:12]


def _boot() -> str:
    return hashlib.sha256(Path("/proc/sys/kernel/random/boot_id").read_bytes()).hexdigest()[:8]


def _meant_to_stay(run: Path) -> bool:
    # What cannot be read is somebody else's.
    try:
        return (run / outliving.STATE).exists()
    except PermissionError:
        return True


def note(run: Path, name: str, kubeconfig: Path, kubernetes: str) -> None:
    """Write down that this cluster is meant to outlive its owner, and what `down` needs to find it."""
    outliving.note(run, name, kubeconfig, kubernetes)


def down(docker: Docker, one: Outliving) -> None:
    """End a cluster that was meant to live on."""
    remove(docker, one.run)
    rundirs.remove(one.run)
    remove_network(docker)


def running(docker: Docker, run: Path) -> bool:
    """Whether every container of the cluster with this run directory runs; False if there is none."""
    states = [bool((docker.inspect(name) or {}).get("State", {}).get("Running")) for name in containers(docker).get(run, [])]
    return bool(states) and all(states)


def containers(docker: Docker) -> dict[Path, list[str]]:
    """The containers of this suite's clusters, by their run directories; those of others are not among them."""
    found: dict[Path, list[str]] = {}
    for name in docker.names("container", f"label={CLUSTER_LABEL}"):
        for mount in (docker.inspect(name) or {}).get("Mounts") or ():
            if mount.get("Destination") == OWNER_MOUNT:
                found.setdefault(Path(mount["Source"]), []).append(name)
    return found


def sweep(runs: Path, docker: Docker) -> list[str]:
    """Remove the clusters whose owner is known to be dead, and only those; returns their containers and directories."""
    with rundirs.alone(runs, PREFIX):
        removed = []
        for run, names in containers(docker).items():
            if dead(run):
                docker.run("rm", "--force", "--volumes", *names)
                removed += [f"container {name}" for name in names]
        for run in sorted(runs.resolve().glob(f"{PREFIX}*")):
            if dead(run):
                rundirs.remove(run)
                removed.append(str(run))
        if removed:
            remove_network(docker)
    return removed


def strangers(docker: Docker) -> list[str]:
    """The containers of which nobody here can tell whether their owner lives, a sentence for each cluster of them."""
    return [
        f"left alone: {', '.join(names)}: the run directory {run} is not to be seen from here, so the owner may live in a container or on "
        f"another machine that uses the same Docker. If you know that it does not: docker rm --force --volumes {' '.join(names)}"
        for run, names in containers(docker).items()
        if not rundirs.held(run) and not _meant_to_stay(run) and not dead(run)
    ]


def remove(docker: Docker, run: Path) -> None:
    """Remove the containers of the cluster with this run directory, and their volumes."""
    if left := containers(docker).get(run):
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
