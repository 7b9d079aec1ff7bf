"""The report folder: made ready before a run, read after it, never cleared unless it is one of ours.

What the run before left is cleared by the first scenario that is about to start, not earlier: a run that cannot start leaves it alone.

report/
  .daemonset-conformance   the mark that the folder is ours, and which run cleared it last
  .run                     the lock of the run that writes into it, and its process id
  run.json                 one Run
  scenarios/*.json         one ScenarioResult for each pytest item
  traces/*.jsonl           one trace for each scenario that recorded
  findings/*.md            one report to forward for each finding that was seen
  diagnostics/*/           what could be seen of the cluster at the moment of a failure
  statement.json, index.html, junit.xml, allure/, logs/
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from conformance import whole
from conformance.errors import Unwritable, UsageError, refused
from conformance.received import content
from conformance.report.results import FORMAT, Run, ScenarioResult

MARKER = ".daemonset-conformance"
LOCK = ".run"
#: What a disk says that is full, has a quota or a limit, is read-only, or broken.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
_MARK = "A report of daemonset-conformance: the next run into this folder removes its own files from it.\n"
OWN_FOLDERS = ("scenarios", "traces", "findings", "allure", "logs", "diagnostics")
#: What reading a file that somebody else made may come to.
UNREADABLE = (OSError, msgspec.DecodeError, RecursionError, MemoryError)
#: Ids become anchors of pages and names of files; those of this suite are all of this form.
_ID = re.compile(r"\w[\w.-]{0,199}")
OWN_FILES = ("run.json", "statement.json", "index.html", "junit.xml")


def prepare(folder: Path) -> None:
    """Make the folder, and mark it as ours; nothing in it is touched.

    Raises UsageError when the folder cannot be written, or holds something and is not an old report.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--report {folder}: this is a file. Name a folder, or remove the file.")
    with _usable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / MARKER
        there = marker.is_file() and not marker.is_symlink()
        if not marker.exists() and any(folder.iterdir()):
            raise UsageError(
                f"--report {folder}: the folder is not empty and was not made by this suite (it has no {MARKER}), so it is not cleared. "
                "Name a new or empty folder, or empty this one yourself."
            )
        if not there:
            whole.write(marker, _MARK)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other runs out of a prepared folder for as long as this process, or the block, lasts; UsageError if one is in it."""
    with _usable(folder):
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 20).decode(errors="replace").strip() or "unknown"
            raise UsageError(
                f"--report {folder}: another run is writing into this folder (process {owner}). Wait until it ends, or name another folder."
            ) from None
        except OSError:  # a file system without locks
            with _usable(folder):
                raise
        with _usable(folder):
            os.ftruncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(lock)


def clear(folder: Path, run: str) -> None:
    """Take what an earlier run left out of a prepared folder: the first process of a run does it, the others find it done.

    `run` tells runs apart. Nothing but our own files is touched. Unwritable if that cannot be done.
    """
    with writing(folder), _alone(folder):
        if begun(folder, run):
            return
        # Who collects Allure results has made his folder already, and writes into it from now on.
        listening = [name for name in ("allure",) if (folder / name).is_dir()]
        for name in OWN_FOLDERS:
            _remove(folder / name)
        for name in OWN_FILES:
            _remove(folder / name)
        for name in (*OWN_FILES, MARKER):
            for scratch in whole.scratches(folder / name):  # of a run that was killed while it wrote
                _remove(scratch)
        for name in ("scenarios", "traces", *listening):
            (folder / name).mkdir()
        whole.write(folder / MARKER, f"{_MARK}{run}\n")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the other processes of the run out meanwhile. The lock is the folder's own: files in it are replaced."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def begun(folder: Path, run: str) -> bool:
    """Whether this run has cleared the folder, so that what is in it is its own."""
    try:
        return content(folder / MARKER, within=folder) == f"{_MARK}{run}\n".encode()
    except OSError:
        return False


@contextlib.contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"--report {folder}: reports cannot be written there ({refused(error)}). "
            "Name a folder that you can write, mend its permissions, or free some space."
        ) from error


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses meanwhile into one sentence with a way out: Unwritable."""
    try:
        yield
    except OSError as error:
        raise unwritable(folder, error) from error


def refusal(folder: Path, error: BaseException | None) -> OSError | None:
    """The error, or what it came from, if that is a disk that takes nothing more, or a file of the folder that cannot be written."""
    waiting = [error]
    seen: set[int] = set()  # an error may be the cause of its own cause
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, OSError):
            file = Path(os.fsdecode(one.filename)) if isinstance(one.filename, str | bytes) else None
            if one.errno in _DISK or (file is not None and folder.absolute() in file.absolute().parents):
                return one
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        waiting.append(one.__cause__ or (None if one.__suppress_context__ else one.__context__))
    return None


def unwritable(folder: Path, error: OSError) -> Unwritable:
    """What to say when a report cannot be written."""
    if error.errno == errno.ENOENT and not folder.is_dir():
        return Unwritable(
            f"The report cannot be written: its folder {folder} is gone. Run again, and leave it there until the run has ended."
        )
    return Unwritable(f"The report cannot be written to {folder} ({refused(error)}). Mend the folder's permissions, or free some space.")


def require(folder: Path) -> None:
    """Raise UsageError if the folder is no report of a run."""
    if not (folder / "scenarios").is_dir() and not (folder / "run.json").exists():
        raise UsageError(
            f"{folder} is not a report folder: it has neither run.json nor scenarios/. Name the folder that --report was given."
        )


def prepare_merged(folder: Path, names: Collection[str]) -> None:
    """Make the folder for what several runs say together; files called `names` in it have to be ours.

    Raises UsageError if it is the report of one run, or holds such files and is not marked as ours, OSError if it cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--merge {folder}: this is a file. Name a folder, or remove the file.")
    if (folder / "run.json").exists() or (folder / "scenarios").is_dir():
        raise UsageError(
            f"--merge {folder}: this is the report of one run, and its page would be lost. Name a new folder; the runs may lie in it."
        )
    taken = [name for name in names if (folder / name).exists()]
    if taken and not (folder / MARKER).exists():
        raise UsageError(
            f"--merge {folder}: {taken[0]} in it was not made by this suite (there is no {MARKER}), so it is not overwritten. "
            "Name another folder, or remove the file."
        )
    folder.mkdir(parents=True, exist_ok=True)
    whole.write(folder / MARKER, "Reports of daemonset-conformance, merged: written again by the next merge into this folder.\n")


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def save_run(folder: Path, run: Run) -> None:
    """Write run.json, joined with what other processes of the run have written: pytest's workers and its controller each know a part."""
    with _alone(folder):
        known = run_or_none(folder)
        merged = join(known, run) if known is not None else run
        whole.write(folder / "run.json", msgspec.json.format(msgspec.json.encode(merged), indent=2))


def join(old: Run, new: Run) -> Run:
    """Both parts as one: what either lacks, the earliest start, the longest time."""
    starts = [run.started for run in (old, new) if run.started]
    values = {name: getattr(new, name) or getattr(old, name) for name in Run.__struct_fields__}
    values |= {"started": min(starts, default=""), "seconds": max(old.seconds, new.seconds)}
    return Run(**values)


def run_or_none(folder: Path) -> Run | None:
    """What run.json says; None if it is missing or damaged."""
    try:
        return msgspec.json.decode(content(folder / "run.json", within=folder), type=Run)
    except UNREADABLE:
        return None


def run(folder: Path) -> Run:
    """What run.json says; what a run that died could not write there yet is unknown, and says so."""
    known = run_or_none(folder) or Run(suite="unknown", kubernetes="", cluster="unknown", format=FORMAT)
    return msgspec.structs.replace(known, kubernetes=known.kubernetes or "unknown")


def results(folder: Path) -> list[ScenarioResult]:
    """All results, by scenario and item; a damaged file is left out (`problems` names it)."""
    return _read(folder)[0]


def problems(folder: Path) -> list[str]:
    """What is damaged or missing of what the run wrote, one sentence each; `missing` says which scenarios never ran."""
    _, found = _read(folder)
    known = run_or_none(folder)
    if not (folder / "run.json").exists():
        found.insert(0, "run.json is missing: the run died before it knew its cluster, or is still going on.")
    elif known is None:
        found.insert(0, "run.json is damaged: the run died while it was written.")
    return found


def missing(run: Run, results: Collection[ScenarioResult]) -> list[str]:
    """Which of the selected items left no result."""
    there = {result.node_id for result in results}
    lacking = [item.rpartition("::")[2] for item in run.items if item not in there]
    if not lacking:
        return []
    named = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
    why = f"the run was ended by {run.stopped}" if run.stopped else "the run stopped early, or their files in scenarios/ are gone"
    return [f"{len(lacking)} of {len(run.items)} selected pytest items left no result ({named}): {why}."]


def _read(folder: Path) -> tuple[list[ScenarioResult], list[str]]:
    _require_format(folder)
    decoder = msgspec.json.Decoder(ScenarioResult)
    found: list[ScenarioResult] = []
    damaged: list[str] = []
    for file in sorted((folder / "scenarios").glob("*.json")):
        try:
            result = decoder.decode(content(file, within=folder))
        except UNREADABLE as error:
            damaged.append(f"scenarios/{file.name} is damaged ({error}): its scenario is not in this report.")
            continue
        if strange := [word for word in _ids(result) if not _ID.fullmatch(word)]:
            damaged.append(f"scenarios/{file.name} is damaged ({strange[0][:40]!r} is no id): its scenario is not in this report.")
            continue
        outside = [name for name in (result.trace, *result.diagnostics) if not _inside(folder, name)]
        if outside:
            damaged.append(f"scenarios/{file.name} names a file outside of the report ({outside[0][:80]!r}): it is not looked at.")
            kept = [name for name in result.diagnostics if name not in outside]
            result = msgspec.structs.replace(result, trace="" if result.trace in outside else result.trace, diagnostics=kept)
        found.append(result)
    damaged += [
        f"scenarios/{file.name} was being written when the run died: its scenario is not in this report."
        for file in sorted((folder / "scenarios").glob("*.partial"))
    ]
    damaged += [
        f"{file.name.removesuffix('.partial')} was being recorded when the run died."
        for file in sorted((folder / "traces").glob("*.partial"))
    ]
    return sorted(found, key=lambda result: (result.family, result.node_id)), damaged


class _Form(msgspec.Struct):
    format: int = 1


def _require_format(folder: Path) -> None:
    """Raise UsageError if the report was written by a suite whose results mean something else."""
    for file in (folder / "run.json", *sorted((folder / "scenarios").glob("*.json"))):
        try:
            form = msgspec.json.decode(content(file, within=folder), type=_Form).format
        except UNREADABLE:
            continue
        if form != FORMAT:
            raise UsageError(
                f"{folder} is a report of format {form}, and this suite writes and reads format {FORMAT}: its results name scenarios and "
                "claims in another way. Run the scenarios again, or read it with the suite that wrote it; its traces can still be judged "
                f"here (`conformance judge {folder / 'traces'}/NAME.jsonl`)."
            )


def _ids(result: ScenarioResult) -> list[str]:
    """Every word of a result that is taken for the name of something."""
    return [
        *(result.id, result.family, *result.claims, *(claim for check in result.checks for claim in check.claims)),
        *(word for tally in result.tallies for word in (tally.id, *tally.deviations)),
        *(word for tally in result.tallies for broken in tally.violations for word in (broken.guarantee, broken.known) if word),
        *([result.finding] if result.finding else []),
    ]


def _inside(folder: Path, name: str) -> bool:
    """Whether a file that a result names lies in one of the report's own folders, wherever links lead; it need not be there."""
    try:
        with contextlib.suppress(FileNotFoundError):
            (folder / name).lstat()
        return not name or (name.partition("/")[0] in OWN_FOLDERS and (folder / name).resolve().is_relative_to(folder.resolve()))
    except (OSError, ValueError):  # a name that no file can have
        return False
