"""The report folder: made ready before a run, read after it, never cleared unless it is one of ours.

report/
  .daemonset-conformance   the mark that the folder is ours
  run.json                 one Run
  scenarios/*.json         one ScenarioResult for each pytest item
  traces/*.jsonl           one trace for each scenario that recorded
  diagnostics/*/           what could be seen of the cluster at the moment of a failure
  statement.json, index.html, junit.xml, allure/, logs/
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
from collections.abc import Collection
from pathlib import Path

import msgspec

from conformance import whole
from conformance.errors import UsageError
from conformance.received import content
from conformance.report.results import Run, ScenarioResult

MARKER = ".daemonset-conformance"
OWN_FOLDERS = ("scenarios", "traces", "allure", "logs", "diagnostics")
#: What reading a file that somebody else made may come to.
UNREADABLE = (OSError, msgspec.DecodeError, RecursionError, MemoryError)
#: Ids become anchors of pages and names of files; those of this suite are all of this form.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
OWN_FILES = ("run.json", "statement.json", "index.html", "junit.xml")


def prepare(folder: Path) -> None:
    """Make the folder, or take what an earlier run left out of it; nothing else in it is touched.

    Raises UsageError when the folder cannot be written, or holds something and is not an old report.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--report {folder}: this is a file. Name a folder, or remove the file.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / MARKER
        if not marker.exists() and any(folder.iterdir()):
            raise UsageError(
                f"--report {folder}: the folder is not empty and was not made by this suite (it has no {MARKER}), so it is not cleared. "
                "Name a new or empty folder, or empty this one yourself."
            )
        for name in OWN_FOLDERS:
            _remove(folder / name)
        for name in OWN_FILES:
            _remove(folder / name)
        for name in (*OWN_FILES, MARKER):
            for scratch in whole.scratches(folder / name):  # of a run that was killed while it wrote
                _remove(scratch)
        whole.write(marker, "A report of daemonset-conformance: the next run into this folder removes its own files from it.\n")
        for name in ("scenarios", "traces"):
            (folder / name).mkdir()
    except OSError as error:
        raise UsageError(
            f"--report {folder}: reports cannot be written there ({error.strerror}: {error.filename}). "
            "Name a folder that you can write, or mend its permissions."
        ) from error


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
    with (folder / MARKER).open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
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
    """What run.json says; a run that died before it was written has unknown facts, and says so."""
    return run_or_none(folder) or Run(suite="unknown", kubernetes="unknown", cluster="unknown")


def results(folder: Path) -> list[ScenarioResult]:
    """All results, by scenario and item; a damaged file is left out (`problems` names it)."""
    return _read(folder)[0]


def problems(folder: Path) -> list[str]:
    """What is missing or damaged in the folder, one sentence each."""
    found = list(_read(folder)[1])
    if not (folder / "run.json").exists():
        found.insert(0, "run.json is missing: the run died before it knew its cluster, or is still going on.")
    elif run_or_none(folder) is None:
        found.insert(0, "run.json is damaged: the run died while it was written.")
    return found


def _read(folder: Path) -> tuple[list[ScenarioResult], list[str]]:
    decoder = msgspec.json.Decoder(ScenarioResult)
    found: list[ScenarioResult] = []
    damaged: list[str] = []
    for file in sorted((folder / "scenarios").glob("*.json")):
        try:
            result = decoder.decode(content(file, within=folder))
        except UNREADABLE as error:
            damaged.append(f"scenarios/{file.name} is damaged ({error}): its scenario is not in this report.")
            continue
        strange = [word for word in (result.id, *result.claims, *(tally.id for tally in result.tallies)) if not _ID.fullmatch(word)]
        if strange:
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
    return sorted(found, key=lambda result: (result.id[:1], len(result.id), result.id, result.node_id)), damaged


def _inside(folder: Path, name: str) -> bool:
    """Whether a file that a result names lies in one of the report's own folders, wherever links lead; it need not be there."""
    try:
        with contextlib.suppress(FileNotFoundError):
            (folder / name).lstat()
        return not name or (name.partition("/")[0] in OWN_FOLDERS and (folder / name).resolve().is_relative_to(folder.resolve()))
    except (OSError, ValueError):  # a name that no file can have
        return False
