"""The command line: exit codes, and one paragraph for each mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import conformance
from conformance import cli
from conformance.cli import main
from conformance.components import versions
from conformance.components.engine import prepare, usable
from conformance.errors import BuildError, ClusterError, ToolMissing
from conformance.report import folder
from conformance.report.results import FORMAT, Run
from conformance.trace import store
from conformance.trace.entries import Entry, Header
from tests.report import synthetic

HEADER = Header(1, "P01", "scenarios/test_x.py::test_it", "v1.37.1", "embedded")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["judge", "nowhere.jsonl"], "cannot be opened"),
        (["build", "kube-proxy"], "there is no component"),
        (["build", "--kubernetes", "1.7"], "choose one of"),
        (["up", "--nodes", "-1"], "between 0 and 1000"),
        (["report", "nowhere"], "nowhere"),
        (["versions", "1.7"], "choose one of"),
        (["up", "--cluster", "kind", "--port", "6443"], "kind chooses the port"),
    ],
)
def test_mistakes_are_told_in_one_line_with_exit_code_4(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 4
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_an_unknown_command_has_exit_code_4() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fly"])
    assert ended.value.code == 4


@pytest.mark.parametrize("port", ["99999", "-5", "x"])
def test_a_port_that_is_none_is_refused_before_anything_is_built(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["up", "--port", port])
    assert ended.value.code == 4
    assert "argument --port" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["up"], ["judge"], ["report"], ["clean"]])
def test_every_command_says_its_version(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"daemonset-conformance {conformance.__version__}\n"


def test_who_reads_no_further_is_not_answered_with_a_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen([sys.executable, "-m", "conformance", "versions"], stdout=writer, stderr=subprocess.PIPE, text=True) as run:
        os.close(writer)
        assert run.communicate(timeout=60)[1] == ""
    assert run.returncode == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_one_line(unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "conformance", "versions"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_the_suite_is_no_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(versions, "chosen", fails)
    assert main(["versions"]) == 3
    assert "fault of the suite itself" in capsys.readouterr().err


def test_nothing_to_clean_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    assert main(["clean"]) == 0
    assert capsys.readouterr().out == "nothing was left by dead runs\n"
    assert main(["clean", "--cache"]) == 0
    assert capsys.readouterr().out == "freed 0 MB of the cache of built components\n"


@pytest.mark.parametrize(
    "entry",
    [
        Entry(1, 0.0, "added", "pods", 5, msgspec.Raw(b'{"metadata":{"name":"a","namespace":"b","uid":5}}')),
        Entry(1, 0.0, "added", "pods", 5, msgspec.Raw(b"[]")),
        Entry(1, 0.0, "modified", "widgets", 5, msgspec.Raw(b"{}")),
    ],
    ids=["type", "shape", "kind"],
)
def test_an_object_that_is_none_is_damage_and_no_verdict(entry: Entry, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.jsonl"
    store.write(file, HEADER, [entry])
    assert main(["judge", str(file)]) == 4
    said = capsys.readouterr().err
    assert f"{file}: entry 1 of the trace is damaged" in said
    assert said.count("\n") == 1


def test_a_report_that_is_not_all_there_says_so_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = synthetic.write_folder(tmp_path / "report")
    items = [result.node_id for result in folder.results(made)]
    folder.save_run(made, msgspec.structs.replace(folder.run(made), items=items))
    assert main(["report", str(made)]) == 0
    next((made / "scenarios").glob("*.json")).unlink()
    assert main(["report", str(made)]) == 1
    said = capsys.readouterr()
    assert "left no result" in said.err
    assert str(made / "index.html") in said.out
    (made / "run.json").write_text("{")
    assert main(["report", str(made)]) == 1
    assert "run.json is damaged" in capsys.readouterr().err


def test_a_truncated_trace_names_what_can_be_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.jsonl"
    store.write(file, HEADER, [Entry(1, 0.0, "end")])
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))
    assert main(["judge", str(file)]) == 4
    assert str(file) in capsys.readouterr().err


def test_a_trace_is_judged_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.jsonl"
    store.write(file, HEADER, [Entry(1, 0.0, "end")])
    assert main(["judge", str(file)]) == 0
    assert "INV-1" in capsys.readouterr().out


def test_a_report_is_written_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "report"
    folder.prepare(made)
    folder.clear(made, "run")
    folder.save_run(made, Run("0.1.0", "v1.37.1", "embedded", format=FORMAT))
    assert main(["report", str(made)]) == 0
    assert (made / "index.html").is_file()
    assert str(made / "index.html") in capsys.readouterr().out


def test_versions_are_listed_for_people_and_workflows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["versions"]) == 0
    listed = capsys.readouterr().out.split()
    assert listed == sorted(versions.MINORS, key=lambda minor: int(minor.partition(".")[2]), reverse=True)
    assert main(["versions", "--json", "oldest", "newest", versions.resolve(listed[0]).version]) == 0
    assert json.loads(capsys.readouterr().out) == [listed[0], listed[-1]]


@pytest.mark.parametrize("lacking", [ToolMissing("There is no docker."), ClusterError("dockerd ended by itself.")])
def test_where_docker_cannot_be_had_what_needs_it_is_left_out_visibly(
    lacking: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise lacking

    monkeypatch.setattr(prepare, "prepare", fails)
    assert main(["prepare", "docker", "--", "pytest", "scenarios", "-k", "a b"]) == 0
    said = capsys.readouterr().err
    assert "LEFT OUT: pytest scenarios -k 'a b'\n" in said
    assert str(lacking) in said

    assert main(["prepare", "docker"]) != 0, "whoever asks for Docker alone is told that there is none"


def test_where_docker_is_there_it_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(prepare, "prepare", lambda _: usable.Engine("28.0", "2", Path("/"), "runc"))
    monkeypatch.setattr(cli, "_node_image", lambda *_: None)
    monkeypatch.setattr(os, "execvp", lambda _, arguments: ran.append(arguments))
    main(["prepare", "docker", "--", "pytest", "scenarios", "--cluster", "kind"])
    assert ran == [["pytest", "scenarios", "--cluster", "kind"]]


def test_a_node_image_that_does_not_build_is_no_reason_to_leave_anything_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise BuildError("go ended with 1")

    monkeypatch.setattr(prepare, "prepare", lambda _: usable.Engine("28.0", "2", Path("/"), "runc"))
    monkeypatch.setattr(cli, "_node_image", fails)
    assert main(["prepare", "docker", "--", "pytest"]) == 1
    monkeypatch.setenv("CONFORMANCE_KUBERNETES", "1.7")
    assert main(["prepare", "docker", "--", "pytest"]) == 4
