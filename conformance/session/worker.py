"""One pytest process: the controller prepares and reports, a worker (or the only process) holds a cluster."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import secrets
import sys
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import msgspec
import pytest

import conformance
from conformance import shipped
from conformance.clusters.embedded import EmbeddedProvider
from conformance.clusters.embedded.runs import sweep
from conformance.clusters.protocol import Facts
from conformance.components import build
from conformance.components.overrides import describe
from conformance.errors import Unwritable
from conformance.printable import printable
from conformance.report import allure_run, folder, terminal, write
from conformance.report.results import FORMAT, Run, ScenarioResult
from conformance.report.terminal import Line
from conformance.session import existing, invoking, kind, selection, suite
from conformance.session.ending import Ending
from conformance.session.lease import Leasable, Lease
from conformance.session.settings import Settings, runs_folder

USAGE = "conformance_usage"
RUN = "conformance_run"
UNWRITTEN = "conformance_unwritten"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kubectl")


class Worker:
    """What this process does for the session."""

    #: How many nodes the selected scenarios need at once.
    nodes: AbstractSet[int] = frozenset((1,))

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.is_worker = hasattr(config, "workerinput")
        self.lease = Lease(self._open, say=self.say, kubectl=lambda: str(self.binaries["kubectl"]))
        self.summary: list[Line] = []
        self.existing: existing.Existing | None = None
        self.ending = Ending(speaks=not self.is_worker)
        #: Tells this run from others that wrote into the same folder.
        self.run = getattr(config, "workerinput", {}).get(RUN) or secrets.token_hex(8)
        self.items: list[str] = []
        self.deselected = 0
        #: The answer of the report; None: not known (yet).
        self._conforms: bool | None = None
        self._usage = ""
        #: What keeps the report from being written, in a sentence; empty if nothing does.
        self.unwritten = ""
        self._junit: tuple[Path, bytes | None] | None = None
        self._prepared = False
        self._binaries: dict[str, Path] | None = None
        self._started = time.time()
        option = config.option
        self.only_looks = bool(option.collectonly or option.help or option.version)
        #: Whether scenarios are among the paths given: known before they are collected.
        self.wants_scenarios = not self.only_looks and selection.has_scenarios(config)

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
        report, option = self.settings.report, self.config.option
        if not self.is_worker:
            self._claim_folder()
            if getattr(option, "xmlpath", "") is None:
                file = report / "junit.xml"
                self._junit = file, file.read_bytes() if file.is_file() else None
        if getattr(option, "xmlpath", "") is None:  # the plugin may be switched off
            option.xmlpath = str(report / "junit.xml")
        if getattr(option, "allure_report_dir", "") is None:
            option.allure_report_dir = str(report / "allure")

    def _claim_folder(self) -> None:
        folder.prepare(self.settings.report)
        if self.is_worker:
            return
        stack = contextlib.ExitStack()
        stack.enter_context(folder.held(self.settings.report))
        self.config.add_cleanup(stack.close)

    def prepare(self) -> None:
        """Sweep what dead runs left and build the components: once, in the controller."""
        self._prepared = True
        if self.settings.cluster == "existing":
            self.existing = existing.join(self) if self.is_worker else existing.begin(self)
            self.settings = self.existing.settings
        if self.is_worker:
            return
        sweep(runs_folder())
        existing.tidy()
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            _ = self.binaries
            if self.settings.cluster == "kind":
                kind.provider(self).prepare()

    def selected(self, items: Sequence[pytest.Item]) -> None:
        """These items were collected; if scenarios are among them, the report becomes this run's own now."""
        scenarios = [item for item in items if item.get_closest_marker("scenario") is not None]
        if not scenarios or self.only_looks:
            return
        if not self.wants_scenarios:  # marked in a way that the text does not show
            self._claim_folder()
        if not self._prepared:
            self.prepare()
        self.items = [item.nodeid for item in scenarios]
        folder.clear(self.settings.report, self.run)
        # What was selected is known however this process ends: pytest-xdist kills workers that are slow to.
        chosen = Run(suite=conformance.__version__, kubernetes="", cluster=self.settings.cluster, format=FORMAT, items=self.items)
        with contextlib.suppress(OSError):  # it is tried again at the end, and what keeps it from being written is said then
            folder.save_run(self.settings.report, msgspec.structs.replace(chosen, deselected=self.deselected, started=self._begin()))

    def _begin(self) -> str:
        return datetime.datetime.fromtimestamp(self._started, datetime.UTC).isoformat(timespec="seconds")

    def tell_worker(self, told: dict[str, Any]) -> None:
        """In the controller: hand a pytest-xdist worker what it needs to know."""
        told[RUN] = self.run
        if self.existing is not None:
            told[existing.TOLD] = self.existing.told()

    def tell_controller(self, message: str) -> None:
        """In a pytest-xdist worker: hand wrong usage to the controller."""
        self.config.workeroutput[USAGE] = message  # type: ignore[attr-defined]

    def hear(self, said: dict[str, Any]) -> None:
        """In the controller: take what a worker handed over; all of them say the same."""
        self._usage = said.get(USAGE, self._usage)
        self.unwritten = self.unwritten or said.get(UNWRITTEN, "")

    def broke_off(self, error: BaseException) -> bool:
        """Whether an error means that what belongs into the report cannot be written, whoever wrote it: the suite, JUnit, Allure.

        It is said once: the cause of all that follows is the same.
        """
        refusal = folder.refusal(self.settings.report, error)
        if refusal is not None:
            self.unwritten = self.unwritten or str(folder.unwritable(self.settings.report, refusal))
        return refusal is not None

    def finish(self, exitstatus: int | pytest.ExitCode, now: float) -> int | pytest.ExitCode:
        """End the cluster; in the controller write the report. Returns the exit status: a run in which no scenario could run has failed."""
        if self._usage:
            if self.existing is not None:
                self.existing.end()
            self._as_it_was()
            self.summary = [Line(f"ERROR: {self._usage}", "bad")]
            return pytest.ExitCode.USAGE_ERROR
        failed = exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self.settings.keep == "always":
            self.lease.keep()
        else:
            self.lease.throw_away(keep_logs=failed)
        if self.existing is not None:
            self.existing.end(keep=self.lease.kept)
            if self.existing.lost:  # whatever it shows, another run may have had its hands in it
                self.summary.append(Line(f"ERROR: {self.existing.lost}", "bad"))
                exitstatus = exitstatus if self.ending.by else pytest.ExitCode.TESTS_FAILED
        if not folder.begun(self.settings.report, self.run):
            self._as_it_was()
            return exitstatus
        results: list[ScenarioResult] = []
        try:
            self._save_run(now)
            if not self.is_worker:
                self._tell_allure()
                results = folder.results(self.settings.report)
                self.summary += self._told(results)
        except Unwritable as error:
            self.unwritten = self.unwritten or str(error)
        if self.unwritten:
            if self.is_worker:
                self.config.workeroutput[UNWRITTEN] = self.unwritten  # type: ignore[attr-defined]
            self.summary.append(Line(f"ERROR: {self.unwritten}", "bad"))
            # To pytest-xdist a worker that stops is an interrupted run.
            return exitstatus if self.ending.by else pytest.ExitCode.TESTS_FAILED
        return self._weighed(exitstatus, results)

    def _weighed(self, exitstatus: int | pytest.ExitCode, results: Sequence[ScenarioResult]) -> int | pytest.ExitCode:
        """The exit status after all: what pytest takes for a success may be none."""
        if exitstatus != pytest.ExitCode.OK or not results:
            return exitstatus
        if all(result.outcome == "left-out" for result in results):
            self.summary.append(Line("No scenario could run on this cluster: that is a failure, not a success.", "bad"))
            return pytest.ExitCode.TESTS_FAILED
        return pytest.ExitCode.TESTS_FAILED if self._conforms is False else exitstatus

    def _told(self, results: list[ScenarioResult]) -> list[Line]:
        """Write the page, and say in a few lines what is on it."""
        if not results and not self.ending.by:
            return []
        report, page = write.reported(self.settings.report)
        self._conforms = report.conformity.conforms
        return [
            *terminal.lines(report.run, results, answer=report.conformity),
            *(Line(f"not complete: {problem}", "bad") for problem in report.problems),
            *self._delays(results),
            *self._notes(),
            Line(f"report: {page}"),
        ]

    def _tell_allure(self) -> None:
        """What Allure wants to know of the run as a whole, beside its results, wherever they are."""
        if where := getattr(self.config.option, "allure_report_dir", None):
            with folder.writing(self.settings.report):
                allure_run.write(Path(where), folder.run(self.settings.report), os.environ)

    def _as_it_was(self) -> None:
        """Nothing ran: leave the report of the run before as it was, pytest's own JUnit file included."""
        if self._junit is None:
            return
        file, before = self._junit
        with contextlib.suppress(OSError):
            if before is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(before)
        if (page := self.settings.report / "index.html").is_file():
            self.summary.append(Line(f"Nothing ran: {page} and all beside it are still those of the run before."))

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
        known = folder.run_or_none(self.settings.report)
        version = facts.kubernetes if facts else known.kubernetes if known else ""
        if not version and not self.is_worker:  # no cluster came up
            version = self.settings.minor.version
        run = Run(
            suite=conformance.__version__,
            kubernetes=version,
            cluster=facts.provider if facts else self.settings.cluster,
            capabilities=sorted(facts.capabilities) if facts else [],
            lacking={str(capability): why for capability, why in facts.lacking.items()} if facts else {},
            started=self._begin(),
            seconds=round(now - self._started, 1),
            command="" if self.is_worker else invoking.command(self.config),
            components={name: describe(path, name) for name, path in self.settings.overrides.items()},
            format=FORMAT,
            platform={"python": platform.python_version(), "system": platform.platform()},
            scenarios=suite.functions(shipped.scenarios()),
            items=self.items,
            deselected=self.deselected,
            stopped=self.ending.by,
            lost=self.existing.lost if self.existing is not None else "",
        )
        with folder.writing(self.settings.report):
            folder.save_run(self.settings.report, run)

    def _delays(self, results: list[ScenarioResult]) -> list[Line]:
        delays = sorted(delay for result in results for delay in result.delays)
        if not delays:
            return []
        median, last = (round(1000 * delays[int(len(delays) * share)]) for share in (0.5, 0.99))
        told = f"judged {len(delays)} entries; delay from arrival to judgement: median {median} ms, 99th percentile {last} ms"
        return [Line(told, "quiet")]

    def _notes(self) -> list[Line]:
        """What a reader of the result has to know of a cluster that is not the suite's own."""
        return [Line(f"note: {note}") for note in self.existing.notes()] if self.existing is not None else []

    def say(self, text: str) -> None:
        """Show a line at once, beside pytest's own output."""
        sys.stderr.write(f"\n{printable(text)}\n")
