"""The command line of each component of the embedded cluster, and the configuration files that go with it.

Behaviour stays Kubernetes' own: default admission plugins, default controllers, default grace periods. Only rate limits are lifted, those
of clients and that of tainting nodes for eviction (they decide how fast things happen, not what happens), and leader election is off
(there is nobody to elect against).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.clusters.auditing import AUDIT_POLICY
from conformance.clusters.embedded.credentials import Credentials

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KUBELETS = "kwok"
NAMES = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KUBELETS)

#: Nodes with this label are played by the simulated kubelets; taking the label away silences a node at once.
KUBELET_LABEL = "conformance.daemonset/kubelet"
KUBELET_VALUE = "simulated"

QPS, BURST = 1000, 2000

#: With a configuration file kwok has no defaults for these; without one it would read the user's.
_KWOK: dict[str, Any] = {
    "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
    "kind": "KwokConfiguration",
    "options": {
        "podPlayStageParallelism": 8,
        "nodePlayStageParallelism": 8,
        "nodeLeaseParallelism": 1,
        "podsOnNodeSyncParallelism": 8,
    },
}


def command_lines(
    binaries: Mapping[str, Path], run: Path, port: int, credentials: Credentials, extra: Mapping[str, tuple[str, ...]]
) -> dict[str, list[str]]:
    """The argv of every component; writes the configuration files into `run`. `extra` arguments go behind ours, so they win."""
    policy = _write(run / "audit-policy.json", AUDIT_POLICY)
    scheduler = _write(run / "scheduler.json", _scheduler(credentials))
    etcd = f"unix://{run}/etcd.sock"
    # Relative, to the folder that it is started in: of a Unix socket's URL etcd takes the host alone for peers, and an empty one becomes an
    # abstract socket, which has no file mode and is open to every user of the machine.
    peer = "unix://etcd-peer.sock"
    lines = {
        ETCD: [
            f"--data-dir={run}/etcd",
            f"--listen-client-urls={etcd}",
            f"--listen-peer-urls={peer}",
            # It wants hosts and ports to advertise, though nobody ever asks a single member for them.
            "--advertise-client-urls=http://localhost:2379",
            "--initial-advertise-peer-urls=http://localhost:2380",
            "--initial-cluster=default=http://localhost:2380",
            "--unsafe-no-fsync",  # the data is thrown away with the cluster
            "--log-level=warn",
        ],
        API_SERVER: [
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            # It would take the address of the interface with the default route, and does not start where there is none; its own check
            # refuses loopback addresses. Nobody connects to this one: it is for documentation (RFC 5737).
            "--advertise-address=192.0.2.1",
            "--permit-port-sharing=true",
            f"--tls-cert-file={credentials.server_certificate}",
            f"--tls-private-key-file={credentials.server_key}",
            f"--token-auth-file={credentials.tokens}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={credentials.service_accounts}",
            f"--service-account-signing-key-file={credentials.service_accounts}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
            f"--audit-log-path={run}/audit.log",
            f"--audit-policy-file={policy}",
            "--audit-log-maxsize=100000",
        ],
        CONTROLLER_MANAGER: [
            f"--kubeconfig={credentials.kubeconfig('controller-manager')}",
            "--secure-port=0",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={credentials.service_accounts}",
            f"--root-ca-file={credentials.ca}",
            # One node in ten seconds otherwise, and nodes that left while they were queued take their turn too: a scenario would
            # have to wait for those of the one before.
            f"--node-eviction-rate={QPS}",
            f"--kube-api-qps={QPS}",
            f"--kube-api-burst={BURST}",
        ],
        SCHEDULER: [f"--config={scheduler}", "--secure-port=0"],
        KUBELETS: [
            f"--kubeconfig={credentials.kubeconfig('kubelets')}",
            f"--config={run}/kwok.yaml",
            f"--manage-nodes-with-label-selector={KUBELET_LABEL}={KUBELET_VALUE}",
            # With leases kwok passes over changes of nodes and pods until it has seen its own lease, and comes back to them only
            # ten seconds later. Heartbeats by status do the same for the node lifecycle controller.
            "--node-lease-duration-seconds=0",
            "--enable-crds=Stage",
            "--cidr=10.64.0.0/10",
            "--node-ip=10.63.0.1",
        ],
    }
    _write(run / "kwok.yaml", _KWOK)
    return {name: [str(binaries[name]), *lines[name], *extra.get(name, ())] for name in NAMES}


def _scheduler(credentials: Credentials) -> dict[str, Any]:
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": {"kubeconfig": str(credentials.kubeconfig("scheduler")), "qps": QPS, "burst": BURST},
    }


def _write(path: Path, content: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(content, indent=1))
    return path
