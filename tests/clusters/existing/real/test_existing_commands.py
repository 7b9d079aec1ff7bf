"""What a user starts on a cluster that is there already: `pytest` with scenarios, or with a mistake, and `conformance clean`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from seen_by_others import namespaces, states

from conformance.cli import main
from conformance.clusters import waiting
from conformance.clusters.embedded import EmbeddedCluster
from conformance.clusters.existing import owning
from conformance.clusters.existing.holding import NAME
from conformance.kube.resources import path

ROOT = Path(__file__).parents[4]


DEAD = """
import sys, signal, os
from pathlib import Path
from conformance.clusters.existing import kubeconfig, owning
from conformance.clusters.existing.nodes import BorrowedNode
from conformance.clusters.existing.provider import ExistingProvider, Session, Terms, reach
from conformance.kube.resources import path
target = kubeconfig.find(Path(sys.argv[1]))
terms = Terms(disruption=True)
session = Session(reach(target, target.write(Path(sys.argv[2]))), terms)
session.begin()
cluster = ExistingProvider(session.reached, session.run, terms).open()
cluster.api.create(path("namespaces"), owning.namespace("p01-killed", cluster.facts.labels))
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
    assert "with --allow-disruption" in capsys.readouterr().err
    assert main(["clean", "--kubeconfig", str(copy), "--allow-disruption"]) == 0
    said = capsys.readouterr().out
    assert "removed changes of node" in said
    assert namespaces(host.api) == set()
    taints = states(host.api)
    assert {name: (labels, notes) for name, (labels, notes, _) in taints.items()} == {n: (a, b) for n, (a, b, _) in before.items()}
    assert not any(spec.get("unschedulable") for _, _, spec in taints.values())
    assert not (tmp_path / f"dsc-{os.getuid()}" / "existing").exists()


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
    assert not (tmp_path / f"dsc-{os.getuid()}" / "existing").exists()


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


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_a_run_whose_lease_is_taken_ends_and_is_no_green_result(
    host: EmbeddedCluster, copy: Path, tmp_path: Path, workers: list[str]
) -> None:
    before = states(host.api)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/tests/support", "PYTEST_ADDOPTS": "", "XDG_RUNTIME_DIR": str(tmp_path)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "scenarios",
        "--cluster",
        "existing",
        "--kubeconfig",
        str(copy),
        "--allow-disruption",
        *workers,
    ]
    command += ["-p", "quick_lease", "-k", "lifecycle or rolling", "--report", str(tmp_path / "report")]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        waiting.until(
            host.api,
            path("namespaces"),
            lambda there: any(owning.ours(one) and name != owning.HOME for name, one in there.items()),
            within=120,
            what="The first scenario",
        )
        taken = {"metadata": {"labels": {owning.RUN: "other"}}, "spec": {"holderIdentity": "somebody else"}}
        host.api.patch(path("leases", owning.HOME, NAME), taken)
        out, _ = run.communicate(timeout=120)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, out
    assert "ERROR: Another run (somebody else) has taken this cluster over; this one cannot go on." in out
    # Nothing began after it was known: each worker fails with what it had at hand.
    assert len(re.findall(r"^(?:ERROR|FAILED) scenarios", out, re.MULTILINE)) <= 4, out
    host.api.delete(path("leases", owning.HOME, NAME))
    assert main(["clean", "--kubeconfig", str(copy), "--allow-disruption"]) == 0
    assert namespaces(host.api) == set()
    assert {name: (labels, notes) for name, (labels, notes, _) in states(host.api).items()} == {
        name: (labels, notes) for name, (labels, notes, _) in before.items()
    }
