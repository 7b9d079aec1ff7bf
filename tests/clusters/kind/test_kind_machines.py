"""Containers that become nodes: how further ones are made, what a kubelet is told, and who gets which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_docker import FakeDocker

from conformance.clusters.kind.kubelets import arguments, may_set, reserved
from conformance.clusters.kind.machines import ControlPlane, Yard, run_flags

WORKER: dict[str, Any] = {
    "Config": {
        "Image": "daemonset-conformance/node:v1",
        "Env": ["container=docker", "KIND_EXPERIMENTAL_CONTAINERD_SNAPSHOTTER"],
        "Labels": {"io.x-k8s.kind.cluster": "c", "io.x-k8s.kind.role": "worker", "conformance.daemonset/image": "node"},
        "Volumes": {"/var": {}},
    },
    "HostConfig": {
        "Privileged": True,
        "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
        "Tmpfs": {"/run": "", "/tmp": "exec"},
        "Binds": ["/lib/modules:/lib/modules:ro", "/run/of/mine:/kind/conformance-run:ro"],
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 1},
        "CgroupnsMode": "private",
    },
    "NetworkSettings": {"Networks": {"kind": {"IPAddress": "172.18.0.3"}}},
}


def test_a_further_container_is_like_the_others() -> None:
    flags = run_flags(WORKER, "c-worker3")
    assert flags[-1] == "daemonset-conformance/node:v1"
    for flag in (
        "--privileged",
        "--tty",
        "--security-opt=seccomp=unconfined",
        "--tmpfs=/run",
        "--tmpfs=/tmp:exec",
        "--volume=/lib/modules:/lib/modules:ro",
        "--volume=/run/of/mine:/kind/conformance-run:ro",
        "--volume=/var",
        "--label=io.x-k8s.kind.cluster=c",
        "--label=io.x-k8s.kind.role=worker",
        "--restart=on-failure:1",
        "--cgroupns=private",
        "--net=kind",
        "--init=false",
    ):
        assert flag in flags
    assert flags[flags.index("--name") + 1] == flags[flags.index("--hostname") + 1] == "c-worker3"
    assert not any(flag.startswith("--label=conformance") for flag in flags), "labels of the image come with the image"


@pytest.mark.parametrize(
    ("label", "allowed"),
    [
        ("disktype", True),
        ("example.com/zone", True),
        ("node.kubernetes.io/instance-type", True),
        ("kubelet.kubernetes.io/x", True),
        ("node-role.kubernetes.io/control-plane", False),
        ("kubernetes.io/role", False),
        ("k8s.io/x", False),
        ("node-restriction.kubernetes.io/x", False),
    ],
)
def test_labels_that_a_kubelet_may_set(label: str, allowed: bool) -> None:
    assert may_set(label) is allowed


def test_a_kubelet_registers_as_wanted() -> None:
    labels = {"disktype": "ssd", "node-role.kubernetes.io/control-plane": ""}
    taints = [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}, {"key": "k", "effect": "NoExecute"}]
    assert arguments(labels, taints, {"max-pods": "5"}) == [
        "--node-labels=disktype=ssd",
        "--register-with-taints=dedicated=gpu:NoSchedule,k=:NoExecute",
        "--max-pods=5",
    ]
    assert arguments({}, [], {}) == []


def test_allocatable_is_what_is_not_reserved() -> None:
    capacity = {"cpu": "2", "memory": "4Gi", "pods": "110"}
    assert reserved(capacity, {"cpu": "500m", "memory": "1Gi", "pods": "4"}) == {
        "max-pods": "4",
        "system-reserved": f"cpu=1500m,memory={3 * 2**30}",
    }
    assert reserved(capacity, {}) == {}
    assert reserved(capacity, {"cpu": "8"}) == {"system-reserved": "cpu=0m"}, "more than there is cannot be had"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    docker = FakeDocker(tmp_path)
    return Yard(docker, "c", ControlPlane(docker, "c-control-plane", 0), ["c-worker", "c-worker2"])


def test_who_waits_is_taken_first(yard: Yard) -> None:
    taken, missing = yard.take(3)
    assert ([machine.name for machine in taken], missing) == (["c-worker", "c-worker2"], 1)
    assert yard.take(1) == ([], 1)
    assert yard.new_name() == "c-worker3"
    assert len({machine.index for machine in [*taken, yard.control_plane]}) == 3, "a subnet for each"


def test_one_that_left_comes_back_by_its_name(yard: Yard) -> None:
    taken, _ = yard.take(2)
    yard.give_back(taken)
    [back], missing = yard.take(1, "c-worker2")
    assert (back.name, missing) == ("c-worker2", 0)
    assert yard.take(1, "c-worker2") == ([], 1)


def test_given_back_is_parked(yard: Yard, tmp_path: Path) -> None:
    taken, _ = yard.take(1)
    yard.give_back(taken)
    [call] = (tmp_path / "calls").read_text().strip().split("exec --privileged ")[1:]
    assert call.startswith("c-worker ")
    assert "systemctl stop kubelet" in call
    assert "tasks kill" in call


def test_the_control_plane_takes_part_only_where_it_is_asked_for(yard: Yard, tmp_path: Path) -> None:
    taken, missing = yard.take(2, control_plane=True)
    assert ([machine.name for machine in taken], missing) == (["c-control-plane", "c-worker"], 0)
    assert [machine.name for machine in yard.machines] == ["c-worker2", "c-worker"], "no further container is made like it"
    again, _ = yard.take(1, control_plane=True)
    assert [machine.name for machine in again] == ["c-worker2"], "there is one of it"

    yard.give_back(taken)
    calls = (tmp_path / "calls").read_text()
    of_it = next(call for call in calls.split("exec --privileged ") if "c-control-plane" in call)
    assert "--kubeconfig= " in of_it
    assert "tasks kill" not in of_it, "its static pods go on"
    assert [machine.name for machine in yard.take(4)[0]] == ["c-worker"]
