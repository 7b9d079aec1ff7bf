"""The pytest plugin: options, marks, fixtures, hooks. It only connects; what happens is in the rooms below."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any, NoReturn

import pytest

import conformance
from conformance import shipped
from conformance.errors import ClusterError, ConformanceError, LeaseLost, NotOffered, Unwritable, UsageError, shortened
from conformance.handles.cluster import ScenarioCluster
from conformance.handles.creating import Create
from conformance.handles.evidence import Evidence, collecting
from conformance.handles.trace import Trace
from conformance.printable import printable
from conformance.report import allure, junit, terminal
from conformance.report.reasons import words
from conformance.report.results import Reason, ScenarioResult
from conformance.session import display, invoking, kind, marking, needing, ordering, outcome, settings, spelling, suite
from conformance.session.run import ScenarioRun
from conformance.session.worker import Worker

WORKER = pytest.StashKey[Worker]()
RUN = pytest.StashKey[ScenarioRun]()
REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()
ERROR = pytest.StashKey[BaseException]()
LEFT_OUT = ("conformance.outcome", "left-out")
UNWRITTEN = "stopped: what the run leaves behind cannot be written"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite; each has an environment variable of the same name, CONFORMANCE_…, for CI."""
    group = parser.getgroup("conformance", "DaemonSet conformance")
    group.addoption(
        "--cluster", default="embedded", metavar="KIND", help=f"kind of cluster: {', '.join(settings.CLUSTERS)} (default: embedded)"
    )
    group.addoption(
        "--kubernetes", default=None, metavar="VERSION", help="Kubernetes minor or version, such as 1.36 (default: the newest known)"
    )
    group.addoption(
        "--component", action="append", default=[], metavar="NAME=PATH", help="use this binary for a component; may be repeated"
    )
    group.addoption("--report", default="report", metavar="DIR", help="where reports are written (default: report)")
    group.addoption("--keep", default="never", metavar="WHEN", help="leave the cluster running: never, on-failure, always (default: never)")
    group.addoption(
        "--context", default="", metavar="NAME", help="--cluster existing: this context of the kubeconfig (default: its current one)"
    )
    group.addoption(
        "--allow-disruption", action="store_true", help="--cluster existing: change labels, taints and cordon of nodes, and put them back"
    )
    group.addoption(
        "--on-node", action="append", default=[], metavar="NAME", help="--cluster existing: use this node and no others; may be repeated"
    )
    group.addoption("--image-prefix", default="", metavar="REGISTRY", help="--cluster existing: take images from this registry (and path)")
    group.addoption(
        "--time-scale",
        default="1",
        metavar="F",
        help="multiply the limits of waits by F, those of the cluster's start included, for slow machines (default: 1)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything else happens."""
    invoking.choose(config)
    for line in (
        "scenario(family, seconds): this function is a scenario of that family",
        "claim(*ids): the claims that a case from data may show",
        "needs(*capabilities, nodes): what it needs of a cluster",
        "finding(id): the deviation from the documentation that it proves",
    ):
        config.addinivalue_line("markers", line)
    try:
        options = settings.parse(
            *(config.getoption(name) for name in ("cluster", "kubernetes", "component", "report", "keep", "time_scale"))
        )
        options = settings.with_kind(options, {name: config.getoption(name, None) for name in settings.KIND_OPTIONS})
        options = settings.with_existing(options, {name: config.getoption(name) for name in settings.EXISTING_OPTIONS})
        worker = config.stash[WORKER] = Worker(config, options)
        if worker.wants_scenarios:
            worker.prepare_outputs()
            stack = contextlib.ExitStack()
            stack.enter_context(worker.ending.listening())
            config.add_cleanup(stack.close)
    except UsageError as error:
        raise pytest.UsageError(outcome.paragraph(str(error))) from None


def pytest_report_header() -> str:
    """Which version of the suite this is."""
    return f"daemonset-conformance: {conformance.__version__}"


@contextlib.contextmanager
def _told_once(session: pytest.Session) -> Iterator[None]:
    """End the session with what was in the way, in one paragraph; the exit code is 4 where the caller can mend it, else 1."""
    try:
        yield
    except UsageError as error:
        raise pytest.UsageError(outcome.paragraph(str(error))) from None
    except ConformanceError as error:
        # pytest.exit() would say it twice here.
        sys.stderr.write(f"ERROR: {outcome.paragraph(str(error))}\n")
        raise session.Failed(str(error)) from None


def pytest_sessionstart(session: pytest.Session) -> None:
    """Look for words that there are not, and build the components: once, before xdist starts its workers."""
    worker = session.config.stash[WORKER]
    if not worker.is_worker:
        with _told_once(session):
            spelling.check(session.config)
    if worker.wants_scenarios:
        _widen(session.config)
        with _told_once(session):
            worker.prepare()
        if not worker.is_worker:
            display.start(session.config, worker.settings.cluster)


def _widen(config: pytest.Config) -> None:
    """In a file there is no edge: pytest cuts its summary at 80 characters there, which ends where the reason begins."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        config.get_terminal_writer().fullwidth = 200


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Learn what was selected, and how many nodes it needs at once: real ones are made in the beginning."""
    worker = session.config.stash[WORKER]
    worker.nodes = {needing.nodes(item) for item in session.items} | {1}
    try:
        with _told_once(session):
            worker.selected(session.items)
    except pytest.UsageError as error:
        if not worker.is_worker:
            raise
        worker.tell_controller(str(error))
        session.items.clear()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check what scenarios name and lack, and start the long ones first."""
    try:
        marking.check(items)
    except UsageError as error:
        if not (worker := config.stash[WORKER]).is_worker:
            raise pytest.UsageError(str(error)) from None
        worker.tell_controller(str(error))
        items.clear()
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = ordering.long_ones_first(items, workers)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what is taken out of the selection: a run of some cases is no run of the suite."""
    for item in items:
        if item.get_closest_marker("scenario") is not None:
            item.config.stash[WORKER].deselected += 1


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a pytest-xdist worker what the controller has found out for all of them."""
    worker = node.config.stash[WORKER]
    worker.tell_worker(node.workerinput)
    if node.gateway.spec.popen:  # a process of this machine; pytest-xdist has asked for these facts itself by now
        worker.ending.workers.append(node.gateway._rinfo().pid)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:  # noqa: ARG001 - the hook's own signature
    """Hear what a pytest-xdist worker could not say itself: raised there, it would be shown as an internal error."""
    node.config.stash[WORKER].hear(getattr(node, "workeroutput", {}))


@pytest.fixture(name="scenario_run")
def _scenario_run(request: pytest.FixtureRequest) -> Iterator[ScenarioRun]:
    worker = request.config.stash[WORKER]
    mark = request.node.get_closest_marker("scenario")
    if mark is None:
        raise pytest.UsageError(f"{request.node.nodeid} uses a cluster but is not marked with @scenario.")
    try:
        host = worker.lease.take()
    except UsageError:  # nothing that the next scenario could do better
        request.session.shouldfail = "stopped: no cluster can be had here"
        raise
    reason = outcome.not_there(request.node, worker.settings.minor.minor) or needing.lacks(request.node, host.facts)
    if reason is not None:
        _leave_out(request.node, reason)
    run = ScenarioRun(
        host,
        worker.settings,
        worker.binaries["kubectl"],
        shipped.manifests() if shipped.holds(request.path) else request.config.rootpath / "manifests",
        family=mark.args[0],
        scenario=suite.identity(mark.args[0], request.function.__name__),
        node_id=request.node.nodeid,
        claims=suite.claims_of(request.node),
    )
    request.node.stash[RUN] = run
    yield run
    if worker.ending.by and worker.existing is None:
        run.end(clean=False)  # the cluster is about to be ended as a whole
        return
    failed = any(report.failed for report in request.node.stash.get(REPORTS, {}).values())
    keep = worker.settings.keep == "on-failure" and failed
    try:
        run.end(clean=not keep)
        if not keep:
            worker.lease.give_back()
    except Exception as error:  # what cannot be cleaned, or looked at, is of no use to the next scenario
        worker.lease.throw_away(keep_logs=True)
        if not (isinstance(error, ClusterError) and isinstance(request.node.stash.get(ERROR, None), ClusterError)):
            raise  # else it is the end of the same cluster, which has been told already
    if keep:
        worker.lease.keep()


def _leave_out(item: pytest.Item, reason: Reason) -> NoReturn:
    item.stash[outcome.REASON] = reason
    pytest.skip(f"left out: {words(reason)}")


@pytest.fixture
def cluster(scenario_run: ScenarioRun) -> ScenarioCluster:
    """The cluster, with nodes and a namespace of this scenario's own."""
    return scenario_run.begin()


@pytest.fixture
def trace(cluster: ScenarioCluster, scenario_run: ScenarioRun) -> Trace:  # noqa: ARG001 - recording starts with the cluster
    """The running record: wait for outcomes with `trace.until(...)`."""
    return scenario_run.trace


@pytest.fixture
def daemonset(cluster: ScenarioCluster) -> Create:
    """Create a DaemonSet from a manifest: `daemonset("agent.yaml", node_selector={...}, spec={...}, template={...})`.

    Its file is looked for in the folder `manifests` of pytest's root, and then among the suite's own.
    """
    return Create(cluster)


@pytest.fixture(scope="session")
def kind_cluster(request: pytest.FixtureRequest) -> Any:
    """pytest-kind's fixture, for tests that were written for it: its KindCluster, of the cluster that `--cluster kind` runs on."""
    return kind.pytest_kinds(request.config.stash[WORKER])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Judge the trace as part of the test: a broken promise fails the scenario that saw it, also when the scenario was content."""
    evidence = item.stash[outcome.EVIDENCE] = Evidence(suite.claims_of(item))
    try:
        with collecting(evidence):
            yield
    except NotOffered as error:
        if (run := item.stash.get(RUN, None)) is not None:
            run.verdict()  # what was violated until then is no less so
        _leave_out(item, Reason("not-offered", text=str(error)))
    except BaseException as error:
        run = item.stash.get(RUN, None)
        if run is not None and isinstance(error, Exception) and not isinstance(error, pytest.skip.Exception):
            run.diagnose()
        if run is not None and (broken := [tally.id for tally in run.finish() if tally.violated]):
            error.add_note(f"Violated while it ran: {', '.join(broken)}")
        raise
    if (run := item.stash.get(RUN, None)) is not None:
        try:
            run.verdict()
        except ConformanceError:
            run.diagnose()
            raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep each phase's report, and write the result when the last one is known."""
    report = yield
    mark = item.get_closest_marker("scenario")
    if mark is None:
        return report
    if call.excinfo is not None:
        item.stash.setdefault(ERROR, call.excinfo.value)
        worker = item.config.stash[WORKER]
        if isinstance(call.excinfo.value, Unwritable):
            worker.unwritten = worker.unwritten or str(call.excinfo.value)
            item.session.shouldfail = UNWRITTEN
        elif isinstance(call.excinfo.value, LeaseLost):
            item.session.shouldfail = str(call.excinfo.value)  # no other scenario of this process may touch the cluster
        elif report.failed and call.when != "call" and worker.broke_off(call.excinfo.value):
            report.longrepr = worker.unwritten  # Allure writes when fixtures begin and end
            item.session.shouldfail = UNWRITTEN
        if isinstance(call.excinfo.value, ConformanceError) and report.failed:
            report.longrepr = outcome.told(item, call.excinfo)
    worker = item.config.stash[WORKER]
    run = item.stash.get(RUN, None)
    reports = item.stash.setdefault(REPORTS, {})
    reports[report.when] = report
    if report.skipped and report.when == "setup":
        report.user_properties.append(LEFT_OUT)
    if report.when in ("call", "teardown") or allure.listening():
        result = outcome.result_of(item, reports, run, worker.settings, worker.settings.minor, item.stash.get(ERROR, None))
        _told(report, result, worker)
    return report


def _told(report: pytest.TestReport, result: ScenarioResult, worker: Worker) -> None:
    """Hand what is known of an item after a phase to those who want it then."""
    match report.when:
        case "setup":
            allure.identify(result, worker.settings.minor.minor, worker.settings.cluster)
        case "call":
            report.user_properties.extend(junit.properties(result, worker.facts))
            allure.attach(result, worker.settings.report)
        case "teardown":
            allure.conclude(result)
            outcome.save(result, worker.settings.report)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, Mapping[str, bool]]] | None:
    """A proven deviation is neither a failure nor an ordinary pass; what was left out is told by reason, at the end."""
    if report.skipped and LEFT_OUT in report.user_properties:
        return "left out", "s", ("LEFT OUT", terminal.MARKUP["quiet"])
    if report.when == "call" and report.passed:
        for name, (letter, tone) in terminal.LETTERS.items():
            if ("conformance.outcome", name) in report.user_properties:
                return name, letter, (name.upper(), terminal.MARKUP[tone])
    return None


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> Generator[None, object, object]:
    """End the worker's cluster, behind pytest's own end of fixtures; the controller writes the report, whatever happened before."""
    worker = session.config.stash[WORKER]
    worker.ending.finishing = True
    result = None
    try:
        result = yield
    except Exception as error:
        if not worker.broke_off(error):
            raise
    session.exitstatus = worker.finish(exitstatus, time.time())
    if worker.ending.by:
        session.exitstatus = pytest.ExitCode.INTERRUPTED
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Stop when results can no longer be written, by whoever writes them: a run that leaves nothing behind shows nothing."""
    try:
        return (yield)
    except Exception as error:
        if not session.config.stash[WORKER].broke_off(error):
            raise
        session.shouldfail = UNWRITTEN
        raise session.Failed(UNWRITTEN) from None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What the run showed, in a few lines, and where to read more."""
    for line in config.stash[WORKER].summary:
        terminalreporter.write_line(shortened(printable(line.text)), **terminal.MARKUP[line.tone])
