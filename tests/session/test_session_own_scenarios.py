"""A scenario of somebody else, in a repository that holds nothing of this one: docs/own-scenarios.md, word by word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "own-scenarios.md"
COLLECTOR = """\
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: collector
spec:
  selector: {matchLabels: {app: collector}}
  template:
    metadata: {labels: {app: collector}}
    spec:
      containers: [{name: collector, image: "registry.k8s.io/pause:3.10"}]
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    [source] = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    [conftest] = re.findall(r"^conftest\.py +(.*)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    files = {
        "conftest.py": f"{conftest}\n",
        "pyproject.toml": "[tool.pytest.ini_options]\n",
        "manifests/collector.yaml": COLLECTOR,
        "scenarios/test_collector.py": source,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(repository: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "PYTHONPATH")}
    environment |= {"PYTEST_ADDOPTS": "", "XDG_RUNTIME_DIR": str(repository)}
    command = [sys.executable, "-m", "pytest", "scenarios"]
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)


def test_it_runs_with_the_package_alone(repository: Path) -> None:
    done = run(repository)
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    [result] = [msgspec.json.decode(file.read_bytes()) for file in (repository / "report" / "scenarios").glob("*.json")]
    assert (result["id"], result["outcome"]) == ("Z01.a_labelled_node_is_served_at_once", "passed")
    assert result["node_id"] in (repository / "report" / "index.html").read_text(encoding="utf-8")


def test_a_word_that_there_is_not_is_said(repository: Path) -> None:
    file = repository / "scenarios" / "test_collector.py"
    file.write_text(file.read_text().replace("Capability.CHANGE_NODE", "Capability.CHANGE_NODES"))
    done = run(repository)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    assert "scenarios/test_collector.py:7: there is no capability 'CHANGE_NODES'; did you mean CHANGE_NODE" in done.stderr
