"""Machines that boot: a new one, and one that goes down and comes up again."""

from __future__ import annotations

import re
import subprocess
import threading

from conformance.components.engine.docker import Docker
from conformance.errors import ClusterError

#: kind's own sign that systemd is up in a node that is new.
BOOTED = re.compile(r"Reached target .*Multi-User System.*|detected cgroup v1")
#: systemd's own: its kubelet has been started by then.
SERVING = re.compile(r"Reached target .*Multi-User System")
BOOT_LIMIT = 60.0
#: Seconds that systemd has for an orderly end, before Docker kills it.
SHUTDOWN_LIMIT = 30


def booted(docker: Docker, name: str, sign: re.Pattern[str] = BOOTED, *, since: str = "") -> None:
    """Return when the container has written a line with `sign` (after `since`, a time in Docker's notation); else ClusterError."""
    limit = BOOT_LIMIT * docker.time_scale
    after = [f"--since={since}"] if since else []
    with subprocess.Popen(
        [str(docker.program), "logs", "--follow", *after, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as logs:
        assert logs.stdout is not None
        late = threading.Timer(limit, logs.kill)
        late.start()
        try:
            seen = []
            for raw in logs.stdout:
                seen.append(raw.decode(errors="replace").rstrip())
                if sign.search(seen[-1]):
                    return
        finally:
            late.cancel()
            logs.kill()
    raise ClusterError(f"The container {name} did not boot within {limit:.0f} s; it said:\n" + "\n".join(seen[-20:]))


def reboot(docker: Docker, name: str) -> None:
    """Shut a machine down and start it again; returns when its services have been started, the kubelet among them."""
    docker.run("restart", "--time", str(round(SHUTDOWN_LIMIT * docker.time_scale)), name)
    _served(docker, name)


def start(docker: Docker, name: str) -> None:
    """Start a machine that is off; returns when its services have been started, the kubelet among them."""
    docker.run("start", name)
    _served(docker, name)


def _served(docker: Docker, name: str) -> None:
    container = docker.inspect(name)
    if container is None:
        raise ClusterError(f"The container {name} is gone, although it was started.")
    # What it wrote when it was started first is in the same log.
    booted(docker, name, SERVING, since=container["State"]["StartedAt"])
