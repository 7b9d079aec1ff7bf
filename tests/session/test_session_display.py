"""Where a run stands is shown while it runs: rewritten on a terminal, line by line in a log; colours mean what they mean on the page."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import screen

from tests.session.test_session_plugin import own_components

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"
#: One that runs until the test lets it, one that passes, one that proves a finding, one that fails.
SCENARIOS = '''
from pathlib import Path
import pytest
from conformance import claim, finding, needs, scenario, Capability

@scenario("R02", seconds=40)
@claim("000-01")
def test_that_waits(scenario_run):
    """It waits."""
    Path("held").read_text()

@pytest.fixture
def scenario_run():
    """In place of the suite's own: nothing is started."""

@scenario("T12", seconds=1)
@finding("noschedule-taint-wakes-no-sync")
def test_that_finds(scenario_run):
    """It finds."""

@scenario("P01", seconds=1)
@claim("000-01")
def test_that_fails(scenario_run):
    """It fails."""
    assert not "as it should be"
'''
STANDS = re.compile(r"([123]) of 3 left, (about \d+ s|a few seconds); running: (R02\.that_waits \d+s)")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["conformance.plugin"]\n')
    (tmp_path / "mine" / "test_it.py").write_text(SCENARIOS)
    os.mkfifo(tmp_path / "held")
    return tmp_path


def start(project: Path, output: int, *arguments: str, **own: str) -> subprocess.Popen[bytes]:
    """A run whose first scenario goes on when something is written into `held`."""
    names = ("CI", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "TOX_ENV_DIR")  # tox has pytest's cache elsewhere
    kept = {name: value for name, value in os.environ.items() if name not in names}
    paths = os.pathsep.join(map(str, (ROOT, SUPPORT)))
    environment = {**kept, "PYTHONPATH": paths, "PYTEST_ADDOPTS": "", "XDG_RUNTIME_DIR": str(project), "TERM": "xterm", **own}
    command = [sys.executable, "-m", "pytest", "-p", "quick_display", "mine", *own_components(project), *arguments]
    return subprocess.Popen(command, cwd=project, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)


def read(source: int, project: Path) -> str:
    """All that the run says; what it waits for comes when it has said where it stands."""
    said = b""
    held = True
    while True:
        try:
            chunk = os.read(source, 65536)
        except OSError:  # the other end of a terminal is closed
            break
        if not chunk:
            break
        said += chunk
        if held and STANDS.search(said.decode(errors="replace")):
            held = False
            (project / "held").write_text("go on")
    return said.decode()


def run(project: Path, *arguments: str, terminal: bool = False, **own: str) -> str:
    ours, theirs = pty.openpty() if terminal else os.pipe()
    started = start(project, theirs, *arguments, **own)
    os.close(theirs)
    try:
        said = read(ours, project)
        assert started.wait() == pytest.ExitCode.TESTS_FAILED, said
    finally:
        os.close(ours)
        started.kill()
        started.wait()
    assert "INTERNALERROR" not in said, said
    return said


@pytest.mark.parametrize("arguments", [["-s"], ["-n", "2"]], ids=["alone", "xdist"])
def test_a_log_has_lines_and_no_control_characters(project: Path, arguments: list[str]) -> None:
    said = run(project, *arguments)
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", said), said
    assert any(STANDS.fullmatch(line) for line in said.splitlines()), said


@pytest.mark.parametrize("arguments", [[], ["-n", "2"], ["-v"]], ids=["alone", "xdist", "verbose"])
def test_a_terminal_has_one_line_that_is_gone_in_the_end(project: Path, arguments: list[str]) -> None:
    said = run(project, *arguments, terminal=True)
    at = list(STANDS.finditer(said))[-1]
    before = [line for line in screen.seen(said[: at.end()].replace("\r\n", "\n\r")) if STANDS.search(line)]
    assert len(before) == 1, "it is rewritten, not written again"
    after = screen.seen(said.replace("\r\n", "\n\r"))
    assert not [line for line in after if " left, " in line], after
    assert [line for line in after if line.startswith("FAILED mine/test_it.py::test_that_fails")], after


@pytest.mark.parametrize("own", [{"CI": "true"}, {"TERM": "dumb"}], ids=["ci", "dumb"])
def test_a_terminal_that_is_a_log_has_lines(project: Path, own: dict[str, str]) -> None:
    said = run(project, "--color", "no", terminal=True, **own)
    assert "\x1b" not in said
    assert any(STANDS.fullmatch(line) for line in said.splitlines()), said


def test_who_asks_for_less_gets_none(project: Path) -> None:
    (project / "held").unlink()
    (project / "held").touch()
    assert " left, " not in run(project, "-q")


def test_colours_mean_what_they_mean_on_the_page(project: Path) -> None:
    (project / "held").unlink()
    (project / "held").touch()
    said = run(project, "-v", "--color", "yes")
    colours = {word: code for code, word in re.findall(r"\x1b\[(\d+)m([^\x1b\n]+)", said)}
    assert [colours[word] for word in ("PASSED", "FINDING", "FAILED")] == ["32", "33", "31"]
    red = [line for code, line in re.findall(r"\x1b\[(\d+)m([^\x1b\n]+)", said) if code == "31"]
    assert "conforms to Kubernetes v1.37.1: unknown" not in red, "the scenario that failed is not of the suite"
    assert not [line for line in red if "finding" in line and "failed" not in line], red
    assert [line for code, line in re.findall(r"\x1b\[(\d+)m([^\x1b\n]+)", said) if code == "33" and line.startswith("finding noschedule")]


@pytest.mark.parametrize(("arguments", "own"), [([], {"NO_COLOR": "1"}), (["--color", "no"], {})], ids=["NO_COLOR", "option"])
def test_who_wants_no_colours_gets_none(project: Path, arguments: list[str], own: dict[str, str]) -> None:
    said = run(project, *arguments, terminal=True, **own)
    assert not re.search(r"\x1b\[[\d;]*m", said), said


def test_later_runs_know_how_long_the_earlier_ones_took(project: Path) -> None:
    run(project)
    [kept] = (project / ".pytest_cache").rglob("seconds-embedded")
    assert {name.rpartition("::")[2] for name in json.loads(kept.read_text())} == {"test_that_waits", "test_that_finds"}
    assert "3 of 3 left, a few seconds; running: R02.that_waits" in run(project), "no longer what the mark says"
