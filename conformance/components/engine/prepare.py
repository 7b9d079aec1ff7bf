"""Getting Docker to work where nobody has done it yet: installed from Debian's packages, started, and adapted to a root with few rights.

Nothing is installed, started or changed where Docker works already.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from conformance.components.engine import usable
from conformance.components.engine.docker import Docker
from conformance.errors import ClusterError, ToolMissing, UsageError

#: Where the runtime and the log of a daemon that was started by hand are kept.
HOME = Path("/var/lib/daemonset-conformance")
RUNTIME = "runc-without-sys-resource"
#: Seconds for a daemon to start.
START_LIMIT = 120.0

#: Debian's docker.io 20.10 asks for every capability that the kernel knows when it makes a privileged container, and runc refuses to grant
#: one that it does not have itself. The capability is taken out of what docker asks for, and the real runc does the rest. dockerd writes
#: these files as one line of JSON without spaces.
WRAPPER = """\
#!/bin/sh
# Takes CAP_SYS_RESOURCE out of what a container asks for: this machine's root does not have it.
bundle=. process= previous= command=
for argument in "$@"; do
    case "$previous" in --bundle|-b) bundle=$argument ;; --process|-p) process=$argument ;; esac
    case "$argument" in
        create|run|exec) command=${command:-$argument} ;;
        --bundle=*) bundle=${argument#*=} ;;
        --process=*) process=${argument#*=} ;;
    esac
    previous=$argument
done
case "$command" in create|run) file=$bundle/config.json ;; exec) file=$process ;; *) file= ;; esac
if [ -n "$file" ] && [ -f "$file" ]; then
    sed -i -e 's/,[[:space:]]*"CAP_SYS_RESOURCE"//g' -e 's/"CAP_SYS_RESOURCE"[[:space:]]*,//g' -e 's/"CAP_SYS_RESOURCE"//g' "$file"
fi
exec RUNC "$@"
"""


def prepare(say: Callable[[str], None], *, nodes: int = 8) -> usable.Engine:
    """Make Docker usable for kind clusters; returns the engine. UsageError where that is the user's to do, with what to do."""
    docker = _client(say)
    try:
        engine = usable.reach(docker)
        say(f"Docker {engine.version} answers; nothing to install or start.")
    except ToolMissing:
        _root("starting Docker")
        _start(say)
        engine = usable.reach(docker)
        say(f"Docker {engine.version} answers.")
    _inotify(say)
    _debootstrap(say)
    return usable.check(docker, nodes=nodes)


def _client(say: Callable[[str], None]) -> Docker:
    try:
        docker = Docker()
        usable.reach(docker)
    except ToolMissing as missing:
        if shutil.which("dockerd"):
            return Docker()
        if os.environ.get("DOCKER_HOST"):
            raise
        if not _debian():
            raise ToolMissing(f"{missing} This is no Debian, so it has to be installed by hand.") from missing
        _root("installing Docker")
        say("There is no Docker here; installing Debian's package docker.io …")
        _apt("update", "--quiet")
        _apt("install", "--yes", "--quiet", "--no-install-recommends", "docker.io")
        return Docker()
    return docker


def _start(say: Callable[[str], None]) -> None:
    wrapped = usable.lacks_sys_resource()
    if Path("/run/systemd/system").is_dir():
        if wrapped:
            raise UsageError(
                "This machine's root lacks CAP_SYS_RESOURCE and its Docker is run by systemd. "
                f"Add to ExecStart of docker.service (systemctl edit docker): "
                f"--add-runtime {RUNTIME}={write_wrapper()} --default-runtime {RUNTIME}"
            )
        say("Starting docker.service …")
        subprocess.run(["systemctl", "enable", "--now", "docker"], check=True)
        return
    arguments = []
    if wrapped:
        say(
            "This machine's root does not have CAP_SYS_RESOURCE, which Docker 20.10 hands to every privileged container; "
            "it gets a runtime that leaves the capability out."
        )
        arguments = ["--add-runtime", f"{RUNTIME}={write_wrapper()}", "--default-runtime", RUNTIME]
    say("There is no systemd here; starting dockerd …")
    _by_hand(arguments)


def write_wrapper(home: Path = HOME) -> Path:
    """Write the runtime that leaves CAP_SYS_RESOURCE out; returns its path."""
    runc = shutil.which("runc") or shutil.which("docker-runc")
    if not runc:
        raise ToolMissing("There is no runc on PATH. Install it: `apt-get install runc`.")
    home.mkdir(parents=True, exist_ok=True)
    wrapper = home / RUNTIME
    scratch = wrapper.with_suffix(".new")
    scratch.write_text(WRAPPER.replace("RUNC", runc))
    scratch.chmod(0o755)
    scratch.replace(wrapper)
    return wrapper


def _by_hand(arguments: list[str]) -> None:
    """Start dockerd in a session of its own; returns when it says that it is ready."""
    HOME.mkdir(parents=True, exist_ok=True)
    log = HOME / "dockerd.log"
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(f"{folder}/notify")
        with log.open("ab") as output:
            daemon = subprocess.Popen(
                ["dockerd", *arguments],
                env=os.environ | {"NOTIFY_SOCKET": f"{folder}/notify"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C here is not meant for it
                cwd="/",
            )
        handle = os.pidfd_open(daemon.pid)
        end = time.monotonic() + START_LIMIT
        try:
            while True:
                ready, _, _ = select.select([notify.fileno(), handle], [], [], max(0.0, end - time.monotonic()))
                if notify.fileno() in ready and b"READY=1" in notify.recv(4096):
                    return
                if handle in ready or not ready:
                    last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                    how = "ended by itself" if handle in ready else f"was not ready within {START_LIMIT:.0f} s"
                    raise ClusterError(f"dockerd {how}; the end of {log}:\n{last}")
        finally:
            os.close(handle)
            daemon.returncode = daemon.returncode or 0  # it is meant to outlive this process, which is no reason for a warning


def _inotify(say: Callable[[str], None]) -> None:
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    if usable.local() and limit.is_file() and int(limit.read_text()) < usable.INSTANCES and os.access(limit, os.W_OK) and os.geteuid() == 0:
        limit.write_text(f"{usable.INSTANCES}\n")
        say(f"fs.inotify.max_user_instances is {usable.INSTANCES} now, until the next boot: every node watches many files.")


def _debootstrap(say: Callable[[str], None]) -> None:
    """What a node image is best begun with; there is another way, and there may be an image already."""
    if not shutil.which("debootstrap") and _debian() and os.geteuid() == 0:
        say("Installing Debian's package debootstrap, which a node image starts with …")
        try:
            _apt("update", "--quiet")
            _apt("install", "--yes", "--quiet", "--no-install-recommends", "debootstrap")
        except UsageError as error:
            say(f"{error}\nA node image that is still to be made will start in a container of Debian's own image.")


def _apt(*arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", *arguments], env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise UsageError(f"`apt-get {' '.join(arguments)}` failed; mend it and call again. It said:\n{last}")


def _debian() -> bool:
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        return False
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    names = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    return "debian" in names and shutil.which("apt-get") is not None


def _root(what: str) -> None:
    if os.geteuid() != 0:
        raise UsageError(f"{what.capitalize()} needs root: `sudo {shutil.which('conformance') or 'conformance'} prepare docker`.")
