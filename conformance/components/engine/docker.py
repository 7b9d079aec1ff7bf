"""The docker client, one call at a time; what it wrote is in the error when it fails."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.errors import ConformanceError, ToolMissing
from conformance.process import Result

#: Seconds for a call that nothing else limits; an image of a gigabyte is committed in less on a slow disk.
PATIENCE = 600.0


class DockerError(ConformanceError):
    """docker ended with an exit code other than 0; `result` holds what it wrote."""

    def __init__(self, result: Result) -> None:
        said = "\n".join((result.said or "it wrote nothing").splitlines()[-30:])
        super().__init__(f"`docker {shlex.join(result.args)}` ended with exit code {result.code}: {said}")
        self.result = result


class Docker:
    """The docker client on PATH, or the one that is given. `time_scale` multiplies the limits of its calls."""

    def __init__(self, program: Path | None = None, *, time_scale: float = 1.0) -> None:
        found = program or shutil.which("docker")
        if not found:
            raise ToolMissing(
                "There is no docker on PATH, and kind clusters are made of its containers. On Debian as root `conformance prepare docker` "
                "installs and starts it; elsewhere install Docker Engine as https://docs.docker.com/engine/install/ says."
            )
        self.program = Path(found)
        self.time_scale = time_scale

    def run(self, *args: str, check: bool = True, stdin: str = "", timeout: float = PATIENCE) -> Result:
        """Run `docker ARGS`; DockerError on a failure, unless `check` is off. `timeout` is seconds on an ordinary machine."""
        limit = timeout * self.time_scale
        try:
            done = subprocess.run(
                [str(self.program), *args],
                input=stdin.encode(),
                capture_output=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ConformanceError(
                f"`docker {shlex.join(args)}` did not end within {limit:g} s; "
                "look at the daemon's log, and whether the machine is out of memory"
            ) from error
        result = Result(args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
        if check and not result.ok:
            raise DockerError(result)
        return result

    def shell(self, container: str, script: str, *, check: bool = True, stdin: str | None = None, timeout: float = 120.0) -> str:
        """Run a shell script in a container, with all its rights; returns what it wrote."""
        interactive = [] if stdin is None else ["--interactive"]
        arguments = ["exec", "--privileged", *interactive, container, "sh", "-euc", script]
        return self.run(*arguments, check=check, stdin=stdin or "", timeout=timeout).out

    def inspect(self, name: str, *, kind: str = "container") -> dict[str, Any] | None:
        """What docker knows of a container, image, network or volume; None if there is none of that name."""
        result = self.run("inspect", "--type", kind, name, check=False)
        if not result.ok:
            if any(words in result.err.lower() for words in ("no such", "not found")):
                return None
            raise DockerError(result)
        found: dict[str, Any] = json.loads(result.out)[0]
        return found

    def names(self, what: str, *filters: str) -> list[str]:
        """The names of the containers, networks or volumes that all filters (`label=…`) fit; stopped ones too."""
        column = "{{.Names}}" if what == "container" else "{{.Name}}"
        options: Sequence[str] = [option for one in filters for option in ("--filter", one)]
        return self.run(what, "ls", *(["--all"] if what == "container" else []), "--format", column, *options).out.split()
