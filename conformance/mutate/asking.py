"""One run of some scenarios against one defect: pytest as a process of its own, which ends with us and within its time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from conformance.mutate.noticing import Notice, notices
from conformance.mutate.planning import Group
from conformance.report import folder
from conformance.report.results import ScenarioResult

#: Seconds that a run has for its end when it was told to; then its processes are killed.
GRACE = 60.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Setting:
    """What all runs have in common: the program with the defects, the version, where scenarios are, where to work, and the pace."""

    component: str
    program: Path
    minor: str
    scenarios: Path
    work: Path
    time_scale: float = 1.0


@dataclass
class Asking:
    """A run that is under way; `switch` is the number of the defect, or `all` for the unchanged controller that notes what it comes by."""

    setting: Setting
    switch: str
    group: Group
    limit: float
    stop: bool = True
    started: float = field(default_factory=time.monotonic)
    overdue: bool = False
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.program.symlink_to(self.setting.program)
        us = os.getpid()

        def ends_with_us() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != us:
                os._exit(1)

        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.setting.scenarios.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,  # Ctrl-C is meant for us, and we say it to them
                preexec_fn=ends_with_us,  # noqa: PLW1509 - this process has one thread
            )

    @property
    def folder(self) -> Path:
        """Where it works."""
        return self.setting.work / f"{self.switch}-{self.group.name}"

    @property
    def program(self) -> Path:
        """The program under the name that switches the defect on."""
        return self.folder / f"{self.setting.component}-mutant-{self.switch}"

    def command(self) -> list[str]:
        """The command line of pytest."""
        where = self.setting.scenarios
        return [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *(["-x"] if self.stop else []),
            # As pytest names them: it compares what is to be left out with its own ids.
            *(f"{where.name}/{scenario}" for scenario in self.group.scenarios),
            *(word for name in self.group.without for word in ("--deselect", f"{where.name}/{name}")),
            *("--kubernetes", self.setting.minor, "--time-scale", f"{self.setting.time_scale:g}"),
            *("--component", f"{self.setting.component}={self.program}", "--report", str(self.folder / "report")),
        ]

    @property
    def due(self) -> float:
        """When to look after it, if it has not ended by then."""
        return self.started + self.limit + (GRACE if self.overdue else 0)

    def hurry(self) -> None:
        """Tell it to end; the second time nobody asks."""
        if self.overdue:
            self.kill()
            return
        self.overdue = True
        self.process.terminate()

    def finish(self) -> None:
        """Wait for the end of a run that was told to end, for as long as it may take, and remove what it left."""
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
        self.forget()

    def kill(self) -> None:
        """End all of its processes; its cluster ends by itself then."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def seconds(self) -> float:
        """How long it has been at work."""
        return round(time.monotonic() - self.started, 1)

    def results(self) -> list[ScenarioResult]:
        """What its scenarios left; those that did not come to an end left nothing."""
        return folder.results(self.folder / "report") if (self.folder / "report" / "run.json").exists() else []

    def notices(self) -> list[Notice]:
        """What came to light in it, if it has ended."""
        found = notices(self.results())
        if self.overdue and not found:
            return [Notice("hang", text=f"the run did not end within {self.limit:.0f} s")]
        if self.process.returncode == 1 and not found:  # no scenario came to its end
            return [Notice("broke", text=self.said(1))]
        return found

    def said(self, lines: int) -> str:
        """The last lines that pytest wrote."""
        text = (self.folder / "output").read_text(errors="replace")
        return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])

    def reached(self) -> list[int]:
        """The numbers of the defects whose places were come by."""
        file = self.program.with_name(f"{self.program.name}.reached")
        return sorted({int(line) for line in file.read_text().split()}) if file.exists() else []

    def forget(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
