"""Whom a kubeconfig impersonates is asked for by every request, or the kubeconfig is refused: nothing that limits a user is left out."""

from __future__ import annotations

import base64
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_standin import StandIn

from conformance.errors import UsageError
from conformance.kube.api import Api
from conformance.kube.resources import path


@pytest.fixture
def server() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()


def kubeconfig(server: StandIn, folder: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None) -> Path:
    file = server.kubeconfig(folder)
    config = yaml.safe_load(file.read_text())
    config["users"][0]["user"] |= user
    config["clusters"][0]["cluster"] |= cluster or {}
    file.write_text(yaml.safe_dump(config))
    return file


def test_every_kind_of_request_asks_for_it(server: StandIn, tmp_path: Path) -> None:
    user = {
        "as": "jane",
        "as-uid": "42",
        "as-groups": ["developers", "a,b", "Prüfer"],
        "as-user-extra": {"example.org/Scope": ["view", "list"], "50%": ["x"]},
    }
    server.handler = lambda method, path, body: None if method == "GET" else (200, {})
    api = Api.connect(kubeconfig(server, tmp_path, user), patience=1)
    api.list(path("pods"))
    with contextlib.closing(api.stream(path("pods"), read_timeout=5, watch="true")):
        pass
    api.create(path("pods", "ns"), {})
    api.replace(path("pods", "ns", "a"), {})
    api.patch(path("pods", "ns", "a"), {})
    api.delete(path("pods", "ns", "a"))
    api.close()
    assert len(server.headers) == 6
    for headers in server.headers:
        assert [(name, value) for name, value in headers if name.startswith("Impersonate")] == [
            ("Impersonate-User", "jane"),
            ("Impersonate-Uid", "42"),
            ("Impersonate-Group", "developers"),
            ("Impersonate-Group", "a,b"),
            ("Impersonate-Group", "Prüfer".encode().decode("latin-1")),
            ("Impersonate-Extra-50%25", "x"),
            ("Impersonate-Extra-example.org%2FScope", "view"),
            ("Impersonate-Extra-example.org%2FScope", "list"),
        ]
        assert ("authorization", "Bearer secret") in [(name.lower(), value) for name, value in headers]


@pytest.mark.parametrize(
    "user",
    [
        {"as-groups": ["system:masters"]},
        {"as-uid": "1"},
        {"as-user-extra": {"a": ["b"]}},
        {"as": "jane", "as-groups": "developers"},
        {"as": ["jane"]},
        {"as": 7},
        {"as": "jane\r\nImpersonate-Group: system:masters"},
        {"as": "jane", "as-groups": ["a\nb"]},
        {"as": "jane", "as-user-extra": ["a"]},
        {"as": "jane", "as-user-extra": {"a": "b"}},
        {"as": "jane", "as-user-extra": {"a\nb": ["c"]}},
    ],
)
def test_what_cannot_be_sent_is_refused(server: StandIn, tmp_path: Path, user: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"Name the user to impersonate|Mend these fields") as refused:
        Api.connect(kubeconfig(server, tmp_path, user))
    assert "\n" not in str(refused.value)
    assert server.headers == []


def test_the_context_decides_whose_it_is(server: StandIn, tmp_path: Path) -> None:
    file = kubeconfig(server, tmp_path, {})
    config = yaml.safe_load(file.read_text())
    config["users"].append({"name": "limited", "user": {"token": "secret", "as": "jane"}})
    config["contexts"].append({"name": "limited", "context": {"cluster": "c", "user": "limited"}})
    file.write_text(yaml.safe_dump(config))
    for context, expected in ((None, []), ("limited", ["jane"])):
        api = Api.connect(file, context)
        api.list(path("pods"))
        api.close()
        assert [value for name, value in server.headers.pop() if name == "Impersonate-User"] == expected


def test_keys_are_written_nowhere_but_beside_their_kubeconfig(server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There they go with the folder, also when the process is killed."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "private").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    pem = {name: base64.b64encode(f"{name} {tmp_path}".encode()).decode() for name in ("client-certificate-data", "client-key-data")}
    ca = {"server": "https://127.0.0.1:1", "certificate-authority-data": base64.b64encode(b"ca").decode()}
    file = kubeconfig(server, tmp_path / "private", pem, ca)
    with contextlib.suppress(UsageError, OSError):  # they are no certificates
        Api.connect(file)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert len(list((tmp_path / "private").iterdir())) == 4
    other = kubeconfig(server, tmp_path, {name: f"{value[:-4]}MTIz" for name, value in pem.items()}, ca)
    with contextlib.suppress(UsageError, OSError):
        Api.connect(other, scratch=tmp_path / "elsewhere")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert len(list((tmp_path / "elsewhere").iterdir())) == 2
