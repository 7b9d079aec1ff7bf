"""The Debian that a node image begins with, where nobody is root: made in a container."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from fake_docker import FakeDocker

from conformance.components.engine.docker import Docker
from conformance.components.images import base, debian
from conformance.components.images.debian import Debian
from conformance.errors import BuildError, ConformanceError, ToolMissing

FINISH = "touch /finished"


def add(root: Path) -> None:
    """Two files, one of them where a Debian has a link."""
    for name in ("lib/example/unit", "usr/local/bin/example"):
        file = root / name
        file.parent.mkdir(parents=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def pack(docker: Docker, folder: Path, told: list[str]) -> Path:
    layer = folder / "layer.tar"
    with (folder / "lock").open("w") as lock:
        Debian("trixie", ["jq", "curl"], add, FINISH).pack(layer, docker, folder, told.append, lock.fileno())
    return layer


def test_who_is_not_root_makes_it_in_a_container_that_goes(tmp_path: Path) -> None:
    docker = FakeDocker(tmp_path)
    told: list[str] = []

    pack(docker, tmp_path, told)

    verbs = [call.split()[0] for call in docker.calls]
    assert verbs == ["inspect", "pull", "run", "exec", "cp", "exec", "exec", "export", "rm"]
    assert "--network host" in docker.calls[2]
    assert docker.calls[2].endswith("debian:trixie-slim infinity")
    assert docker.calls[3].endswith("apt-get install -qy --no-install-recommends jq curl")
    assert docker.calls[6].endswith(FINISH)
    assert next(text for text in told if text) == "pulling debian:trixie-slim"


def test_what_is_added_is_roots_and_leaves_a_debians_links_alone(tmp_path: Path) -> None:
    pack(FakeDocker(tmp_path), tmp_path, [])

    with tarfile.open(tmp_path / "files.tar") as files:
        members = files.getmembers()
    assert [member.name for member in members] == ["lib/example/unit", "usr/local/bin/example"], "a folder would take a link's place"
    assert {(member.uid, member.gid, member.mode) for member in members} == {(0, 0, 0o755)}


def test_a_debian_that_is_here_is_not_pulled(tmp_path: Path) -> None:
    docker = FakeDocker(tmp_path)
    docker.has("image", "debian:trixie-slim", {})

    pack(docker, tmp_path, [])

    assert not [call for call in docker.calls if call.startswith("pull")]


def test_without_root_and_without_a_registry_the_error_names_both_ways(tmp_path: Path) -> None:
    docker = FakeDocker(tmp_path)
    docker.answers("pull", err="dial tcp: no route to host", code=1)

    with pytest.raises(
        ToolMissing, match=r"(?s)this user is not root.*no route to host.*registry that has it, or call again as root with debootstrap"
    ):
        pack(docker, tmp_path, [])


def test_what_apt_said_is_in_the_error_and_the_container_goes(tmp_path: Path) -> None:
    docker = FakeDocker(tmp_path)
    docker.answers("exec", out="E: Unable to locate package jq\n", code=100)

    with pytest.raises(BuildError, match=r"(?s)exit code 100.*Unable to locate package jq"):
        pack(docker, tmp_path, [])

    assert docker.calls[-1].startswith("rm --force")


def test_a_real_container_gives_a_real_debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        docker = Docker()
        name = f"{base.REPOSITORY}:{base.kind_version()}-{base.key(base.kind_version())}"
        there = docker.inspect(name, kind="image")
    except (ToolMissing, ConformanceError) as error:
        pytest.skip(f"only Docker can run a container: {error}")
    if not there:
        pytest.skip(f"there is no {name} yet, which stands for Debian's own image here")
    monkeypatch.setattr(debian, "IMAGE", name)

    layer = pack(docker, tmp_path, [])

    with tarfile.open(layer) as packed:
        assert packed.getmember("lib").issym(), "a Debian's link"
        assert packed.getmember("usr/lib/example/unit").uid == 0
        assert packed.getmember("usr/local/bin/example").mode & 0o777 == 0o755
        assert packed.getmember("finished").isfile()
        assert "files.tar" not in packed.getnames()


def test_root_takes_only_what_debian_has_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """debootstrap looks for signatures and goes on without a keyring, unless it is told otherwise."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in (("debootstrap", 'for last; do :; done; mkdir "$last"'), ("chroot", ":"), ("tar", ":")):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\n{script}\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(debian, "_BARE", {"PATH": os.environ["PATH"]})
    pack(FakeDocker(tmp_path), tmp_path, [])
    [call] = [line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith("debootstrap")]
    assert "--force-check-gpg" in call
