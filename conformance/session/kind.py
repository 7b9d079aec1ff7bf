"""`--cluster kind` for one pytest worker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.clusters.kind import KindProvider
from conformance.clusters.kind.provider import most_nodes
from conformance.components import build
from conformance.errors import UsageError
from conformance.session.settings import Settings, runs_folder

if TYPE_CHECKING:
    from conformance.session.worker import Worker


def binaries(settings: Settings) -> dict[str, Path]:
    """The programs that run beside a kind cluster: those of its nodes are in the node image."""
    given: Mapping[str, Path] = {"kubectl": settings.kind.kubectl} if settings.kind.kubectl else {}
    return build.ensure(("kubectl",), minor=settings.minor.minor, overrides={**settings.overrides, **given})


def provider(worker: Worker) -> KindProvider:
    """What makes this worker's cluster; each worker's has a name of its own."""
    settings = worker.settings
    options = settings.kind
    number = getattr(worker.config, "workerinput", {}).get("workerid", "")
    return KindProvider(
        settings.minor,
        runs_folder(),
        kubectl=worker.binaries["kubectl"],
        # Scenarios that need more nodes than fit here are left out, so nothing is made ready for them.
        workers=max((count for count in worker.nodes if count <= most_nodes()), default=1),
        side_by_side=side_by_side(worker),
        image=options.image,
        kind=options.program,
        kubeconfig=options.kubeconfig,
        cluster_name=f"{options.name}-{number}" if options.name and number else options.name,
        overrides=settings.overrides,
        keep=settings.report.absolute() / "logs",
        time_scale=settings.time_scale,
    )


def side_by_side(worker: Worker) -> int:
    """How many workers pytest-xdist has, each with a cluster of its own."""
    here = getattr(worker.config, "workerinput", {}).get("workercount")
    return int(here or len(worker.config.getoption("tx", None) or ()) or 1)


def pytest_kinds(worker: Worker) -> Any:
    """pytest-kind's own object for the cluster in use, for its fixture `kind_cluster`."""
    if worker.settings.cluster != "kind":
        raise UsageError("The fixture kind_cluster needs `--cluster kind`.")
    return getattr(worker.lease.take(), "pytest_kind")  # noqa: B009 - no other kind of cluster has it
