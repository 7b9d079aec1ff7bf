"""Whether Docker can carry a kind cluster here; if it cannot, one paragraph that says why and what mends it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from conformance.components.engine.docker import Docker
from conformance.errors import ToolMissing, UsageError

CAP_SYS_RESOURCE = 24
#: `--privileged` grants only what the daemon has itself since then; older ones name every capability there is, and runc cannot grant those.
CAREFUL = (23,)
#: inotify is counted for each user, over all containers: 25 instances in a control plane, 12 in a node that runs, 5 in one that waits
#: (counted on 1.37). The default is 128.
INSTANCES_FOR_A_NODE = 25
INSTANCES = 1024
#: A node image, two writable nodes of it, and room for logs.
DISK = 5_000_000_000


@dataclass(frozen=True)
class Engine:
    """What is known of a Docker daemon that answers."""

    version: str
    cgroups: str
    root: Path
    default_runtime: str

    @property
    def release(self) -> tuple[int, ...]:
        """`(20, 10, 24)` of `20.10.24+dfsg1`."""
        return tuple(int(part) for part in self.version.partition("+")[0].partition("-")[0].split(".") if part.isdigit())

    @property
    def cgroups_v1(self) -> bool:
        """Whether the host still has the first version of control groups."""
        return self.cgroups == "1"


def check(docker: Docker, *, nodes: int = 3, proc: Path = Path("/proc")) -> Engine:
    """The engine, when a cluster of so many nodes can run on it; UsageError names what is in the way and the fix."""
    engine = reach(docker)
    if engine.release < CAREFUL and engine.default_runtime == "runc" and lacks_sys_resource(proc):
        raise UsageError(
            f"Docker {engine.version} gives privileged containers CAP_SYS_RESOURCE, which root does not have on this machine: "
            "no node would start (runc: operation not permitted). `conformance prepare docker` registers a runtime that leaves the "
            "capability out; Docker 23 and newer need none."
        )
    limit = proc / "sys/fs/inotify/max_user_instances"
    if limit.is_file() and local() and (there := int(limit.read_text())) < (needed := min(INSTANCES, (nodes + 1) * INSTANCES_FOR_A_NODE)):
        raise UsageError(
            f"fs.inotify.max_user_instances is {there}; {nodes} nodes need about {needed}, "
            "or their kubelets fail with `too many open files`. "
            f"As root: `sysctl -w fs.inotify.max_user_instances={INSTANCES}`, or `conformance prepare docker`."
        )
    if local() and engine.root.is_dir() and (free := shutil.disk_usage(engine.root).free) < DISK:
        raise UsageError(
            f"{engine.root} has {free / 1e9:.1f} GB left; a node image and its nodes need {DISK / 1e9:.0f} GB. "
            "`docker system prune` frees what nobody uses."
        )
    return engine


def reach(docker: Docker) -> Engine:
    """What the daemon says of itself; UsageError if it does not answer, or not to this user."""
    answer = docker.run("info", "--format", "{{json .}}", check=False, timeout=30)
    try:
        info = json.loads(answer.out)
    except ValueError:
        info = {}
    problems = "; ".join(info.get("ServerErrors") or ()) or answer.err.strip()
    if not info.get("ServerVersion"):
        if "permission denied" in problems.lower():
            raise UsageError(
                "This user may not talk to the Docker daemon. `sudo usermod -aG docker $USER` and a new login mend that "
                "(members of that group are as good as root), "
                f"or set DOCKER_HOST to a daemon of your own. Docker said: {problems}"
            )
        where = os.environ.get("DOCKER_HOST", "")
        fix = (
            f"DOCKER_HOST is {where}: check that it is right."
            if where
            else "Start it (`sudo systemctl start docker`), or as root `conformance prepare docker`."
        )
        raise ToolMissing(f"The Docker daemon does not answer. {fix} Docker said: {problems or 'nothing'}")
    return Engine(
        info["ServerVersion"], str(info.get("CgroupVersion", "")), Path(info.get("DockerRootDir", "/")), info.get("DefaultRuntime", "runc")
    )


def local() -> bool:
    """Whether the daemon is on this machine, so that its limits are this machine's."""
    host = os.environ.get("DOCKER_HOST", "")
    return not host or host.startswith("unix:")


def lacks_sys_resource(proc: Path = Path("/proc")) -> bool:
    """Whether nobody on this machine can have CAP_SYS_RESOURCE, root included."""
    try:
        status = (proc / "self/status").read_text()
    except OSError:
        return False
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return local() and not int(fields.get("CapBnd", "ffffffffffffffff").strip(), 16) >> CAP_SYS_RESOURCE & 1
