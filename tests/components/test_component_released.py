"""Released binaries, from a stand-in for the projects' download pages: real HTTP, real files, no internet."""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conformance.components import build, cache, released
from conformance.components.progress import Step, silent
from conformance.components.versions import COMPONENTS, resolve
from conformance.errors import BuildError, ToolMissing, UsageError

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the addresses below name amd64")

KUBECTL = "/dl.k8s.io/release/v1.37.1/bin/linux/amd64/kubectl"
ETCD = "/github.com/etcd-io/etcd/releases/download/v3.6.14"
PROGRAM = b"#!/bin/sh\necho Client Version: v1.37.1\n"


class Pages:
    """What the server has, how often it fails first, and what was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.failures = 0
        self.asked: list[str] = []
        self.cut = False

    def publish(self, path: str, data: bytes) -> None:
        self.files[path] = data
        self.files[f"{path}.sha256"] = hashlib.sha256(data).hexdigest().encode()


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Pages]:
    pages = Pages()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages.asked.append(self.path)
            if pages.failures:
                pages.failures -= 1
                self.send_error(503)
            elif (data := pages.files.get(self.path)) is None:
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[:10] if pages.cut and "." not in self.path.rsplit("/", 1)[-1] else data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))  # no Go
    monkeypatch.setenv(released.VARIABLE, f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    yield pages
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_released_binary_is_taken_without_go(pages: Pages) -> None:
    pages.publish(KUBECTL, PROGRAM)
    steps: list[Step] = []
    path = build.ensure(["kubectl"], progress=steps.append)["kubectl"]
    assert path.read_bytes() == PROGRAM
    assert path.stat().st_mode & 0o111
    assert steps[-1].last
    assert str(steps[-1]).startswith("downloading kubectl v1.37.1: 0 MB, ")
    assert [(entry.name, entry.version) for entry in cache.entries()] == [("kubectl", "v1.37.1")]


def test_a_second_time_nothing_is_asked_for(pages: Pages) -> None:
    pages.publish(KUBECTL, PROGRAM)
    first = build.ensure(["kubectl"], progress=silent)
    asked = len(pages.asked)
    assert build.ensure(["kubectl"], progress=silent) == first
    assert len(pages.asked) == asked == 2


def test_a_program_in_an_archive(pages: Pages) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("etcd-v3.6.14-linux-amd64/etcd")
        info.size = len(PROGRAM)
        archive.addfile(info, io.BytesIO(PROGRAM))
    name = "etcd-v3.6.14-linux-amd64.tar.gz"
    pages.files[f"{ETCD}/{name}"] = packed.getvalue()
    other = "0" * 64
    pages.files[f"{ETCD}/SHA256SUMS"] = f"{other}  x.zip\n{hashlib.sha256(packed.getvalue()).hexdigest()}  {name}\n".encode()
    assert build.ensure(["etcd"], progress=silent)["etcd"].read_bytes() == PROGRAM


def test_what_its_project_does_not_release_is_built(pages: Pages) -> None:
    assert released.find(COMPONENTS["kwokctl"], resolve("1.37")) is None
    with pytest.raises(ToolMissing):
        build.ensure(["kwokctl"], progress=silent)
    assert pages.asked == []


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(pages: Pages) -> None:
    pages.publish(KUBECTL, PROGRAM)
    pages.files[KUBECTL] = PROGRAM + b"#"
    with pytest.raises(BuildError, match=r"kubectl could not be downloaded: its sha256 is \w+, and http\S+kubectl\.sha256 says"):
        build.ensure(["kubectl"], progress=silent)
    assert cache.entries() == []
    assert list((cache.root() / "building").iterdir()) == []


def test_a_checksum_file_that_does_not_speak_of_it_is_refused(pages: Pages) -> None:
    pages.publish(KUBECTL, PROGRAM)
    pages.files[f"{KUBECTL}.sha256"] = b"0123  kubelet\n4567  kubeadm\n"
    with pytest.raises(BuildError, match="has no line for kubectl"):
        build.ensure(["kubectl"], progress=silent)


def test_a_server_in_trouble_is_asked_again(pages: Pages) -> None:
    pages.publish(KUBECTL, PROGRAM)
    pages.failures = 3
    assert build.ensure(["kubectl"], progress=silent)["kubectl"].read_bytes() == PROGRAM


def test_a_download_that_is_cut_is_not_taken(pages: Pages) -> None:
    pages.publish(KUBECTL, PROGRAM)
    pages.cut = True
    with pytest.raises(BuildError, match="could not be downloaded"):
        build.ensure(["kubectl"], progress=silent)
    assert cache.entries() == []


def test_what_is_not_there_says_where_it_was_looked_for(pages: Pages) -> None:
    with pytest.raises(BuildError) as raised:
        build.ensure(["kube-scheduler"], progress=silent)
    for words in ("kube-scheduler", "404", "HTTPS_PROXY", "CONFORMANCE_RELEASED"):
        assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_projects_own_pages_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(released.VARIABLE, "1")
    found = released.find(COMPONENTS["kube-apiserver"], resolve("1.36"))
    assert found is not None
    assert found.url == "https://dl.k8s.io/release/v1.36.4/bin/linux/amd64/kube-apiserver"


@pytest.mark.parametrize(("value", "answer"), [("", False), ("0", False), ("no", False), ("1", True), ("YES", True), ("http://x", True)])
def test_who_asks_for_releases(monkeypatch: pytest.MonkeyPatch, value: str, answer: bool) -> None:
    monkeypatch.setenv(released.VARIABLE, value)
    assert released.wanted() is answer


def test_nonsense_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(released.VARIABLE, "perhaps")
    with pytest.raises(UsageError, match="CONFORMANCE_RELEASED=perhaps: say 1"):
        released.wanted()
