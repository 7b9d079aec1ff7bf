"""Run directories: one for each cluster, locked by who owns the cluster for as long as that lives.

Only what has a free lock in it is known to be dead, and only that is ever removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conformance.components.locks import locked

LOCK = "lock"
#: What makes a folder a run directory, besides its name; no folder of a user's own holds such a file.
MARKER = ".daemonset-conformance"


@contextlib.contextmanager
def alone(runs: Path, prefix: str) -> Iterator[None]:
    """Nobody else makes or sweeps directories of this prefix meanwhile: between its making and its locking one looks dead."""
    runs.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(runs / f".sweep-{prefix.rstrip('-')}", lambda: None):
        yield


def make(runs: Path, prefix: str) -> Path:
    """A new private directory under `runs`, to be locked before anybody may sweep (`alone`)."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=runs.resolve()))


def lock(run: Path) -> int:
    """Lock a run directory; the lock is held until the last copy of the returned descriptor is closed."""
    handle = os.open(run / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    (run / MARKER).touch(mode=0o600)
    return handle


def held(run: Path) -> bool:
    """Whether somebody holds the lock of this run directory."""
    return _lock_is(run, free=False)


def dead(run: Path) -> bool:
    """Whether this is a run directory whose owner is gone. What has no marker, is a link, or cannot be read is somebody else's."""
    try:
        marked = stat.S_ISREG((run / MARKER).lstat().st_mode)
    except OSError:
        return False
    return marked and not run.is_symlink() and _lock_is(run, free=True)


def _lock_is(run: Path, *, free: bool) -> bool:
    try:
        handle = os.open(run / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return False
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return not free
    finally:
        os.close(handle)
    return free


def sweep(runs: Path, prefix: str) -> list[Path]:
    """Remove the dead run directories of this prefix, and return them; the caller is `alone`."""
    removed = []
    for run in sorted(runs.resolve().glob(f"{prefix}*")):
        if dead(run):
            remove(run)
            removed.append(run)
        elif not held(run):
            with contextlib.suppress(OSError):  # one whose maker was killed before it had a lock is empty; no other one goes
                run.rmdir()
    return removed


def remove(run: Path) -> None:
    """Remove a dead run directory, its lock and marker last: what a kill leaves of it is known for what it is."""
    for entry in run.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name not in (LOCK, MARKER):
            entry.unlink(missing_ok=True)
    shutil.rmtree(run, ignore_errors=True)
