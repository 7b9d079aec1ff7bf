"""The real kubectl, run as a user would, but with a home of its own.

No kubeconfig, cache or preference of the user is read or written.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

from conformance.errors import ConformanceError, ToolMissing
from conformance.kube.begun import Begun
from conformance.process import Result

#: How kubectl says that no API server answered it, or that one did and could not serve it just then.
NO_ANSWER = (
    "The connection to the server ",
    "Unable to connect to the server",
    "Error from server (InternalError)",
    "Error from server (ServiceUnavailable)",
    "Error from server (ServerTimeout)",
    "Error from server (Timeout)",
    "Error from server (TooManyRequests)",
)


class KubectlError(ConformanceError):
    """kubectl ended with an exit code other than 0; `result` holds what it wrote."""

    def __init__(self, result: Result) -> None:
        said = (result.err or result.out).strip() or "it wrote nothing"
        super().__init__(f"`kubectl {shlex.join(result.args)}` ended with exit code {result.code}: {said}")
        self.result = result

    @property
    def answered(self) -> bool:
        """Whether this is an answer, the server's or kubectl's own: nobody killed kubectl, and the server could be asked."""
        return self.result.code > 0 and not any(words in self.result.err for words in NO_ANSWER)


class Kubectl:
    """kubectl against one cluster. With `plugin` it keeps the user's environment: a program that hands out credentials wants it.

    Its home is made below `run` if there is such a directory: what a killed process leaves there goes with the cluster.
    """

    def __init__(self, binary: Path, kubeconfig: Path, *, run: Path | None = None, plugin: bool = False) -> None:
        self.binary = Path(binary)
        self.kubeconfig = Path(kubeconfig)
        self.plugin = plugin
        self._home = tempfile.mkdtemp(prefix="conformance-kubectl-" if run is None else "kubectl-", dir=run)
        self._finalizer = weakref.finalize(self, shutil.rmtree, self._home, ignore_errors=True)

    def run(self, *args: str, stdin: str = "", check: bool = True, timeout: float = 120.0) -> Result:
        """Run `kubectl ARGS`. KubectlError on a failure, unless `check` is off; `timeout` is seconds."""
        try:
            done = subprocess.run(
                [str(self.binary), *args],
                input=stdin,
                capture_output=True,
                text=True,
                env=self._environment(),
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError as error:
            raise self._missing() from error
        except subprocess.TimeoutExpired as error:
            raise ConformanceError(
                f"`kubectl {shlex.join(args)}` did not end within {timeout:g} s; look whether the API server answers, or allow it more time"
            ) from error
        result = Result(args, done.returncode, done.stdout, done.stderr)
        if check and not result.ok:
            raise KubectlError(result)
        return result

    @contextlib.contextmanager
    def begun(self, *args: str, within: float = 120.0) -> Iterator[Begun]:
        """Begin `kubectl ARGS`, and end it on leaving if it has not ended by itself; `within` is seconds, of each wait for it."""
        try:
            process = subprocess.Popen(
                [str(self.binary), *args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=self._environment(),
            )
        except FileNotFoundError as error:
            raise self._missing() from error
        begun = Begun(args, process, within)
        try:
            yield begun
        finally:
            begun.end()

    def close(self) -> None:
        """Remove the home that was made for it."""
        self._finalizer()

    def _missing(self) -> ToolMissing:
        return ToolMissing(f"kubectl is not at {self.binary}; build it, or point the suite at another one")

    def _environment(self) -> dict[str, str]:
        own = {"KUBECONFIG": str(self.kubeconfig), "KUBERC": "off", "KUBECACHEDIR": self._home, "LC_ALL": "C.UTF-8"}
        if self.plugin:
            return {**os.environ, **own}
        # PATH stays: credential plugins named in a kubeconfig are looked up there.
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": self._home, **own}
