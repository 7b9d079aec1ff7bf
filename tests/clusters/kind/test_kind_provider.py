"""What is looked at before a cluster is made."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from fake_docker import FakeDocker

from conformance.clusters.kind import provider
from conformance.components.engine import usable
from conformance.components.images import published


def test_room_is_needed_for_all_clusters_that_run_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def check(_: object, *, nodes: int) -> usable.Engine:
        asked.append(nodes)
        return usable.Engine("28.0", "2", Path("/"), "runc")

    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setattr(provider, "Docker", functools.partial(FakeDocker, folder))
    monkeypatch.setattr(published, "ensure", lambda image, **_: image)
    monkeypatch.setattr(usable, "check", check)
    one = provider.KindProvider(
        "1.37", tmp_path / "runs", kubectl=Path("/bin/true"), kind=Path("/bin/true"), image="theirs:1", workers=3, side_by_side=4
    )

    images = one.prepare()

    assert asked == [4 * (3 + 1)], "three workers and a control plane each"
    assert (images.control_plane, images.worker, images.own) == ("theirs:1", "theirs:1", False)
