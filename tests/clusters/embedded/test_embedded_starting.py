"""A cluster that cannot start: what is in the way is named, with the log that tells more, and nothing is left behind."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from conformance.clusters.embedded import EmbeddedProvider, components, credentials, provider, runs
from conformance.errors import ClusterError, UsageError


def idle(folder: Path, says: str) -> Path:
    """A program that starts, says something and does nothing."""
    program = folder / "idle"
    program.write_text(f"#!/bin/sh\necho '{says}'\nexec sleep 600\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("name", [components.CONTROLLER_MANAGER, components.API_SERVER])
def test_a_component_that_does_nothing_is_named(name: str, binaries: dict[str, Path], folder: Path, tmp_path: Path) -> None:
    programs = {**binaries, name: idle(tmp_path, "what it said last")}
    with pytest.raises(ClusterError) as caught:
        EmbeddedProvider("1.37", folder / "idle", binaries=programs, keep=tmp_path / "logs", time_scale=0.1).open()
    said = str(caught.value)
    assert name in said
    assert "what it said last" in said
    assert "--time-scale" in said
    [log] = (tmp_path / "logs").glob(f"*/{name}.log")
    assert str(log) in said
    assert list((folder / "idle").glob(f"{runs.PREFIX}*")) == []


def test_without_a_route_there_is_an_address_still(tmp_path: Path, binaries: dict[str, Path]) -> None:
    """The API server looks for the default route's address unless it is given one, and ends where there is no route."""
    made = credentials.Credentials(tmp_path)
    lines = components.command_lines(binaries, tmp_path, 6443, made, {})
    assert "--advertise-address=192.0.2.1" in lines[components.API_SERVER]


def test_too_few_files_are_told_before_anything_starts(binaries: dict[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    with pytest.raises(UsageError, match=rf"may have 64 files open here, and a control plane needs {provider.FILES}: run `ulimit -n"):
        EmbeddedProvider("1.37", folder / "few", binaries=binaries).open()
    assert not (folder / "few").exists()


def test_files_that_cannot_be_written_are_one_paragraph(binaries: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot keep its files in .*file.* \(.*\)\. Free some space there"):
        EmbeddedProvider("1.37", tmp_path / "file", binaries=binaries).open()
