"""A run on a cluster that is there already, played by the embedded one; left out where its components have not been built."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.cli import main
from conformance.clusters.embedded import EmbeddedCluster, EmbeddedProvider, components
from conformance.clusters.existing import kubeconfig as kubeconfigs
from conformance.clusters.existing import owning, undo
from conformance.clusters.existing.lease import NAME
from conformance.clusters.existing.nodes import BorrowedNode
from conformance.clusters.existing.probing import ROLES
from conformance.clusters.existing.provider import ExistingProvider, Session, Terms, reach
from conformance.clusters.protocol import Capability
from conformance.components import build
from conformance.errors import ApiError, ClusterError, ConformanceError, NotOffered, UsageError
from conformance.kube.api import Api
from conformance.kube.manifests import load
from conformance.kube.records import Taint
from conformance.kube.resources import path

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def host() -> Iterator[EmbeddedCluster]:
    try:
        missing = build.verify([*components.NAMES, "kubectl"])
    except ConformanceError as error:
        pytest.skip(f"the components cannot be built here: {error}")
    if missing:
        pytest.skip(f"not built yet: {', '.join(missing)}; `conformance build` does it")
    with tempfile.TemporaryDirectory(prefix="cf") as name:
        cluster = EmbeddedProvider("1.37", Path(name).resolve(), binaries=build.ensure(components.NAMES)).open()
        cluster.add_nodes(4)
        yield cluster
        cluster.close()


@pytest.fixture
def copy(host: EmbeddedCluster, tmp_path: Path) -> Path:
    """The user's own kubeconfig, with paths relative to it."""
    file = tmp_path / "user" / "config"
    file.parent.mkdir()
    file.write_bytes(host.facts.kubeconfig.read_bytes())
    return file


def session(file: Path, folder: Path, terms: Terms | None = None) -> Session:
    target = kubeconfigs.find(file)
    folder.mkdir(exist_ok=True)
    private = folder / "kubeconfig"
    return Session(reach(target, private if private.exists() else target.write(folder)), terms or Terms())


def provider(made: Session, terms: Terms | None = None) -> ExistingProvider:
    return ExistingProvider(made.reached, made.run, terms or Terms(), alive=made.check)


def namespaces(api: Api) -> set[str]:
    return {item["metadata"]["name"] for item in api.list(path("namespaces"), labelSelector=owning.RUN)["items"]}


def states(api: Api) -> dict[str, Any]:
    """Of every node what a user sees: labels, annotations, taints, cordon."""
    return {
        node["metadata"]["name"]: (node["metadata"].get("labels"), node["metadata"].get("annotations"), node["spec"])
        for node in api.list(path("nodes"))["items"]
    }


def test_a_run_leaves_no_trace(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    before = states(host.api), host.fingerprint(), copy.read_bytes(), copy.stat().st_mtime_ns
    terms = Terms(disruption=True)
    made = session(copy, tmp_path / "run", terms)
    assert made.begin() == []
    cluster = provider(made, terms).open()
    assert (cluster.facts.kubernetes, cluster.facts.max_nodes, cluster.facts.changeable) == (host.facts.kubernetes, 4, 4)
    assert Capability.CHANGE_NODE in cluster.facts.capabilities
    assert Capability.POD_TIMING not in cluster.facts.capabilities
    cluster.api.create(path("namespaces"), {"metadata": {"name": "p01-x", "labels": dict(cluster.facts.labels)}})
    with cluster.nodes() as nodes:
        [one] = nodes.join(1, labels={"disktype": "ssd"}, taints=(Taint(key="dedicated", effect="NoSchedule", value="gpu"),))
        [two] = nodes.join(1)
        two.cordon()
        two.uncordon()
        one.unlabel("disktype", "kubernetes.io/arch")
        changed = host.api.get(path("nodes", name=one.name))
        assert undo.pending(changed)
        assert [taint["key"] for taint in changed["spec"]["taints"]] == ["dedicated"]
    assert cluster.dirt() == []
    assert states(host.api) == before[0]
    assert namespaces(host.api) == {"p01-x", owning.HOME}
    cluster.close()
    made.end()
    assert (states(host.api), host.fingerprint(), copy.read_bytes(), copy.stat().st_mtime_ns) == before
    made.end()


def test_without_leave_no_node_is_changed(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    before = states(host.api)
    made = session(copy, tmp_path / "run")
    made.begin()
    cluster = provider(made).open()
    assert "--allow-disruption" in cluster.facts.lacking[Capability.CHANGE_NODE]
    with cluster.nodes() as nodes:
        [one] = nodes.join(1)
        for change in (functools.partial(one.label, a="b"), functools.partial(one.taint, "a", "NoExecute"), one.cordon):
            with pytest.raises(NotOffered, match="--allow-disruption"):
                change()
        assert states(host.api) == before
    made.end()
    assert states(host.api) == before


def test_a_second_run_is_told_who_is_there(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    first, second = session(copy, tmp_path / "one"), session(copy, tmp_path / "two")
    first.begin()
    with pytest.raises(UsageError, match=rf"Another run is active.*pid {os.getpid()}.*since 20"):
        second.begin()
    second.end()
    assert host.api.get(path("leases", owning.HOME, NAME))["metadata"]["labels"][owning.RUN] == first.run
    first.check()
    first.end()
    assert namespaces(host.api) == set()
    second = session(copy, tmp_path / "two")
    assert second.begin() == []
    second.end()


def test_a_lease_that_is_not_renewed_lapses_and_its_run_is_cleaned_up(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    first = session(copy, tmp_path / "one", Terms(disruption=True))
    first.begin()
    before = states(host.api)
    cluster = provider(first, Terms(disruption=True)).open()
    host.api.create(path("namespaces"), {"metadata": {"name": "p01-dead", "labels": dict(cluster.facts.labels)}})
    BorrowedNode(cluster, cluster.yard.names[0]).taint("dedicated", "NoSchedule")
    lease = host.api.get(path("leases", owning.HOME, NAME))
    # Another machine's run, so that only time can tell.
    change = {
        "metadata": {"annotations": {"conformance.daemonset/process": "b/n/1/2"}},
        "spec": {"renewTime": "2020-01-01T00:00:00.000000Z"},
    }
    host.api.patch(path("leases", owning.HOME, NAME), change)
    second = session(copy, tmp_path / "two")
    assert second.begin() == [f"changes of node {cluster.yard.names[0]}", "namespace p01-dead"]
    assert states(host.api) == before
    held = host.api.get(path("leases", owning.HOME, NAME))
    assert held["metadata"]["uid"] == lease["metadata"]["uid"]
    assert held["metadata"]["labels"][owning.RUN] == second.run
    first.end()  # not its Lease any more
    assert host.api.get(path("leases", owning.HOME, NAME))["metadata"]["uid"] == lease["metadata"]["uid"]
    second.end()
    assert namespaces(host.api) == set()


def test_a_run_that_lost_its_lease_stops(host: EmbeddedCluster, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.clusters.existing.lease.INTERVAL", 0.05)
    made = session(copy, tmp_path / "one")
    made.begin()
    host.api.delete(path("leases", owning.HOME, NAME))
    made._lease._thread.join(timeout=20)
    with pytest.raises(ClusterError, match="could not be renewed"):
        provider(made).open().check()
    made.end()


DEAD = """
import sys, signal, os
from pathlib import Path
from conformance.clusters.existing import kubeconfig
from conformance.clusters.existing.nodes import BorrowedNode
from conformance.clusters.existing.provider import ExistingProvider, Session, Terms, reach
from conformance.kube.resources import path
target = kubeconfig.find(Path(sys.argv[1]))
terms = Terms(disruption=True)
session = Session(reach(target, target.write(Path(sys.argv[2]))), terms)
session.begin()
cluster = ExistingProvider(session.reached, session.run, terms).open()
cluster.api.create(path("namespaces"), {"metadata": {"name": "p01-killed", "labels": dict(cluster.facts.labels)}})
node = BorrowedNode(cluster, cluster.yard.names[0])
node.label(disktype="ssd")
node.cordon()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_clean_takes_back_what_a_killed_run_left(
    host: EmbeddedCluster, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = states(host.api)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", DEAD, str(copy), str(tmp_path)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert states(host.api) != before
    assert "p01-killed" in namespaces(host.api)
    # Only the cluster is to be cleaned here: neither this user's other runs, nor containers.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["clean", "--kubeconfig", str(copy)]) == 0
    said = capsys.readouterr().out
    assert "removed namespace p01-killed" in said
    assert "removed changes of node" in said
    assert namespaces(host.api) == set()
    taints = states(host.api)
    assert {name: (labels, notes) for name, (labels, notes, _) in taints.items()} == {n: (a, b) for n, (a, b, _) in before.items()}
    assert not any(spec.get("unschedulable") for _, _, spec in taints.values())
    assert not list((tmp_path / f"dsc-{os.getuid()}" / "existing").iterdir())


# -- who we are ---------------------------------------------------------------------------------------------------------------------------


def of_account(host: EmbeddedCluster, file: Path, name: str) -> Path:
    """A kubeconfig for a ServiceAccount, whose token a program hands out that is named relative to the file."""
    with contextlib.suppress(ApiError):
        host.api.create(path("serviceaccounts", "default"), {"metadata": {"name": name}})
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = host.api.create(path("serviceaccounts", "default", name, "token"), body)["status"]["token"]
    config = yaml.safe_load(host.facts.kubeconfig.read_text())
    answer = f'{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"{token}"}}}}'
    program = file.parent / "login"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(stat.S_IRWXU)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./login", "interactiveMode": "Never"}
    config["users"] = [{"name": config["users"][0]["name"], "user": {"exec": plugin}}]
    file.write_text(yaml.safe_dump(config))
    return file


def test_permissions_are_asked_for_and_the_roles_are_enough(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    before = host.fingerprint()
    of_account(host, copy, "tester")
    made = session(copy, tmp_path / "run")
    assert made.reached.user == "system:serviceaccount:default:tester"
    with pytest.raises(UsageError) as refused:
        made.begin()
    for words in ("create namespaces", "create daemonsets.apps", "watch pods", "--serviceaccount=default:tester", str(ROLES)):
        assert words in str(refused.value)
    made.end()
    assert host.fingerprint() == before

    for role in load(ROLES):
        host.api.create(path("clusterroles"), role)
    subject = {"kind": "ServiceAccount", "name": "tester", "namespace": "default"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "daemonset-conformance"}
    host.api.create(path("clusterrolebindings"), {"metadata": {"name": "tester"}, "subjects": [subject], "roleRef": reference})
    try:
        terms = Terms(disruption=True)
        made = session(copy, tmp_path / "run", terms)
        made.begin()
        cluster = provider(made, terms).open()
        assert cluster.facts.lacking[Capability.CHANGE_NODE] == "the user may not patch nodes"
        assert cluster.facts.plugin
        cluster.close()
        made.end()
    finally:
        host.api.delete(path("clusterrolebindings", name="tester"))
        for role in load(ROLES):
            host.api.delete(path("clusterroles", name=role["metadata"]["name"]))


def test_credentials_that_are_not_accepted(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(copy.read_text())
    config["users"][0]["user"] = {"token": "expired"}
    copy.write_text(yaml.safe_dump(config))
    with pytest.raises(UsageError, match=r"does not accept the credentials: 401.*log in again") as refused:
        session(copy, tmp_path / "run")
    assert str(copy) in str(refused.value)
    assert "expired" not in str(refused.value).replace("have expired", "")


def test_a_server_that_does_not_answer(copy: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(copy.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    copy.write_text(yaml.safe_dump(config))
    with pytest.raises(UsageError, match=r"https://127\.0\.0\.1:1.*--kubeconfig or --context") as refused:
        session(copy, tmp_path / "run")
    assert "\n" not in str(refused.value)


def test_nodes_that_were_named(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    names = sorted(states(host.api))
    made = session(copy, tmp_path / "run", Terms(only=names[1:3]))
    made.begin()
    assert provider(made, Terms(only=names[1:3])).open().yard.names == tuple(names[1:3])
    made.end()
    made = session(copy, tmp_path / "run", Terms(only=["nowhere"]))
    with pytest.raises(UsageError, match="--on-node nowhere: there is no such node"):
        made.begin()
    made.end()
    assert namespaces(host.api) == set()


# -- the whole suite, as a user runs it --------------------------------------------------------------------------------------------------


def pytest_run(copy: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "XDG_RUNTIME_DIR": str(folder)}
    command = [sys.executable, "-m", "pytest", "scenarios", "--cluster", "existing", "--kubeconfig", str(copy), *arguments]
    return subprocess.run(
        [*command, "--report", str(folder / "report")], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [(["--allow-disruption"], "2 passed, 1 left-out"), (["-n", "2"], "1 passed, 2 left-out")],
    ids=["alone, disruptive", "xdist"],
)
def test_scenarios_run_and_nothing_is_left(host: EmbeddedCluster, copy: Path, tmp_path: Path, arguments: list[str], counts: str) -> None:
    before = states(host.api), host.fingerprint(), copy.read_bytes(), copy.stat().st_mtime_ns
    chosen = "test_no_eligible_node_is_no_error or test_every_node_runs_one_pod or test_a_node_that_joins_gets_a_pod"
    done = pytest_run(copy, tmp_path, "-k", chosen, "-q", *arguments)
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert counts in done.stdout
    assert "confined to the nodes that its scenario had borrowed" in done.stdout
    statement = json.loads((tmp_path / "report" / "statement.json").read_text())
    verdicts = {guarantee["id"]: guarantee["verdict"] for guarantee in statement["guarantees"]}
    assert verdicts["INV-5"] == "unknown"  # it stands on authorship alone
    assert verdicts["INV-6"] == "holds"
    assert "audit log" in statement["lacking"]["audit-log"]
    assert (states(host.api), host.fingerprint(), copy.read_bytes(), copy.stat().st_mtime_ns) == before
    assert not list((tmp_path / f"dsc-{os.getuid()}" / "existing").iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--context", "nowhere"], "There is no context 'nowhere'"),
        (["--kubernetes", "1.34"], "--kubernetes 1.34: the API server of"),
        (["--component", "etcd=/bin/sh"], ""),
        (["--image-prefix", "http://x"], "--image-prefix http://x"),
        (["--on-node", "nowhere"], "there is no such node"),
    ],
)
def test_wrong_usage_ends_with_exit_code_4(host: EmbeddedCluster, copy: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    before = host.fingerprint()
    done = pytest_run(copy, tmp_path, *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert host.fingerprint() == before
