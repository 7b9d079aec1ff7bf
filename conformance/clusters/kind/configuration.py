"""The configuration of a cluster: kind's file, with the patches of kubeadm's that the suite needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.clusters.auditing import AUDIT_POLICY

#: Where the run directory appears in the control-plane node, and from there in the API server.
MOUNTED = "/var/lib/conformance"
CNI_FILE = "/etc/cni/net.d/10-conformance.conflist"
#: Written into every node as a mount, so that containers tell whose they are, also when their owner was killed.
OWNER_MOUNT = "/kind/conformance-run"
#: kubeadm's limits and their defaults in seconds (kubeadm.k8s.io/v1beta4, Timeouts).
KUBEADM_LIMITS = {
    "controlPlaneComponentHealthCheck": 240,
    "kubeletHealthCheck": 240,
    "kubernetesAPICall": 60,
    "etcdAPICall": 120,
    "tlsBootstrap": 300,
    "discovery": 300,
}


@dataclass(frozen=True)
class Images:
    """The images of the nodes; with those that are not ours containerd's cgroup driver has to be set too."""

    control_plane: str
    worker: str
    own: bool


def cluster(name: str, *, workers: int, run: Path, cgroups_v1: bool, images: Images, time_scale: float = 1.0) -> dict[str, Any]:
    """kind's configuration. `time_scale` multiplies kubeadm's limits."""
    owner = {"hostPath": str(run), "containerPath": OWNER_MOUNT, "readOnly": True}
    audit = {"hostPath": str(run / "audit"), "containerPath": MOUNTED}
    config: dict[str, Any] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": name,
        # No daemon of the cluster's own on its nodes: every DaemonSet there is the scenario's. Nothing in the suite uses Services.
        "networking": {"disableDefaultCNI": True, "kubeProxyMode": "none"},
        "nodes": [
            {"role": "control-plane", "image": images.control_plane, "extraMounts": [owner, audit]},
            *({"role": "worker", "image": images.worker, "extraMounts": [owner]} for _ in range(workers)),
        ],
        "kubeadmConfigPatches": [json.dumps(patch) for patch in [*_kubeadm(cgroups_v1=cgroups_v1), *_limits(time_scale)]],
    }
    if not images.own:
        runtime = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]\n  SystemdCgroup = false\n' if cgroups_v1 else ""
        config["containerdConfigPatches"] = [f'{runtime}[plugins."io.containerd.grpc.v1.cri"]\n  restrict_oom_score_adj = true\n']
    return config


def _kubeadm(*, cgroups_v1: bool) -> list[dict[str, Any]]:
    mount = {"name": "conformance", "hostPath": MOUNTED, "mountPath": MOUNTED, "pathType": "Directory"}
    server = {
        "audit-log-path": f"{MOUNTED}/audit.log",
        "audit-policy-file": f"{MOUNTED}/policy.json",
        "audit-log-maxsize": "100000",
    }
    # With one member of each there is nobody to elect against; a component that is started again would wait for its own old lease.
    alone = {"leader-elect": "false"}
    kubelet: dict[str, Any] = {"kind": "KubeletConfiguration"}
    if cgroups_v1:
        # 1.35 and later refuse the first version of control groups unless they are told not to.
        kubelet |= {"failCgroupV1": False, "cgroupDriver": "cgroupfs"}
    return [
        {
            "kind": "ClusterConfiguration",
            "apiServer": {"extraArgs": server, "extraVolumes": [mount]},
            "controllerManager": {"extraArgs": alone},
            "scheduler": {"extraArgs": alone},
            # The data is thrown away with the cluster.
            "etcd": {"local": {"extraArgs": {"unsafe-no-fsync": "true"}}},
        },
        # The list replaces kind's own, so that preflight has to be named again.
        {"kind": "InitConfiguration", "skipPhases": ["preflight", "addon/coredns", "addon/kube-proxy"]},
        kubelet,
    ]


def _limits(time_scale: float) -> list[dict[str, Any]]:
    """kubeadm's own limits, longer. Which form a version reads depends on kind; a patch for the other one fits nothing."""
    if time_scale <= 1:
        return []
    old, new = "kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4"
    limits = {name: f"{seconds * time_scale:.0f}s" for name, seconds in KUBEADM_LIMITS.items()}
    start, find = limits["controlPlaneComponentHealthCheck"], limits["discovery"]
    return [
        {"apiVersion": old, "kind": "ClusterConfiguration", "apiServer": {"timeoutForControlPlane": start}},
        {"apiVersion": old, "kind": "JoinConfiguration", "discovery": {"timeout": find}},
        *({"apiVersion": new, "kind": kind, "timeouts": limits} for kind in ("InitConfiguration", "JoinConfiguration")),
    ]


def cni(index: int) -> str:
    """The network of one node: pods reach their node and the node reaches them, which is what probes need. A subnet for each node."""
    subnet = f"10.244.{index}.0/24"
    plugins: list[Mapping[str, Any]] = [
        {
            "type": "ptp",
            "ipMasq": False,
            "mtu": 1500,
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni-ipam-state",
                "routes": [{"dst": "0.0.0.0/0"}],
                "ranges": [[{"subnet": subnet}]],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return json.dumps({"cniVersion": "0.3.1", "name": "conformance", "plugins": plugins})


def prepare(run: Path) -> None:
    """Write what the API server reads, and the log that it writes, readable for who owns the run directory."""
    folder = run / "audit"
    folder.mkdir()
    (folder / "policy.json").write_text(json.dumps(AUDIT_POLICY))
    (folder / "audit.log").touch(mode=0o644)
