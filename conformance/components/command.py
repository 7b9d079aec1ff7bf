"""Running one long command: its lines as they come, a tick while it is silent, and nothing of it left when we stop."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TICK = 1.0
"""Seconds of silence after which `each` is called without a line, so that a display can show the time."""


def run(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    each: Callable[[str | None], None],
    descriptors: Sequence[int] = (),
) -> int:
    """Run a command to its end and return its exit code; `each` takes every line of its output, or None for a tick.

    The command leads a process group of its own, which is killed when this function is left by an exception (Ctrl-C).
    It also holds `descriptors`, so locks stay taken until it has ended even if this process is killed.
    """
    with subprocess.Popen(
        arguments,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
        pass_fds=descriptors,
    ) as child:
        try:
            _read(child, each)
            return child.wait()
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)  # not reaped yet, so the number is still this group's
            raise


def _read(child: subprocess.Popen[bytes], each: Callable[[str | None], None]) -> None:
    assert child.stdout is not None
    source = child.stdout.fileno()
    rest = b""
    while True:
        ready, _, _ = select.select([source], [], [], TICK)
        if not ready:
            each(None)
            continue
        chunk = os.read(source, 65536)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines if chunk else [rest]:
            if line:
                each(line.decode(errors="replace"))
        if not chunk:
            return
