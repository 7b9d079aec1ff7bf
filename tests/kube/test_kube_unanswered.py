"""A server that cannot be asked: the cause, and a way out that changes something, for every kind of trouble on the way to it."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from api_standin import StandIn

from conformance.clusters.embedded import credentials
from conformance.clusters.existing import kubeconfig as kubeconfigs
from conformance.clusters.existing.provider import reach
from conformance.errors import ClusterError, UsageError
from conformance.kube.api import Api, Closed, is_loopback


class Page(BaseHTTPRequestHandler):
    """Answers everything with a page for people, as a proxy, a login page or somebody else's server does."""

    status = 501

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _page(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"<!DOCTYPE HTML>\n<html lang='en'>" + b"<p>x</p>" * 1000
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _page  # noqa: N815


class Fine(Page):
    status = 200


def serving(handler: type[Page], context: ssl.SSLContext | None = None) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("0.0.0.0", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[int, credentials.Credentials]]:
    """A server with a certificate of its own, and the credentials that go with it."""
    home = tmp_path / "own"
    home.mkdir()
    made = credentials.write(home, "https://127.0.0.1:1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server_certificate, made.server_key)
    server = serving(Fine, context)
    yield server.server_address[1], made
    server.shutdown()
    server.server_close()


def asking(made: credentials.Credentials, server: str) -> Api:
    """Ask this server as those credentials say."""
    file = made.kubeconfig("admin")
    config = json.loads(file.read_text())
    config["clusters"][0]["cluster"]["server"] = server
    file.write_text(json.dumps(config))
    return Api.connect(file, patience=0.1)


def trouble(api: Api) -> str:
    with pytest.raises(ClusterError) as caught:
        api.version()
    api.close()
    assert len(str(caught.value)) < 500
    return str(caught.value)


def test_another_certificate_authority(secure: tuple[int, credentials.Credentials], tmp_path: Path) -> None:
    port, _ = secure
    (tmp_path / "other").mkdir()
    other = credentials.write(tmp_path / "other", "https://127.0.0.1:1")
    said = trouble(asking(other, f"https://127.0.0.1:{port}"))
    assert "is not signed by the certificate-authority of" in said
    assert "check that it runs" not in said


def test_a_certificate_for_another_address(secure: tuple[int, credentials.Credentials]) -> None:
    port, made = secure
    assert "is for another name" in trouble(asking(made, f"https://127.0.0.2:{port}"))


def test_a_certificate_that_is_gone(secure: tuple[int, credentials.Credentials]) -> None:
    port, made = secure
    api = asking(made, f"https://127.0.0.1:{port}")
    made.ca.unlink()
    assert "is gone" in trouble(api)


def test_a_server_that_speaks_no_tls(secure: tuple[int, credentials.Credentials]) -> None:
    _, made = secure
    server = serving(Page)
    assert "does not speak TLS" in trouble(asking(made, f"https://127.0.0.1:{server.server_address[1]}"))
    server.shutdown()
    server.server_close()


def test_a_name_that_nobody_knows(secure: tuple[int, credentials.Credentials], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert "is not known" in trouble(asking(secure[1], "https://nowhere.invalid:6443"))


def test_a_proxy_is_named_and_never_asked_for_this_machine(
    secure: tuple[int, credentials.Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, made = secure
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    said = trouble(asking(made, "https://192.0.2.1:6443"))
    assert "the proxy http://127.0.0.1:1 did not pass it on" in said
    assert "NO_PROXY" in said
    assert "is no JSON" in trouble(asking(made, f"https://127.0.0.1:{port}")), "it was asked, and without the proxy"


@pytest.mark.parametrize(
    ("server", "own"),
    [
        ("https://127.0.0.1:6443", True),
        ("https://localhost:1", True),
        ("https://[::1]:6443", True),
        ("https://10.0.0.1:6443", False),
        ("https://localhost.example", False),
    ],
)
def test_which_servers_are_this_machine(server: str, own: bool) -> None:
    assert is_loopback(server) is own


@pytest.mark.parametrize("handler", [Page, Fine])
def test_what_is_no_api_server_is_told_in_one_paragraph(handler: type[Page], tmp_path: Path) -> None:
    server = serving(handler)
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    target = kubeconfigs.find(tmp_path / "kubeconfig")
    (tmp_path / "copy").mkdir()
    with pytest.raises(UsageError, match="does not answer like an API server") as caught:
        reach(target, target.write(tmp_path / "copy"))
    assert target.server in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"exec": {"command": "no-such-login-tool"}}, "no-such-login-tool, which .* was not found: install it"),
        ({"exec": {"command": "sh", "args": ["-c", "echo expired >&2; exit 3"]}}, r"ended with exit code 3 \(expired\)"),
        ({"exec": {"command": "sh", "args": ["-c", "echo '{}'"]}}, "gave none that can be used"),
        ({}, "has neither token nor certificate"),
    ],
    ids=["missing", "failing", "empty", "nobody"],
)
def test_credentials_that_did_not_come_are_named_and_not_the_roles(user: dict[str, object], words: str, tmp_path: Path) -> None:
    server = StandIn()
    if "exec" in user:
        user["exec"] = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", **user["exec"]}  # type: ignore[dict-item]
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": user}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    target = kubeconfigs.find(tmp_path / "kubeconfig")
    (tmp_path / "copy").mkdir()
    with pytest.raises(UsageError, match=words):
        reach(target, target.write(tmp_path / "copy"))
    server.close()


def test_a_cluster_that_was_ended_is_asked_no_more(tmp_path: Path) -> None:
    server = StandIn()
    api = Api.connect(server.kubeconfig(tmp_path), patience=60)
    api.close()
    with pytest.raises(Closed, match="has been ended"):
        api.delete("/api/v1/namespaces/x")
    server.close()
