"""The embedded cluster itself, with the real components: what it promises, its secrets, its audit log, its components, its dirt."""

from __future__ import annotations

import contextlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from embedded_agent import LIMIT, Agent
from tenacity import Retrying, stop_after_delay, wait_fixed

from conformance.clusters.embedded import EmbeddedCluster, EmbeddedProvider, components
from conformance.clusters.embedded.nodes import EmbeddedNodes
from conformance.clusters.protocol import Capability, Provider
from conformance.errors import ComponentDied, UsageError
from conformance.kube.resources import path


def test_it_is_what_the_protocol_promises(cluster: EmbeddedCluster, folder: Path) -> None:
    provider: Provider = EmbeddedProvider("1.37", folder)
    assert provider.name == cluster.facts.provider == "embedded"
    lacking = {
        Capability.REAL_KUBELET,
        Capability.NODE_RESTART,
        Capability.NODE_PRESSURE,
        Capability.NODE_ISOLATION,
        Capability.STATIC_POD,
        Capability.KUBEADM,
    }
    assert cluster.facts.capabilities == set(Capability) - lacking
    assert cluster.facts.lacking.keys() == lacking
    assert cluster.facts.kubernetes == cluster.api.version()
    assert cluster.dirt() == []


def test_what_is_secret_is_private(cluster: EmbeddedCluster) -> None:
    run = cluster.facts.kubeconfig.parent
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    secrets = [*run.glob("*.kubeconfig"), *run.glob("*.key"), run / "tokens.csv"]
    assert len(secrets) == 7
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets} == {0o600}


def test_every_socket_is_behind_a_file_mode_or_the_loopback_interface(cluster: EmbeddedCluster) -> None:
    """An abstract Unix socket (empty path, or one that begins with @) has no mode: every user of the machine reaches it."""
    supervisor = cluster._supervisor.pid
    pids = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    assert len(pids) == len(components.NAMES)
    inodes = set()
    for link in (link for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir()):
        with contextlib.suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").rstrip("]"))
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    listening = [line[7] if len(line) > 7 else "" for line in lines if line[6] in inodes and int(line[3], 16) & 0x10000]
    assert sorted(Path(name).name for name in listening) == ["etcd-peer.sock", "etcd.sock"]
    assert not [name for name in listening if not name or name.startswith("@")]
    assert all((cluster.facts.kubeconfig.parent / Path(name).name).is_socket() for name in listening)
    tcp = [line.split() for file in ("tcp", "tcp6") for line in Path(f"/proc/net/{file}").read_text().splitlines()[1:]]
    assert {line[1].partition(":")[0] for line in tcp if line[9] in inodes and line[3] == "0A"} == {"0100007F"}


def _writes(cluster: EmbeddedCluster) -> list[dict[str, Any]]:
    """The whole lines of the audit log."""
    assert cluster.facts.audit_log is not None
    return [json.loads(line) for line in cluster.facts.audit_log.read_text().splitlines(keepends=True) if line.endswith("\n")]


def test_the_audit_log_names_who_wrote_what(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    nodes.join(1)
    (pod,) = Agent(cluster, "audited").ready(1)
    version = pod["metadata"]["resourceVersion"]
    # A change may be seen before its line is written.
    for attempt in Retrying(stop=stop_after_delay(LIMIT), wait=wait_fixed(0.05), reraise=True):
        with attempt:
            writes = _writes(cluster)
            own = [w for w in writes if w["objectRef"].get("name") == pod["metadata"]["name"] or w["verb"] == "create"]
            (last,) = [w for w in own if w.get("responseObject", {}).get("metadata", {}).get("resourceVersion") == version]
    users = {w["user"]["username"] for w in own if w["objectRef"]["resource"] == "pods"}
    assert "system:serviceaccount:kube-system:daemon-set-controller" in users
    assert {"system:kube-scheduler", "conformance:kubelets"} <= users
    assert last["user"]["username"] == "conformance:kubelets"
    assert {w["stage"] for w in writes} == {"ResponseComplete"}
    assert not {"get", "list", "watch"} & {w["verb"] for w in writes}


@pytest.mark.parametrize("name", components.NAMES)
def test_components_stop_start_pause_and_die(cluster: EmbeddedCluster, nodes: EmbeddedNodes, name: str) -> None:
    nodes.join(1)
    agent = Agent(cluster, "survivor")
    agent.ready(1)
    component = cluster.component(name)
    component.stop()
    component.start()
    component.pause()
    component.resume()
    component.kill()
    component.start()
    cluster.check()
    nodes.join(1)
    agent.ready(2)


def test_an_unknown_component_is_refused(cluster: EmbeddedCluster) -> None:
    with pytest.raises(UsageError, match="kube-scheduler"):
        cluster.component("kube-proxy")


def test_what_a_scenario_leaves_is_dirt(cluster: EmbeddedCluster) -> None:
    cluster.api.create(path("namespaces"), {"metadata": {"name": "left-behind"}})
    assert cluster.dirt() == ["left over: namespaces /left-behind"]
    cluster.api.delete(path("namespaces", name="left-behind"))
    assert cluster.dirt() == []


NAMED: dict[str, Any] = {"metadata": {"name": "left"}}
RULE = {"apiGroups": ["example.org"], "apiVersions": ["v1"], "resources": ["*"], "operations": ["CREATE"]}
LEFT: dict[str, tuple[str, dict[str, Any]]] = {
    "resourcequotas default/left": ("/api/v1/namespaces/default/resourcequotas", {"spec": {"hard": {"pods": "1"}}}),
    "limitranges default/left": ("/api/v1/namespaces/default/limitranges", {"spec": {"limits": []}}),
    "services default/left": ("/api/v1/namespaces/default/services", {"spec": {"ports": [{"port": 1}]}}),
    "configmaps default/left": ("/api/v1/namespaces/default/configmaps", {}),
    "poddisruptionbudgets default/left": ("/apis/policy/v1/namespaces/default/poddisruptionbudgets", {"spec": {"minAvailable": 1}}),
    "networkpolicies default/left": ("/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", {"spec": {"podSelector": {}}}),
    "priorityclasses /left": ("/apis/scheduling.k8s.io/v1/priorityclasses", {"value": 7}),
    "clusterroles /left": ("/apis/rbac.authorization.k8s.io/v1/clusterroles", {"rules": []}),
    "runtimeclasses /left": ("/apis/node.k8s.io/v1/runtimeclasses", {"handler": "left"}),
    "storageclasses /left": ("/apis/storage.k8s.io/v1/storageclasses", {"provisioner": "left"}),
    "validatingadmissionpolicies /left": (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
        {"spec": {"matchConstraints": {"resourceRules": [RULE]}, "validations": [{"expression": "true"}]}},
    ),
    "validatingadmissionpolicybindings /left": (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
        {"spec": {"policyName": "left", "validationActions": ["Deny"]}},
    ),
    "validatingwebhookconfigurations /left": ("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {"webhooks": []}),
    "mutatingwebhookconfigurations /left": ("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", {"webhooks": []}),
}


def test_whatever_a_scenario_leaves_is_dirt(cluster: EmbeddedCluster) -> None:
    for collection, body in LEFT.values():
        cluster.api.create(collection, {**NAMED, **body})
    try:
        assert set(cluster.dirt()) == {f"left over: {what}" for what in LEFT}
    finally:
        for collection, _ in LEFT.values():
            cluster.api.delete(f"{collection}/left")
    assert cluster.dirt() == []


def test_what_goes_with_its_namespace_is_none(cluster: EmbeddedCluster) -> None:
    cluster.api.create(path("namespaces"), {"metadata": {"name": "going", "finalizers": ["example.org/stay"]}})
    cluster.api.create("/api/v1/namespaces/going/configmaps", {"metadata": {"name": "left", "finalizers": ["example.org/stay"]}})
    cluster.api.delete(path("namespaces", name="going"))
    assert cluster.dirt() == []
    cluster.api.patch("/api/v1/namespaces/going/configmaps/left", {"metadata": {"finalizers": None}})
    cluster.api.patch(path("namespaces", name="going"), {"metadata": {"finalizers": None}})


def test_a_component_that_a_scenario_leaves_halted_is_dirt(cluster: EmbeddedCluster) -> None:
    scheduler = cluster.component("kube-scheduler")
    scheduler.pause()
    assert cluster.dirt() == ["not running: kube-scheduler"]
    scheduler.resume()
    assert cluster.dirt() == []


def test_a_component_that_cannot_start_is_named_at_once(binaries: dict[str, Path], folder: Path) -> None:
    provider = EmbeddedProvider(
        "1.37", folder, binaries=binaries, arguments={components.API_SERVER: ("--no-such-flag",)}, keep=folder / "kept"
    )
    with pytest.raises(ComponentDied, match=r"(?s)kube-apiserver .*no-such-flag"):
        provider.open()
    assert list((folder / "kept").glob("*/kube-apiserver.log"))
