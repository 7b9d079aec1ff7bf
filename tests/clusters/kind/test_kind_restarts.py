"""Machines that restart, and pods of a kubelet's own: what is asked of Docker, in which order, and what is waited for."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from fake_docker import FakeDocker

from conformance.clusters.embedded.nodes import EmbeddedNode
from conformance.clusters.kind import boot, staticpods
from conformance.clusters.kind.machines import Machine
from conformance.clusters.nodes import ApiNode, RemoteMachine
from conformance.clusters.protocol import Shortage
from conformance.components.engine.docker import Docker
from conformance.errors import ClusterError, ConformanceError, UsageError

STARTED = "2026-01-02T03:04:05.678Z"


@pytest.fixture
def docker(tmp_path: Path) -> FakeDocker:
    docker = FakeDocker(tmp_path)
    docker.has("container", "c-worker", {"State": {"StartedAt": STARTED}})
    return docker


def test_a_reboot_ends_when_the_services_of_this_start_are_up(docker: FakeDocker) -> None:
    docker.answers("logs", out="detected cgroup v1\n[  OK  ] Reached target multi-user.target - Multi-User System.\n")

    Machine(docker, "c-worker", 1).reboot()

    assert docker.calls == [
        "restart --time 30 c-worker",
        "inspect --type container c-worker",
        f"logs --follow --since={STARTED} c-worker",
    ]


def test_a_slow_machine_has_more_time(docker: FakeDocker) -> None:
    docker.answers("logs", out="[  OK  ] Reached target multi-user.target - Multi-User System.\n")
    docker.time_scale = 10

    Machine(docker, "c-worker", 1).reboot()

    assert docker.calls[0] == "restart --time 300 c-worker"


def test_a_call_of_docker_has_as_much_more_time_as_the_machine_is_slower(tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexec sleep 0.5\n")
    program.chmod(0o755)

    with pytest.raises(ConformanceError, match=r"did not end within 0\.1 s"):
        Docker(program).run("ps", timeout=0.1)
    assert Docker(program, time_scale=100).run("ps", timeout=0.1).ok


def test_a_machine_that_lost_its_power_comes_up_again(docker: FakeDocker) -> None:
    docker.answers("logs", out="detected cgroup v1\n[  OK  ] Reached target multi-user.target - Multi-User System.\n")
    machine = Machine(docker, "c-worker", 1)

    machine.power_off()
    machine.power_on()

    assert docker.calls == [
        "kill c-worker",
        "start c-worker",
        "inspect --type container c-worker",
        f"logs --follow --since={STARTED} c-worker",
    ]


def test_a_machine_that_does_not_come_up_is_an_error_with_what_it_said(docker: FakeDocker) -> None:
    docker.answers("logs", out="detected cgroup v1\nFreezing execution.\n")

    with pytest.raises(ClusterError, match=r"c-worker did not boot(?s:.*)Freezing execution"):
        Machine(docker, "c-worker", 1).reboot()


def test_a_new_machine_is_up_when_kind_says_so(docker: FakeDocker) -> None:
    docker.answers("logs", out="detected cgroup v1\n")

    boot.booted(docker, "c-worker")

    assert docker.calls == ["logs --follow c-worker"]


def test_a_kubelet_restarts_alone(docker: FakeDocker) -> None:
    Machine(docker, "c-worker", 1).restart_kubelet()

    [call] = docker.calls
    assert call.endswith("systemctl restart kubelet")


@pytest.mark.parametrize("of", ["memory", "disk", "pid"])
def test_a_kubelet_runs_short_until_it_recovers(docker: FakeDocker, tmp_path: Path, of: Shortage) -> None:
    """The scripts are run as they are, on a file of the test's own and without systemd."""
    usual = "KUBELET_EXTRA_ARGS=--runtime-cgroups=/x --node-labels=a=b\n"
    file = tmp_path / "kubelet"
    file.write_text(usual)
    machine = Machine(docker, "c-worker", 1)
    machine.run_short(of)
    machine.recover()
    short, usually = (call.split("-euc ", 1)[1].replace("/etc/default/kubelet", str(file)) for call in docker.calls)
    assert short.endswith("systemctl restart kubelet")
    assert usually.endswith("systemctl restart kubelet")

    subprocess.run(["sh", "-euc", short.rpartition(";")[0]], check=True)
    threshold = file.read_text()
    subprocess.run(["sh", "-euc", usually.rpartition(";")[0]], check=True)

    assert threshold.startswith(usual.rstrip())
    assert re.search(r" --eviction-soft=(\w+\.available)<1000T --eviction-soft-grace-period=\1=0s --eviction-pressure-\S+=1s\n$", threshold)
    assert file.read_text() == usual


def test_what_is_cut_off_is_connected_again_also_when_it_is_parked(docker: FakeDocker) -> None:
    machine = Machine(docker, "c-worker", 1)

    machine.cut_off("172.18.0.2")
    machine.connect_again()
    machine.park()

    cut, connected, parked = docker.calls
    assert cut.endswith("iptables -w -A CONFORMANCE -d 172.18.0.2 -p tcp --dport 6443 -j REJECT --reject-with tcp-reset")
    assert "ip6tables -w -A CONFORMANCE -p tcp --dport 6443 -j REJECT --reject-with tcp-reset" in cut
    assert connected.endswith("for tables in iptables ip6tables; do $tables -w -F CONFORMANCE 2>/dev/null || true; done")
    assert "$tables -w -F CONFORMANCE" in parked


def test_a_parked_machine_forgets_its_static_pods(docker: FakeDocker) -> None:
    Machine(docker, "c-worker", 1).park()

    assert re.search(r"systemctl stop kubelet;.*rm -f .*/etc/kubernetes/manifests/\*", docker.calls[0])


def test_a_parked_machine_gives_its_host_ports_back(docker: FakeDocker) -> None:
    """Seen on a cluster: the rule of a pod that had been killed led the port of the next scenario's pod to a dead address."""
    Machine(docker, "c-worker", 1).park()

    assert re.search(r"tasks kill.*iptables -w -t nat -F CNI-HOSTPORT-DNAT", docker.calls[0])


def test_a_static_pod_is_waited_for_without_an_api_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script is run as it is, with folders of the test's own and the test in the role of the kubelet."""
    monkeypatch.setattr(staticpods, "FOLDER", str(tmp_path / "manifests"))
    monkeypatch.setattr(staticpods, "_SIGNS", str(tmp_path / "signs"))
    script, stdin = staticpods.run("ns", "static")
    kubelet = f"""
        until [ -e {tmp_path}/manifests/static.json ]; do :; done
        echo runs > {tmp_path}/signs/static
    """
    with subprocess.Popen(["sh", "-euc", kubelet]) as played:
        said = subprocess.run(["sh", "-euc", script], input=stdin, capture_output=True, text=True, timeout=20, check=True).stdout
        assert played.wait() == 0

    assert said == "runs\n"
    pod = json.loads((tmp_path / "manifests" / "static.json").read_text())
    assert (pod["metadata"]["namespace"], pod["metadata"]["name"]) == ("ns", "static")
    assert f"{tmp_path}/signs/static" in pod["spec"]["containers"][0]["command"][2]
    assert list((tmp_path / "signs").iterdir()) == [], "a container that is started again must not wait for a reader"
    subprocess.run(["sh", "-euc", staticpods.remove("static")], check=True)
    assert list((tmp_path / "manifests").iterdir()) == []


@pytest.mark.parametrize("kind", [ApiNode, EmbeddedNode])
def test_nodes_without_a_machine_say_which_capability_is_missing(kind: type[RemoteMachine]) -> None:
    node = kind.__new__(kind)
    node.name = "n"
    for act, capability in (
        (node.restart_kubelet, "NODE_RESTART"),
        (node.restart, "NODE_RESTART"),
        (node.power_off, "NODE_RESTART"),
        (node.power_on, "NODE_RESTART"),
        (lambda: node.run_short("memory"), "NODE_PRESSURE"),
        (node.recover, "NODE_PRESSURE"),
        (node.isolate, "NODE_ISOLATION"),
        (node.rejoin, "NODE_ISOLATION"),
        (lambda: node.run_static_pod("ns", "p"), "STATIC_POD"),
        (lambda: node.remove_static_pod("p"), "STATIC_POD"),
    ):
        with pytest.raises(UsageError, match=rf"^n: .*Capability\.{capability}"):
            act()
