"""The embedded cluster with the real components; left out where they have not been built (`conformance build` does).

CONFORMANCE_TEST_COMPONENTS="kube-apiserver=/path etcd=/path …" takes other programs, as --component does.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_agent import LIMIT

from conformance.clusters import waiting
from conformance.clusters.embedded import EmbeddedCluster, EmbeddedProvider, components, runs
from conformance.clusters.embedded.nodes import EmbeddedNodes
from conformance.components import build
from conformance.components.overrides import parse_override
from conformance.errors import ConformanceError
from conformance.kube.resources import path

#: Shorter than the real one, which these tests would have to wait out.
GRACE = 15


@pytest.fixture(scope="package")
def binaries() -> dict[str, Path]:
    overrides = dict(parse_override(text) for text in os.environ.get("CONFORMANCE_TEST_COMPONENTS", "").split())
    try:
        missing = build.verify([name for name in components.NAMES if name not in overrides])
    except ConformanceError as error:
        pytest.skip(f"the components cannot be built here: {error}")
    if missing:
        pytest.skip(f"not built yet: {', '.join(missing)}; `conformance build` does it")
    return build.ensure(components.NAMES, overrides=overrides)


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cf") as name:
        yield Path(name).resolve()


@pytest.fixture(scope="package")
def cluster(binaries: dict[str, Path], folder: Path) -> Iterator[EmbeddedCluster]:
    period = (f"--node-monitor-grace-period={GRACE}s", "--node-monitor-period=1s")
    made = EmbeddedProvider("1.37", folder, binaries=binaries, arguments={components.CONTROLLER_MANAGER: period}).open()
    yield made
    made.check()
    before = time.monotonic()
    made.close()
    assert time.monotonic() - before < 2.0
    assert list(folder.glob(f"{runs.PREFIX}*")) == []


@pytest.fixture
def nodes(cluster: EmbeddedCluster) -> Iterator[EmbeddedNodes]:
    with cluster.nodes() as made:
        yield made
        remove = {"propagationPolicy": "Background"}
        cluster.api.delete(path("daemonsets", "default"), remove)
    waiting.until(cluster.api, path("controllerrevisions", "default"), lambda found: not found, within=LIMIT, what="Garbage collection")
    assert cluster.dirt() == []
