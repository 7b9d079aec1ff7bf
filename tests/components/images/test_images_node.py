"""Which node images are made, and when they are made again."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_docker import FakeDocker

from conformance.components import build
from conformance.components.images import base, making, node


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[node.NodeImage]:
    """The images that were made; making one takes no time."""
    done: list[node.NodeImage] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "ensure", lambda *_, **__: {})
    monkeypatch.setattr(making, "sweep", lambda _: [])
    monkeypatch.setattr(node, "_make", lambda _docker, image, *_: done.append(image))
    return done


def put(docker: FakeDocker, name: str) -> None:
    file = docker.folder / "objects" / "image" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"Id": "sha256:0"}')


def test_a_control_plane_and_its_workers_have_an_image_each(made: list[node.NodeImage], tmp_path: Path) -> None:
    docker = FakeDocker(tmp_path)
    image = node.ensure("1.37", docker=docker, cgroups_v1=True)
    assert made == [image]
    assert image.name != image.worker

    put(docker, image.name)
    node.ensure("1.37", docker=docker, cgroups_v1=True)
    assert len(made) == 2, "one of the two is missing"

    put(docker, image.worker)
    assert node.ensure("1.37", docker=docker, cgroups_v1=True) == image
    assert len(made) == 2
    node.ensure("1.37", docker=docker, cgroups_v1=False)
    assert len(made) == 3, "another kind of host wants another image"


def test_a_node_serves_images_where_its_containerd_asks_for_them() -> None:
    mirror = base.REGISTRY_FILES["etc/containerd/certs.d/_default/hosts.toml"]
    assert f'[host."http://{base.REGISTRY}"]' in mirror
    assert "server" not in mirror, "what is not here is asked for where the image's name says"
    assert f'addr: "{base.REGISTRY}"' in base.REGISTRY_FILES["etc/docker/registry/config.yml"]
    assert f"rootdirectory: {base.REGISTRY_ROOT}" in base.REGISTRY_FILES["etc/docker/registry/config.yml"]
    assert not base.REGISTRY_ROOT.startswith("/var"), "each node copies /var when it starts"
