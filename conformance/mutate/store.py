"""The folder of a run of `conformance mutate`: one file a result, so that a run which was killed goes on where it was.

OUT/
  run.json              what was run against what; another build or another suite does not go on here
  ground/GROUP.json     the unchanged controller in a group of scenarios: which defects' places it came by, and how long it took
  mutants/ID.json       what came of one defect
  work/                 of the runs that are under way; what the last one of a defect left that nobody noticed
  mutants.json, index.html
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from conformance import whole
from conformance.components.locks import locked
from conformance.errors import UsageError
from conformance.mutate.noticing import Notice

MARK = "run.json"
Read = TypeVar("Read")

#: noticed    something failed that passes with the unchanged controller
#: survived   its place was come by, and nothing failed
#: unreached  no scenario that was asked comes by its place
Verdict = Literal["noticed", "survived", "unreached"]


class Basis(msgspec.Struct, frozen=True):
    """What results have to have in common: the version, the build of the defects (`key`), the suite, and its pace."""

    kubernetes: str
    key: str
    suite: str
    time_scale: float


class Ground(msgspec.Struct, frozen=True):
    """One group with the unchanged controller. `failures` are node ids that did not pass (empty: it can be asked)."""

    group: str
    seconds: float
    reached: list[int]
    failures: list[str] = []
    scenarios: list[str] = []


class Asked(msgspec.Struct, frozen=True):
    """One group that was asked about a defect: wall time in seconds, and pytest's exit code (None: it was ended from outside)."""

    group: str
    seconds: float
    code: int | None


class Outcome(msgspec.Struct, frozen=True):
    """What came of one defect, by its id. `reached` says whether a process that had it came by its place."""

    mutant: str
    number: int
    reached: bool = False
    asked: list[Asked] = []
    notices: list[Notice] = []

    @property
    def verdict(self) -> Verdict:
        """Noticed, survived, or unreached."""
        if self.notices:
            return "noticed"
        return "survived" if self.reached else "unreached"

    @property
    def seconds(self) -> float:
        """Until it was noticed, or until there was nothing more to ask."""
        return sum(asked.seconds for asked in self.asked)


class Store:
    """Results on disk. Whoever has the lock of a folder is alone in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def opened(self, basis: Basis) -> Iterator[None]:
        """Hold the folder for a run with this basis; UsageError if it is not ours, in use, or of another basis."""
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"--out {self.folder}: this is a file. Name a folder, or remove the file.")
        mark = self.folder / MARK
        if self.folder.is_dir() and not mark.exists() and any(other.name != ".lock" for other in self.folder.iterdir()):
            raise UsageError(f"--out {self.folder}: the folder is not empty and holds no results of this command. Name a new or empty one.")
        for part in ("ground", "mutants", "work"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self.folder / ".lock"))
            except BlockingIOError:
                raise UsageError(
                    f"--out {self.folder}: another run is at work in this folder. Wait for it, or name another folder."
                ) from None
            known = _read(mark, Basis)
            if known is not None and known != basis:
                differs = ", ".join(name for name in Basis.__struct_fields__ if getattr(known, name) != getattr(basis, name))
                raise UsageError(
                    f"--out {self.folder}: the results in it are of another run (different: {differs}), and results of two cannot be one "
                    "table. Name another folder, or remove this one."
                )
            whole.write(mark, msgspec.json.encode(basis))
            yield

    def ground(self, group: str) -> Ground | None:
        """What is known of a group with the unchanged controller."""
        return _read(self.folder / "ground" / f"{group}.json", Ground)

    def put_ground(self, ground: Ground) -> None:
        """Keep it."""
        whole.write(self.folder / "ground" / f"{ground.group}.json", msgspec.json.encode(ground))

    def outcome(self, mutant: str) -> Outcome | None:
        """What is known of a defect; None also where a file was damaged: it is asked again."""
        return _read(self.folder / "mutants" / f"{mutant}.json", Outcome)

    def put(self, outcome: Outcome) -> None:
        """Keep it."""
        whole.write(self.folder / "mutants" / f"{outcome.mutant}.json", msgspec.json.encode(outcome))


def suite(*folders: Path) -> str:
    """A digest of what judges: the Python and YAML files of these folders, but for those of this command."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.suffix in (".py", ".yaml") and "mutate" not in file.relative_to(folder).parts:
                digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _read(file: Path, form: type[Read]) -> Read | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=form)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
