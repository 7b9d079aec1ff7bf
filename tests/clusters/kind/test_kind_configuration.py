"""What kind and kubeadm are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conformance.clusters.auditing import AUDIT_POLICY
from conformance.clusters.kind import behaviour, configuration
from conformance.clusters.protocol import Behaviour
from conformance.kube.manifests import merge_template

RUN = Path("/run/of/mine")
OURS = configuration.Images("ours:1", "ours-worker:1", own=True)
THEIRS = configuration.Images("theirs:1", "theirs:1", own=False)


def config(**changes: Any) -> dict[str, Any]:
    return configuration.cluster("c", **{"workers": 2, "run": RUN, "cgroups_v1": True, "images": OURS, **changes})


def patches(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {patch["kind"]: patch for patch in map(json.loads, made["kubeadmConfigPatches"])}


def test_topology_and_whose_it_is() -> None:
    made = config(workers=3)
    assert [node["role"] for node in made["nodes"]] == ["control-plane", "worker", "worker", "worker"]
    assert [node["image"] for node in made["nodes"]] == ["ours:1", "ours-worker:1", "ours-worker:1", "ours-worker:1"]
    for node in made["nodes"]:
        assert {"hostPath": str(RUN), "containerPath": configuration.OWNER_MOUNT, "readOnly": True} in node["extraMounts"]


def test_the_audit_log_is_written_where_the_host_reads_it() -> None:
    made = config()
    server = patches(made)["ClusterConfiguration"]["apiServer"]
    [mount] = [mount for mount in made["nodes"][0]["extraMounts"] if mount["hostPath"] == str(RUN / "audit")]
    assert server["extraVolumes"][0]["hostPath"] == mount["containerPath"]
    assert server["extraArgs"]["audit-log-path"] == f"{mount['containerPath']}/audit.log"
    assert server["extraArgs"]["audit-policy-file"] == f"{mount['containerPath']}/policy.json"


def test_control_groups_of_both_versions() -> None:
    old, new = patches(config(cgroups_v1=True)), patches(config(cgroups_v1=False))
    assert old["KubeletConfiguration"]["failCgroupV1"] is False
    assert old["KubeletConfiguration"]["cgroupDriver"] == "cgroupfs"
    assert new["KubeletConfiguration"] == {"kind": "KubeletConfiguration"}


def test_a_published_image_gets_its_containerd_configured_too() -> None:
    assert "containerdConfigPatches" not in config()
    [patch] = config(images=THEIRS)["containerdConfigPatches"]
    assert "SystemdCgroup = false" in patch
    assert "restrict_oom_score_adj = true" in patch
    [patch] = config(images=THEIRS, cgroups_v1=False)["containerdConfigPatches"]
    assert "SystemdCgroup" not in patch


def test_preflight_is_skipped_though_the_list_replaces_kinds_own() -> None:
    assert "preflight" in patches(config())["InitConfiguration"]["skipPhases"]


def test_a_slow_machine_gives_kubeadm_more_time_in_either_form_that_it_reads() -> None:
    usual, slow = config()["kubeadmConfigPatches"], config(time_scale=10)["kubeadmConfigPatches"]
    assert not any("timeout" in patch.lower() for patch in usual)
    more = {(patch.pop("apiVersion"), patch.pop("kind")): patch for patch in map(json.loads, slow[len(usual) :])}
    assert slow[: len(usual)] == usual
    assert more["kubeadm.k8s.io/v1beta3", "ClusterConfiguration"] == {"apiServer": {"timeoutForControlPlane": "2400s"}}
    assert more["kubeadm.k8s.io/v1beta3", "JoinConfiguration"] == {"discovery": {"timeout": "3000s"}}
    for kind in ("InitConfiguration", "JoinConfiguration"):
        assert more["kubeadm.k8s.io/v1beta4", kind]["timeouts"]["kubernetesAPICall"] == "600s"


def test_every_node_has_a_subnet_of_its_own() -> None:
    networks = [json.loads(configuration.cni(index)) for index in range(3)]
    subnets = {network["plugins"][0]["ipam"]["ranges"][0][0]["subnet"] for network in networks}
    assert subnets == {"10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"}
    assert [plugin["type"] for plugin in networks[0]["plugins"]] == ["ptp", "portmap"]


def test_what_the_api_server_reads_is_written(tmp_path: Path) -> None:
    configuration.prepare(tmp_path)
    assert json.loads((tmp_path / "audit/policy.json").read_text()) == AUDIT_POLICY
    assert (tmp_path / "audit/audit.log").stat().st_mode & 0o777 == 0o644


def template() -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": [{"name": "agent", "image": "pause:3.10", "resources": {}}]}}


def container(wanted: Behaviour, before: dict[str, Any] | None = None) -> dict[str, Any]:
    [one] = merge_template(before or template(), behaviour.patch(wanted))["spec"]["containers"]
    assert (one["image"], one["resources"]) == ("pause:3.10", {})
    return dict(one)


def test_slow_starts_are_probes_that_begin_late() -> None:
    late = container(Behaviour(ready_after=0.5))["readinessProbe"]
    assert late["initialDelaySeconds"] == 1
    assert late["timeoutSeconds"] * late["failureThreshold"] > 120, "a busy machine takes no readiness away"
    never = container(Behaviour(never_ready=True))["readinessProbe"]
    assert never["tcpSocket"]["port"] == 1
    assert container(Behaviour(terminate_after=2.2))["lifecycle"] == {"preStop": {"sleep": {"seconds": 3}}}


def test_an_earlier_behaviour_is_taken_back() -> None:
    slow = merge_template(template(), behaviour.patch(Behaviour(ready_after=3, terminate_after=3)))
    assert container(Behaviour(), slow) == template()["spec"]["containers"][0]
