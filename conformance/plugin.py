"""The pytest plugin: options, marks, fixtures, hooks. It only connects; what happens is in the rooms below."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.clusters.protocol import Capability
from conformance.errors import ConformanceError, LeaseLost, NotOffered, UsageError
from conformance.handles.cluster import ScenarioCluster
from conformance.handles.daemonset import Agent
from conformance.handles.trace import Trace
from conformance.kube.manifests import merge, merge_template
from conformance.printable import printable
from conformance.report import allure, junit
from conformance.session import kind, ordering, outcome, settings
from conformance.session.run import ScenarioRun
from conformance.session.worker import Worker

WORKER = pytest.StashKey[Worker]()
RUN = pytest.StashKey[ScenarioRun]()
REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()
ERROR = pytest.StashKey[BaseException]()


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
    for line in (
        "scenario(id, seconds): which scenario this is",
        "claim(*ids): the claims it is evidence for",
        "needs(*capabilities, nodes): what it needs of a cluster",
        "finding(text, contradicts, since, until, upstream): a deviation from the documentation that it proves",
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
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_sessionstart(session: pytest.Session) -> None:
    """Build the components, once, before xdist starts its workers."""
    worker = session.config.stash[WORKER]
    try:
        worker.prepare()
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    except ConformanceError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.TESTS_FAILED)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Learn how many nodes the selected scenarios need at once: real ones are made in the beginning."""
    needs = {mark.kwargs.get("nodes", 1) for item in session.items for mark in item.iter_markers("needs")}
    session.config.stash[WORKER].nodes = needs | {1}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check the claims that scenarios name, and start the long scenarios first."""
    try:
        ordering.check_claims(items)
    except UsageError as error:
        if not (worker := config.stash[WORKER]).is_worker:
            raise pytest.UsageError(str(error)) from None
        worker.tell_controller(str(error))
        items.clear()
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = ordering.long_ones_first(items, workers)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a pytest-xdist worker what the controller has found out for all of them."""
    node.config.stash[WORKER].tell_worker(node.workerinput)


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
    host = worker.lease.take()
    for need in request.node.iter_markers("needs"):
        lacking = [
            f"{cap} ({host.facts.lacking.get(cap, 'not offered')})" for cap in need.args if Capability(cap) not in host.facts.capabilities
        ]
        most = host.facts.max_nodes
        if Capability.CHANGE_NODE in need.args and host.facts.changeable is not None:
            most = host.facts.changeable
        if need.kwargs.get("nodes", 1) > most:
            lacking.append(f"{need.kwargs['nodes']} nodes (at most {most})")
        if lacking:
            pytest.skip(f"left out: {host.facts.name} lacks {', '.join(lacking)}")
    run = ScenarioRun(
        host,
        worker.settings,
        worker.binaries["kubectl"],
        worker.manifests,
        scenario=mark.args[0],
        node_id=request.node.nodeid,
        claims=outcome.claims_of(request.node),
    )
    request.node.stash[RUN] = run
    yield run
    failed = any(report.failed for report in request.node.stash.get(REPORTS, {}).values())
    keep = worker.settings.keep == "on-failure" and failed
    try:
        run.end(clean=not keep)
        if not keep:
            worker.lease.give_back()
    except Exception:  # what cannot be cleaned, or looked at, is of no use to the next scenario
        worker.lease.throw_away(keep_logs=True)
        raise
    if keep:
        worker.lease.keep()


@pytest.fixture
def cluster(scenario_run: ScenarioRun) -> ScenarioCluster:
    """The cluster, with nodes and a namespace of this scenario's own."""
    return scenario_run.begin()


@pytest.fixture
def trace(cluster: ScenarioCluster, scenario_run: ScenarioRun) -> Trace:  # noqa: ARG001 - recording starts with the cluster
    """The running record: wait for outcomes with `trace.until(...)`."""
    return scenario_run.trace


@pytest.fixture
def daemonset(cluster: ScenarioCluster) -> Callable[..., Agent]:
    """Create a DaemonSet from a file below manifests/: `daemonset("agent.yaml", node_selector={...}, spec={...}, template={...})`."""

    def create(
        manifest: str,
        *,
        name: str = "",
        node_selector: Mapping[str, str] | None = None,
        spec: Mapping[str, Any] | None = None,
        template: Mapping[str, Any] | None = None,
    ) -> Agent:
        body = cluster.manifest(manifest)
        if name:
            body = merge(body, {"metadata": {"name": name}})
        if node_selector is not None:
            body = merge(body, {"spec": {"template": {"spec": {"nodeSelector": dict(node_selector)}}}})
        body = merge(body, {"spec": {**dict(spec or {})}})
        body["spec"]["template"] = merge_template(body["spec"]["template"], template or {})
        return cluster.apply(body)

    return create


@pytest.fixture(scope="session")
def kind_cluster(request: pytest.FixtureRequest) -> Any:
    """pytest-kind's fixture, for tests that were written for it: its KindCluster, of the cluster that `--cluster kind` runs on."""
    return kind.pytest_kinds(request.config.stash[WORKER])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Judge the trace as part of the test: a broken promise fails the scenario that saw it, also when the scenario was content."""
    try:
        yield
    except NotOffered as error:
        pytest.skip(f"left out: {error}")
    except BaseException as error:
        run = item.stash.get(RUN, None)
        if run is not None and not isinstance(error, pytest.skip.Exception):
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
        if isinstance(call.excinfo.value, LeaseLost):
            item.session.shouldfail = str(call.excinfo.value)  # no other scenario of this process may touch the cluster
        if isinstance(call.excinfo.value, ConformanceError) and report.failed:
            report.longrepr = outcome.told(item, call.excinfo)
    worker = item.config.stash[WORKER]
    run = item.stash.get(RUN, None)
    reports = item.stash.setdefault(REPORTS, {})
    reports[report.when] = report
    if report.when == "call":
        result = outcome.result_of(item, reports, run, worker.settings, worker.settings.minor, item.stash.get(ERROR, None))
        report.user_properties.extend(junit.properties(result, worker.facts))
        allure.attach(result, worker.facts, worker.settings.report)
    if report.when == "teardown":
        outcome.save(
            outcome.result_of(item, reports, run, worker.settings, worker.settings.minor, item.stash.get(ERROR, None)),
            worker.settings.report,
        )
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """A proven deviation is shown as what it is: neither a failure nor an ordinary pass."""
    if report.when == "call" and report.passed and ("conformance.outcome", "finding") in report.user_properties:
        return "finding", "d", "FINDING"
    return None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    """End the worker's cluster; the controller writes the report, whatever happened before."""
    session.exitstatus = session.config.stash[WORKER].finish(exitstatus, time.time())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What the run showed, in a few lines, and where to read more."""
    for line in config.stash[WORKER].summary:
        terminalreporter.write_line(printable(line))


def manifests_of(config: pytest.Config) -> Path:
    """Where the manifests are: beside the scenarios."""
    return config.rootpath / "manifests"
