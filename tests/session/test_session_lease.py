"""A worker's cluster is opened once, thrown away when dirty or broken, and left running when it is to be kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.errors import ComponentDied
from conformance.session.lease import Leasable, Lease


class Host:
    """A cluster as far as a lease looks at it."""

    def __init__(self) -> None:
        self.facts = SimpleNamespace(name="embedded-x", kubeconfig=Path("kubeconfig"), farewell="")
        self.left: list[str] = []
        self.dead = False
        self.ended: list[str] = []

    def check(self) -> None:
        if self.dead:
            raise ComponentDied("etcd ended")

    def dirt(self) -> list[str]:
        return self.left

    def detach(self) -> None:
        self.ended.append("detached")

    def close(self, *, keep_logs: bool) -> None:
        self.ended.append("closed, logs kept" if keep_logs else "closed")


@pytest.fixture
def hosts() -> list[Host]:
    return []


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def lease(hosts: list[Host], said: list[str]) -> Lease:
    def open_one() -> Leasable:
        hosts.append(Host())
        return cast(Leasable, cast(Any, hosts[-1]))

    return Lease(open_one, say=said.append, kubectl=lambda: "/built/kubectl")


def test_a_clean_cluster_is_used_again(lease: Lease, hosts: list[Host]) -> None:
    first = lease.take()
    lease.give_back()
    assert lease.take() is first
    assert hosts[0].ended == []


def test_a_dirty_cluster_is_thrown_away(lease: Lease, hosts: list[Host], said: list[str]) -> None:
    lease.take()
    hosts[0].left = ["left over: nodes /node-1"]
    lease.give_back()
    lease.take()
    assert (len(hosts), hosts[0].ended) == (2, ["closed"])
    assert "nodes /node-1" in said[0]


def test_a_death_between_scenarios_is_nobodys_and_costs_nobody_anything(lease: Lease, hosts: list[Host], said: list[str]) -> None:
    lease.take()
    lease.give_back()
    hosts[0].dead = True
    assert lease.take() is cast(Any, hosts[1])
    assert hosts[0].ended == ["closed, logs kept"]
    assert "etcd ended" in said[0]


def test_a_death_in_a_scenario_is_told_when_the_cluster_comes_back(lease: Lease, hosts: list[Host]) -> None:
    lease.take()
    hosts[0].dead = True
    with pytest.raises(ComponentDied):
        lease.give_back()
    lease.throw_away(keep_logs=True)
    assert lease.take() is cast(Any, hosts[1])


def test_a_kept_cluster_runs_on_and_the_user_is_told_how_to_end_it(lease: Lease, hosts: list[Host], said: list[str]) -> None:
    lease.take()
    lease.keep()
    lease.throw_away(keep_logs=False)
    assert hosts[0].ended == ["detached"]
    assert "conformance down embedded-x" in said[0]
    assert "/built/kubectl --kubeconfig kubeconfig" in said[0], "a machine without kubectl has only this one"
