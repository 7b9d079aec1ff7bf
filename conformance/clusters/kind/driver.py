"""kind, driven through pytest-kind's KindCluster. The only place that knows pytest-kind; the rest of the suite works without it."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from pathlib import Path
from typing import Protocol, cast

from conformance.errors import ClusterError


class KindCluster(Protocol):
    """What is used of pytest-kind's class, which has no types of its own; the fixture `kind_cluster` gives one."""

    name: str
    kubeconfig_path: Path
    path: Path

    def create(self, config_file: Path | None = None) -> None:
        """`kind create cluster`."""
        ...

    def delete(self) -> None:
        """`kind delete cluster`."""
        ...


class Driver:
    """One kind cluster by its name. The kind that is run is always the given one, so nothing is ever downloaded."""

    def __init__(self, name: str, folder: Path, *, kind: Path, kubectl: Path, kubeconfig: Path | None = None) -> None:
        from pytest_kind import KindCluster as Theirs  # noqa: PLC0415 - brings HTTP clients along that nothing else needs

        self._log = folder / "kind.log"
        self._kind = kind
        self.kubectl = kubectl
        self._script = folder / "kind"
        # pytest-kind lets kind write to the terminal and shows nothing of it in its error: a script between them keeps what it said.
        self._script.write_text(
            f"#!/bin/sh\nkind={shlex.quote(str(kind))} log={shlex.quote(str(self._log))}\n"
            '[ "$1" = get ] && exec "$kind" "$@" 2>/dev/null\nexec "$kind" "$@" >>"$log" 2>&1\n'
        )
        self._script.chmod(0o755)
        self.cluster = cast(KindCluster, Theirs(name, kubeconfig or folder / "kubeconfig", kind_path=self._script, kubectl_path=kubectl))

    @property
    def kubeconfig(self) -> Path:
        """The file that kind writes for this cluster."""
        return self.cluster.kubeconfig_path

    def create(self, config: Path) -> None:
        """Create the cluster; ClusterError with the end of what kind said."""
        try:
            self.cluster.create(config)
        except subprocess.CalledProcessError as error:
            raise ClusterError(f"kind could not create the cluster (exit code {error.returncode}); it said:\n{self.said()}") from error
        finally:
            self._tidy()

    def delete(self) -> None:
        """Delete its containers."""
        try:
            self.cluster.delete()
        except subprocess.CalledProcessError as error:
            raise ClusterError(
                f"kind could not delete the cluster {self.cluster.name} (exit code {error.returncode}); it said:\n{self.said()}"
            ) from error

    def export_logs(self, target: Path) -> None:
        """`kind export logs`: everything kind knows how to collect from every node."""
        subprocess.run([self._kind, "export", "logs", target, "--name", self.cluster.name], capture_output=True, timeout=120, check=False)

    def said(self, lines: int = 25) -> str:
        """The end of what kind wrote."""
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])
        return "nothing"

    def _tidy(self) -> None:
        """Remove the folders that pytest-kind makes below the current one, if nothing is in them."""
        with contextlib.suppress(OSError):
            self.cluster.path.rmdir()
            self.cluster.path.parent.rmdir()
