"""Who made a cluster, when and from where, and what it takes to find one again that outlived the command that started it.

Both stand in its run directory: `owner.json` from the beginning, `state.json` when the cluster was meant to live on.
"""

from __future__ import annotations

import contextlib
import datetime
import getpass
import os
import shlex
import sys
from pathlib import Path
from typing import TypeVar

import msgspec

from conformance import whole
from conformance.errors import shortened

OWNER = "owner.json"
STATE = "state.json"
UNKNOWN = "unknown"
_T = TypeVar("_T")


class Maker(msgspec.Struct, frozen=True):
    """Who made it: the user's name, the process, its command line and folder, and the time (UTC, ISO 8601)."""

    user: str = UNKNOWN
    pid: int = 0
    command: str = UNKNOWN
    folder: str = UNKNOWN
    at: str = ""


class State(msgspec.Struct, frozen=True):
    """Where to find it: `pid` is that of the process that ends it (0 where there is none)."""

    name: str
    kubeconfig: str = ""
    kubernetes: str = UNKNOWN
    pid: int = 0


class Outliving(msgspec.Struct, frozen=True):
    """One cluster: its run directory, who made it, and how it is found, if it was meant to live on."""

    run: Path
    maker: Maker
    state: State | None

    @property
    def name(self) -> str:
        """The name that `up` printed; the run directory's for one that belongs to a run."""
        return self.state.name if self.state is not None else self.run.name


def sign(run: Path) -> None:
    """Write down who makes this cluster."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        user = f"uid {os.getuid()}"
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    maker = Maker(user, os.getpid(), _command(), os.getcwd(), now)  # noqa: PTH109 - as it is
    whole.write(run / OWNER, msgspec.json.encode(maker), mode=0o600)


def _command() -> str:
    """What was typed; a worker of pytest-xdist was not, and the process that started it was."""
    arguments = sys.argv
    if arguments[:1] == ["-c"]:
        with contextlib.suppress(OSError):
            parent = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            arguments = [os.fsdecode(word) for word in parent]
            while arguments[1:] and Path(arguments[0]).name.startswith("python"):
                arguments = arguments[1:]
    return shortened(shlex.join([Path(arguments[0]).name, *arguments[1:]]))


def note(run: Path, name: str, kubeconfig: Path, kubernetes: str, pid: int = 0) -> None:
    """Write down that this cluster is meant to live on."""
    whole.write(run / STATE, msgspec.json.encode(State(name, str(kubeconfig), kubernetes, pid)), mode=0o600)


def read(run: Path) -> Outliving:
    """What stands in a run directory; what is damaged is unknown."""
    state = _read(run / STATE, State)
    if state is None and (run / STATE).exists():
        state = State(run.name)
    return Outliving(run, _read(run / OWNER, Maker) or Maker(), state)


def _read(file: Path, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, RecursionError):
        return None
