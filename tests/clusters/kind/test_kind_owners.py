"""Dead runs' clusters are removed, and only those."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fake_docker import FakeDocker

from conformance.clusters.kind import owners
from conformance.clusters.kind.configuration import OWNER_MOUNT

HOLD = """
import signal, sys
from pathlib import Path
from conformance.clusters.kind import owners
owner = owners.create(Path(sys.argv[1]))
print(owner.run, flush=True)
signal.pause()
"""


@pytest.fixture
def docker(tmp_path: Path) -> FakeDocker:
    folder = tmp_path / "docker"
    folder.mkdir()
    return FakeDocker(folder)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def container(docker: FakeDocker, name: str, cluster: str, run: Path | None) -> None:
    mounts = [{"Source": str(run), "Destination": OWNER_MOUNT}] if run else []
    docker.has("container", name, {"Config": {"Labels": {"io.x-k8s.kind.cluster": cluster}}, "Mounts": mounts})


def test_a_killed_owners_cluster_goes_and_everybody_elses_stays(docker: FakeDocker, runs: Path) -> None:
    mine = owners.create(runs)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(runs)], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            dead = Path(child.stdout.readline().strip())
            container(docker, "dead-control-plane", "dead", dead)
            container(docker, "dead-worker", "dead", dead)
            container(docker, "mine-control-plane", "mine", mine.run)
            container(docker, "theirs-control-plane", "theirs", None)
            assert not owners.dead(dead)
            assert owners.sweep(runs, docker) == []
        finally:
            os.kill(child.pid, signal.SIGKILL)

    assert owners.sweep(runs, docker) == ["container dead-control-plane", "container dead-worker", str(dead)]
    assert docker.there("container") == {"mine-control-plane", "theirs-control-plane"}
    assert not dead.exists()
    assert mine.run.exists()
    mine.release()
    assert not mine.run.exists()


def test_containers_outlive_a_boot_and_their_run_directory_does_not(
    docker: FakeDocker, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "_boot", lambda: "before")
    owner = owners.create(runs)
    container(docker, "lost-control-plane", "lost", owner.run)
    owner.release()
    assert owners.sweep(runs, docker) == [], "in the same boot its owner may have it open still"
    monkeypatch.undo()
    assert owners.sweep(runs, docker) == ["container lost-control-plane"]
    assert docker.there("container") == set()


def test_what_cannot_be_seen_from_here_is_somebody_elses(docker: FakeDocker, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers with the socket of the same Docker, other machines, other users: their run directories are nowhere here."""
    monkeypatch.setattr(owners, "_here", lambda: "elsewhere")
    monkeypatch.setattr(owners, "_boot", lambda: "before")
    other = owners.create(runs)
    other.release()
    monkeypatch.undo()
    container(docker, "other-control-plane", "other", other.run)
    container(docker, "old-control-plane", "old", runs / "kind-gone")
    mine = owners.create(runs)
    container(docker, "mine-control-plane", "mine", mine.run)
    assert owners.sweep(runs, docker) == []
    assert docker.there("container") == {"other-control-plane", "old-control-plane", "mine-control-plane"}
    told = owners.strangers(docker)
    assert len(told) == 2
    assert any("docker rm --force --volumes old-control-plane" in line for line in told)
    mine.release()


def test_a_container_that_only_copied_the_label_is_left_alone(docker: FakeDocker, runs: Path) -> None:
    owner = owners.create(runs)
    container(docker, "dead-control-plane", "dead", owner.run)
    container(docker, "copied", "dead", None)
    os.close(owner._lock)
    assert owners.sweep(runs, docker) == ["container dead-control-plane", str(owner.run)]
    assert docker.there("container") == {"copied"}


def test_a_cluster_that_was_meant_to_live_on_is_left_alone_until_it_is_ended(docker: FakeDocker, runs: Path) -> None:
    owner = owners.create(runs)
    container(docker, "kept-control-plane", "kept", owner.run)
    owners.note(owner.run, "kept", owner.run / "kubeconfig", "v1.37.1")
    owner.release(remove=False)

    assert owners.sweep(runs, docker) == []
    assert owners.strangers(docker) == []
    [one] = owners.here(runs)
    assert (one.name, one.run) == ("kept", owner.run)
    owners.down(docker, one)
    assert docker.there("container") == set()
    assert not owner.run.exists()


def test_the_network_goes_when_it_is_ours_and_nobody_uses_it(docker: FakeDocker) -> None:
    owners.ensure_network(docker)
    assert docker.there("network") == {"kind"}
    owners.remove_network(docker)
    assert docker.there("network") == set()

    docker.has("network", "kind", {"Labels": {}, "Containers": {}})
    owners.ensure_network(docker)
    owners.remove_network(docker)
    assert docker.there("network") == {"kind"}, "somebody else's"

    docker.has("network", "kind", {"Labels": {owners.NETWORK_LABEL: ""}, "Containers": {"abc": {}}})
    owners.remove_network(docker)
    assert docker.there("network") == {"kind"}, "somebody uses it"


def test_one_at_a_time_makes_the_network(docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker would let both of two make one, and then know neither by its name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    waiting = threading.Thread(target=owners.ensure_network, args=(docker,))
    with owners._network():
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        assert docker.there("network") == set()
    waiting.join(10)
    assert docker.there("network") == {"kind"}
