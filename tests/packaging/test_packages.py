"""The wheel, the source distribution and an editable install do the same, in an empty environment and far from the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Seconds for what downloads and installs, or starts a cluster; hours would be a hang.
LIMIT = 900


class Installed:
    """An environment that holds the suite and nothing else, and a folder that holds nothing at all."""

    def __init__(self, folder: Path, what: list[str]) -> None:
        self.programs = folder / "environment" / "bin"
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()
        venv.create(folder / "environment", with_pip=True)
        self.run("pip", "install", "--quiet", *what)

    def run(self, program: str, *arguments: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON", "VIRTUAL_ENV"))}
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.elsewhere,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", folder, ROOT], check=True, capture_output=True, timeout=LIMIT)
    return folder


@pytest.fixture(params=["wheel", "sdist", "editable"])
def installed(request: pytest.FixtureRequest, built: Path, tmp_path: Path) -> Installed:
    patterns = {"wheel": "*.whl", "sdist": "*.tar.gz"}
    if request.param == "editable":
        return Installed(tmp_path, ["--editable", str(ROOT)])
    [file] = built.glob(patterns[request.param])
    return Installed(tmp_path, [str(file)])


def test_every_way_of_installing_brings_the_whole_suite(installed: Installed) -> None:
    collected = installed.run("conformance", "run", "--collect-only", "--quiet").splitlines()
    here = subprocess.run(
        [sys.executable, "-m", "pytest", "scenarios", "--collect-only", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert [line for line in collected if "::" in line] == [line for line in here if "::" in line]

    said = installed.run("conformance", "run", "-n", "2", "-k", "test_a_node_that_joins or the_documented_tolerations", "--report", "mine")
    assert "2 passed" in said
    statement = json.loads((installed.elsewhere / "mine" / "statement.json").read_text())
    assert [ground["cause"] for ground in statement["grounds"]] == ["selection"]
    command = json.loads((installed.elsewhere / "mine" / "run.json").read_text())["command"]
    assert command.startswith("conformance run -n 2 -k ")
    assert "scenarios" not in command
    [trace] = (installed.elsewhere / "mine" / "traces").glob("*joins*")
    assert "a_node_that_joins_gets_a_pod on Kubernetes" in installed.run("conformance", "judge", str(trace))
    assert installed.run("conformance", "claims").startswith("#")
    assert installed.run("conformance", "run", "-q", "--collect-only", "scenarios/test_taints.py").count("test_taints.py::") > 3
    assert sorted(path.name for path in installed.elsewhere.iterdir()) == [".pytest_cache", "mine"]
