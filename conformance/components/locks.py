"""Locks between runs of the same user, and folders that never outlive the run that works in them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(file: Path, waiting: Callable[[], None] | None = None) -> Iterator[int]:
    """Hold the lock `file` and give its descriptor; `waiting` is called once if somebody else has it.

    Without `waiting` a lock that is taken raises BlockingIOError. The kernel frees a lock when its last holder dies,
    however it died.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(file, waiting)
    try:
        yield descriptor
    finally:
        # Unlocked by name and not only by closing: a child that was given the descriptor may still have it open.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _acquire(file: Path, waiting: Callable[[], None] | None) -> int:
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is None:
                    raise
                waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _still_there(file, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was removed between open and lock: that was the lock of a run that has ended


def _still_there(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def workplace(parent: Path) -> Iterator[tuple[Path, int]]:
    """A new folder below `parent` that is removed at the end, and its lock's descriptor for children that write there.

    A run that was killed leaves its folder with a free lock; `sweep` tells those from the ones in use.
    """
    folder = parent / secrets.token_hex(8)
    lock = folder.with_suffix(".lock")
    with locked(lock) as descriptor:
        folder.mkdir()
        try:
            yield folder, descriptor
        finally:
            remove(folder)
            lock.unlink(missing_ok=True)


def sweep(parent: Path) -> None:
    """Remove the workplaces below `parent` whose run was killed."""
    for lock in parent.glob("*.lock"):
        with contextlib.suppress(BlockingIOError), locked(lock):
            remove(lock.with_suffix(""))
            lock.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Remove a folder into which processes that were just killed may still have put a last file."""
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
