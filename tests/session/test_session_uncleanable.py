"""A scenario that cannot begin, or leaves its cluster so that it cannot be cleaned: it fails, and the next one gets another cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCENARIOS = '''
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


def test_a_cluster_that_is_of_no_use_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["conformance.plugin"]\n')
    (tmp_path / "scenarios" / "test_it.py").write_text(SCENARIOS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "XDG_RUNTIME_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "scenarios"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "2 passed, 2 errors" in done.stdout
    assert "RuntimeError" not in done.stdout
    used = [line.split("\t") for line in (tmp_path / "clusters").read_text().splitlines()]
    assert [left for _, left in used] == ["nothing to begin with", "the API server stopped", "nothing"]
    assert len({name for name, _ in used}) == len(used), "a scenario got a cluster that could not be cleaned"
    assert not list(tmp_path.glob("dsc-*/c-*")), "a run directory was left behind"
