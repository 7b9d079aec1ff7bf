"""The user's cache of built components: where an entry lies, whether it is whole, what is there, and clearing it.

$XDG_CACHE_HOME/daemonset-conformance/
    components/<name>-<version>-<key>/<name>          the program
    components/<name>-<version>-<key>/checksum.json   its size and sha256
    locks/      one file an entry: who builds it
    building/   workplaces of running builds
    go.json     what each go program said of its version
    identity    a word that nobody else's cache has
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from conformance import whole
from conformance.components.locks import locked, remove, sweep


class _Checksum(msgspec.Struct, frozen=True):
    size: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One built program in the cache; `key` stands for everything that went into it."""

    root: Path
    name: str
    version: str
    key: str

    @property
    def label(self) -> str:
        """The entry's folder name."""
        return f"{self.name}-{self.version}-{self.key}"

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.root / "components" / self.label

    @property
    def binary(self) -> Path:
        """The program."""
        return self.folder / self.name

    @property
    def lock(self) -> Path:
        """The lock of whoever builds it."""
        return self.root / "locks" / f"{self.label}.lock"

    def intact(self) -> bool:
        """Whether it is there, executable and of the size it had when it was built: two system calls, for every run."""
        checksum = self._checksum()
        try:
            size_now = self.binary.stat().st_size
        except OSError:
            return False
        return checksum is not None and size_now == checksum.size and os.access(self.binary, os.X_OK)

    @property
    def digest(self) -> str:
        """The sha256 it had when it was built; empty if nothing is there."""
        checksum = self._checksum()
        return checksum.sha256 if checksum is not None else ""

    def verify(self) -> bool:
        """Whether every byte is as it was built; reads the whole file (0.3 s for kube-apiserver), once for each process."""
        if not self.intact():
            return False
        now = self.binary.stat()
        return _digest_of(self.binary, now.st_ino, now.st_mtime_ns, now.st_size) == self.digest

    def put(self, built: Path) -> None:
        """Move the freshly built program into its place, in one step; the caller holds the lock.

        `built` is alone in its folder, in the cache's own file system.
        """
        staged = built.parent
        built.chmod(0o755)
        checksum = _Checksum(built.stat().st_size, _digest(built))
        (staged / "checksum.json").write_bytes(msgspec.json.encode(checksum))
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if self.folder.exists():  # a damaged one
            self.folder.rename(staged.with_name(f"{staged.name}.damaged"))
        staged.rename(self.folder)

    def _checksum(self) -> _Checksum | None:
        try:
            return msgspec.json.decode((self.folder / "checksum.json").read_bytes(), type=_Checksum)
        except (OSError, msgspec.DecodeError):
            return None


@functools.cache
def _digest_of(file: Path, inode: int, changed: int, size: int) -> str:  # noqa: ARG001 - what a file is known by until it changes
    return _digest(file)


def root() -> Path:
    """The cache folder of this user; it need not exist."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".cache") / "daemonset-conformance"


def identity() -> str:
    """A word of this cache alone, made once: who says it sees the locks in here."""
    file = root() / "identity"
    root().mkdir(parents=True, exist_ok=True)
    with locked(root() / "locks" / "identity.lock", lambda: None):
        known = file.read_text() if file.is_file() else ""
        if not known.isalnum():
            known = secrets.token_hex(8)
            whole.write(file, known)
    return known


def entries() -> list[Entry]:
    """What is built, by name and version."""
    found = []
    for folder in sorted((root() / "components").glob("*-v*-*")):
        name, _, rest = folder.name.partition("-v")
        version, _, key = rest.rpartition("-")
        found.append(Entry(root(), name, f"v{version}", key))
    return found


def size(folder: Path | None = None) -> int:
    """Bytes below `folder`, by default all of the cache."""
    total = 0
    for parent, _, files in os.walk(folder or root()):
        for file in files:
            with contextlib.suppress(OSError):
                total += (Path(parent) / file).lstat().st_size
    return total


def clean(*, cache: bool = True) -> int:
    """Remove what killed builds left, and with `cache` the built components too; returns the bytes that came free.

    What another run is building at this moment stays. A running program whose file goes lives on.
    """
    here = root()
    before = size(here)
    sweep(here / "building")
    if cache:
        for entry in entries():
            with contextlib.suppress(BlockingIOError), locked(entry.lock):
                remove(entry.folder)
                entry.lock.unlink(missing_ok=True)
        (here / "go.json").unlink(missing_ok=True)
    return before - size(here)


def free(folder: Path) -> int:
    """Free bytes for this user in the file system of `folder`, which need not exist."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
