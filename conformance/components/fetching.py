"""Downloading the modules of the next builds while the first one compiles: one wants the network, the other the processors."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from conformance.components import toolchain
from conformance.components.plan import Job, Module


@contextlib.contextmanager
def fetching(builds: Iterable[tuple[Module, Sequence[Job]]]) -> Iterator[None]:
    """Have go download what `builds` need, side by side; what is still loading when the block is left is stopped.

    A head start and nothing more: go locks each module of its cache, so a build that begins in the meantime waits for the rest, and
    asks for itself what could not be had here. Failures are therefore left to the build, which explains them.
    """
    with contextlib.ExitStack() as stack:
        for module, jobs in builds:
            stack.enter_context(_fetch(module.go.path, module.folder, [job.component.package for job in jobs]))
        yield


@contextlib.contextmanager
def _fetch(go: Path, folder: Path, packages: Sequence[str]) -> Iterator[None]:
    # Listing the packages needs their sources, and those alone: `go mod download` would also get what only tests want.
    with subprocess.Popen(
        [go, "list", "-deps", *packages],
        cwd=folder,
        env=toolchain.environment(go),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    ) as child:
        try:
            yield
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)  # not reaped yet, so the number is still this group's
