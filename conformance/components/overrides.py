"""`--component NAME=PATH`: somebody's own binary in place of a built one."""

from __future__ import annotations

import errno
import functools
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from conformance.components.versions import COMPONENTS, component
from conformance.errors import UsageError

PATIENCE = 10.0
"""Seconds that a program has to tell its version."""


def parse_override(text: str) -> tuple[str, Path]:
    """Read `kube-apiserver=/path/to/it`, and try whether the program runs on this machine.

    Raises UsageError, with the fix, for an unknown name and for a path that is missing, a folder, not executable or
    not runnable here.
    """
    name, equals, given = text.partition("=")
    if not (name and equals and given):
        raise UsageError(f"--component {text!r} is not of the form NAME=PATH, for example kube-scheduler=./bin/kube-scheduler.")
    component(name)
    path = Path(given).expanduser().absolute()
    described = f"--component {name}: {path}"
    if not path.exists():
        raise UsageError(f"{described} does not exist. Build the program first, or correct the path.")
    if path.is_dir():
        inside = f" It holds one of that name: say {name}={path / name}." if (path / name).is_file() else ""
        raise UsageError(f"{described} is a folder; the path of the program itself is needed.{inside}")
    if not os.access(path, os.X_OK):
        raise UsageError(f"{described} is not executable. If it is the program, `chmod +x {path}`.")
    said = describe(path, name)
    if component(name).says not in said:
        raise UsageError(f"{described} answers {said!r} when asked for its version, so it is not {name}. Correct the path.")
    return name, path


def describe(path: Path, name: str = "") -> str:
    """The first line that a component prints about its version, e.g. `Kubernetes v1.37.1`; asked once for each file.

    `name` is needed where the file is not called as the component is. Raises UsageError if the program does not run
    on this machine.
    """
    known = COMPONENTS.get(name or path.name)
    stat = path.stat()
    return _ask(path, known.ask if known else ("--version",), (stat.st_mtime_ns, stat.st_size))


@functools.lru_cache
def _ask(path: Path, arguments: tuple[str, ...], _unchanged: tuple[int, int]) -> str:
    question = f"`{path} {' '.join(arguments)}`"
    try:
        run = subprocess.run(
            [path, *arguments],
            env=_own_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UsageError(f"{question} gave no answer within {PATIENCE:.0f} s; a component has to tell its version.") from None
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            machine = f"{os.uname().sysname.lower()}/{os.uname().machine}"
            raise UsageError(f"{path} is not a program for this machine ({machine}). Build it for {machine}, with CGO_ENABLED=0.") from None
        raise UsageError(
            f"{path} cannot be run here ({error.strerror}). If it exists, its interpreter or dynamic loader does not: "
            f"build it as a static program, with CGO_ENABLED=0."
        ) from None
    lines = [line for line in run.stdout.splitlines() if line.strip()]
    if run.returncode:
        said = f" and said: {lines[-1].strip()}" if lines else ""
        raise UsageError(f"{question} ended with exit code {run.returncode}{said}. Give a program that tells its version.")
    if not lines:
        raise UsageError(f"{question} printed nothing, so it is not the component it is given as. Correct the path.")
    return lines[0].strip()


def _own_environment() -> Mapping[str, str]:
    # kubectl reads the kubeconfig even for its own version, and a broken one of the user's is not the program's fault.
    return os.environ | {"KUBECONFIG": os.devnull}
