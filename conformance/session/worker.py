"""One pytest process: the controller prepares and reports, a worker (or the only process) holds a cluster."""

from __future__ import annotations

import contextlib
import datetime
import platform
import shlex
import sys
import time
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import pytest

import conformance
from conformance.clusters.embedded import EmbeddedProvider
from conformance.clusters.embedded.runs import sweep
from conformance.clusters.protocol import Facts
from conformance.components import build
from conformance.components.overrides import describe
from conformance.printable import printable
from conformance.report import folder, terminal, write
from conformance.report.results import Run, ScenarioResult
from conformance.session import existing, kind, ordering
from conformance.session.lease import Leasable, Lease
from conformance.session.settings import Settings, runs_folder

USAGE = "conformance_usage"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kubectl")


class Worker:
    """What this process does for the session."""

    #: How many nodes the selected scenarios need at once.
    nodes: AbstractSet[int] = frozenset((1,))

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.is_worker = hasattr(config, "workerinput")
        self.manifests = config.rootpath / "manifests"
        self.lease = Lease(self._open, say=self.say)
        self.summary: list[str] = []
        self.existing: existing.Existing | None = None
        self._usage = ""
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
        if self._binaries is None and self.settings.cluster == "kind":
            self._binaries = kind.binaries(self.settings)
        if self._binaries is None and self.settings.cluster == "existing":
            self._binaries = build.ensure(("kubectl",), minor=self.settings.minor.minor, overrides=self.settings.overrides)
        if self._binaries is None:
            self._binaries = build.ensure(COMPONENTS, minor=self.settings.minor.minor, overrides=self.settings.overrides)
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
        if self.settings.cluster == "existing" and self.wants_scenarios:
            self.existing = existing.join(self) if self.is_worker else existing.begin(self)
            self.settings = self.existing.settings
        if self.is_worker or not self.wants_scenarios:
            return
        sweep(runs_folder())
        existing.tidy()
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            _ = self.binaries
            if self.settings.cluster == "kind":
                kind.provider(self).prepare()

    def tell_worker(self, told: dict[str, Any]) -> None:
        """In the controller: hand a pytest-xdist worker what it needs to know."""
        if self.existing is not None:
            told[existing.TOLD] = self.existing.told()

    def tell_controller(self, message: str) -> None:
        """In a pytest-xdist worker: hand wrong usage to the controller."""
        self.config.workeroutput[USAGE] = message  # type: ignore[attr-defined]

    def hear(self, said: dict[str, Any]) -> None:
        """In the controller: take what a worker handed over; all of them say the same."""
        self._usage = said.get(USAGE, self._usage)

    def finish(self, exitstatus: int | pytest.ExitCode, now: float) -> int | pytest.ExitCode:
        """End the cluster; in the controller write the report. Returns the exit status: a run in which no scenario could run has failed."""
        if self._usage:
            if self.existing is not None:
                self.existing.end()
            self.summary = [f"ERROR: {self._usage}"]
            return pytest.ExitCode.USAGE_ERROR
        failed = exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self.settings.keep == "always":
            self.lease.keep()
        else:
            self.lease.throw_away(keep_logs=failed)
        if self.existing is not None:
            self.existing.end(keep=self.lease.kept)
            if self.existing.lost:
                exitstatus = pytest.ExitCode.TESTS_FAILED  # whatever it shows, another run may have had its hands in it
                self.summary = [f"ERROR: {self.existing.lost}"]
        if self.wants_scenarios:
            self._save_run(now)
        results = folder.results(self.settings.report) if self.wants_scenarios and not self.is_worker else []
        if not results:
            return exitstatus
        page = write.write_report(self.settings.report)
        self.summary += [
            *terminal.lines(folder.run(self.settings.report), results),
            *self._delays(results),
            *self._notes(),
            f"report: {page}",
        ]
        if exitstatus == pytest.ExitCode.OK and all(result.outcome == "left-out" for result in results):
            self.summary.append("No scenario could run on this cluster: that is a failure, not a success.")
            return pytest.ExitCode.TESTS_FAILED
        return exitstatus

    def _open(self) -> Leasable:
        if self.settings.cluster == "kind":
            return kind.provider(self).open()
        if self.existing is not None:
            return self.existing.provider.open()
        return EmbeddedProvider(
            self.settings.minor.minor,
            runs_folder(),
            binaries=self.binaries,
            keep=self.settings.report.absolute() / "logs",
            time_scale=self.settings.time_scale,
        ).open()

    def _save_run(self, now: float) -> None:
        """What this process knows of the run; workers know the cluster, the controller the command and the time."""
        facts = self.facts
        run = Run(
            suite=conformance.__version__,
            kubernetes=facts.kubernetes if facts else "",
            cluster=facts.provider if facts else self.settings.cluster,
            capabilities=sorted(facts.capabilities) if facts else [],
            lacking={str(capability): why for capability, why in facts.lacking.items()} if facts else {},
            started=datetime.datetime.fromtimestamp(self._started, datetime.UTC).isoformat(timespec="seconds"),
            seconds=round(now - self._started, 1),
            command="" if self.is_worker else shlex.join(["pytest", *self.config.invocation_params.args]),
            components={name: describe(path, name) for name, path in self.settings.overrides.items()},
            platform={"python": platform.python_version(), "system": platform.platform()},
            scenarios=ordering.known(self.config.rootpath / "scenarios"),
        )
        folder.save_run(self.settings.report, run)

    def _delays(self, results: list[ScenarioResult]) -> list[str]:
        delays = sorted(delay for result in results for delay in result.delays)
        if not delays:
            return []
        median, last = (round(1000 * delays[int(len(delays) * share)]) for share in (0.5, 0.99))
        return [f"judged {len(delays)} entries; delay from arrival to judgement: median {median} ms, 99th percentile {last} ms"]

    def _notes(self) -> list[str]:
        """What a reader of the result has to know of a cluster that is not the suite's own."""
        return [f"note: {note}" for note in self.existing.notes()] if self.existing is not None else []

    def say(self, text: str) -> None:
        """Show a line at once, beside pytest's own output."""
        sys.stderr.write(f"\n{printable(text)}\n")
