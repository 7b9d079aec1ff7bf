"""What happens while something is built: a second run, Ctrl-C, a kill, a download ahead, a clean."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_go import FakeGo, leftovers

from conformance.components import cache
from conformance.components.build import ensure
from conformance.components.locks import locked
from conformance.components.progress import silent

RUN = """
import signal, sys
from conformance.components.build import ensure
signal.signal(signal.SIGINT, signal.default_int_handler)
print(ensure(sys.argv[1:])[sys.argv[1]])
"""


@pytest.fixture
def run(go: FakeGo) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `ensure` in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*names: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", RUN, *names], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def said(process: subprocess.Popen[str], words: str) -> None:
    """Wait until a process says `words`."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f"it ended without saying {words!r}")


def test_two_runs_build_once(go: FakeGo, run: Callable[..., subprocess.Popen[str]]) -> None:
    go.hold()
    first = run("etcd")
    go.held()
    second = run("etcd")
    said(second, "waiting for another run that builds etcd")
    go.let_go()
    (one, _), (other, _) = first.communicate(timeout=30), second.communicate(timeout=30)
    assert one == other
    assert Path(one.strip()).is_file()
    assert len(go.calls("build")) == 1


def test_ctrl_c_leaves_nothing(go: FakeGo, run: Callable[..., subprocess.Popen[str]]) -> None:
    go.hold()
    process = run("etcd")
    children = [os.pidfd_open(pid) for pid in go.held()]
    assert len(leftovers()) > 3
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors
    for child in children:
        assert select.select([child], [], [], 10)[0], "a child of go still runs"
        os.close(child)
    assert leftovers() == []
    assert cache.entries() == []
    go.hold_no_more()
    assert ensure(["etcd"], progress=silent)["etcd"].is_file()


def test_what_a_killed_run_leaves_is_swept_when_its_go_has_ended(go: FakeGo, run: Callable[..., subprocess.Popen[str]]) -> None:
    go.hold()
    killed = run("etcd")
    orphan, _ = go.held()
    killed.kill()
    killed.communicate(timeout=30)
    assert len(leftovers()) > 3
    go.hold_no_more()
    heir = run("etcd")
    said(heir, "waiting for another run that builds etcd")
    assert len(leftovers()) > 3, "a workplace was swept from under a go that still runs"
    os.killpg(orphan, signal.SIGKILL)
    path, _ = heir.communicate(timeout=30)
    assert Path(path.strip()).is_file()
    assert leftovers() == []


def test_a_lock_whose_file_was_removed_while_one_waited_is_taken_anew(tmp_path: Path) -> None:
    file, waiting, held = tmp_path / "lock", threading.Event(), []

    def wait() -> None:
        with locked(file, waiting.set):
            held.append(file.exists())

    heir = threading.Thread(target=wait)
    with locked(file):
        heir.start()
        assert waiting.wait(10)
        file.unlink()
    heir.join(10)
    assert held == [True], "it holds a lock that nobody else can see"


def test_the_next_module_is_downloaded_while_the_first_is_built(go: FakeGo, run: Callable[..., subprocess.Popen[str]]) -> None:
    go.hold()
    with go.ahead() as downloads:
        both = run("etcd", "kwok")
        go.held()
        assert select.select([downloads], [], [], 60)[0], "nothing was downloaded while the first one was being built"
    go.let_go()
    go.held()
    go.let_go()
    path, _ = both.communicate(timeout=60)
    assert Path(path.strip()).is_file()
    ahead = [call for call in go.calls("list") if " -f " not in call]
    assert ahead == ["list -deps sigs.k8s.io/kwok/cmd/kwok"]
    calls = (go.folder / "calls").read_text().splitlines()
    assert calls.index(ahead[0]) < next(index for index, call in enumerate(calls) if "build" in call and "kwok" in call)


def test_cleaning_leaves_what_is_being_built(go: FakeGo, run: Callable[..., subprocess.Popen[str]]) -> None:
    ensure(["kwok"], progress=silent)
    go.hold()
    process = run("etcd")
    go.held()
    cache.clean()
    assert len(leftovers()) > 3
    go.let_go()
    path, _ = process.communicate(timeout=30)
    assert [entry.binary for entry in cache.entries()] == [Path(path.strip())]
