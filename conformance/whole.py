"""Files that are there whole or not at all, whatever happens while they are written: a full disk, a kill, another writer."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path


def write(file: Path, content: str | bytes, *, mode: int = 0o666) -> None:
    """Put a file of this content where `file` is, in one step; `mode` is less the umask.

    A new file takes the place of what was there: what had been a link is none afterwards, and what it led to stays as it was. Raises
    OSError, and leaves the old file, if it cannot be written to its end.
    """
    scratch = file.with_name(f".{file.name[:100]}.{secrets.token_hex(6)}.partial")
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode), "wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
        scratch.replace(file)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def scratches(file: Path) -> Iterator[Path]:
    """What killed writers of this file have left beside it."""
    form = re.compile(rf"\.{re.escape(file.name[:100])}\.[0-9a-f]{{12}}\.partial")
    return (other for other in file.parent.iterdir() if form.fullmatch(other.name))
