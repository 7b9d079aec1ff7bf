"""A Lease is given up before it lapses for others, whatever kept it from being renewed, and by every process that uses the cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_standin import StandIn

from conformance.clusters.existing import holding, owning
from conformance.clusters.existing.holding import DURATION, GIVE_UP, INTERVAL, LookingOn
from conformance.clusters.existing.lease import RunLease
from conformance.errors import LeaseLost
from conformance.kube.api import Api

RUN = "abc"


class Clock:
    """What time it is, as the test has it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Server:
    """One Lease, which answers, or does not."""

    def __init__(self, standin: StandIn) -> None:
        self.run = RUN
        self.renewed = "2026-01-01T00:00:00.000000Z"
        self.silent = False
        self.asked = threading.Semaphore(0)
        standin.handler = self

    def __call__(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        self.asked.release()
        if self.silent:
            return 500, {"reason": "InternalError", "message": "etcd is away"}
        if method == "PUT":
            self.renewed = body["spec"]["renewTime"]
        spec = {"renewTime": self.renewed, "holderIdentity": "somebody"}
        return 200, {"metadata": {"name": "run", "labels": owning.labels(self.run)}, "spec": spec}

    def looks(self, times: int) -> None:
        """Wait until it was asked so often from now on."""
        while self.asked.acquire(blocking=False):
            pass
        for _ in range(times):
            assert self.asked.acquire(timeout=20)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(holding, "clock", clock)
    monkeypatch.setattr(holding, "INTERVAL", 0.01)
    return clock


@pytest.fixture
def standin() -> Iterator[StandIn]:
    standin = StandIn()
    yield standin
    standin.close()


@pytest.fixture(params=[RunLease, LookingOn], ids=["the one that renews", "one that looks on"])
def lease(request: pytest.FixtureRequest, standin: StandIn, clock: Clock, tmp_path: Path) -> Iterator[tuple[holding.Holding, Server]]:
    server = Server(standin)
    api = Api.connect(standin.kubeconfig(tmp_path), patience=0.01)
    made: holding.Holding = request.param(api, RUN)
    made.start()
    yield made, server
    made.stop()
    api.close()


def test_the_margin_is_larger_than_what_may_be_missed() -> None:
    """A worker may see a renewal one look after it was made, and the one that renews may be one look late."""
    assert GIVE_UP + INTERVAL < DURATION
    assert GIVE_UP >= 3 * INTERVAL


def test_a_lease_that_cannot_be_renewed_is_given_up_in_time(lease: tuple[holding.Holding, Server], clock: Clock) -> None:
    made, server = lease
    server.looks(4)
    made.check()
    server.silent = True
    server.looks(4)
    clock.now += GIVE_UP - 1
    made.check()
    clock.now += 2
    with pytest.raises(LeaseLost, match="was not renewed for 40 s"):
        made.check()
    server.silent = False
    with pytest.raises(LeaseLost):  # and it is not taken up again: meanwhile it may have been another's
        made.check()


def test_a_worker_does_not_live_longer_than_who_renews(standin: StandIn, clock: Clock, tmp_path: Path) -> None:
    """The controller hangs, and the server answers all the time."""
    server = Server(standin)
    api = Api.connect(standin.kubeconfig(tmp_path), patience=0.01)
    worker = LookingOn(api, RUN)
    worker.start()
    server.looks(3)
    clock.now += GIVE_UP - 1
    server.renewed = "2026-01-01T00:00:39.000000Z"
    server.looks(3)
    clock.now += 2
    worker.check()
    server.looks(3)
    clock.now += GIVE_UP
    with pytest.raises(LeaseLost, match="was not renewed"):
        worker.check()
    worker.stop()
    api.close()


def test_a_lease_that_was_taken_is_lost_at_once(lease: tuple[holding.Holding, Server]) -> None:
    made, server = lease
    server.run = "other"
    made._thread.join(timeout=20)
    with pytest.raises(LeaseLost, match=r"Another run \(somebody\) has taken this cluster over"):
        made.check()
