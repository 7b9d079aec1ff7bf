"""`conformance run` is pytest with the suite's scenarios: what is a path and what an option's value is pytest's own answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import shipped
from conformance.report.conformity import conformity
from conformance.report.results import FORMAT, Function, Run
from tests.report import synthetic

ROOT = Path(__file__).parents[2]


def collected(folder: Path, *arguments: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "conformance", "run", "--collect-only", "-q", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


@pytest.mark.parametrize(
    "arguments",
    [
        ["scenarios/test_taints.py"],
        ["./scenarios/test_taints.py"],
        [str(shipped.scenarios() / "test_taints.py")],
        ["-k", "test_taints"],
        ["--junitxml", "scenarios", "-k", "test_taints"],
    ],
    ids=["node id", "with a dot", "absolute", "by name", "a value that looks like a path"],
)
def test_a_part_of_the_suite(tmp_path: Path, arguments: list[str]) -> None:
    found = collected(tmp_path, *arguments)
    assert len(found) > 5
    assert {line.partition("::")[0] for line in found} == {"scenarios/test_taints.py"}


def test_all_but_a_part_of_it(tmp_path: Path) -> None:
    whole = collected(tmp_path)
    assert not [line for line in collected(tmp_path, "--ignore", "scenarios/test_taints.py") if "test_taints" in line]
    one = next(line for line in whole if "test_taints" in line)
    assert collected(tmp_path, "--deselect", one) == [line for line in whole if line != one]


def test_somebody_elses_tests_are_theirs_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "test_it.py").write_text("def test_it():\n    pass\n")
    assert [line.rpartition("::")[2] for line in collected(tmp_path, "mine")] == ["test_it"]


def test_a_package_without_its_scenarios_is_one_paragraph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "import sys; from conformance import cli, shipped; shipped._PACKAGE = shipped.Path('/nowhere/at/all'); sys.exit(cli.main(['run']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "Install the package again" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_not_of_the_suite_says_nothing_of_conformance() -> None:
    run = Run(suite="1", kubernetes="v1.37.1", cluster="embedded", format=FORMAT, scenarios=[Function("P01.a", "P01", "It holds.")])
    ours = synthetic.result("P01.a", "passed", "It holds.", foreign=False)
    theirs = synthetic.result("P01.a", "failed", "It fails.", foreign=True)
    assert conformity(run, [ours], [], []).conforms is True
    assert conformity(run, [ours, theirs], [], []).conforms is True, "whatever somebody else expects of a DaemonSet"
    assert [ground.cause for ground in conformity(run, [theirs], [], []).grounds] == ["unlisted"]
    assert not shipped.holds(ROOT / "tests" / "scenarios" / "test_taints.py")
    assert shipped.holds(ROOT / "scenarios" / "test_taints.py")
