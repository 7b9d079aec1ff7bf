"""What a long build says about itself while it runs."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from typing import Protocol, TextIO

INTERVAL = 15.0
"""Seconds between two lines where lines cannot be rewritten: a log that shows life and stays short."""
REWRITE = 0.1
"""Seconds between two states of the one line of a terminal."""


@dataclass(frozen=True)
class Step:
    """Where a build stands: of what, which package it is at, how many are done, and for how many seconds it has run."""

    subject: str
    doing: str
    done: int = 0
    total: int = 0
    elapsed: float = 0.0
    last: bool = False

    def __str__(self) -> str:
        share = ""
        if self.total:
            share = f"{self.done}/{self.total} packages ({100 * self.done // self.total} %), "
        return f"{self.subject}: {share}{self.doing}, {duration(self.elapsed)}"


class Progress(Protocol):
    """Takes every step of a build; called often, so it decides itself what is shown."""

    def __call__(self, step: Step, /) -> None:
        """Take one step."""


def duration(seconds: float) -> str:
    """Seconds as people read them: `8s`, `1m 32s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"


def silent(step: Step, /) -> None:
    """A Progress that shows nothing."""


class Printer:
    """A Progress on a stream: one rewritten line on a terminal, else a line at most every 15 s; the last one always."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._subject = ""
        self._shown = 0.0

    def __call__(self, step: Step, /) -> None:
        """Show the step if it is time."""
        stream = self._stream or sys.stderr
        terminal = stream.isatty()
        now = time.monotonic()
        due = now - self._shown >= (REWRITE if terminal else INTERVAL)
        if not (due or step.last or step.subject != self._subject):
            return
        self._shown, self._subject = now, step.subject
        if terminal:
            width = shutil.get_terminal_size().columns - 1
            stream.write(f"\r\x1b[K{str(step)[:width]}" + ("\n" if step.last else ""))
        else:
            stream.write(f"{step}\n")
        stream.flush()
