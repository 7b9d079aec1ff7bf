"""`conformance down` ends what is meant and nothing else, and says what came of it; `conformance ps` shows whose a cluster is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_docker import FakeDocker

from conformance.cli import main
from conformance.clusters import outliving
from conformance.clusters.embedded.process import Supervisor
from conformance.clusters.kind import owners
from conformance.clusters.kind.configuration import OWNER_MOUNT
from conformance.components import locks
from conformance.session import existing
from conformance.session.settings import runs_folder


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the runs folder is made: a link, as /tmp is on some machines."""
    with tempfile.TemporaryDirectory(prefix="cf") as name:
        (Path(name) / "real").mkdir()
        (Path(name) / "link").symlink_to(Path(name) / "real")
        monkeypatch.setenv("XDG_RUNTIME_DIR", f"{name}/link")
        yield Path(name).resolve() / "real" / f"dsc-{os.getuid()}"


@pytest.fixture
def up(folder: Path) -> Iterator[list[Supervisor]]:
    made = [Supervisor(runs_folder()) for _ in range(2)]
    for number, one in enumerate(made):
        outliving.note(one.run, f"embedded-{number}", one.run / "kubeconfig", "v1.37.1", one.pid)
        one.detach()
    yield made
    for one in made:
        one.shutdown()


def test_the_only_cluster_is_ended_and_of_several_none(up: list[Supervisor], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down"]) == 4
    said = capsys.readouterr()
    assert all(words in said.err for words in ("2 clusters are up", "--all", "embedded-0", "embedded-1"))
    assert said.out == ""
    assert all(one.run.is_dir() for one in up)

    assert main(["down", "another"]) == 4
    assert "No cluster called another is up" in capsys.readouterr().err

    assert main(["down", "embedded-0"]) == 0
    assert capsys.readouterr().out == "ended embedded-0\n"
    assert [one.run.is_dir() for one in up] == [False, True]
    assert main(["down"]) == 0
    assert capsys.readouterr().out == "ended embedded-1\n"
    assert main(["down"]) == 0
    assert capsys.readouterr() == ("", "no cluster is up\n")


def test_all_are_ended_where_that_is_said(up: list[Supervisor], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--all"]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == ["ended embedded-0", "ended embedded-1"]
    assert not list(folder.glob("c-*"))


def test_what_was_not_ended_is_not_said_to_be(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = Supervisor(runs_folder())
    try:
        outliving.note(one.run, "odd", one.run / "kubeconfig", "v1.37.1", os.getpid())
        assert main(["down"]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert "odd was not ended" in said.err
        assert one.run.is_dir()
    finally:
        one.shutdown()


def test_clusters_of_runs_are_shown_and_not_ended(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = Supervisor(runs_folder())
    try:
        assert main(["ps"]) == 0
        shown = capsys.readouterr().out
        assert all(words in shown for words in (one.run.name, f"in use by process {os.getpid()}", str(Path.cwd()), "started 20", "pytest"))
        assert main(["down"]) == 0
        assert main(["down", one.run.name]) == 4
        assert one.run.is_dir()
    finally:
        one.shutdown()
    capsys.readouterr()
    assert main(["ps"]) == 0
    assert capsys.readouterr().out == "no cluster of yours is up\n"


def test_ps_says_what_died(up: list[Supervisor], capsys: pytest.CaptureFixture[str]) -> None:
    (up[0].run / "ended.jsonl").write_text('{"name": "etcd", "status": "killed by SIGKILL", "log": "/x/etcd.log"}\n')
    assert main(["ps"]) == 0
    shown = capsys.readouterr().out
    assert "etcd ended by itself (killed by SIGKILL); its log: /x/etcd.log" in shown
    assert f"kubectl --kubeconfig {up[1].run / 'kubeconfig'}" in shown
    assert f"kubectl --kubeconfig {up[0].run / 'kubeconfig'}" not in shown


def test_a_state_that_cannot_be_read_stops_nobody(up: list[Supervisor], capsys: pytest.CaptureFixture[str]) -> None:
    (up[0].run / outliving.STATE).write_text('{"name": "embed')
    (up[0].run / outliving.OWNER).write_text("[" * 100_000)
    assert main(["ps"]) == 0
    assert "embedded-1" in capsys.readouterr().out
    assert main(["down", up[0].run.name]) == 1  # nobody knows its process
    assert main(["down", "embedded-1"]) == 0


def test_a_kind_cluster_is_told_by_its_containers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docker").mkdir()
    docker = FakeDocker(tmp_path / "docker")
    monkeypatch.setenv("PATH", f"{tmp_path / 'docker'}:{os.environ['PATH']}")
    owner = owners.create(runs_folder())
    for name, running in (("one", True), ("two", False)):
        mounts = [{"Source": str(owner.run), "Destination": OWNER_MOUNT}]
        docker.has("container", name, {"Config": {"Labels": {owners.CLUSTER_LABEL: "x"}}, "Mounts": mounts, "State": {"Running": running}})
    owners.note(owner.run, "x", owner.run / "kubeconfig", "v1.37.1")
    owner.release(remove=False)
    assert main(["ps"]) == 0
    assert "its containers do not all run" in capsys.readouterr().out
    assert main(["down"]) == 0
    assert capsys.readouterr().out == "ended x\n"
    assert docker.there("container") == set()


def test_a_runs_folder_that_is_a_link_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A neighbour in a folder for everybody may have made it, and what looks like a dead run would be removed from where it leads."""
    private = tmp_path / "private"
    (private / "c-project").mkdir(parents=True)
    private.chmod(0o700)
    (tmp_path / f"dsc-{os.getuid()}").symlink_to(private)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for command in (["ps"], ["down"], ["clean"], ["up"]):
        assert main(command) == 4
        assert "a link is none" in capsys.readouterr().err
    assert (private / "c-project").is_dir()
    (tmp_path / f"dsc-{os.getuid()}").unlink()
    (tmp_path / f"dsc-{os.getuid()}").write_text("")
    assert main(["ps"]) == 4


def test_clean_removes_the_credentials_that_a_killed_run_left(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))  # no Docker
    left = existing.tidy() / "killed"
    left.mkdir(parents=True)
    left.with_suffix(".lock").touch()
    (left / "kubeconfig").write_text("")
    (left / "tmpabc").write_text("a private key")
    with locks.workplace(existing.tidy()) as (mine, _):
        assert not left.exists()
        left.mkdir(parents=True)
        left.with_suffix(".lock").touch()
        assert main(["clean"]) == 0
        assert not left.exists()
        assert mine.is_dir()
