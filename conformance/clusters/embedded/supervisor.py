"""The process that owns the processes of one embedded cluster.

It is a program of its own (standard library only, one thread, one event loop) because of what has to hold even when the test run is killed
with SIGKILL: no component outlives the run, and no run directory stays behind. It reads commands from standard input and writes replies and
events to standard output, one JSON object a line. When standard input ends, its owner is gone: it kills every component, removes the run
directory and exits. Should it be killed itself, the kernel kills the components (PR_SET_PDEATHSIG), and the lock file that it held tells
the next run that the directory is dead.

    {"id": 1, "do": "define", "name": "etcd", "argv": [...], "log": "/run/etcd.log", "env": {...}}
    {"id": 2, "do": "start" | "stop" | "kill" | "pause" | "resume", "name": "etcd"}      answered when it is so
                                                                 ("stop" may say "within": seconds until SIGKILL)
    {"id": 3, "do": "keep", "to": "/logs"}                                               where logs go instead of being removed
    {"id": 4, "do": "detach"}                                                            no owner any more; ends on SIGTERM
    {"id": 5, "do": "shutdown"}

    {"event": "up", "pid": 12, "port": 40123}
    {"id": 2, "ok": true, "pid": 13}    {"id": 2, "ok": false, "error": "..."}
    {"event": "exit", "name": "etcd", "status": "exit code 1", "tail": [...], "log": "..."}   only when nobody asked for it
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
TAIL_LINES = 20
#: How many of them are shown below a cause that stands further up.
STACK_LINES = 5
TAIL_BYTES = 4 * 1024 * 1024
#: How a line begins that says why a program broke off: Go's own, klog's fatal, those of etcd, those of command lines.
CAUSE = re.compile(r'(panic: |fatal error: |F\d{4} |Error: |\{"level":"(fatal|panic)")')
#: A component that has not ended so long (seconds) after SIGTERM is killed; the answer says so. The API server and etcd would wait for open
#: watches to end, a minute and more, and these do not.
STOP_LIMIT = 5.0

#: What a command waits for, and the signals that bring it about; a paused process has to go on to see SIGTERM.
CHANGES = {
    "stop": ("gone", (signal.SIGTERM, signal.SIGCONT)),
    "kill": ("gone", (signal.SIGKILL,)),
    "pause": ("stopped", (signal.SIGSTOP,)),
    "resume": ("continued", (signal.SIGCONT,)),
}

_libc = ctypes.CDLL(None, use_errno=True)


def reserve(port: int) -> socket.socket:
    """Hold a TCP port of the loopback interface: bound, but never listening.

    Every connection goes to whoever shares the port and listens (both sides set SO_REUSEPORT), and the port stays ours while the
    component that serves it is down.
    """
    if port:  # SO_REUSEPORT alone would share a port with another cluster of the same user
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", port))
    return held


def tail(log: str) -> list[str]:
    """The line of a log file that says why a program broke off, if there is one, and the last lines: Go puts its stack behind the cause."""
    try:
        with Path(log).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    causes = [number for number, line in enumerate(lines) if CAUSE.match(line)]
    # One cause may bring forth others, as a panic that is raised again does: the first of those that stand together.
    while len(causes) > 1 and causes[-1] - causes[-2] < TAIL_LINES:
        causes.pop()
    if not causes or causes[-1] >= len(lines) - TAIL_LINES:
        return lines[-TAIL_LINES:]
    return [lines[causes[-1]], f"… ({len(lines) - causes[-1] - 1 - STACK_LINES} lines)", *lines[-STACK_LINES:]]


def status_text(status: int) -> str:
    """A wait status in words."""
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit code {os.WEXITSTATUS(status)}"


class Component:
    """One process under supervision, and who waits for what to happen to it."""

    def __init__(self, name: str, argv: list[str], log: str, env: dict[str, str]) -> None:
        self.name = name
        self.argv = argv
        self.log = log
        self.env = env
        self.process: subprocess.Popen[bytes] | None = None
        self.paused = False
        self.waiting: dict[str, list[int]] = {"gone": [], "stopped": [], "continued": []}
        self.kill_at: float | None = None
        self.forced = False

    def start(self) -> int:
        """Start the process; returns its pid."""
        if self.process:
            raise RuntimeError(f"{self.name} is running already (pid {self.process.pid})")
        owner = os.getpid()

        def die_with_parent() -> None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != owner:
                os._exit(1)

        with Path(self.log).open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=Path(self.log).parent,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
            )
        self.paused = self.forced = False
        return self.process.pid

    def signal(self, number: int) -> None:
        """Send a signal, if the process runs."""
        # Only ever called between start and reap, so the pid cannot have been given to somebody else.
        if self.process:
            os.kill(self.process.pid, number)


class Supervisor:
    """The event loop."""

    def __init__(self, run: Path, port: int, keep: Path | None) -> None:
        self.run = run
        self.keep = keep
        self.components: dict[str, Component] = {}
        self.port = reserve(port)
        self.attached = True
        self.ending = False
        self.pending = b""
        self.selector = selectors.DefaultSelector()
        self.wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_term)
        for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(ignored, signal.SIG_IGN)
        self.selector.register(self.wake, selectors.EVENT_READ)
        self.selector.register(0, selectors.EVENT_READ)

    def _on_term(self, *_: object) -> None:
        self.ending = True

    def say(self, **message: Any) -> None:
        """Write one line; an owner that is gone shows as the end of standard input soon enough."""
        data = json.dumps(message).encode() + b"\n"
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(1, data) :]

    def serve(self) -> None:
        """Run until the owner is gone, a shutdown is asked for, or SIGTERM comes."""
        self.say(event="up", pid=os.getpid(), port=self.port.getsockname()[1])
        while not self.ending:
            limits = [c.kill_at for c in self.components.values() if c.kill_at is not None]
            timeout = max(0.0, min(limits) - time.monotonic()) if limits else None
            for key, _ in self.selector.select(timeout):
                if key.fd == self.wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self.wake, 4096)
                else:
                    self.read()
            self.reap()
            self.enforce()
        self.end()

    def read(self) -> None:
        """Take in commands; the end of them is the end of the owner."""
        data = os.read(0, 65536)
        if not data:
            self.selector.unregister(0)
            if self.attached:
                self.ending = True
            return
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            self.handle(json.loads(line))

    def handle(self, command: dict[str, Any]) -> None:
        """Carry out a command, and answer it unless the answer has to wait."""
        number = command["id"]
        try:
            answer = self.do(command)
        except (OSError, LookupError, RuntimeError) as error:
            self.say(id=number, ok=False, error=f"{command['do']} {command.get('name', '')}: {error}")
            return
        if answer is not None:
            self.say(id=number, ok=True, **answer)

    def do(self, command: dict[str, Any]) -> dict[str, Any] | None:
        """Carry out a command; None when the answer comes later."""
        match command["do"]:
            case "define":
                name = command["name"]
                self.components[name] = Component(name, command["argv"], command["log"], command["env"])
            case "keep":
                self.keep = Path(command["to"])
            case "detach":
                self.attached = False
            case "shutdown":
                self.ending = True
            case "start":
                return {"pid": self.components[command["name"]].start()}
            case _:
                return self.change(self.components[command["name"]], command)
        return {}

    def change(self, component: Component, command: dict[str, Any]) -> dict[str, Any] | None:
        """Signal a running component; the answer comes when the kernel reports that it is so."""
        how = command["do"]
        if component.process is None:
            if how in ("stop", "kill"):
                return {"status": "was not running"}
            raise RuntimeError(f"{component.name} is not running")
        if how in ("pause", "resume") and component.paused == (how == "pause"):
            return {}
        if how == "stop":
            component.kill_at = time.monotonic() + command.get("within", STOP_LIMIT)
        what, signals = CHANGES[how]
        component.waiting[what].append(command["id"])
        for each in signals:
            component.signal(each)
        return None

    def reap(self) -> None:
        """Take note of every child that stopped, went on or ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            component = next((c for c in self.components.values() if c.process and c.process.pid == pid), None)
            if component is None:
                continue
            if os.WIFSTOPPED(status):
                component.paused = True
                self.answer(component, "stopped")
            elif os.WIFCONTINUED(status):
                component.paused = False
                self.answer(component, "continued")
            else:
                self.ended(component, status)

    def answer(self, component: Component, what: str, **detail: Any) -> None:
        """Tell those who wait for it that it has happened."""
        numbers, component.waiting[what] = component.waiting[what], []
        for number in numbers:
            self.say(id=number, ok=True, **detail)

    def ended(self, component: Component, status: int) -> None:
        """Answer those who asked for the end of a component; report it if nobody did."""
        assert component.process is not None
        component.process.returncode = status  # it was reaped here, not by Popen
        component.process = None
        component.kill_at = None
        text = status_text(status)
        expected = bool(component.waiting["gone"])
        self.answer(component, "gone", status=text, forced=component.forced)
        for what in ("stopped", "continued"):
            numbers, component.waiting[what] = component.waiting[what], []
            for number in numbers:
                self.say(id=number, ok=False, error=f"{component.name} ended: {text}")
        if not expected and not self.ending:
            self.say(event="exit", name=component.name, status=text, tail=tail(component.log), log=component.log)
            if not self.attached:  # nobody listens: `conformance ps` reads it there
                with contextlib.suppress(OSError), (self.run / "ended.jsonl").open("a") as out:
                    out.write(json.dumps({"name": component.name, "status": text, "log": component.log}) + "\n")

    def enforce(self) -> None:
        """Kill what was asked to stop and did not."""
        now = time.monotonic()
        for component in self.components.values():
            if component.kill_at is not None and component.kill_at <= now:
                component.kill_at = None
                component.forced = True
                component.signal(signal.SIGKILL)

    def end(self) -> None:
        """Kill all components, move the logs if they are wanted, remove the run directory."""
        running = [c for c in self.components.values() if c.process]
        for component in running:
            component.signal(signal.SIGKILL)
        for component in running:
            assert component.process is not None
            with contextlib.suppress(ChildProcessError):
                os.waitpid(component.process.pid, 0)
        if self.keep:
            folder = self.keep / self.run.name
            folder.mkdir(parents=True, exist_ok=True)
            for log in self.run.glob("*.log"):
                shutil.move(log, folder / log.name)
        discard(self.run)


def discard(run: Path) -> None:
    """Remove a run directory, its lock and marker last: what a kill leaves of it is known for what it is."""
    for entry in run.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name not in ("lock", ".daemonset-conformance"):
            entry.unlink(missing_ok=True)
    shutil.rmtree(run, ignore_errors=True)


def main(argv: list[str]) -> int:
    """`supervisor.py RUN_DIR PORT [KEEP_DIR]`; the caller has locked RUN_DIR and lets this process inherit the lock."""
    run, port = Path(argv[0]), int(argv[1])
    keep = Path(argv[2]) if len(argv) > 2 else None
    try:
        supervisor = Supervisor(run, port, keep)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        sys.stdout.write(json.dumps({"event": "failed", "error": str(error), "port_taken": taken}) + "\n")
        discard(run)
        return 1
    supervisor.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
