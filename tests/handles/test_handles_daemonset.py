"""What a scenario does to a DaemonSet is one write each, and the trace is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from conformance.handles.daemonset import Agent
from conformance.kube.api import Api
from conformance.kube.manifests import merge
from conformance.trace.recorder import Recorder

META = {"name": "agent", "namespace": "ns", "uid": "ds", "generation": 1, "resourceVersion": "7"}


class Store:
    """One DaemonSet in an API that gives each write a resourceVersion, and a recorder that keeps what it is told."""

    def __init__(self) -> None:
        self.body: dict[str, Any] = {"metadata": dict(META), "spec": {"updateStrategy": {"type": "RollingUpdate"}}}
        self.wrote_all: list[int] = []
        self.actions: list[str] = []
        self.agent = Agent(cast(Api, self), cast(Recorder, self), self.body)

    def patch(self, path: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        spec = self.body["spec"]
        self.body = merge(self.body, patch)
        meta = self.body["metadata"]
        meta["resourceVersion"] = str(int(meta["resourceVersion"]) + 1)
        meta["generation"] += self.body["spec"] != spec
        return self.body

    def get(self, path: str) -> dict[str, Any]:
        return self.body

    def wrote(self, rv: int) -> None:
        self.wrote_all.append(rv)

    def action(self, verb: str, target: str, detail: Mapping[str, Any] | None = None) -> None:
        self.actions.append(verb)


def test_a_touch_is_a_change_each_time_and_no_new_generation() -> None:
    store = Store()
    seen = []
    for _ in range(2):
        store.agent.touch()
        seen.append(store.body["metadata"]["annotations"])
    assert seen[0] != seen[1]
    assert store.agent.generation == 1
    assert store.actions == ["touch", "touch"]


def test_ondelete_drops_the_budget_and_back_is_the_default_one() -> None:
    store = Store()
    store.agent.set_budget(max_unavailable=2)
    store.agent.set_strategy("OnDelete")
    assert store.body["spec"]["updateStrategy"] == {"type": "OnDelete"}
    store.agent.set_strategy("RollingUpdate")
    assert store.body["spec"]["updateStrategy"] == {"type": "RollingUpdate"}, "the API server fills in the budget"
    assert store.agent.generation == 4


def test_rolling_update_again_keeps_the_budget() -> None:
    store = Store()
    store.agent.set_budget(max_surge=1)
    store.agent.set_strategy("RollingUpdate")
    assert store.body["spec"]["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


@pytest.mark.parametrize(
    "write",
    [
        lambda agent: agent.patch({"spec": {"minReadySeconds": 1}}),
        lambda agent: agent.touch(),
        lambda agent: agent.set_strategy("OnDelete"),
        lambda agent: agent.patch_status({"numberReady": 9}),
    ],
    ids=["patch", "touch", "set_strategy", "patch_status"],
)
def test_every_write_is_told_to_the_trace(write: Callable[[Agent], None]) -> None:
    store = Store()
    assert store.wrote_all == [7], "what was created, or found, is one too"
    write(store.agent)
    assert store.wrote_all == [7, 8]
    assert store.agent.rv == 8


def test_what_kubectl_wrote_is_told_by_refresh() -> None:
    store = Store()
    store.patch("", {"spec": {"minReadySeconds": 1}})
    store.agent.refresh()
    assert store.wrote_all == [7, 8]
    assert store.agent.generation == 2
