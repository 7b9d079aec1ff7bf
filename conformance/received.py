"""Files that others made: a regular file of a size that can be, inside of the folder it was said to be in, or none at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

#: Bytes of a file that is read as a whole: some hundred times the longest that a run has written.
MOST = 64 << 20


class UnfitFileError(OSError):
    """It is not opened, or not read; the message says why."""


def opened(file: Path, *, within: Path | None = None) -> BinaryIO:
    """Open a file for reading; OSError if it is not there, is no regular file, or leads out of the folder `within`.

    A pipe would wait for ever, and a device may have no end.
    """
    if within is not None and not file.resolve().is_relative_to(within.resolve()):
        raise UnfitFileError(f"it leads out of {within}")
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UnfitFileError("it is no regular file")
    return os.fdopen(handle, "rb")


def content(file: Path, *, within: Path | None = None) -> bytes:
    """The whole of a file; see `opened`. What is longer than MOST is not read."""
    with opened(file, within=within) as stream:
        data = stream.read(MOST + 1)
    if len(data) > MOST:
        raise UnfitFileError(f"it is longer than {MOST >> 20} MiB")
    return data
