"""Released binaries, from a stand-in for the projects' download pages: real HTTP, real files, no internet."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import platform
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conformance.components import build, cache, released
from conformance.components.progress import Step, silent
from conformance.components.versions import COMPONENTS, MINORS, resolve
from conformance.errors import BuildError, ToolMissing, UsageError

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the addresses below name amd64")

KUBECTL = "/dl.k8s.io/release/v1.37.1/bin/linux/amd64/kubectl"
ETCD = "/github.com/etcd-io/etcd/releases/download/v3.6.14"
PROGRAM = b"#!/bin/sh\necho Client Version: v1.37.1\n"


class Pages:
    """What the server has, how often it fails first, and what was asked for."""

    def __init__(self, sums: Path) -> None:
        self.sums = sums
        sums.write_text("# what the user knows of them\n\n")
        self.files: dict[str, bytes] = {}
        self.failures = 0
        self.asked: list[str] = []
        self.cut = False

    def publish(self, path: str, data: bytes) -> None:
        self.files[path] = data
        self.vouch(path, data)

    def vouch(self, path: str, data: bytes) -> None:
        with self.sums.open("a") as out:
            out.write(f"{hashlib.sha256(data).hexdigest()}  .{path}\n")


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Pages]:
    pages = Pages(tmp_path / "sums")
    monkeypatch.setenv(released.VARIABLE_SUMS, str(pages.sums))

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
    assert len(pages.asked) == asked == 1


def test_a_program_in_an_archive(pages: Pages) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("etcd-v3.6.14-linux-amd64/etcd")
        info.size = len(PROGRAM)
        archive.addfile(info, io.BytesIO(PROGRAM))
    name = "etcd-v3.6.14-linux-amd64.tar.gz"
    pages.publish(f"{ETCD}/{name}", packed.getvalue())
    assert build.ensure(["etcd"], progress=silent)["etcd"].read_bytes() == PROGRAM


def test_what_its_project_does_not_release_is_built(pages: Pages) -> None:
    assert released.find(COMPONENTS["kwokctl"], resolve("1.37")) is None
    with pytest.raises(ToolMissing):
        build.ensure(["kwokctl"], progress=silent)
    assert pages.asked == []


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(pages: Pages) -> None:
    pages.publish(KUBECTL, PROGRAM)
    pages.files[KUBECTL] = PROGRAM + b"#"
    pages.files[f"{KUBECTL}.sha256"] = hashlib.sha256(PROGRAM + b"#").hexdigest().encode()  # what a mirror says of itself
    with pytest.raises(BuildError, match=r"kubectl could not be downloaded: its sha256 is \w+, and it has to be"):
        build.ensure(["kubectl"], progress=silent)
    assert cache.entries() == []
    assert pages.asked == [KUBECTL]
    assert list((cache.root() / "building").iterdir()) == []


@pytest.mark.parametrize("name", ["kubectl", "etcd", "kwok", "kind"])
def test_what_nobody_vouches_for_is_not_run(pages: Pages, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror answers anything, its checksums included; the projects' own pages say something else, or do not speak without TLS."""
    found = released.find(COMPONENTS[name], resolve("1.37"))
    assert found is not None
    place = "/" + found.url.split("/", 3)[3]
    pages.files[place] = PROGRAM
    for checksums in (f"{place}.sha256", f"{place}.sha256sum", f"{place.rsplit('/', 1)[0]}/SHA256SUMS"):
        pages.files[checksums] = f"{hashlib.sha256(PROGRAM).hexdigest()}  {place.rsplit('/', 1)[1]}\n".encode()
    monkeypatch.setenv("HTTPS_PROXY", os.environ[released.VARIABLE])  # the projects' pages cannot be reached
    with pytest.raises(BuildError, match=released.VARIABLE_SUMS):
        build.ensure([name], progress=silent)
    assert cache.entries() == []
    assert [path for path in pages.asked if "sha" in path.lower()] == []


def test_a_checksum_page_without_tls_vouches_for_nothing(pages: Pages) -> None:
    found = released.find(COMPONENTS["kubectl"], resolve("1.37"))
    assert found is not None
    pages.files["/sums"] = hashlib.sha256(PROGRAM).hexdigest().encode()
    plain = dataclasses.replace(found, checksums=f"{os.environ[released.VARIABLE]}sums")
    with pytest.raises(OSError, match="without TLS"):
        released._published(plain)


def test_what_is_in_the_cache_is_held_against_what_is_known_by_now(pages: Pages) -> None:
    pages.publish(KUBECTL, PROGRAM)
    build.ensure(["kubectl"], progress=silent)
    better = PROGRAM + b"# not what it was said to be\n"
    pages.publish(KUBECTL, better)
    assert build.ensure(["kubectl"], progress=silent)["kubectl"].read_bytes() == better


@pytest.mark.parametrize("line", ["0123  dl.k8s.io/x", "kubectl", f"{'0' * 64}", f"{'g' * 64}  x"])
def test_a_file_of_checksums_that_is_none(pages: Pages, line: str) -> None:
    pages.sums.write_text(f"# mine\n{line}\n")
    with pytest.raises(UsageError, match=r"line 2: .* is not what sha256sum writes"):
        build.ensure(["kubectl"], progress=silent)
    pages.sums.unlink()
    with pytest.raises(UsageError, match=rf"{released.VARIABLE_SUMS}=.* cannot be read"):
        build.ensure(["kubectl"], progress=silent)


def test_a_checksum_file_that_does_not_speak_of_it_is_refused(pages: Pages) -> None:
    found = released.find(COMPONENTS["kubectl"], resolve("1.37"))
    assert found is not None
    with pytest.raises(OSError, match="has no line for kubectl"):
        released._checksum(b"0123  kubelet\n4567  kubeadm\n", found)
    assert released._checksum(b"89AB\n", found) == "89ab"
    assert released._checksum(b"0123  kubelet\n4567 *kubectl\n", found) == "4567"


def test_the_pinned_checksums_are_of_what_is_pinned() -> None:
    known = {url.removeprefix("https://") for url in _addresses()}
    assert [path for path in released._known() if path not in known] == []


def _addresses() -> set[str]:
    found = (released.find(component, minor) for component in COMPONENTS.values() for minor in MINORS.values())
    return {download.url for download in found if download is not None}


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
    pages.vouch(KUBECTL.replace("kubectl", "kube-scheduler"), PROGRAM)
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
