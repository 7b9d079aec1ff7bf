"""A kubectl that goes on while the scenario does other things, such as one that watches a rollout."""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from typing import IO

from conformance.errors import ConformanceError
from conformance.process import Result


class Begun:
    """One call that has begun; its answer can be read as it comes. Times are seconds of the clock on the wall."""

    def __init__(self, args: tuple[str, ...], process: subprocess.Popen[str], within: float) -> None:
        self._args = args
        self._process = process
        self._within = within
        self._said: dict[str, list[str]] = {"out": [], "err": []}
        self._ended: set[str] = set()
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._read, args=(name, stream), name=f"kubectl {name}", daemon=True)
            for name, stream in (("out", process.stdout), ("err", process.stderr))
            if stream is not None
        ]
        for thread in self._threads:
            thread.start()

    def says(self, words: str) -> str:
        """Wait for a line with these words in its answer, and return it; ConformanceError when it ends, or takes too long, without."""

        def found() -> str | None:
            return next((line for line in self._said["out"] if words in line), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None or self._ended == {"out", "err"}, self._within)
            if (line := found()) is not None:
                return line
            said = "".join(self._said["out"] + self._said["err"]).strip() or "nothing"
        raise ConformanceError(
            f"`kubectl {shlex.join(self._args)}` was to say {words!r}; until its end, or within {self._within:g} s, it said: {said}. "
            "Run it yourself, and look whether it says so in other words."
        )

    def result(self) -> Result:
        """Wait for its end; ConformanceError if that takes too long."""
        deadline = time.monotonic() + self._within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        try:
            code = self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise ConformanceError(
                f"`kubectl {shlex.join(self._args)}` did not end within {self._within:g} s; "
                "look whether the API server answers, or allow it more time"
            ) from error
        return Result(self._args, code, "".join(self._said["out"]), "".join(self._said["err"]))

    def end(self) -> None:
        """End it, if it has not ended by itself."""
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()

    def _read(self, name: str, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self._said[name].append(line)
                    self._changed.notify_all()
        with self._changed:
            self._ended.add(name)
            self._changed.notify_all()
