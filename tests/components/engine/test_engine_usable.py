"""What stands in the way of Docker is named, with the fix: each case with a docker client that is a script."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fake_docker import FakeDocker

from conformance.components.engine import usable
from conformance.components.engine.docker import Docker, DockerError
from conformance.errors import ToolMissing, UsageError

WHOLE, STRIPPED = "000001ffffffffff", "000001fffeffffff"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    folder = tmp_path / "docker"
    folder.mkdir()
    return FakeDocker(folder)


def proc(tmp_path: Path, *, instances: int = 1024, bounding: str = WHOLE) -> Path:
    folder = tmp_path / "proc"
    (folder / "self").mkdir(parents=True)
    (folder / "sys/fs/inotify").mkdir(parents=True)
    (folder / "self/status").write_text(f"Name:\tpython\nCapBnd:\t{bounding}\n")
    (folder / "sys/fs/inotify/max_user_instances").write_text(f"{instances}\n")
    return folder


def running(docker: FakeDocker, tmp_path: Path, version: str = "28.2.2", runtime: str = "runc") -> None:
    info = {"ServerVersion": version, "CgroupVersion": "1", "DockerRootDir": str(tmp_path), "DefaultRuntime": runtime}
    docker.answers("info", out=json.dumps(info))


def test_a_docker_that_works_is_described(docker: FakeDocker, tmp_path: Path) -> None:
    running(docker, tmp_path, "20.10.24+dfsg1", "mine")

    engine = usable.check(docker, proc=proc(tmp_path, bounding=STRIPPED))

    assert (engine.release, engine.cgroups_v1, engine.default_runtime) == ((20, 10, 24), True, "mine")


def test_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ToolMissing, match=r"no docker on PATH.*conformance prepare docker"):
        Docker()


def test_no_daemon(docker: FakeDocker) -> None:
    docker.answers("info", out=json.dumps({"ServerErrors": ["Cannot connect to the Docker daemon at unix:///x"]}), code=1)
    with pytest.raises(ToolMissing, match=r"does not answer.*prepare docker.*Cannot connect"):
        usable.reach(docker)


def test_no_daemon_where_docker_host_points(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://nowhere:1")
    docker.answers("info", err="no such host", code=1)
    with pytest.raises(ToolMissing, match=r"DOCKER_HOST is tcp://nowhere:1.*no such host"):
        usable.reach(docker)


def test_no_rights(docker: FakeDocker) -> None:
    docker.answers("info", out=json.dumps({"ServerErrors": ["permission denied while trying to connect"]}), code=1)
    with pytest.raises(UsageError, match=r"may not talk to the Docker daemon.*usermod -aG docker") as refusal:
        usable.reach(docker)
    assert not isinstance(refusal.value, ToolMissing), "installing Docker again would not help"


@pytest.mark.parametrize(
    ("version", "runtime", "refused"), [("20.10.24+dfsg1", "runc", True), ("20.10.24", "mine", False), ("28.2.2", "runc", False)]
)
def test_only_an_old_docker_needs_the_runtime(docker: FakeDocker, tmp_path: Path, version: str, runtime: str, refused: bool) -> None:
    running(docker, tmp_path, version, runtime)
    stripped = proc(tmp_path, bounding=STRIPPED)
    if refused:
        with pytest.raises(UsageError, match=r"CAP_SYS_RESOURCE.*conformance prepare docker"):
            usable.check(docker, proc=stripped)
    else:
        usable.check(docker, proc=stripped)


@pytest.mark.parametrize(
    ("instances", "nodes", "refused"),
    [(128, 1, False), (128, 4, False), (128, 5, True), (512, 5, False), (512, 20, True), (1024, 100, False)],
)
def test_inotify_instances(docker: FakeDocker, tmp_path: Path, instances: int, nodes: int, refused: bool) -> None:
    running(docker, tmp_path)
    limits = proc(tmp_path, instances=instances)
    if refused:
        with pytest.raises(UsageError, match=rf"max_user_instances is {instances}.*sysctl -w fs.inotify.max_user_instances=1024"):
            usable.check(docker, nodes=nodes, proc=limits)
    else:
        usable.check(docker, nodes=nodes, proc=limits)


def test_disk(docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running(docker, tmp_path)
    monkeypatch.setattr(usable, "DISK", 10**18)
    with pytest.raises(UsageError, match=r"GB left.*docker system prune"):
        usable.check(docker, proc=proc(tmp_path))


def test_limits_of_this_machine_are_nothing_to_a_remote_daemon(docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")
    monkeypatch.setattr(usable, "DISK", 10**18)
    running(docker, tmp_path, "20.10.24")
    usable.check(docker, proc=proc(tmp_path, instances=1, bounding=STRIPPED))


def test_a_failing_command_is_quoted_with_what_it_said(docker: FakeDocker) -> None:
    docker.answers("commit", err="no space left on device", code=3)
    with pytest.raises(DockerError, match=r"`docker commit a` ended with exit code 3: no space left on device"):
        docker.run("commit", "a")
    assert not docker.run("commit", "a", check=False).ok


def test_what_is_not_there_is_none_and_any_other_failure_is_one(docker: FakeDocker) -> None:
    assert docker.inspect("nobody") is None
    docker.has("container", "somebody", {"State": {}})
    assert docker.inspect("somebody") == {"State": {}}
