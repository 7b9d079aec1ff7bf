"""Refusals that a scenario brings about: a block begins when the API server enforces them, and ends when it no longer does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from conformance.errors import ApiError, ClusterError
from conformance.handles import refusing
from conformance.handles.refusing import Refusing, in_force
from conformance.kube.api import Api
from conformance.trace.recorder import Recorder


class Server:
    """An API server that enforces what it stores some dry runs later, and forgets what is deleted as slowly."""

    def __init__(self, says: str, *, slow: int = 3, code: int = 403) -> None:
        self.says, self.slow, self.code = says, slow, code
        self.stored: list[str] = []
        self.asked = 0
        self.enforced = False
        self.told: list[str] = []

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        if not query:
            self.stored.append(f"{path}/{body['metadata']['name']}")
            self.asked = 0
            return dict(body)
        self.asked += 1
        if self.asked >= self.slow:
            self.enforced = bool(self.stored)
        if self.enforced:
            raise ApiError(self.code, "Forbidden", self.says)
        return dict(body)

    def delete(self, path: str) -> dict[str, Any]:
        self.asked = 0
        self.stored.remove(path)
        return {}

    def action(self, verb: str, target: str, detail: Mapping[str, Any] | None = None) -> None:
        self.told.append(f"{verb} {target}")

    def note(self, text: str) -> None:
        self.told.append(text)

    def holds(self, what: Refusing, limit: float = 5.0) -> Any:
        return in_force(cast(Api, self), cast(Recorder, self), what, limit=limit)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusing, "_STEP", 0.001)


QUOTA = refusing.quota("ns", {"pods": 2}, {"run": "1"})
POLICY = refusing.policy("ns", ["n-2", "n-1"], {"run": "1"})


@pytest.mark.parametrize("what", [QUOTA, POLICY], ids=["quota", "policy"])
def test_the_block_begins_and_ends_with_what_is_enforced(what: Refusing) -> None:
    server = Server(f"it is forbidden: {what.says}, requested: 1")
    seen = []
    with server.holds(what):
        seen.append((server.enforced, len(server.stored)))
    seen.append((server.enforced, len(server.stored)))
    assert seen == [(True, len(what.objects)), (False, 0)]
    assert server.told[len(what.objects)] == f"{what.name} is in force"
    assert server.told[-1] == f"{what.name} is no longer in force"


def test_a_refusal_for_another_reason_is_none() -> None:
    """A quota whose usage is not known yet refuses, too, and is not what was asked for."""
    server = Server(f"status unknown for quota: {QUOTA.name}, resources: pods", slow=1)
    never = f"{QUOTA.name} was made, and the API server does not enforce it after 0.05 s"
    with pytest.raises(ClusterError, match=never), server.holds(QUOTA, limit=0.05):
        raise AssertionError("never reached")
    assert server.stored == []


def test_one_that_does_not_go_is_told() -> None:
    server = Server(QUOTA.says)
    with pytest.raises(ClusterError, match="is deleted, and the API server goes on enforcing it"), server.holds(QUOTA, limit=0.05):
        server.slow = 1_000_000


def test_what_goes_wrong_inside_is_what_is_raised_and_nothing_is_left() -> None:
    server = Server(QUOTA.says)
    with pytest.raises(AssertionError, match="the scenario's own"), server.holds(QUOTA):
        raise AssertionError("the scenario's own")
    assert server.stored == []


def test_a_server_that_cannot_say_is_no_refusal() -> None:
    server = Server(QUOTA.says, code=401)
    with pytest.raises(ApiError, match="401"), server.holds(QUOTA):
        raise AssertionError("never reached")


def test_a_quota_counts_what_shows_that_it_is_in_force() -> None:
    [body] = QUOTA.objects
    assert body["spec"] == {"hard": {"pods": "2", "replicationcontrollers": "0"}}
    assert body["metadata"]["labels"] == {"run": "1"}
    assert QUOTA.asked["kind"] == "ReplicationController"


def test_a_policy_is_for_its_namespace_alone() -> None:
    policy, binding = POLICY.objects
    assert binding["spec"]["matchResources"] == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ns"}}}
    assert binding["spec"]["policyName"] == policy["metadata"]["name"] == "ns-refuses-pods"
    assert "['n-1', 'n-2']" in policy["spec"]["validations"][0]["expression"]
    assert POLICY.asked["spec"]["nodeName"] == "n-1"


def test_without_nodes_every_pod_is_refused() -> None:
    policy = refusing.policy("ns", [], {})
    assert policy.objects[0]["spec"]["validations"][0]["expression"] == "false"
    assert "nodeName" not in policy.asked["spec"]


def test_what_a_scenario_has_deleted_itself_is_no_error() -> None:
    server = Server(QUOTA.says)
    delete: Callable[[str], dict[str, Any]] = server.delete

    def gone(path: str) -> dict[str, Any]:
        delete(path)
        raise ApiError(404, "NotFound", "not found")

    server.delete = gone  # type: ignore[method-assign]
    with server.holds(QUOTA):
        pass
    assert server.stored == []
