"""Run directories: one for each cluster, locked by who owns the cluster for as long as that lives."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conformance.components.locks import locked

_LOCK = "lock"


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
    handle = os.open(run / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def held(run: Path) -> bool:
    """Whether somebody holds the lock of this run directory; what cannot be read is somebody else's."""
    try:
        handle = os.open(run / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
