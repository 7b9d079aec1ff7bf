"""A cluster that is there already, played by the embedded one; left out where its components have not been built."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.clusters.embedded import EmbeddedCluster, EmbeddedProvider, components
from conformance.components import build
from conformance.errors import ConformanceError


@pytest.fixture(scope="package")
def host() -> Iterator[EmbeddedCluster]:
    try:
        missing = build.verify([*components.NAMES, "kubectl"])
    except ConformanceError as error:
        pytest.skip(f"the components cannot be built here: {error}")
    if missing:
        pytest.skip(f"not built yet: {', '.join(missing)}; `conformance build` does it")
    with tempfile.TemporaryDirectory(prefix="cf") as name:
        cluster = EmbeddedProvider("1.37", Path(name).resolve(), binaries=build.ensure(components.NAMES)).open()
        cluster.add_nodes(4)
        yield cluster
        cluster.close()


@pytest.fixture
def copy(host: EmbeddedCluster, tmp_path: Path) -> Path:
    """The user's own kubeconfig, with paths relative to it."""
    file = tmp_path / "user" / "config"
    file.parent.mkdir()
    file.write_bytes(host.facts.kubeconfig.read_bytes())
    return file
