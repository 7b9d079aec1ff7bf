"""The embedded cluster with the real components; left out where they have not been built (`conformance build` does).

CONFORMANCE_TEST_COMPONENTS="kube-apiserver=/path etcd=/path …" takes other programs, as --component does.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tenacity import Retrying, stop_after_delay, wait_fixed

from conformance.clusters import waiting
from conformance.clusters.embedded import EmbeddedCluster, EmbeddedProvider, behaviours, components, runs
from conformance.clusters.embedded.nodes import EmbeddedNodes
from conformance.clusters.protocol import Behaviour, Capability, Node, Provider
from conformance.components import build
from conformance.components.overrides import parse_override
from conformance.errors import ComponentDied, ConformanceError, UsageError
from conformance.faults import kubelet
from conformance.kube.records import Taint
from conformance.kube.resources import path

#: Shorter than the real one, which these tests would have to wait out.
GRACE = 15
UNREACHABLE = "node.kubernetes.io/unreachable"
NOT_READY = "node.kubernetes.io/not-ready"
NETWORK_UNAVAILABLE = "node.kubernetes.io/network-unavailable"
LIMIT = 60.0

Pod = Mapping[str, Any]


@pytest.fixture(scope="module")
def binaries() -> dict[str, Path]:
    overrides = dict(parse_override(text) for text in os.environ.get("CONFORMANCE_TEST_COMPONENTS", "").split())
    try:
        missing = build.verify([name for name in components.NAMES if name not in overrides])
    except ConformanceError as error:
        pytest.skip(f"the components cannot be built here: {error}")
    if missing:
        pytest.skip(f"not built yet: {', '.join(missing)}; `conformance build` does it")
    return build.ensure(components.NAMES, overrides=overrides)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cf") as name:
        yield Path(name).resolve()


@pytest.fixture(scope="module")
def cluster(binaries: dict[str, Path], folder: Path) -> Iterator[EmbeddedCluster]:
    period = (f"--node-monitor-grace-period={GRACE}s", "--node-monitor-period=1s")
    made = EmbeddedProvider("1.37", folder, binaries=binaries, arguments={components.CONTROLLER_MANAGER: period}).open()
    yield made
    made.check()
    before = time.monotonic()
    made.close()
    assert time.monotonic() - before < 2.0
    assert list(folder.glob(f"{runs.PREFIX}*")) == []


@pytest.fixture
def nodes(cluster: EmbeddedCluster) -> Iterator[EmbeddedNodes]:
    with cluster.nodes() as made:
        yield made
        remove = {"propagationPolicy": "Background"}
        cluster.api.delete(path("daemonsets", "default"), remove)
    waiting.until(cluster.api, path("controllerrevisions", "default"), lambda found: not found, within=LIMIT, what="Garbage collection")
    assert cluster.dirt() == []


def _daemonset(name: str, template: Mapping[str, Any], image: str, tolerations: list[Any]) -> dict[str, Any]:
    spec = {"containers": [{"name": "agent", "image": image}], "tolerations": tolerations, "terminationGracePeriodSeconds": 2}
    metadata = {"labels": {"app": name}, **template.get("metadata", {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": metadata, "spec": spec}},
    }


class Agent:
    """A DaemonSet of these tests, and waits for its pods."""

    def __init__(self, cluster: EmbeddedCluster, name: str, behaviour: Behaviour | None = None, **rest: Any) -> None:
        self._cluster = cluster
        template = cluster.behave(behaviour or Behaviour())
        wanted = {k: v for k, v in template["metadata"]["annotations"].items() if v is not None}
        body = _daemonset(
            name,
            {"metadata": {"labels": {"app": name}, "annotations": wanted}},
            rest.get("image", "example.org/agent:1"),
            rest.get("tolerations", []),
        )
        cluster.api.create(path("daemonsets", "default"), body)
        self.name = name

    def pods(self, holds: Callable[[list[Pod]], bool], within: float = LIMIT) -> list[Pod]:
        def own(objects: waiting.Objects) -> list[Pod]:
            return [o for o in objects.values() if o["metadata"].get("labels", {}).get("app") == self.name]

        found = waiting.until(
            self._cluster.api,
            path("pods", "default"),
            lambda objects: holds(own(objects)),
            within=within,
            what=f"The pods of {self.name}",
            check=self._cluster.check,
        )
        return own(found)

    def ready(self, count: int) -> list[Pod]:
        return self.pods(lambda pods: sum(map(_ready, pods)) == count == len(pods))


def _ready(pod: Pod) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))


def _phase(pod: Pod) -> str:
    return str(pod["status"].get("phase"))


def _node(cluster: EmbeddedCluster, name: str, holds: Callable[[Pod], bool], within: float = LIMIT) -> None:
    def met(objects: waiting.Objects) -> bool:
        return name in objects and holds(objects[name])

    waiting.until(cluster.api, path("nodes"), met, within=within, what=name, check=cluster.check)


def _taints(node: Pod) -> set[tuple[str, str]]:
    return {(t["key"], t["effect"]) for t in node["spec"].get("taints", ())}


def test_it_is_what_the_protocol_promises(cluster: EmbeddedCluster, folder: Path) -> None:
    provider: Provider = EmbeddedProvider("1.37", folder)
    assert provider.name == cluster.facts.provider == "embedded"
    lacking = {
        Capability.REAL_KUBELET,
        Capability.NODE_RESTART,
        Capability.NODE_PRESSURE,
        Capability.NODE_ISOLATION,
        Capability.STATIC_POD,
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


def test_a_hundred_nodes_and_a_daemonset_on_them(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    # It tolerates what a node is tainted with at first, so its pods are there before the simulated kubelet is.
    agent = Agent(cluster, "everywhere", tolerations=[{"operator": "Exists"}])
    nodes.join(100)
    pods = agent.ready(100)
    assert {pod["spec"]["nodeName"] for pod in pods} == {node.name for node in nodes.all()}
    assert len({pod["status"]["podIP"] for pod in pods}) == 100


def test_a_node_that_joins(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    (node,) = nodes.join(labels={"disktype": "ssd"}, taints=(Taint("gpu", "NoSchedule", "yes"),), allocatable={"pods": "5"})
    found = cluster.api.get(path("nodes", name=node.name))
    assert _taints(found) == {("gpu", "NoSchedule")}
    assert found["metadata"]["labels"]["kubernetes.io/hostname"] == node.name
    assert found["metadata"]["labels"]["disktype"] == "ssd"
    assert found["status"]["allocatable"]["pods"] == "5"
    (again,) = nodes.join(name="by-name", control_plane=True)
    assert again.name == "by-name"
    assert ("node-role.kubernetes.io/control-plane", "NoSchedule") in _taints(cluster.api.get(path("nodes", name="by-name")))
    with pytest.raises(UsageError, match="name"):
        nodes.join(2, name="both")


def test_a_node_that_changes_and_leaves(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    heard: list[tuple[str, str]] = []
    (node,) = nodes.join()
    cluster.journal = lambda verb, target, detail: heard.append((verb, target))
    node.label(**{"example.org/zone": "a"})
    node.taint("k", "NoSchedule", "v")
    node.taint("k", "NoExecute")
    node.untaint("k", "NoExecute")
    node.cordon()
    found = cluster.api.get(path("nodes", name=node.name))
    assert found["metadata"]["labels"]["example.org/zone"] == "a"
    assert ("k", "NoSchedule") in _taints(found)
    assert ("k", "NoExecute") not in _taints(found)
    assert found["spec"]["unschedulable"] is True
    node.unlabel("example.org/zone")
    node.untaint("k")
    node.uncordon()
    _node(cluster, node.name, lambda found: not found["spec"].get("taints"))
    assert "example.org/zone" not in cluster.api.get(path("nodes", name=node.name))["metadata"]["labels"]
    node.leave()
    assert nodes.all() == []
    words = ["label", "taint", "taint", "untaint", "cordon", "unlabel", "untaint", "uncordon", "leave"]
    assert heard == [(word, f"nodes/{node.name}") for word in words]


def test_a_node_that_is_not_ready(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    nodes.join(1)  # were no node ready, the controller would hold back its NoExecute taints
    (node,) = nodes.join(ready=False)
    assert (NOT_READY, "NoSchedule") in _taints(cluster.api.get(path("nodes", name=node.name)))
    node.set_ready(True)
    _node(cluster, node.name, lambda found: not _taints(found))
    node.set_ready(False)
    _node(cluster, node.name, lambda found: (NOT_READY, "NoExecute") in _taints(found))
    node.set_ready(True)
    _node(cluster, node.name, lambda found: not _taints(found))


def test_a_node_without_network(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    (node,) = nodes.join(1)
    node.set_network_available(False)
    _node(cluster, node.name, lambda found: (NETWORK_UNAVAILABLE, "NoSchedule") in _taints(found))
    ready = [c["status"] for c in cluster.api.get(path("nodes", name=node.name))["status"]["conditions"] if c["type"] == "Ready"]
    assert ready == ["True"]
    node.set_network_available(True)
    _node(cluster, node.name, lambda found: not _taints(found))


def test_a_node_whose_kubelet_has_not_spoken_yet_stays_tainted(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    cluster.component(components.KUBELETS).pause()
    try:
        (node,) = nodes.join(ready=False)
        with pytest.raises(ConformanceError, match="did not come about"):
            _node(cluster, node.name, lambda found: (NOT_READY, "NoSchedule") not in _taints(found), within=3.0)
    finally:
        cluster.component(components.KUBELETS).resume()


def test_nodes_that_left_do_not_hold_up_the_taints_of_others(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    nodes.join(14)  # were more than half of them not ready, the controller would hold back
    nodes.join(10, ready=False)
    waiting.until(
        cluster.api,
        path("nodes"),
        lambda found: any((NOT_READY, "NoExecute") in _taints(n) for n in found.values()),
        within=LIMIT,
        what="A taint",
    )
    nodes.clear()
    _, other = nodes.join(2)
    other.set_ready(False)
    _node(cluster, other.name, lambda found: (NOT_READY, "NoExecute") in _taints(found), within=20.0)


def test_a_silent_node(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    one, other = nodes.join(2)
    agent = Agent(cluster, "stays")
    agent.ready(2)
    one.silence()
    _node(cluster, one.name, lambda found: (UNREACHABLE, "NoExecute") in _taints(found))
    _node(cluster, other.name, lambda found: not _taints(found))
    agent.pods(lambda pods: {p["spec"]["nodeName"]: _ready(p) for p in pods} == {one.name: False, other.name: True})
    one.speak()
    _node(cluster, one.name, lambda found: not _taints(found))
    agent.ready(2)


def test_pods_that_start_slowly_or_never(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    nodes.join(1)
    before = time.monotonic()
    slow = Agent(cluster, "slow", Behaviour(ready_after=1.0))
    slow.pods(lambda pods: any(_phase(p) == "Running" and not _ready(p) for p in pods))
    slow.ready(1)
    assert time.monotonic() - before > 0.8
    never = Agent(cluster, "never", Behaviour(never_ready=True))
    never.pods(lambda pods: any(_phase(p) == "Running" for p in pods))
    missing = Agent(cluster, "missing", image="registry.invalid/agent:1")
    (pod,) = missing.pods(lambda pods: any(p["status"].get("containerStatuses") for p in pods))
    assert _phase(pod) == "Pending"
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ErrImagePull"
    assert not any(map(_ready, never.pods(lambda _: True)))


@pytest.mark.parametrize(("wanted", "expected"), [(1.0, 1.0), (30.0, 2.0)], ids=["as long as asked for", "no longer than the grace period"])
def test_pods_that_end_slowly(cluster: EmbeddedCluster, nodes: EmbeddedNodes, wanted: float, expected: float) -> None:
    nodes.join(1)
    agent = Agent(cluster, "lingers", Behaviour(terminate_after=wanted))
    agent.ready(1)
    before = time.monotonic()
    cluster.api.delete(path("daemonsets", "default", agent.name), {"propagationPolicy": "Background"})
    agent.pods(lambda pods: not pods)
    assert expected - 0.2 < time.monotonic() - before < expected + 5.0


def test_pods_that_turn_unready_restart_fail_and_finish(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    nodes.join(1)
    agent = Agent(cluster, "agent")
    (pod,) = agent.ready(1)
    name = pod["metadata"]["name"]
    cluster.unready_pod("default", name)
    agent.pods(lambda pods: not any(map(_ready, pods)))
    # A pod that is not held would be Ready again at once; this one is touched, and must not be.
    cluster.api.patch(path("pods", "default", name), {"metadata": {"annotations": {"touched": "yes"}}})
    with pytest.raises(ConformanceError, match="did not come about"):
        agent.pods(lambda pods: any(map(_ready, pods)), within=1.0)
    cluster.ready_pod("default", name)
    agent.ready(1)
    cluster.restart_pod("default", name)
    (restarted,) = agent.pods(lambda pods: any(_ready(p) and p["status"]["containerStatuses"][0]["restartCount"] == 1 for p in pods))
    assert restarted["metadata"]["name"] == name
    cluster.fail_pod("default", name, reason="Evicted")
    (second,) = agent.pods(lambda pods: len(pods) == 1 and _ready(pods[0]) and pods[0]["metadata"]["name"] != name)
    cluster.finish_pod("default", second["metadata"]["name"])
    agent.pods(lambda pods: len(pods) == 1 and _ready(pods[0]) and pods[0]["metadata"]["name"] != second["metadata"]["name"])


@pytest.mark.parametrize("change", ["fail_pod", "unready_pod"])
def test_a_pod_that_failed_or_is_held_does_not_become_ready_later(cluster: EmbeddedCluster, nodes: EmbeddedNodes, change: str) -> None:
    (node,) = nodes.join(1)
    # With restartPolicy Never the API server itself would refuse to let its containers run again.
    spec = {"nodeName": node.name, "containers": [{"name": "c", "image": "x"}], "restartPolicy": "Always"}
    body = {"metadata": {"name": "bare", "annotations": kubelet.pod(ready_after=0.5)}, "spec": spec}
    cluster.api.create(path("pods", "default"), body)
    waiting.until(cluster.api, path("pods", "default"), lambda found: _phase(found["bare"]) == "Running", within=LIMIT, what="bare")
    getattr(cluster, change)("default", "bare")
    with pytest.raises(ConformanceError, match="did not come about"):
        waiting.until(cluster.api, path("pods", "default"), lambda found: _ready(found["bare"]), within=1.5, what="bare")


def test_pods_of_one_node_start_slowly_or_never(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    one, other = nodes.join(2)
    one.behave(never_ready=True)
    first, second = Agent(cluster, "first"), Agent(cluster, "second")
    for agent in (first, second):
        agent.pods(lambda pods: {p["spec"].get("nodeName"): (_phase(p), _ready(p)) for p in pods} == _both(one, other))
    # Not Ready for longer than it takes to become so; and a change does not make kwok think again of the stages of every node.
    (pod,) = (p for p in first.pods(lambda _: True) if p["spec"]["nodeName"] == one.name)
    cluster.api.patch(path("pods", "default", pod["metadata"]["name"]), {"metadata": {"annotations": {"touched": "yes"}}})
    with pytest.raises(ConformanceError, match="did not come about"):
        first.pods(lambda pods: all(map(_ready, pods)), within=1.0)
    before = time.monotonic()
    one.behave(ready_after=1.0)
    ready = [*first.ready(2), *second.ready(2)]
    assert time.monotonic() - before > 0.8
    assert pod["metadata"]["uid"] in {p["metadata"]["uid"] for p in ready}
    one.behave(never_ready=True)
    assert _left(cluster) == {f"{one.name}.pod-run", f"{one.name}.pod-ready"}
    first.ready(2)  # those that are Ready stay so
    one.behave()
    assert _left(cluster) == set()


def test_a_pod_that_would_never_be_ready_is_when_that_is_taken_back(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    heard: list[tuple[str, str, Mapping[str, Any]]] = []
    (node,) = nodes.join()
    cluster.journal = lambda verb, target, detail: heard.append((verb, target, detail))
    node.behave(never_ready=True)
    agent = Agent(cluster, "agent")
    (before,) = agent.pods(lambda pods: any(_phase(p) == "Running" for p in pods))
    node.behave()
    (after,) = agent.ready(1)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert heard == [("behave", f"nodes/{node.name}", {"never_ready": True}), ("behave", f"nodes/{node.name}", {})]


def test_pods_of_one_node_fail_until_that_is_taken_back(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    one, other = nodes.join(2)
    one.behave(fail="OutOfSpirits")
    agent = Agent(cluster, "agent")
    pods = agent.pods(lambda pods: {_phase(p) for p in pods} == {"Failed", "Running"})
    (failed,) = (p for p in pods if _phase(p) == "Failed")
    assert (failed["spec"]["nodeName"], failed["status"]["reason"]) == (one.name, "OutOfSpirits")
    one.behave()
    assert {p["spec"]["nodeName"] for p in agent.ready(2)} == {one.name, other.name}


def test_pods_of_one_node_end_slowly(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    one, _ = nodes.join(2)
    agent = Agent(cluster, "lingers")
    agent.ready(2)
    one.behave(terminate_after=1.0)
    before = time.monotonic()
    cluster.api.delete(path("daemonsets", "default", agent.name), {"propagationPolicy": "Background"})
    agent.pods(lambda pods: {p["spec"]["nodeName"] for p in pods} == {one.name})
    agent.pods(lambda pods: not pods)
    assert time.monotonic() - before > 0.8


def test_a_node_that_comes_back_does_not_behave_as_it_did(cluster: EmbeddedCluster, nodes: EmbeddedNodes) -> None:
    (node,) = nodes.join(name="again")
    node.behave(never_ready=True, terminate_after=1.0)
    assert len(_left(cluster)) == 3
    node.leave()
    assert _left(cluster) == set()
    (node,) = nodes.join(name="again")
    node.silence()
    node.behave(never_ready=True)
    assert _left(cluster)
    nodes.clear()
    assert cluster.dirt() == []


def _both(one: Node, other: Node) -> dict[str, tuple[str, bool]]:
    return {one.name: ("Running", False), other.name: ("Running", True)}


def _left(cluster: EmbeddedCluster) -> set[str]:
    """The stages that a scenario has made."""
    return {s["metadata"]["name"] for s in cluster.api.list(path("stages"), labelSelector=behaviours.LABEL)["items"]}


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
