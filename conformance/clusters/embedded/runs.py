"""Run directories: one for each running cluster, locked by its supervisor for as long as that lives."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.clusters import rundirs
from conformance.errors import UsageError

STATE = "state.json"
PREFIX = "c-"
#: Seconds between asking a supervisor to end and killing it; its components die either way.
PATIENCE = 10.0
#: What a Unix socket's path may be long (sun_path, with its terminating zero byte), less the longest name that is put behind the directory.
LONGEST = 107 - len("/etcd-peer.sock")


@dataclass(frozen=True)
class Run:
    """A run directory that was just made; `lock` is a descriptor to hand on to the supervisor and then close."""

    path: Path
    lock: int


def create(runs: Path) -> Run:
    """Make a private directory under `runs` and lock it."""
    with rundirs.alone(runs, PREFIX):
        path = rundirs.make(runs, PREFIX)
        if len(os.fsencode(path)) > LONGEST:
            path.rmdir()
            message = (
                f"The run directory {path} is too long for the Unix sockets inside it ({LONGEST} bytes is the most). "
                "Choose a shorter directory for runs, for example one under /tmp or $XDG_RUNTIME_DIR."
            )
            raise UsageError(message)
        return Run(path, rundirs.lock(path))


def sweep(runs: Path) -> list[Path]:
    """Remove the run directories whose supervisor is gone (it was killed); returns them. Live ones are left alone."""
    if not runs.is_dir():
        return []
    runs = runs.resolve()
    with rundirs.alone(runs, PREFIX):
        dead = [path for path in sorted(runs.glob(f"{PREFIX}*")) if path.is_dir() and not rundirs.held(path)]
        for path in dead:
            shutil.rmtree(path, ignore_errors=True)
    return dead


def remove_dead(run: Path) -> None:
    """Remove one run directory unless its supervisor lives."""
    if run.is_dir() and not rundirs.held(run):
        shutil.rmtree(run, ignore_errors=True)


@dataclass(frozen=True)
class Detached:
    """A cluster that outlived the command that started it."""

    name: str
    pid: int
    run: Path
    kubeconfig: Path
    kubernetes: str


def note(detached: Detached) -> None:
    """Write down what `down` needs to find it."""
    state = {"name": detached.name, "pid": detached.pid, "kubeconfig": str(detached.kubeconfig), "kubernetes": detached.kubernetes}
    (detached.run / STATE).write_text(json.dumps(state))


def detached(runs: Path) -> list[Detached]:
    """The clusters that run without an owner."""
    found = []
    for file in sorted(runs.glob(f"{PREFIX}*/{STATE}")):
        if rundirs.held(file.parent):
            state = json.loads(file.read_text())
            found.append(Detached(state["name"], state["pid"], file.parent, Path(state["kubeconfig"]), state["kubernetes"]))
    return found


def down(runs: Path, names: Sequence[str] = ()) -> list[str]:
    """End the detached clusters of these names (all without any); returns the names. Clusters that a test run owns are left alone."""
    there = {one.name: one for one in detached(runs)}
    if unknown := [name for name in names if name not in there]:
        message = f"No cluster {', '.join(unknown)} is up; there {'are' if there else 'is'} {', '.join(there) or 'none'}."
        raise UsageError(message)
    wanted = list(dict.fromkeys(names)) or list(there)
    for name in wanted:
        _end(there[name])
    return wanted


def _end(one: Detached) -> None:
    try:
        process = os.pidfd_open(one.pid)
    except ProcessLookupError:
        remove_dead(one.run)
        return
    try:
        # The descriptor stands for one process; only now it is certain that the number was not given to another one.
        command = Path(f"/proc/{one.pid}/cmdline").read_bytes().split(b"\0")
        if os.fsencode(one.run) not in command or not rundirs.held(one.run):
            remove_dead(one.run)
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(process, number)
            if select.select([process], [], [], PATIENCE)[0]:
                break
    finally:
        os.close(process)
    remove_dead(one.run)
