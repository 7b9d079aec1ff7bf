"""One `go build` for all that one module is missing, with a count of the packages that are left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conformance.components import command, failures, toolchain
from conformance.components.plan import Job, Module
from conformance.components.progress import Progress, Step

STALE = '{{if and .Stale (ne .Name "main")}}stale {{.ImportPath}}{{end}}'
"""Template of `go list`: the packages that `go build -v` is going to name, because they are not in Go's cache."""


@dataclass
class Watch:
    """Follows the output of go: counts packages, and keeps the rest, which explains a failure."""

    subject: str
    progress: Progress
    doing: str = "looking up packages"
    output: deque[str] = field(default_factory=lambda: deque(maxlen=1000))
    _stale: set[str] = field(default_factory=set)
    _built: set[str] = field(default_factory=set)
    _started: float = field(default_factory=time.monotonic)

    def listing(self, line: str | None) -> None:
        """Take a line of `go list`."""
        if line is not None and line.startswith("stale "):
            self._stale.add(line.removeprefix("stale "))
        else:
            self._other(line)

    def building(self, line: str | None) -> None:
        """Take a line of `go build -v`."""
        if line in self._stale:
            self._built.add(line)
            self.doing = line if len(self._built) < len(self._stale) else "linking"
            self.say()
        else:
            self._other(line)

    def start(self) -> None:
        """Compiling begins now, or linking where everything is compiled."""
        self.doing = "compiling" if self._stale else "linking"
        self.say()

    def end(self, doing: str) -> None:
        """Say the last word on this build."""
        self.doing = doing
        self.say(last=True)

    def say(self, *, last: bool = False) -> None:
        """Report where the build stands."""
        elapsed = time.monotonic() - self._started
        self.progress(Step(self.subject, self.doing, len(self._built), len(self._stale), elapsed, last))

    def _other(self, line: str | None) -> None:
        if line is not None:
            self.output.append(line)
            if line.startswith("go: downloading "):
                self.doing = line.removeprefix("go: ")
        self.say()


def compile_all(module: Module, jobs: Sequence[Job], temp: Path, watch: Watch, locks: Sequence[int]) -> None:
    """Build `jobs`, all of `module`, in `temp` and put them into the cache; go holds `locks` as long as it lives."""
    environment = toolchain.environment(module.go.path)
    # Beside the result and not in /tmp, which may be small; and swept with the rest when this run is killed.
    environment.setdefault("GOTMPDIR", str(temp))
    go, out = str(module.go.path), temp / "out"
    flags, packages = jobs[0].flags, [job.component.package for job in jobs]
    out.mkdir()

    def call(*arguments: str) -> None:
        watch.output.clear()
        each = watch.listing if arguments[0] == "list" else watch.building
        code = command.run([go, *arguments], folder=module.folder, environment=environment, each=each, descriptors=locks)
        if code:
            # The same for the user to repeat, but for the place of the result: that one is gone by then.
            repeat = [go, *("/dev/null" if argument == f"{out}/" else argument for argument in arguments)]
            raise failures.of_go(repeat, code, list(watch.output), folder=module.folder, environment=environment)

    watch.say()
    call("list", "-deps", *flags, "-f", STALE, *packages)
    watch.start()
    call("build", "-v", *flags, "-o", f"{out}/", *packages)
    for job in jobs:
        alone = temp / job.component.name
        alone.mkdir()
        job.entry.put((out / job.output).rename(alone / job.component.name))
