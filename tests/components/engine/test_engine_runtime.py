"""The runtime that leaves CAP_SYS_RESOURCE out, run for real around a runc that is a script."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from conformance.components.engine import prepare

ASKED = ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_KILL"]
SETS = ("bounding", "effective", "permitted")


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    runc = tmp_path / "bin" / "runc"
    runc.parent.mkdir()
    runc.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\n')
    runc.chmod(0o755)
    monkeypatch.setenv("PATH", f"{runc.parent}:/usr/bin:/bin")
    return prepare.write_wrapper(tmp_path / "home")


def bundle(folder: Path, asked: list[str]) -> Path:
    folder.mkdir()
    file = folder / "config.json"
    config = {"process": {"capabilities": dict.fromkeys(SETS, asked), "args": ["CAP_SYS_RESOURCES"]}, "hostname": "n"}
    file.write_text(json.dumps(config, separators=(",", ":")))
    return file


@pytest.mark.parametrize(
    "asked", [ASKED, ["CAP_SYS_RESOURCE"], ["CAP_SYS_RESOURCE", "CAP_KILL"], ["CAP_KILL", "CAP_SYS_RESOURCE"], ["CAP_KILL"]]
)
@pytest.mark.parametrize("form", ["--bundle {}", "--bundle={}", "-b {}"])
def test_a_container_is_created_without_it(runtime: Path, tmp_path: Path, asked: list[str], form: str) -> None:
    file = bundle(tmp_path / "b", asked)
    arguments = ["--root", "/run/x", "create", *form.format(file.parent).split(), "name"]

    subprocess.run([runtime, *arguments], check=True)

    config = json.loads(file.read_text())
    for one in SETS:
        assert config["process"]["capabilities"][one] == [capability for capability in asked if capability != "CAP_SYS_RESOURCE"]
    assert config["process"]["args"] == ["CAP_SYS_RESOURCES"], "only the capability itself"
    assert (tmp_path / "called").read_text().split() == arguments


def test_a_further_process_starts_without_it(runtime: Path, tmp_path: Path) -> None:
    file = tmp_path / "process.json"
    file.write_text(json.dumps({"capabilities": dict.fromkeys(SETS, ASKED)}, separators=(",", ":")))

    subprocess.run([runtime, "exec", "--process", str(file), "--detach", "name"], check=True)

    assert "CAP_SYS_RESOURCE" not in file.read_text()
    assert json.loads(file.read_text())["capabilities"]["effective"] == ["CAP_CHOWN", "CAP_KILL"]


def test_other_commands_go_through_untouched(runtime: Path, tmp_path: Path) -> None:
    file = bundle(tmp_path / "b", ASKED)
    before = file.read_text()

    subprocess.run([runtime, "delete", "--force", "name"], check=True, cwd=file.parent)

    assert file.read_text() == before
