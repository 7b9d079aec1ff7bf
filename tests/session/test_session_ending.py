"""A run that is told to end, at any moment and however, does so in seconds: exit code 2, a report of what ran, nothing left behind."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from conformance.clusters import rundirs
from conformance.report import folder
from conformance.report.folder import missing

ROOT = Path(__file__).parents[2]
#: Seconds until a run hangs. On an idle machine an end takes two; on one that is loaded a hundredfold it is still what it was asked that
#: tells a run that ends in order from one that tries again and again.
LIMIT = 180.0

SCENARIOS = '''
from pathlib import Path
import pytest
from conformance import claim, scenario
from conformance.trace.conditions import When

@pytest.mark.parametrize("number", [1, 2, 3])
@scenario("P99", seconds=1)
@claim("000-01")
def test_short(cluster, number):
    """A scenario."""

@scenario("P98", seconds=0.1)
@claim("000-01")
def test_long(cluster, trace):
    """A scenario that waits for what never comes."""
    Path("waiting").touch()
    trace.until(When("test", "never", lambda _: False))
'''
SLOW_END = """
from pathlib import Path
import pytest

@pytest.fixture(autouse=True)
def slow_to_end():
    yield
    Path("ending").touch()
    Path("gate").read_text()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    os.mkfifo(tmp_path / "gate")  # reading it waits until somebody writes
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["conformance.plugin"]\n')
    (tmp_path / "mine" / "test_it.py").write_text(SCENARIOS)
    return tmp_path


def begin(project: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "XDG_RUNTIME_DIR": str(project)}
    with (project / "said").open("w") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "mine", *arguments],
            cwd=project,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def appears(file: Path, run: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + LIMIT
    while not file.exists():
        assert run.poll() is None, (file.parent / "said").read_text()
        assert time.monotonic() < deadline, f"{file} did not come about"
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(0.05)


def ends(run: subprocess.Popen[str], project: Path) -> str:
    code = run.wait(LIMIT)
    said = (project / "said").read_text()
    assert code == pytest.ExitCode.INTERRUPTED, said
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said
    assert "got no answer" not in said, "a cluster that had been ended was asked"
    assert not list(project.glob("dsc-*/c-*")), "a cluster was left behind"
    return said


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
@pytest.mark.parametrize(("number", "everybody"), [(signal.SIGINT, True), (signal.SIGTERM, False)], ids=["Ctrl-C", "CI"])
def test_in_mid_scenario_what_ran_is_reported(project: Path, workers: list[str], number: signal.Signals, everybody: bool) -> None:
    run = begin(project, *workers)
    appears(project / "waiting", run)
    if everybody:  # a terminal sends it to the whole process group, an impatient user twice
        os.killpg(run.pid, number)
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)
    said = ends(run, project)
    # Another worker may have been in the middle of something, too.
    assert re.search(rf"[123] of 4 selected pytest items left no result \(.*test_long\): the run was ended by {number.name}\.", said), said
    statement = json.loads((project / "report" / "statement.json").read_text())
    assert statement["complete"] is False
    assert statement["outcomes"] == {"passed": 1}, said
    assert (project / "report" / "index.html").is_file()


def test_of_a_run_that_is_killed_it_is_known_what_was_selected(project: Path) -> None:
    run = begin(project, "-n", "2")
    appears(project / "waiting", run)
    held = [(cluster / rundirs.LOCK).open() for cluster in project.glob("dsc-*/c-*")]
    assert held
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(LIMIT)
    report = project / "report"
    [problem] = missing(folder.run(report), folder.results(report))
    assert re.search(r"of 4 selected pytest items left no result \(.*test_long\): the run stopped early", problem)
    for lock in held:  # until its supervisor has noticed, ended the cluster, and gone
        waiting = threading.Thread(target=fcntl.flock, args=(lock, fcntl.LOCK_EX), daemon=True)
        waiting.start()
        waiting.join(LIMIT)
        assert not waiting.is_alive(), "a cluster was left behind"
        lock.close()
    assert not list(project.glob("dsc-*/c-*"))


def test_before_anything_ran_the_report_of_the_run_before_is_kept(project: Path) -> None:
    report = project / "report"
    (report / "scenarios").mkdir(parents=True)
    (report / ".daemonset-conformance").write_text("")
    (report / "index.html").write_text("the run before")
    gate = project / "my-etcd"
    os.mkfifo(project / "asked")
    gate.write_text(f"#!/bin/sh\necho > {project}/asked\nsleep 60\n")
    gate.chmod(0o755)
    run = begin(project, "--component", f"etcd={gate}")
    (project / "asked").read_text()  # it is being asked for its version
    run.send_signal(signal.SIGTERM)
    assert run.wait(LIMIT) != pytest.ExitCode.OK
    assert (report / "index.html").read_text() == "the run before"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "CI"])
def test_at_the_end_of_a_scenario(project: Path, number: signal.Signals) -> None:
    (project / "mine" / "conftest.py").write_text(SLOW_END)
    run = begin(project, "-k", "short")
    appears(project / "ending", run)
    run.send_signal(number)
    said = ends(run, project)
    assert f"the run was ended by {number.name}" in said


#: A page that takes its time, on a run that is over but for that.
SLOW_PAGE = """
from pathlib import Path
from conformance.report import html

def write(report):
    Path("writing").touch()
    Path("gate").read_text()
    return writing(report)

writing, html.write = html.write, write
"""


def test_while_the_report_is_written_it_is_written_whole(project: Path) -> None:
    (project / "mine" / "conftest.py").write_text(SLOW_PAGE)
    run = begin(project, "-k", "short")
    appears(project / "writing", run)
    run.send_signal(signal.SIGTERM)
    (project / "gate").write_text("go on")
    said = ends(run, project)
    assert "report: " in said
    statement = json.loads((project / "report" / "statement.json").read_text())
    assert (statement["complete"], statement["outcomes"]) == (True, {"passed": 1})
