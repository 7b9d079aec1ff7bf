"""The supervisor as its owner sees it: a child process, commands with answers, and the news of deaths."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import conformance.clusters.embedded.supervisor as program
from conformance.clusters.embedded import runs
from conformance.errors import ClusterError, ComponentDied, UsageError, shortened

#: How long (seconds) an answer may take; above the supervisor's own limit for a component that ignores SIGTERM.
ANSWER_LIMIT = program.STOP_LIMIT + 15


class Supervisor:
    """A started supervisor. Thread-safe. It ends with `shutdown`, or when this process ends in whatever way."""

    def __init__(self, runs_dir: Path, *, port: int = 0, keep: Path | None = None, logs: Path | None = None) -> None:
        """Start one with a fresh run directory under `runs_dir`, holding `port` of 127.0.0.1 (0: any that is free).

        `keep` is where the logs go should this process die; without it they are removed with everything else. `logs` is where a log is
        copied to that a message names: the run directory is gone when the message is read.
        Raises UsageError when the port is taken.
        """
        run = runs.create(runs_dir)
        self._logs = logs
        self.run = run.path
        argv = [sys.executable, "-I", "-S", program.__file__, str(run.path), str(port), *([str(keep)] if keep else [])]
        try:
            with (run.path / "supervisor.log").open("wb") as log:
                self._process = subprocess.Popen(
                    argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    pass_fds=(run.lock,),  # held by the supervisor from now on
                    start_new_session=True,  # neither Ctrl-C nor the end of the terminal is meant for it
                    cwd="/",
                )
        finally:
            os.close(run.lock)
        self._changed = threading.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self._number = 0
        self._dead: ComponentDied | None = None
        self._first: dict[str, Any] | None = None
        self._closing = False
        self.running: set[str] = set()  # as far as this process asked for it
        self._reader = threading.Thread(target=self._read, name=f"supervisor {run.path.name}", daemon=True)
        self._reader.start()
        with self._changed:
            self._changed.wait_for(lambda: self._first is not None or self._dead is not None, ANSWER_LIMIT)
        first: dict[str, Any] = self._first or {}
        if first.get("event") != "up":
            self._finish()
            if first.get("port_taken"):
                message = f"Port {port} of 127.0.0.1 is in use. Choose another one, or leave the choice out and any free port is taken."
                raise UsageError(message)
            message = f"The supervisor of the embedded cluster did not start: {first.get('error') or self._dead}"
            raise ClusterError(message)
        self.pid = int(first["pid"])
        self.port = int(first["port"])

    # -- what it says

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            with self._changed:
                if "id" in message:
                    self._answers[message["id"]] = message
                elif message["event"] == "exit":
                    self._dead = self._dead or ComponentDied(self._obituary(message))
                else:
                    self._first = message
                self._changed.notify_all()
        with self._changed:
            if not self._closing:
                self._dead = self._dead or ComponentDied(
                    f"The supervisor of the embedded cluster ended by itself, and its components died with it. {self.excerpt('supervisor')}"
                )
            self._closing = True
            self._changed.notify_all()

    def check(self) -> None:
        """Raise ComponentDied if a component ended without having been asked to."""
        with self._changed:
            if self._dead:
                raise self._dead
            if not self._closing and not self.run.is_dir():
                raise ClusterError(
                    f"The files of the embedded cluster, {self.run}, are gone: somebody has removed them while it ran. The next scenario "
                    "gets a new cluster; keep TMPDIR (or XDG_RUNTIME_DIR) from being cleaned meanwhile."
                )

    def excerpt(self, name: str) -> str:
        """What the log of a component says in the end, what broke it off first; and where the whole of it can be read."""
        return self._told(program.tail(str(self.run / f"{name}.log")), self.run / f"{name}.log")

    def _obituary(self, message: Mapping[str, Any]) -> str:
        what = f"{message['name']} of the embedded cluster ended by itself ({message['status']})."
        return f"{what} {self._told(message['tail'], Path(message['log']))}"

    def _told(self, tail: Sequence[str], log: Path) -> str:
        kept = self._kept(log)
        where = [f"    (the whole log: {kept})"] if kept else []
        if not tail:
            return f"{log.stem} wrote nothing to its log."
        return "\n".join([f"The log of {log.stem} says:", *(f"    {shortened(line)}" for line in tail), *where])

    def _kept(self, log: Path) -> Path | None:
        """A copy of a log that outlives the run directory; None where there is no place for it."""
        if self._logs is None:
            return None
        copy = self._logs / self.run.name / log.name
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, copy)
        except OSError:
            return None
        return copy

    def wait(self, seconds: float) -> None:
        """Wait, but raise ComponentDied at once when a component dies meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._dead is not None, seconds)
            if self._dead:
                raise self._dead

    # -- what it is told

    def _send(self, do: str, **detail: Any) -> int:
        with self._changed:
            self._number += 1
            number = self._number
            line = json.dumps({"id": number, "do": do, **detail}).encode() + b"\n"
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(line)
                self._process.stdin.flush()
            except OSError as error:
                message = f"The supervisor of the embedded cluster is gone ({error}), and its components with it."
                raise ClusterError(message) from error
        return number

    def _ask(self, do: str, **detail: Any) -> dict[str, Any]:
        number = self._send(do, **detail)
        with self._changed:
            if not self._changed.wait_for(lambda: number in self._answers or self._closing, ANSWER_LIMIT):
                message = f"The supervisor did not answer '{do} {detail.get('name', '')}' within {ANSWER_LIMIT:.0f} s."
                raise ClusterError(message)
            answer = self._answers.pop(number, {"ok": False, "error": f"{do}: {self._dead or 'the supervisor ended'}"})
        if not answer["ok"]:
            raise ClusterError(str(answer["error"]))
        return answer

    def define(self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Path:
        """Make a component known without starting it; returns where its log will be."""
        log = self.run / f"{name}.log"
        self._ask("define", name=name, argv=list(argv), log=str(log), env=dict(env or {}))
        return log

    def start(self, name: str) -> int:
        """Start a component; returns its pid."""
        pid = int(self._ask("start", name=name)["pid"])
        self.running.add(name)
        return pid

    def stop(self, name: str, *, within: float = program.STOP_LIMIT) -> bool:
        """Send SIGTERM and return when the process is gone; False if it had to be killed, after `within` seconds."""
        forced = self._ask("stop", name=name, within=within).get("forced", False)
        self.running.discard(name)
        return not forced

    def kill(self, name: str) -> None:
        """Send SIGKILL and return when the process is gone."""
        self._ask("kill", name=name)
        self.running.discard(name)

    def pause(self, name: str) -> None:
        """Send SIGSTOP and return when the process stands still."""
        self._ask("pause", name=name)

    def resume(self, name: str) -> None:
        """Send SIGCONT and return when the process runs again."""
        self._ask("resume", name=name)

    def detach(self) -> None:
        """Let the cluster outlive this process; from now on it ends on SIGTERM to the supervisor, which `runs.down` sends."""
        self._ask("detach")

    def shutdown(self, *, keep: Path | None = None) -> None:
        """Kill everything and remove the run directory; the logs go to `keep` if that is given. Safe to call twice."""
        with self._changed:
            ended = self._closing
            self._closing = True
        if not ended:
            try:
                if keep:
                    self._send("keep", to=str(keep))
                self._send("shutdown")
            except ClusterError:
                pass
        self._finish()

    def _finish(self) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()  # the kernel kills the components then
            process.wait()
        self._reader.join(timeout=10)
        process.stdout.close()
        runs.remove_dead(self.run)
