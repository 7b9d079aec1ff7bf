"""A scripted API server, and recorders of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_standin import StandIn
from recorded import HEADER

from conformance.kube.api import Api
from conformance.trace.recorder import Recorder


@pytest.fixture
def server() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()


@pytest.fixture
def make(server: StandIn, tmp_path: Path) -> Iterator[Callable[..., Recorder]]:
    api = Api.connect(server.kubeconfig(tmp_path), patience=0.5)
    made = []

    def make(**options: Any) -> Recorder:
        options = {"audit_log": None, "namespaces": ("ns",), **options}
        recorder = Recorder(api, HEADER, tmp_path / "trace.jsonl", **options)
        made.append(recorder)
        recorder.start()
        return recorder

    yield make
    for recorder in made:
        if recorder._thread.is_alive():
            recorder.stop()
    api.close()
