"""What the docs say of the rules, of refusals, of the action and of the hook."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.check import command
from conformance.check.rules.catalogue import rules
from conformance.cli import _Parser
from tests.check.cases import SOUND, changed, pod

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())


def test_the_docs_have_a_row_for_each_rule() -> None:
    rows = [line for line in (ROOT / "docs" / "check.md").read_text().splitlines() if line.startswith("| `") and line.count("|") == 6]

    assert rows == [
        f"| `{rule.id}` | {rule.level} | {rule.title} | {rule.claim}{f', `{rule.finding}`' if rule.finding else ''} | `{rule.scenario}` |"
        for rule in rules()
    ]


def test_the_docs_have_a_row_for_each_option() -> None:
    parser = command.add(_Parser().add_subparsers())
    text = (ROOT / "docs" / "check.md").read_text()

    options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")} - {"--help"}
    assert sorted(option for option in options if not re.search(rf"\| `{option}[ `]", text)) == []


@pytest.mark.parametrize(("manifest", "code"), [(SOUND, 0), (changed(pod(containers=[{"readinessProbe": None}])), 1)])
def test_the_action_checks_and_fails_as_it_is_told(manifest: dict[str, Any], code: int, tmp_path: Path) -> None:
    """Its second step, with the program of these tests where the first would have put one; a name with a space, and one like an option."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "daemonset-conformance" / "bin" / "conformance"
    program.parent.mkdir(parents=True)
    program.symlink_to(Path(sys.executable).with_name("conformance"))
    (tmp_path / "-my agent.yaml").write_text(yaml.safe_dump(manifest))
    inputs = {"MANIFESTS": "-my agent.yaml\n", "NODES": "", "FAIL_ON": "risk", "IGNORE": "no-os\n", "SARIF": "out.sarif"}
    steps = [step for step in ACTION["runs"]["steps"] if step["name"] == "Check"]

    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", steps[0]["run"]],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "RUNNER_TEMP": str(tmp_path), **inputs},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code, done.stderr
    assert "1 DaemonSet:" in done.stdout
    assert '"version": "2.1.0"' in (tmp_path / "out.sarif").read_text()
    assert set(steps[0]["env"]) == set(inputs)


def test_nothing_of_the_users_is_put_into_a_script_of_the_action() -> None:
    """An expression inside of a script would be run as a part of it."""
    assert [step["name"] for step in ACTION["runs"]["steps"] if "${{" in step["run"]] == []
    assert all(inputs["description"] for inputs in ACTION["inputs"].values())


def test_the_hook_is_one_of_this_program() -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())

    assert hook["entry"] == "conformance check"
    assert {"id", "name", "entry", "language"} <= set(hook)


def test_shellcheck_has_nothing_to_say_of_the_action(tmp_path: Path) -> None:
    for number, step in enumerate(ACTION["runs"]["steps"]):
        script = tmp_path / f"{number}.sh"
        script.write_text(f"#!/bin/bash\n{step['run']}")
        done = subprocess.run([Path(sys.executable).with_name("shellcheck"), script], capture_output=True, text=True, check=False)
        assert done.stdout == ""
