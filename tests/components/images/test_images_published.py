"""Node images that somebody else made, pulled by a real Docker from a stand-in for a registry: real HTTP, real digests, no internet."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from conformance.components.engine.docker import Docker
from conformance.components.images import published
from conformance.components.progress import Step, silent
from conformance.components.versions import NodeImage, resolve
from conformance.errors import ConformanceError, ToolMissing, UsageError

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Registry:
    """What the stand-in has: manifests by tag and digest, blobs by digest."""

    port: int = 0
    served: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def publish(self, version: str, *, file: str = "kind/version") -> NodeImage:
        """An image of one layer with one file in it; returns it as `versions.yaml` would name it."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as layer:
            entry = tarfile.TarInfo(file)
            entry.size = len(version)
            layer.addfile(entry, io.BytesIO(version.encode()))
        plain = packed.getvalue()
        layer_blob = gzip.compress(plain, mtime=0)
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        config = json.dumps(
            {"architecture": machine, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [_digest(plain)]}}
        ).encode()
        blobs = [(_CONFIG, config), (_LAYER, layer_blob)]
        described = [{"mediaType": kind, "size": len(data), "digest": _digest(data)} for kind, data in blobs]
        manifest = json.dumps({"schemaVersion": 2, "mediaType": _MANIFEST, "config": described[0], "layers": described[1:]}).encode()
        for kind, data in [*blobs, (_MANIFEST, manifest)]:
            self.served[_digest(data)] = (kind, data)
        self.served[version] = (_MANIFEST, manifest)
        return NodeImage("v0.33.0", version, _digest(manifest))

    @property
    def repository(self) -> str:
        return f"127.0.0.1:{self.port}/kindest/node"


@pytest.fixture
def docker() -> Docker:
    try:
        docker = Docker()
        docker.run("version")
    except (ToolMissing, ConformanceError) as error:
        pytest.skip(f"only Docker can pull images: {error}")
    return docker


@pytest.fixture
def registry(docker: Docker) -> Iterator[Registry]:
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.asked.append(self.path)
            name = self.path.rsplit("/", 1)[-1]
            kind, data = ("text/plain", b"{}") if self.path == "/v2/" else registry.served.get(name, ("", b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "application/json")
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            self.send_header("Docker-Content-Digest", _digest(data))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET  # noqa: N815 - the base class's way to name it

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield registry
    server.shutdown()
    server.server_close()
    thread.join()
    left = docker.run("images", "--quiet", registry.repository).out.split()
    if left:
        docker.run("rmi", "--force", *left)


def test_the_published_image_is_pulled_by_its_digest_and_once(registry: Registry, docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    minor = msgspec.structs.replace(resolve("1.37"), image=registry.publish("v1.37.0"))
    monkeypatch.setattr(NodeImage, "reference", property(lambda image: f"{registry.repository}:{image.version}@{image.digest}"))
    told: list[Step] = []

    name = published.ensure(published.PUBLISHED, minor=minor, docker=docker, progress=told.append)
    asked = len(registry.asked)
    again = published.ensure(published.PUBLISHED, minor=minor, docker=docker, progress=told.append)

    assert name == again == f"{registry.repository}:v1.37.0@{minor.image.digest}"
    assert docker.inspect(name, kind="image") is not None
    assert any(path.endswith(f"/manifests/{minor.image.digest}") for path in registry.asked), "the digest decides"
    assert len(registry.asked) == asked, "what is here is not asked for again"
    assert [step.doing for step in told] == ["asking its registry", "here"]


def test_an_image_of_another_minor_is_refused(registry: Registry, docker: Docker) -> None:
    registry.publish("v1.36.4")

    with pytest.raises(UsageError, match=r"holds Kubernetes v1\.36\.4, and 1\.37 is asked for\. Say --kubernetes 1\.36"):
        published.ensure(f"{registry.repository}:v1.36.4", minor=resolve("1.37"), docker=docker, progress=silent)

    image = f"{registry.repository}:v1.36.4"
    assert published.ensure(image, minor=resolve("1.36"), docker=docker, progress=silent) == image


def test_an_image_that_is_no_node_is_refused(registry: Registry, docker: Docker) -> None:
    registry.publish("latest", file="etc/issue")
    registry.publish("nonsense")

    with pytest.raises(UsageError, match=r"no node image of kind's: its file /kind/version is missing"):
        published.ensure(f"{registry.repository}:latest", minor=resolve("1.37"), docker=docker, progress=silent)
    with pytest.raises(UsageError, match=r"its file /kind/version says 'nonsense'"):
        published.ensure(f"{registry.repository}:nonsense", minor=resolve("1.37"), docker=docker, progress=silent)


def test_an_image_that_cannot_be_pulled_names_the_way_out(registry: Registry, docker: Docker) -> None:
    with pytest.raises(UsageError, match=r"(?s)v9 is not here and could not be pulled: .*leave --kind-image out to have an image built"):
        published.ensure(f"{registry.repository}:v9", minor=resolve("1.37"), docker=docker, progress=silent)

    assert any(path.endswith("/manifests/v9") for path in registry.asked)
