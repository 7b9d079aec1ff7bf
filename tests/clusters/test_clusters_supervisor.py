"""The supervisor: no process outlives its owner, no directory stays behind, no death goes unnoticed."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.clusters import outliving, rundirs
from conformance.clusters.embedded import runs
from conformance.clusters.embedded import supervisor as program
from conformance.clusters.embedded.process import Supervisor
from conformance.errors import ClusterError, ComponentDied, UsageError

SLEEP = ["/bin/sleep", "60"]
#: Says so, to who reads the pipe of that name, once it is deaf: the shell's ignoring of SIGTERM is inherited through exec.
DEAF = ["/bin/sh", "-c", "trap '' TERM; echo > deaf; exec sleep 60"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short directory: pytest's own are too long for Unix sockets on some machines."""
    with tempfile.TemporaryDirectory(prefix="cf") as name:
        yield Path(name).resolve()


@pytest.fixture
def supervisor(folder: Path) -> Iterator[Supervisor]:
    made = Supervisor(folder)
    yield made
    made.shutdown()


def _gone(pid: int, within: float = 10.0) -> bool:
    """Whether the process ends in time, watched by a descriptor of it."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], within)[0])
    finally:
        os.close(handle)


@contextlib.contextmanager
def _pipe(path: Path) -> Iterator[int]:
    """A named pipe, open for reading: what is written to it shows as something to read."""
    os.mkfifo(path)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield handle
    finally:
        os.close(handle)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _runs(folder: Path) -> list[Path]:
    return list(folder.glob(f"{runs.PREFIX}*"))


def test_shutdown_ends_everything_and_removes_the_directory(folder: Path) -> None:
    supervisor = Supervisor(folder)
    supervisor.define("sleeper", SLEEP)
    pid = supervisor.start("sleeper")
    assert supervisor.run.stat().st_mode & 0o777 == 0o700
    before = time.monotonic()
    supervisor.shutdown()
    assert time.monotonic() - before < 1.0
    assert _gone(pid, 0)
    assert _runs(folder) == []
    supervisor.shutdown()


def test_logs_are_kept_when_asked_for(folder: Path) -> None:
    supervisor = Supervisor(folder)
    supervisor.define("talker", ["/bin/sh", "-c", "echo hello; exec sleep 60"])
    supervisor.start("talker")
    supervisor.shutdown(keep=folder / "kept")
    assert (folder / "kept" / supervisor.run.name / "talker.log").exists()
    assert _runs(folder) == []


def test_stop_kill_pause_and_resume_return_when_it_is_so(supervisor: Supervisor) -> None:
    supervisor.define("sleeper", SLEEP)
    pid = supervisor.start("sleeper")
    supervisor.pause("sleeper")
    assert _state(pid) == "T"
    supervisor.pause("sleeper")
    supervisor.resume("sleeper")
    assert _state(pid) in "SR"
    assert supervisor.stop("sleeper") is True
    assert _gone(pid, 0)
    second = supervisor.start("sleeper")
    assert second != pid
    supervisor.pause("sleeper")
    supervisor.kill("sleeper")
    assert _gone(second, 0)
    supervisor.kill("sleeper")
    supervisor.check()


def test_a_paused_component_can_be_stopped(supervisor: Supervisor) -> None:
    supervisor.define("sleeper", SLEEP)
    pid = supervisor.start("sleeper")
    supervisor.pause("sleeper")
    supervisor.stop("sleeper")
    assert _gone(pid, 0)


def test_what_ignores_sigterm_is_killed(supervisor: Supervisor) -> None:
    supervisor.define("deaf", DEAF)
    with _pipe(supervisor.run / "deaf") as pipe:
        pid = supervisor.start("deaf")
        assert select.select([pipe], [], [], 10.0)[0], "it said nothing"
    assert supervisor.stop("deaf", within=0.2) is False
    assert _gone(pid, 0)
    supervisor.check()


def test_commands_that_make_no_sense_say_so(supervisor: Supervisor) -> None:
    supervisor.define("sleeper", SLEEP)
    with pytest.raises(ClusterError, match="sleeper is not running"):
        supervisor.pause("sleeper")
    supervisor.start("sleeper")
    with pytest.raises(ClusterError, match="running already"):
        supervisor.start("sleeper")
    with pytest.raises(ClusterError, match="nobody"):
        supervisor.start("nobody")
    supervisor.define("nothing", ["/nonexistent/program"])
    with pytest.raises(ClusterError, match="/nonexistent/program"):
        supervisor.start("nothing")


def test_a_death_is_reported_at_once_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    supervisor.define("mortal", ["/bin/sh", "-c", "for i in $(seq 30); do echo line $i; done; exit 3"])
    before = time.monotonic()
    supervisor.start("mortal")
    with pytest.raises(ComponentDied, match=r"mortal .* \(exit code 3\)") as caught:
        supervisor.wait(30)
    assert time.monotonic() - before < 5.0
    assert "line 30" in str(caught.value)
    assert "line 10\n" not in str(caught.value)
    assert str(supervisor.run) not in str(caught.value), "the run directory is gone when this is read"
    with pytest.raises(ComponentDied):
        supervisor.check()


#: What Go and others write when they break off: the cause, and far below it the end of the log.
CAUSES = {
    "panic": "panic: assignment to entry in nil map",
    "fatal error": "fatal error: concurrent map writes",
    "klog": 'F1126 08:00:00.000000       1 run.go:74] "cannot go on" err="no space left on device"',
    "etcd": '{"level":"fatal","msg":"failed to create WAL","error":"no space left on device"}',
}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
def test_a_death_is_told_with_its_cause_before_the_stack(folder: Path, tmp_path: Path, cause: str) -> None:
    supervisor = Supervisor(folder, logs=tmp_path / "logs")
    (tmp_path / "log").write_text(f"before\n{cause}\n" + "".join(f"goroutine {n} {'x' * 900}\n" for n in range(2000)))
    supervisor.define("mortal", ["/bin/sh", "-c", f"cat {tmp_path / 'log'}; exit 2"])
    supervisor.start("mortal")
    with pytest.raises(ComponentDied) as caught:
        supervisor.wait(30)
    supervisor.shutdown()
    lines = str(caught.value).splitlines()
    assert lines[1].strip() == cause
    assert lines[2].strip() == "… (1995 lines)"
    assert max(map(len, lines)) < 320
    named = tmp_path / "logs" / supervisor.run.name / "mortal.log"
    assert lines[-1].strip() == f"(the whole log: {named})"
    assert named.read_text().startswith("before"), "what is named has to be there when it is read"


def test_the_cause_of_several_is_the_first_that_led_to_the_end(folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("panic: of an earlier life\n" + "x\n" * 100 + "panic: the cause\n\tpanic: raised again\npanic: again\n" + "y\n" * 50)
    assert program.tail(str(log))[0] == "panic: the cause"
    log.write_text("panic: the cause\n")
    assert program.tail(str(log)) == ["panic: the cause"]


def test_a_run_directory_that_vanishes_is_named(folder: Path, supervisor: Supervisor) -> None:
    supervisor.check()
    shutil.rmtree(supervisor.run)
    with pytest.raises(ClusterError, match="are gone: somebody has removed them"):
        supervisor.check()


def test_a_death_by_signal_is_named(supervisor: Supervisor) -> None:
    supervisor.define("sleeper", SLEEP)
    pid = supervisor.start("sleeper")
    os.kill(pid, signal.SIGSEGV)
    with pytest.raises(ComponentDied, match="killed by SIGSEGV"):
        supervisor.wait(30)


def test_components_die_with_a_killed_supervisor(folder: Path) -> None:
    supervisor = Supervisor(folder)
    supervisor.define("sleeper", SLEEP)
    pid = supervisor.start("sleeper")
    os.kill(supervisor.pid, signal.SIGKILL)
    assert _gone(pid)
    with pytest.raises(ComponentDied, match="supervisor"):
        supervisor.wait(30)
    supervisor.shutdown()
    assert _runs(folder) == []


OWNER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from conformance.clusters import outliving
    from conformance.clusters.embedded.process import Supervisor

    supervisor = Supervisor(Path(sys.argv[1]))
    supervisor.define("sleeper", ["/bin/sleep", "60"])
    pid = supervisor.start("sleeper")
    if "detach" in sys.argv:
        outliving.note(supervisor.run, "played-with", supervisor.run / "kubeconfig", "v1", supervisor.pid)
        supervisor.detach()
    print(supervisor.pid, pid, supervisor.run, flush=True)
    if "detach" not in sys.argv:
        sys.stdin.read()  # until the test ends, however it does
    """
)


@contextlib.contextmanager
def _owner(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], int, int, Path]]:
    """Another process that owns a supervisor, in a process group of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as owner:
        assert owner.stdout is not None
        pids = owner.stdout.readline().split()
        try:
            yield owner, int(pids[0]), int(pids[1]), Path(pids[2])
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(owner.pid, signal.SIGKILL)


@pytest.mark.parametrize("how", ["the process", "its group"])
def test_nothing_is_left_of_an_owner_that_was_killed(folder: Path, how: str) -> None:
    with _owner(folder) as (owner, supervisor, component, run):
        assert run.is_dir()
        if how == "the process":
            os.kill(owner.pid, signal.SIGKILL)
        else:
            os.killpg(owner.pid, signal.SIGKILL)
        assert _gone(supervisor)
        assert _gone(component, 0)
        assert _runs(folder) == []


def test_a_detached_cluster_outlives_its_owner_until_down(folder: Path) -> None:
    with _owner(folder, "detach") as (owner, supervisor, component, run):
        assert owner.wait(30) == 0
        assert not _gone(component, 0.2)
        [one] = runs.here(folder)
        assert (one.run, one.name, runs.ended(run)) == (run, "played-with", [])
        assert (one.maker.pid, one.maker.folder) == (owner.pid, str(Path.cwd()))
        assert runs.sweep(folder) == []
        assert runs.down(one)
        assert _gone(supervisor, 0)
        assert _gone(component, 0)
        assert _runs(folder) == []
        assert runs.here(folder) == []


def test_a_detached_cluster_says_which_component_died(folder: Path) -> None:
    with _owner(folder, "detach") as (owner, supervisor, component, run):
        assert owner.wait(30) == 0
        file = run / runs.ENDED
        with _pipe(file) as said:
            os.kill(component, signal.SIGKILL)
            assert select.select([said], [], [], 30)[0]
            line = os.read(said, 4096)
        file.unlink()
        file.write_bytes(line)
        assert runs.ended(run) == [f"sleeper ended by itself (killed by SIGKILL); its log: {run}/sleeper.log"]
        assert runs.down(runs.here(folder)[0])
        assert _gone(supervisor, 0)


@pytest.mark.parametrize("through", ["the folder itself", "a link"])
def test_down_says_the_truth(folder: Path, supervisor: Supervisor, through: str) -> None:
    seen = folder
    if through == "a link":
        seen = folder.parent / f"{folder.name}-link"
        seen.symlink_to(folder)
    try:
        with subprocess.Popen(SLEEP) as stranger:
            outliving.note(supervisor.run, "recycled", folder / "kubeconfig", "v1", stranger.pid)
            assert not runs.down(runs.here(seen)[0]), "a process that is not the supervisor is left alone"
            assert not _gone(stranger.pid, 0)
            assert supervisor.run.is_dir()
            stranger.kill()
        outliving.note(supervisor.run, "recycled", folder / "kubeconfig", "v1", supervisor.pid)
        assert runs.down(runs.here(seen)[0])
        assert _gone(supervisor.pid, 0)
        assert not supervisor.run.exists()
    finally:
        if seen != folder:
            seen.unlink()


# -- what is swept ------------------------------------------------------------------------------------------------------------------------


def test_only_run_directories_of_the_dead_are_removed(folder: Path, supervisor: Supervisor) -> None:
    """Folders of somebody's own, whatever they are called, are none: a link may have led the suite to them."""
    (folder / "c-project").mkdir()
    (folder / "c-project" / "thesis.txt").write_text("mine")
    (folder / "c-locked").mkdir()
    (folder / "c-locked" / "lock").write_text("mine")
    (folder / "c-empty").mkdir()  # as a kill between its making and its locking leaves one
    (folder / "c-fifo").mkdir()
    os.mkfifo(folder / "c-fifo" / rundirs.LOCK)
    (folder / "c-fifo" / rundirs.MARKER).write_text("")
    (folder / "elsewhere").mkdir()
    for name in (rundirs.LOCK, rundirs.MARKER):
        (folder / "elsewhere" / name).write_text("")
    (folder / "c-link").symlink_to(folder / "elsewhere")
    (folder / "c-file").write_text("mine")
    dead = rundirs.make(folder, "c-")
    os.close(rundirs.lock(dead))
    (dead / "etcd").mkdir()
    (dead / "link").symlink_to(folder / "c-project")
    assert runs.sweep(folder) == [dead]
    left = {path.name for path in folder.glob("[!.]*")}
    assert left == {"c-project", "c-locked", "c-fifo", "elsewhere", "c-link", "c-file", supervisor.run.name}
    assert (folder / "c-project" / "thesis.txt").read_text() == "mine"


def test_sweep_removes_the_dead_and_leaves_the_living(folder: Path, supervisor: Supervisor) -> None:
    with _owner(folder) as (_, other, component, run):
        os.kill(other, signal.SIGKILL)
        assert _gone(component)
        assert runs.sweep(folder) == [run]
    assert supervisor.run.is_dir()
    assert runs.sweep(folder / "nowhere") == []


def test_a_port_is_held_and_a_taken_one_is_named(folder: Path, supervisor: Supervisor) -> None:
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind(("127.0.0.1", supervisor.port))
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", supervisor.port))
    with pytest.raises(UsageError, match=f"Port {supervisor.port} "):
        Supervisor(folder, port=supervisor.port)
    assert _runs(folder) == [supervisor.run]


def test_a_listener_shares_the_held_port_again_and_again(supervisor: Supervisor) -> None:
    for _ in range(3):
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            server.bind(("127.0.0.1", supervisor.port))
            server.listen()
            for _ in range(20):  # none of them may end up with the supervisor, which never answers
                with socket.create_connection(("127.0.0.1", supervisor.port), timeout=5):
                    server.accept()[0].close()


def test_a_run_directory_too_long_for_sockets_is_refused(folder: Path) -> None:
    long = folder / ("x" * 100)
    with pytest.raises(UsageError, match="too long"):
        runs.create(long)
    assert _runs(long) == []
