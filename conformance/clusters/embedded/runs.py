"""Run directories: one for each running cluster, locked by its supervisor for as long as that lives."""

from __future__ import annotations

import json
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

from conformance.clusters import outliving, rundirs
from conformance.clusters.outliving import Outliving
from conformance.errors import UsageError

#: Where the supervisor of a cluster without an owner writes down which component ended by itself, a line each.
ENDED = "ended.jsonl"
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
        lock = rundirs.lock(path)
        outliving.sign(path)
        return Run(path, lock)


def sweep(runs: Path) -> list[Path]:
    """Remove the run directories whose supervisor is gone (it was killed); returns them. Live ones are left alone."""
    if not runs.is_dir():
        return []
    with rundirs.alone(runs, PREFIX):
        return rundirs.sweep(runs, PREFIX)


def remove_dead(run: Path) -> None:
    """Remove one run directory unless its supervisor lives."""
    if rundirs.dead(run):
        rundirs.remove(run)


def here(runs: Path) -> list[Outliving]:
    """The embedded clusters that live, those of runs among them."""
    return [outliving.read(run) for run in sorted(runs.resolve().glob(f"{PREFIX}*")) if rundirs.held(run)]


def ended(run: Path) -> list[str]:
    """The components of a cluster without an owner that ended by themselves, in words."""
    try:
        lines = (run / ENDED).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [f"{one['name']} ended by itself ({one['status']}); its log: {one['log']}" for one in map(json.loads, lines)]


def down(one: Outliving) -> bool:
    """End a cluster that was meant to live on; False if it lives still, because it is not what was written down."""
    pid = one.state.pid if one.state is not None else 0
    try:
        process = os.pidfd_open(pid)
    except (ProcessLookupError, OSError):
        remove_dead(one.run)
        return not rundirs.held(one.run)
    try:
        # The descriptor stands for one process; only now it is certain that the number was not given to another one.
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if os.fsencode(one.run.resolve()) in command and rundirs.held(one.run):
            for number in (signal.SIGTERM, signal.SIGKILL):
                signal.pidfd_send_signal(process, number)
                if select.select([process], [], [], PATIENCE)[0]:
                    break
    finally:
        os.close(process)
    remove_dead(one.run)
    return not rundirs.held(one.run)
