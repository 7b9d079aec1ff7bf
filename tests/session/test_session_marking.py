"""Words of scenarios that there are not, and marks that were forgotten, are said before anything runs: exit code 4, and what was meant."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.session import spelling

MARKS = {"parametrize", "scenario", "needs", "claim", "finding"}

WHOLE = '''
import pytest
from conformance import Capability, needs, scenario

@scenario("P99")
@needs(Capability.AUDIT_LOG, nodes=2)
@pytest.mark.parametrize("case", [1])
def test_it(cluster, case):
    """A scenario."""
'''


def said(tmp_path: Path, source: str) -> list[str]:
    file = tmp_path / "test_it.py"
    file.write_text(source)
    return spelling.mistakes(file, MARKS, tmp_path)


def test_a_scenario_that_is_well_spelt(tmp_path: Path) -> None:
    assert said(tmp_path, WHOLE) == []


def test_modules_of_the_package_are_no_misspelt_words(tmp_path: Path) -> None:
    assert said(tmp_path, WHOLE + "\nfrom conformance import cli, whole\n") == []


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("needs, scenario\n", "needs, scenaro\n", "test_it.py:3: conformance has no 'scenaro'; did you mean scenario?"),
        ("AUDIT_LOG", "AUDIT_LOGS", "test_it.py:6: there is no capability 'AUDIT_LOGS'; did you mean AUDIT_LOG?"),
        ("parametrize", "parametrise", "test_it.py:7: there is no mark 'parametrise'; did you mean parametrize?"),
        ("parametrize", "nonsense", "test_it.py:7: there is no mark 'nonsense'. Or is it your own?"),
        ('@scenario("P99")', "@scenario", "test_it.py:5: @scenario stands without its arguments"),
    ],
    ids=["name", "capability", "mark", "mark that is like none", "no arguments"],
)
def test_what_is_misspelt_is_told_with_its_place(tmp_path: Path, right: str, wrong: str, words: str) -> None:
    assert right in WHOLE
    [told] = said(tmp_path, WHOLE.replace(right, wrong))
    assert told.startswith(words)


def test_files_of_others_are_none_of_its_business(tmp_path: Path) -> None:
    assert said(tmp_path, "import pytest\n\n@pytest.mark.nonsense\ndef test_it(cluster): ...\n") == []
    assert said(tmp_path, "from conformance import nonsense )") == []


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (project / "conftest.py").write_text('pytest_plugins = ["conformance.plugin"]\n')
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


FORGOTTEN = {
    "a mark": ("def test_it(cluster): ...", 'test_it.py::test_it uses the fixture `cluster` and is no scenario: mark it with @scenario("'),
    "a mark, through another fixture": ("def test_it(daemonset): ...", "uses the fixture `cluster` and is no scenario"),
    "the scenario": ("@needs(nodes=2)\ndef test_it(): ...", "is marked with @needs, which means nothing without @scenario"),
    "the cluster": ('@scenario("P99")\ndef test_it(): ...', "is marked with @scenario and uses no cluster"),
    "what it is called": (
        '@scenario("P99")\n@needs("audit_log")\ndef test_it(cluster): ...',
        "there is no capability 'audit_log'; did you mean audit-log?",
    ),
    "a finding": (
        '@scenario("P99")\n@finding("noschedule-taint")\ndef test_it(cluster): ...',
        "There is no finding 'noschedule-taint'; did you mean noschedule-taint-wakes-no-sync",
    ),
}


@pytest.mark.parametrize(("source", "words"), FORGOTTEN.values(), ids=FORGOTTEN)
def test_what_was_forgotten_is_said_at_collection(tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "test_it.py").write_text(f"from conformance import finding, needs, scenario\n\n{source}\n")
    done = run(tmp_path)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_misspelt_mark_is_said_before_its_module_is_imported(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(WHOLE.replace("parametrize", "parametrise"))
    done = run(tmp_path, "--strict-markers")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    assert "did you mean parametrize?" in done.stderr


def test_another_cluster_fixture_is_somebody_elses(tmp_path: Path) -> None:
    source = "import pytest\n\n@pytest.fixture\ndef cluster(): ...\n\ndef test_it(cluster): ...\n"
    (tmp_path / "test_it.py").write_text(source)
    done = run(tmp_path)
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
