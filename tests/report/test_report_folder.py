"""The report folder is made ready without ever clearing what is not ours, and survives several writers."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from conformance.errors import Unwritable, UsageError
from conformance.report import folder as folders
from conformance.report.results import Run
from tests.report import synthetic


def made(folder: Path, run: str = "this") -> Path:
    folders.prepare(folder)
    folders.clear(folder, run)
    return folder


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    made(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "scenarios").is_dir()
    assert folders.results(tmp_path / "a" / "b") == []


def test_a_foreign_folder_is_not_cleared(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "scenarios").mkdir()
    with pytest.raises(UsageError, match="not cleared"):
        folders.prepare(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_an_old_report_loses_its_own_files_only(tmp_path: Path) -> None:
    folder = synthetic.write_folder(tmp_path / "report")
    (folder / "notes.txt").write_text("mine")
    folders.prepare(folder)
    assert (folder / "run.json").exists(), "nothing is lost before a scenario starts"
    folders.clear(folder, "this")
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "run.json").exists()
    assert list((folder / "scenarios").iterdir()) == []
    assert list((folder / "traces").iterdir()) == []


def test_a_run_clears_the_folder_once_whoever_of_it_comes_first(tmp_path: Path) -> None:
    folder = made(tmp_path)
    assert folders.begun(folder, "this")
    (folder / "scenarios" / "x.json").write_text("{}")
    folders.clear(folder, "this")
    assert (folder / "scenarios" / "x.json").exists()
    folders.clear(folder, "another")
    assert not (folder / "scenarios" / "x.json").exists()
    assert not folders.begun(folder, "this")
    assert not folders.begun(tmp_path / "nowhere", "this")


def test_a_second_run_into_a_folder_is_refused(tmp_path: Path) -> None:
    folders.prepare(tmp_path)
    with folders.held(tmp_path), pytest.raises(UsageError, match=rf"process {os.getpid()}\)\. Wait"), folders.held(tmp_path):
        pass
    with folders.held(tmp_path):
        pass


def test_a_vanished_folder_is_one_sentence(tmp_path: Path) -> None:
    folder = made(tmp_path / "report")
    shutil.rmtree(folder)
    with pytest.raises(Unwritable, match="is gone"), folders.writing(folder):
        folders.save_run(folder, Run("0.1.0", "v1.37.1", "embedded"))


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match=r"\(No space left on device\)\. Mend") as said, folders.writing(tmp_path):
        Path("/dev/full").write_text("x")
    assert "None" not in str(said.value)


def test_items_without_a_result_are_noticed(tmp_path: Path) -> None:
    folder = synthetic.write_folder(tmp_path / "report")
    results = folders.results(folder)
    known = folders.run(folder)
    items = [result.node_id for result in results]
    folders.save_run(folder, msgspec.structs.replace(known, items=items))
    assert folders.missing(folders.run(folder), results) == []
    gone = next(file for file in (folder / "scenarios").glob("*.json"))
    gone.unlink()
    [problem] = folders.missing(folders.run(folder), folders.results(folder))
    assert problem.startswith(f"1 of {len(items)} selected pytest items left no result (")
    assert "are gone" in problem
    folders.save_run(folder, msgspec.structs.replace(known, items=items, stopped="SIGTERM"))
    assert folders.missing(folders.run(folder), folders.results(folder))[0].endswith("the run was ended by SIGTERM.")


def test_what_a_killed_writer_left_goes_and_nothing_that_looks_like_it(tmp_path: Path) -> None:
    folder = synthetic.write_folder(tmp_path / "report")
    (folder / ".index.html.0123456789ab.partial").write_text("half")
    (folder / ".notes.0123456789ab.partial").write_text("mine")
    (folder / ".index.html.mine.partial").write_text("mine")
    made(folder)
    assert {file.name for file in folder.glob("*.partial")} == {".notes.0123456789ab.partial", ".index.html.mine.partial"}


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    folder = made(tmp_path / "report")
    (folder / "logs").symlink_to(outside)
    made(folder, "another")
    assert (outside / "precious").exists()
    assert not (folder / "logs").exists()


def test_what_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="this is a file"):
        folders.prepare(tmp_path / "file")
    with pytest.raises(UsageError, match="cannot be written there"):
        folders.prepare(tmp_path / "file" / "below")


@pytest.mark.skipif(os.getuid() == 0, reason="root can write everywhere")
def test_a_read_only_folder_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="mend its permissions"):
        folders.prepare(tmp_path / "report")


def test_parts_of_a_run_are_joined(tmp_path: Path) -> None:
    made(tmp_path)
    folders.save_run(tmp_path, Run("0.1.0", "v1.37.1", "embedded", started="2026-11-21T12:00:05+00:00", seconds=9.0))
    folders.save_run(tmp_path, Run("0.1.0", "v1.37.1", "embedded", started="2026-11-21T12:00:01+00:00", seconds=7.0, command="pytest"))
    folders.save_run(tmp_path, Run("0.1.0", "v1.37.1", "embedded", ["audit-log"], started="2026-11-21T12:00:03+00:00"))
    assert folders.run(tmp_path) == Run(
        "0.1.0", "v1.37.1", "embedded", ["audit-log"], started="2026-11-21T12:00:01+00:00", seconds=9.0, command="pytest"
    )


def test_results_are_in_order_and_damage_is_named(tmp_path: Path) -> None:
    folder = synthetic.write_folder(tmp_path / "report")
    (folder / "scenarios" / "zz.json").write_text("{")
    families = [result.family for result in folders.results(folder)]
    assert families == ["L08", "L09", "P01", "P03", "R02", "R02", "T07", "T12", "U01"]
    assert [problem.partition(" is")[0] for problem in folders.problems(folder)] == ["scenarios/zz.json"]
    (folder / "run.json").write_text("")
    assert folders.problems(folder)[0].startswith("run.json is damaged")
    assert folders.run(folder).kubernetes == "unknown"


def test_an_error_that_is_the_cause_of_its_cause_is_looked_at_once() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    full = OSError(errno.ENOSPC, "No space left on device")

    assert folders.refusal(Path("report"), one) is None
    other.__cause__ = full
    assert folders.refusal(Path("report"), one) is full
