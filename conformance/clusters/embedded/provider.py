"""Starting an embedded cluster."""

from __future__ import annotations

import importlib
import resource
from collections.abc import Mapping
from pathlib import Path

from conformance.clusters import waiting
from conformance.clusters.embedded import components, credentials, readiness, runs, stages
from conformance.clusters.embedded.cluster import CAPABILITIES, LACKING, MAX_NODES, EmbeddedCluster
from conformance.clusters.embedded.process import Supervisor
from conformance.clusters.protocol import Facts
from conformance.errors import ApiError, UsageError, refused
from conformance.kube.api import Api
from conformance.kube.resources import path

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


#: Files that a process may have open at least: the API server and this process have a hundred connections and more.
FILES = 256


def _enough_files() -> None:
    """Raise UsageError where the shell's limit would end the control plane in the middle of its start."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        raise UsageError(f"A process may have {soft} files open here, and a control plane needs {FILES}: run `ulimit -n 1024` before.")


class EmbeddedProvider:
    """Starts embedded clusters of one Kubernetes minor.

    `binaries` names the programs to run; those that are missing there are built (or taken from the cache). `run_dir` is where run
    directories are made; it has to be short, for there are Unix sockets in it. `keep` is the folder for logs that are to be kept: those of
    a cluster that did not start, those that close() is asked to keep, and with `keep_orphaned` those of a cluster whose owner was killed.
    `arguments` are more command line arguments, by component. `port` is 0 for any free one. `time_scale` multiplies the limits of waits.
    """

    name = "embedded"

    def __init__(
        self,
        minor: str,
        run_dir: Path,
        *,
        binaries: Mapping[str, Path] | None = None,
        overrides: Mapping[str, Path] | None = None,
        keep: Path | None = None,
        keep_orphaned: bool = False,
        arguments: Mapping[str, tuple[str, ...]] | None = None,
        port: int = 0,
        time_scale: float = 1.0,
    ) -> None:
        self.minor = minor
        self._run_dir = run_dir
        self._binaries = dict(binaries or {})
        self._overrides = dict(overrides or {})
        self._keep = keep
        self._keep_orphaned = keep_orphaned
        self._arguments = dict(arguments or {})
        self._port = port
        self._time_scale = time_scale
        self._limit = readiness.LIMIT * time_scale

    def binaries(self) -> dict[str, Path]:
        """The programs, built if need be."""
        missing = [name for name in components.NAMES if name not in self._binaries]
        if missing:
            from conformance.components import build  # noqa: PLC0415 - not needed by who brings all programs

            self._binaries.update(build.ensure(missing, minor=self.minor, overrides=self._overrides))
        return self._binaries

    def open(self) -> EmbeddedCluster:
        """Start a cluster; returns when its API is ready and its controllers work.

        Raises ComponentDied with the last log lines of a component that ends by itself, ClusterError when something does not become
        ready, UsageError when the port is taken, a directory does not fit or cannot be written, or too few files may be open.
        """
        binaries = self.binaries()
        _enough_files()
        try:
            runs.sweep(self._run_dir)
            orphaned = self._keep if self._keep_orphaned else None
            supervisor = Supervisor(self._run_dir, port=self._port, keep=orphaned, logs=self._keep)
            try:
                return self._start(supervisor, binaries)
            except BaseException:
                supervisor.shutdown(keep=self._keep)
                raise
        except OSError as error:
            raise UsageError(
                f"An embedded cluster cannot keep its files in {self._run_dir} ({refused(error)}). Free some space there (a cluster needs "
                "some 200 MB), or point TMPDIR at another folder (XDG_RUNTIME_DIR comes first, where it is set)."
            ) from error

    def _start(self, supervisor: Supervisor, binaries: Mapping[str, Path]) -> EmbeddedCluster:
        made = credentials.write(supervisor.run, f"https://127.0.0.1:{supervisor.port}")
        lines = components.command_lines(binaries, supervisor.run, supervisor.port, made, self._arguments)
        for name, argv in lines.items():
            supervisor.define(name, argv)
        supervisor.start(components.ETCD)
        supervisor.start(components.API_SERVER)
        importlib.import_module("kubernetes.client")  # half a second that the API server needs anyway
        api = Api.connect(made.kubeconfig("admin"))
        kubelets = Api.connect(made.kubeconfig("kubelets"))
        probe = readiness.Probe(made.kubeconfig("admin"))
        # The simulated kubelets' user needs no roles, which are the last thing to be set up; so they come first.
        readiness.wait(supervisor, probe, answering=True, within=self._limit)
        self._teach(supervisor, api)
        supervisor.start(components.KUBELETS)
        readiness.wait(supervisor, probe, within=self._limit)
        for name in (components.CONTROLLER_MANAGER, components.SCHEDULER):
            supervisor.start(name)
        # The first thing that shows that controllers work; pods need it too.
        waiting.until(
            api,
            path("serviceaccounts", "default"),
            lambda objects: "default" in objects,
            within=self._limit,
            what=f"The ServiceAccount default, which {components.CONTROLLER_MANAGER} makes,",
            check=supervisor.check,
            look=lambda: supervisor.excerpt(components.CONTROLLER_MANAGER),
        )
        facts = Facts(
            name=f"embedded-{supervisor.run.name.removeprefix(runs.PREFIX)}",
            provider=self.name,
            kubernetes=api.version(),
            kubeconfig=made.kubeconfig("admin"),
            capabilities=CAPABILITIES,
            max_nodes=MAX_NODES,
            lacking=LACKING,
            audit_log=supervisor.run / "audit.log",
            run=supervisor.run,
            time_scale=self._time_scale,
        )
        return EmbeddedCluster(supervisor, api, kubelets, probe, facts, keep=self._keep)

    def _teach(self, supervisor: Supervisor, api: Api) -> None:
        """Give the simulated kubelets their behaviour."""
        api.create(_CRDS, stages.CRD)
        waiting.until(
            api,
            _CRDS,
            lambda objects: any(
                c["type"] == "Established" and c["status"] == "True"
                for crd in objects.values()
                for c in crd.get("status", {}).get("conditions") or ()
            ),
            within=self._limit,
            what="The resource definition of Stage",
            check=supervisor.check,
        )
        for stage in stages.STAGES:
            where = path("stages", name=stage["metadata"]["name"])
            while True:
                try:
                    # Applied, not created: for two seconds the API server holds back creations of a resource that is so new.
                    api.patch(where, stage, kind="apply", fieldManager="conformance", force="true")
                    break
                except ApiError as error:
                    if error.code != 404:  # its handler is set up a moment after it is Established
                        raise
                supervisor.wait(0.02)
