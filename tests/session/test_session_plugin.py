"""The plugin in a pytest of its own: what is refused, with which exit code, and that nothing is touched before it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCENARIO = '''
from conformance import claim, scenario

@scenario("P99")
@claim({claim!r})
def test_it(cluster):
    """A scenario."""
'''

#: A scenario that cannot begin, one that leaves a cluster that cannot be cleaned, and one that is well.
USELESS = '''
from pathlib import Path
import pytest
from conformance import claim, scenario

@pytest.fixture
def unreachable(scenario_run):
    with Path("clusters").open("a") as names:
        print(scenario_run.host.facts.name, "nothing to begin with", sep="\\t", file=names)
    scenario_run.host.component("kube-apiserver").stop()

@scenario("P98")
@claim("000-01")
def test_that_cannot_begin(unreachable, cluster):
    """A scenario."""

@pytest.mark.parametrize("leaves", ["the API server stopped", "nothing"])
@scenario("P99")
@claim("000-01")
def test_it(cluster, leaves):
    """A scenario."""
    with Path("clusters").open("a") as names:
        print(cluster.facts.name, leaves, sep="\\t", file=names)
    if leaves == "the API server stopped":
        cluster.component("kube-apiserver").stop()
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["conformance.plugin"]\n')
    (tmp_path / "scenarios" / "test_it.py").write_text(SCENARIO.format(claim="000-01"))
    return tmp_path


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {"PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "XDG_RUNTIME_DIR": str(project)}
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | own  # pytest-xdist says how wide it is
    command = [sys.executable, "-m", "pytest", "scenarios", *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kubernetes", "1.7"], "choose one of 1.37"),
        (["--cluster", "minikube"], "Known: embedded"),
        (["--component", "kube-proxy=/bin/sh"], "there is no component"),
        (["--component", "kubectl=nowhere"], "does not exist"),
        (["--report", "conftest.py/x"], "reports cannot be written there"),
        (["--report", "scenarios"], "was not made by this suite"),
        (["--keep", "maybe"], "never, on-failure, always"),
    ],
)
def test_wrong_usage_is_one_paragraph_and_exit_code_4(project: Path, arguments: list[str], words: str) -> None:
    done = run(project, *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_an_unknown_claim_is_wrong_usage(project: Path, workers: list[str]) -> None:
    (project / "scenarios" / "test_it.py").write_text(SCENARIO.format(claim="000-99"))
    # A component of the user's own spares this test a build: nothing is started before the claims are checked.
    done = run(project, *workers, *own_components(project))
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    assert "There is no claim '000-99'" in done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


def test_collecting_builds_nothing_and_writes_nothing(project: Path) -> None:
    done = run(project, "--collect-only", "-q")
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert "test_it" in done.stdout
    assert not (project / "report").exists()


def test_a_cluster_that_cannot_start_is_an_error_with_a_report(project: Path) -> None:
    done = run(project, *own_components(project))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "DaemonSets on Kubernetes v1.37.1 (embedded): 1 scenario: 1 error" in done.stdout, "the version is known from the option"
    assert "ERROR scenarios/test_it.py::test_it - etcd of the embedded cluster ended by itself (exit code 3)" in done.stdout
    [log] = (project / "report" / "logs").glob("*/etcd.log")
    assert str(log) in done.stdout, "the log that is named has to be there"
    assert "Traceback" not in done.stdout
    assert (project / "report" / "index.html").is_file()
    assert '"error"' in (project / "report" / "statement.json").read_text()
    assert not list(project.glob("dsc-*/c-*")), "a run directory was left behind"


def test_a_cluster_that_is_of_no_use_is_thrown_away(project: Path) -> None:
    (project / "scenarios" / "test_it.py").write_text(USELESS)
    done = run(project)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "1 passed, 2 errors, 1 unknown" in done.stdout, "of what the API server did not serve no guarantee can be decided"
    assert "RuntimeError" not in done.stdout
    used = [line.split("\t") for line in (project / "clusters").read_text().splitlines()]
    assert [left for _, left in used] == ["nothing to begin with", "the API server stopped", "nothing"]
    assert len({name for name, _ in used}) == len(used), "a scenario got a cluster that could not be cleaned"
    assert not list(project.glob("dsc-*/c-*")), "a run directory was left behind"


def own_components(project: Path) -> list[str]:
    """Programs that tell a version, as all components do, and can do nothing else."""
    told = {
        "etcd": "etcd Version: 3.6.14",
        "kube-apiserver": "Kubernetes v1.37.1",
        "kube-controller-manager": "Kubernetes v1.37.1",
        "kube-scheduler": "Kubernetes v1.37.1",
        "kwok": "kwok version v0.8.0",
        "kubectl": "Client Version: v1.37.1",
    }
    arguments = []
    for name, version in told.items():
        program = project / f"my-{name}"
        program.write_text(f"#!/bin/sh\n[ $# -le 2 ] && echo '{version}' && exit 0\necho cannot do this >&2\nexit 3\n")
        program.chmod(0o755)
        arguments += ["--component", f"{name}={program}"]
    return arguments
