"""What `conformance prepare docker` does where Docker works already."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from fake_docker import FakeDocker

from conformance.components.engine import prepare, usable
from conformance.errors import UsageError

INFO = json.dumps({"ServerVersion": "28.0.1", "CgroupVersion": "2", "DockerRootDir": "/nowhere", "DefaultRuntime": "runc"})


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """A Docker that works, for root on a Debian without debootstrap."""
    docker = FakeDocker(tmp_path)
    docker.answers("info", out=INFO)
    monkeypatch.setattr(prepare, "Docker", lambda: docker)
    monkeypatch.setattr(prepare, "_debian", lambda: True)
    monkeypatch.setattr(prepare, "_inotify", lambda _: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(usable, "INSTANCES", 0)
    return docker


def test_debootstrap_is_installed(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, ...]] = []
    monkeypatch.setattr(prepare, "_apt", lambda *arguments: called.append(arguments))

    engine = prepare.prepare(lambda _: None)

    assert engine.cgroups == "2"
    assert called[-1][-1] == "debootstrap"


def test_where_it_cannot_be_installed_docker_is_ready_all_the_same(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: str) -> None:
        raise UsageError("`apt-get update` failed")

    monkeypatch.setattr(prepare, "_apt", offline)
    told: list[str] = []

    prepare.prepare(told.append)

    assert "`apt-get update` failed" in told[-1]
    assert "container of Debian's own image" in told[-1]
