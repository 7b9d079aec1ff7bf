"""One pytest process: the controller prepares and reports, a worker (or the only process) holds a cluster."""

from __future__ import annotations

import contextlib
import datetime
import platform
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import conformance
from conformance.clusters.embedded import EmbeddedProvider
from conformance.clusters.embedded.runs import sweep
from conformance.clusters.kind import KindProvider
from conformance.clusters.protocol import Facts
from conformance.components import build
from conformance.components.overrides import describe
from conformance.errors import UsageError
from conformance.report import folder, terminal, write
from conformance.report.results import Run, ScenarioResult
from conformance.session.lease import Leasable, Lease
from conformance.session.settings import Settings, runs_folder

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kubectl")


class Worker:
    """What this process does for the session."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.is_worker = hasattr(config, "workerinput")
        self.manifests = config.rootpath / "manifests"
        self.lease = Lease(self._open, say=self._say)
        self.summary: list[str] = []
        self.nodes = 1
        self._binaries: dict[str, Path] | None = None
        self._started = time.time()

    @property
    def wants_scenarios(self) -> bool:
        """Whether scenarios are going to run: they are among the paths given, and not only collected."""
        if self.config.option.collectonly or self.config.option.help or self.config.option.version:
            return False
        home = self.config.rootpath / "scenarios"
        given = [Path(str(arg).partition("::")[0]).absolute() for arg in self.config.args]
        return any(home == arg or home in arg.parents or arg in home.parents for arg in given)

    @property
    def facts(self) -> Facts | None:
        """What is known of the cluster in use."""
        return self.lease.last.facts if self.lease.last is not None else None

    @property
    def binaries(self) -> dict[str, Path]:
        """The components, built if need be."""
        if self._binaries is None:
            overrides = dict(self.settings.overrides)
            names = COMPONENTS
            if self.settings.cluster == "kind":
                names = ("kubectl",)
                if self.settings.kind.kubectl is not None:
                    overrides["kubectl"] = self.settings.kind.kubectl
            self._binaries = build.ensure(names, minor=self.settings.minor.minor, overrides=overrides)
        return self._binaries

    def prepare_outputs(self) -> None:
        """Prepare the report folder; JUnit and Allure results go there too, unless the user sends them elsewhere."""
        if not self.is_worker:
            folder.prepare(self.settings.report)
        option = self.config.option
        option.xmlpath = option.xmlpath or str(self.settings.report / "junit.xml")
        if getattr(option, "allure_report_dir", "") is None:
            option.allure_report_dir = str(self.settings.report / "allure")

    def prepare(self) -> None:
        """Sweep what dead runs left and build the components: once, in the controller."""
        if self.is_worker or not self.wants_scenarios:
            return
        sweep(runs_folder())
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            _ = self.binaries
            if self.settings.cluster == "kind":
                self._kind().prepare()

    def finish(self, exitstatus: int | pytest.ExitCode, now: float) -> int | pytest.ExitCode:
        """End the cluster; in the controller write the report. Returns the exit status: a run in which no scenario could run has failed."""
        failed = exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self.settings.keep == "always":
            self.lease.keep()
        else:
            self.lease.throw_away(keep_logs=failed)
        if self.lease.last is not None:
            self._save_run(now)
        results = folder.results(self.settings.report) if self.wants_scenarios and not self.is_worker else []
        if not results:
            return exitstatus
        page = write.write_report(self.settings.report)
        self.summary = [*terminal.lines(folder.run(self.settings.report), results), *self._delays(results), f"report: {page}"]
        if exitstatus == pytest.ExitCode.OK and all(result.outcome == "left-out" for result in results):
            self.summary.append("No scenario could run on this cluster: that is a failure, not a success.")
            return pytest.ExitCode.TESTS_FAILED
        return exitstatus

    def kind_cluster(self) -> Any:
        """pytest-kind's own object for the cluster in use."""
        if self.settings.cluster != "kind":
            raise UsageError("The fixture kind_cluster needs `--cluster kind`.")
        return getattr(self.lease.take(), "pytest_kind")  # noqa: B009 - no other cluster has it

    def _kind(self) -> KindProvider:
        options = self.settings.kind
        worker = getattr(self.config, "workerinput", {}).get("workerid", "")
        return KindProvider(
            self.settings.minor,
            runs_folder(),
            kubectl=self.binaries["kubectl"],
            workers=self.nodes,
            image=options.image,
            kind=options.program,
            kubeconfig=options.kubeconfig,
            cluster_name=f"{options.name}-{worker}" if options.name and worker else options.name,
            overrides=self.settings.overrides,
            keep=self.settings.report.absolute() / "logs",
        )

    def _open(self) -> Leasable:
        if self.settings.cluster == "kind":
            return self._kind().open()
        return EmbeddedProvider(self.settings.minor.minor, runs_folder(), binaries=self.binaries, keep=self.settings.report.absolute() / "logs").open()

    def _save_run(self, now: float) -> None:
        facts = self.facts
        assert facts is not None
        run = Run(
            suite=conformance.__version__,
            kubernetes=facts.kubernetes,
            cluster=facts.provider,
            capabilities=sorted(facts.capabilities),
            lacking={str(capability): why for capability, why in facts.lacking.items()},
            started=datetime.datetime.fromtimestamp(self._started, datetime.UTC).isoformat(timespec="seconds"),
            seconds=round(now - self._started, 1),
            command=" ".join(["pytest", *self.config.invocation_params.args]) if not self.is_worker else "",
            components={name: describe(path, name) for name, path in self.binaries.items()} if self.settings.overrides else {},
            platform={"python": platform.python_version(), "system": platform.platform()},
        )
        folder.save_run(self.settings.report, run)

    def _delays(self, results: list[ScenarioResult]) -> list[str]:
        delays = sorted(delay for result in results for delay in result.delays)
        if not delays:
            return []
        median, last = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
        return [f"judged {len(delays)} entries; delay from arrival to judgement: median {median * 1000:.0f} ms, 99th percentile {last * 1000:.0f} ms"]

    def _say(self, text: str) -> None:
        sys.stderr.write(f"\n{text}\n")
