"""Requests: what is sent again, what is refused, and how that is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_standin import StandIn

from conformance.errors import ApiError, ClusterError, UsageError
from conformance.kube.api import Api
from conformance.kube.resources import path

Answer = tuple[int, dict[str, Any]]


class Script:
    """Answers in turn, and remembers what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []

    def __call__(self, method: str, path: str, body: Any) -> Answer:
        self.asked.append((method, path, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def server() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()


@pytest.fixture
def api(server: StandIn, tmp_path: Path) -> Iterator[Api]:
    api = Api.connect(server.kubeconfig(tmp_path), patience=5)
    yield api
    api.close()


def test_answers_are_plain_json(server: StandIn, api: Api) -> None:
    server.handler = script = Script((200, {"kind": "Pod", "unknown": [1, None]}))
    assert api.get(path("pods", "ns", "a")) == {"kind": "Pod", "unknown": [1, None]}
    api.create(path("pods", "ns"), {"x": 1})
    api.delete(path("pods", "ns", "a"), {"gracePeriodSeconds": 0})
    assert script.asked[1:] == [
        ("POST", "/api/v1/namespaces/ns/pods", {"x": 1}),
        ("DELETE", "/api/v1/namespaces/ns/pods/a", {"gracePeriodSeconds": 0}),
    ]


def test_a_refusal_carries_reason_and_causes(server: StandIn, api: Api) -> None:
    status = {
        "code": 422,
        "reason": "Invalid",
        "message": "no",
        "details": {"causes": [{"field": "spec.selector", "message": "immutable"}]},
    }
    server.handler = Script((422, status))
    with pytest.raises(ApiError, match="422 Invalid: no") as caught:
        api.replace(path("daemonsets", "ns", "a"), {})
    assert caught.value.fields == {"spec.selector"}


@pytest.mark.parametrize(
    ("send", "status", "again"),
    [
        (lambda api: api.get("/x"), 500, True),
        (lambda api: api.replace("/x", {}), 503, True),
        (lambda api: api.delete("/x"), 503, True),
        (lambda api: api.patch("/x", {}), 503, True),
        (lambda api: api.patch("/x", [], kind="json"), 503, False),
        (lambda api: api.create("/x", {}), 503, False),
        (lambda api: api.create("/x", {}), 429, True),
        (lambda api: api.get("/x"), 409, False),
    ],
)
def test_only_what_cannot_happen_twice_is_sent_again(server: StandIn, api: Api, send: Any, status: int, again: bool) -> None:
    server.handler = script = Script((status, {"reason": "Whatever"}), (200, {}))
    if again:
        send(api)
    else:
        with pytest.raises(ApiError):
            send(api)
    assert len(script.asked) == (2 if again else 1)


def test_patience_ends_with_the_last_refusal(server: StandIn, tmp_path: Path) -> None:
    server.handler = Script((503, {"reason": "ServiceUnavailable", "message": "starting"}))
    api = Api.connect(server.kubeconfig(tmp_path), patience=0.2)
    with pytest.raises(ApiError, match="503 ServiceUnavailable: starting"):
        api.get("/x")
    api.close()


def test_a_server_that_is_away_is_named(server: StandIn, tmp_path: Path) -> None:
    kubeconfig = server.kubeconfig(tmp_path)
    url = server.url
    server.server.server_close()
    api = Api.connect(kubeconfig, patience=0.2)
    with pytest.raises(ClusterError, match=r"POST /x got no answer .* check that it runs") as caught:
        api.create("/x", {})
    assert url in str(caught.value)
    api.close()


def test_kubeconfigs_that_cannot_be_used(tmp_path: Path, server: StandIn) -> None:
    with pytest.raises(UsageError, match="there is no kubeconfig at"):
        Api.connect(tmp_path / "none")
    with pytest.raises(UsageError, match=r"context 'other' of .* cannot be used"):
        Api.connect(server.kubeconfig(tmp_path), "other")


def test_the_users_own_kubeconfig_is_left_alone(server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    (home / ".kube" / "config").write_text("not: [valid")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KUBECONFIG", str(home / ".kube" / "config"))
    server.handler = Script((200, {"gitVersion": "v1.37.1"}))
    kubeconfig = server.kubeconfig(tmp_path)
    before = kubeconfig.read_bytes()
    api = Api.connect(kubeconfig)
    assert api.version() == "v1.37.1"
    api.close()
    assert kubeconfig.read_bytes() == before
    assert sorted(os.listdir(home / ".kube")) == ["config"]  # noqa: PTH208


def test_paths() -> None:
    assert path("pods") == "/api/v1/pods"
    assert path("pods", "ns", "a", "eviction") == "/api/v1/namespaces/ns/pods/a/eviction"
    assert path("nodes", name="n") == "/api/v1/nodes/n"
    assert path("namespaces", name="ns") == "/api/v1/namespaces/ns"
    assert path("daemonsets", "ns") == "/apis/apps/v1/namespaces/ns/daemonsets"
    assert path("controllerrevisions") == "/apis/apps/v1/controllerrevisions"
    with pytest.raises(UsageError, match="lives in a namespace"):
        path("pods", name="a")
    with pytest.raises(UsageError, match="'daemonset' is not known; known are"):
        path("daemonset")
