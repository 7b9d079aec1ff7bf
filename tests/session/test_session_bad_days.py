"""Full and vanished disks, components that die, runs that cannot start: one paragraph, an exit code, nothing lost."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from conformance.report import folder
from conformance.session.run import ScenarioRun

ROOT = Path(__file__).parents[2]
HEAD = """
import os
import shutil
from pathlib import Path
import pytest
from conformance import Capability, claim, needs, scenario
from conformance.trace.conditions import When
"""
SHORT = (
    HEAD
    + '''
@pytest.mark.parametrize("number", [1, 2, 3])
@scenario("P99")
@claim("000-01")
def test_short(cluster, number):
    """A scenario."""
'''
)
#: The controller manager dies in the middle of the first scenario: kill, but not as a scenario does it.
DEADLY = (
    HEAD
    + '''
def words(process):
    try:
        return (process / "cmdline").read_bytes().split(b"\\0")
    except OSError:  # it has ended meanwhile
        return [b""]

@pytest.mark.parametrize("deadly", [True, False, False])
@scenario("P99")
@claim("000-01")
def test_it(cluster, trace, deadly):
    """A scenario."""
    if deadly:
        running = {int(process.name): words(process) for process in Path("/proc").glob("[0-9]*")}
        run = str(cluster.facts.run).encode()
        [pid] = [pid for pid, said in running.items() if b"controller-manager" in said[0] and any(run in word for word in said)]
        os.kill(pid, 9)
        trace.until(When("test", "never", lambda _: False))
'''
)
VANISHING = (
    HEAD
    + '''
@pytest.mark.parametrize("vanishing", [True, False])
@scenario("P99")
@claim("000-01")
def test_it(cluster, trace, vanishing):
    """A scenario."""
    if vanishing:
        shutil.rmtree(cluster.facts.run)
        trace.until(When("test", "never", lambda _: False))
'''
)
LEFT_OUT = (
    HEAD
    + '''
@pytest.mark.parametrize("number", range(12))
@scenario("P99")
@claim("000-01")
@needs(Capability.REAL_KUBELET)
def test_real(cluster, number):
    """A scenario."""

@scenario("P98")
@claim("000-01")
def test_simulated(cluster):
    """A scenario."""
'''
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["conformance.plugin"]\n')
    (tmp_path / "mine" / "test_it.py").write_text(SHORT)
    return tmp_path


def run(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "XDG_RUNTIME_DIR": str(project)}
    command = [sys.executable, "-m", "pytest", "mine", *arguments]
    done = subprocess.run(command, cwd=project, env=inherited | environment, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert "INTERNALERROR" not in said, said
    assert max(len(line) for line in said.splitlines()) < 320, said
    return done


def test_scenarios_are_known_by_their_mark_wherever_they_lie(project: Path) -> None:
    done = run(project)
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert "1 scenario (3 pytest items): 1 passed" in done.stdout
    statement = json.loads((project / "report" / "statement.json").read_text())
    assert (statement["complete"], statement["outcomes"]) == (True, {"passed": 1})
    before = {file: file.read_bytes() for file in (project / "report").rglob("*") if file.is_file() and file.name != ".run"}

    (project / "afile").touch()
    (project / "mine" / "test_other.py").write_text("def test_it(): pass\n")
    for arguments, environment, code, words in (
        (["-k", "nosuch"], {}, pytest.ExitCode.NO_TESTS_COLLECTED, "still those of the run before"),
        (["--cluster", "kind"], {"DOCKER_HOST": "unix:///nonexistent"}, pytest.ExitCode.USAGE_ERROR, "Docker daemon does not answer"),
        (["--cluster", "existing", "--kubeconfig", "afile"], {}, pytest.ExitCode.USAGE_ERROR, "that file is empty"),
        ([], {"XDG_CACHE_HOME": str(project / "afile")}, pytest.ExitCode.TESTS_FAILED, "could not be built"),
        ([], {"XDG_RUNTIME_DIR": str(project / "afile")}, pytest.ExitCode.USAGE_ERROR, "Point TMPDIR"),
        (["-k", "test_other"], {}, pytest.ExitCode.OK, "still those of the run before"),
    ):
        done = run(project, *arguments, **environment)
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == code, said
        assert said.count(words) == 1, said
        assert before == {file: file.read_bytes() for file in before}, f"{arguments} {environment} cost the report of the run before"


#: A disk that is full, for one writer after the other: none of them may end in a traceback, and what ran is still told.
FULL = """
import errno

def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")

"""
WRITERS = {
    "trace": """
from conformance.trace import store

class Full:
    def __init__(self, out): self._out = out
    write = flush = staticmethod(full)
    def close(self): self._out.close()

def append(self, entry):
    self._out = Full(self._out)
    appending(self, entry)

appending, store.Writer.append = store.Writer.append, append
""",
    "result": "from conformance.session import outcome; outcome.save = full",
    "Allure": "from allure_commons.logger import AllureFileLogger; AllureFileLogger._report_item = full",
    "JUnit": "from _pytest.junitxml import LogXML; LogXML.pytest_sessionfinish = lambda self: full()",
    "run": "from conformance.report import folder; folder.save_run = full",
    "page": "from conformance.report import html; html.write = full",
}


@pytest.mark.parametrize(("writer", "workers"), [*((writer, []) for writer in WRITERS), ("result", ["-n", "2"])])
def test_a_disk_that_is_full_is_one_paragraph_whoever_writes(project: Path, writer: str, workers: list[str]) -> None:
    (project / "mine" / "conftest.py").write_text(FULL + WRITERS[writer])
    done = run(project, *workers)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, said
    assert "(No space left on device). Mend" in said
    assert "ree some space" in said
    assert "None" not in said


def test_a_component_that_dies_costs_the_next_scenario_nothing(project: Path) -> None:
    (project / "mine" / "test_it.py").write_text(DEADLY)
    done = run(project)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 2 passed" in done.stdout, done.stdout
    assert "kube-controller-manager of the embedded cluster ended by itself (killed by SIGKILL)" in done.stdout
    logs = (project / "report" / "logs").glob("*/kube-controller-manager.log")  # the last cluster's are kept as well
    assert any(f"(the whole log: {log})" in done.stdout for log in logs), "the log that is named has to be there"


def test_files_of_a_cluster_that_vanish_are_named(project: Path) -> None:
    (project / "mine" / "test_it.py").write_text(VANISHING)
    done = run(project)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "somebody has removed them while it ran" in done.stdout


def test_what_was_left_out_is_one_line(project: Path) -> None:
    (project / "mine" / "test_it.py").write_text(LEFT_OUT)
    done = run(project, "-ra")
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    [told] = [line for line in done.stdout.splitlines() if "lacks real-kubelet" in line or line.startswith("SKIPPED")]
    assert told.startswith("left out, 12 pytest items: this cluster lacks real-kubelet (its kubelets are simulated; ")
    assert "1 passed, 12 left out" in done.stdout


def test_two_runs_into_one_folder_are_refused(project: Path) -> None:
    folder.prepare(project / "report")
    with folder.held(project / "report"):
        done = run(project)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"another run is writing into this folder (process {os.getpid()})" in done.stderr


def test_commands_that_are_shown_can_be_given_to_a_shell() -> None:
    file = Path('rep öl & "q"') / "traces" / "x.jsonl"
    said = ScenarioRun.again.fget(SimpleNamespace(file=file))  # type: ignore[attr-defined]
    assert shlex.split(said) == ["python", "-m", "conformance", "judge", str(file)]
