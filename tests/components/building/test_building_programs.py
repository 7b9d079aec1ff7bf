"""What is built, from what, and how it is kept: a shell script is the `go`, modules, processes and folders are real."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_go import FakeGo, leftovers

from conformance.components import build, cache, toolchain
from conformance.components.build import ensure
from conformance.components.plan import Module, plan
from conformance.components.progress import Step, silent
from conformance.components.versions import COMPONENTS, MODULES, resolve
from conformance.errors import UsageError

SIX = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "etcd", "kwok"]


# -- building ----------------------------------------------------------------------------------------------------------


def test_what_is_missing_of_a_module_is_one_call(go: FakeGo) -> None:
    paths = ensure(SIX, progress=silent)
    assert list(paths) == SIX
    for name, path in paths.items():
        assert path.name == name
        assert subprocess.run([path], capture_output=True, text=True, check=True).stdout == "fake\n"
    assert len(go.calls("build")) == 3
    assert leftovers() == []


def test_kubernetes_is_stamped_twice_and_nothing_else_is(go: FakeGo) -> None:
    ensure(["kubectl", "etcd"], minor="1.36", progress=silent)
    kubectl, etcd = go.calls("build")
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert f"-X {package}.gitVersion=v1.36.4 -X {package}.gitMajor=1 -X {package}.gitMinor=36 " in kubectl
    assert "-trimpath -ldflags -s -w -o" in etcd
    assert etcd.endswith(" go.etcd.io/etcd/server/v3")


def test_a_warm_run_starts_no_process_and_is_quick(go: FakeGo) -> None:
    ensure(SIX, progress=silent)
    before = (go.folder / "calls").read_text()
    steps: list[Step] = []
    times = []
    for _ in range(10):
        started = time.perf_counter()
        ensure(SIX, progress=steps.append)
        times.append(time.perf_counter() - started)
    assert (go.folder / "calls").read_text() == before
    assert go.calls("version") == ["version"]
    assert steps == []
    assert min(times) < 0.020


def test_only_what_is_missing_is_built(go: FakeGo) -> None:
    ensure(["kubectl"], progress=silent)
    ensure(["kubectl", "kubelet"], progress=silent)
    assert [call.split("/")[-1] for call in go.calls("build")] == ["kubectl", "kubelet"]


def test_an_override_is_taken_as_it_is(go: FakeGo, tmp_path: Path) -> None:
    assert ensure(["etcd"], overrides={"etcd": tmp_path}) == {"etcd": tmp_path}
    assert go.calls("build") == []


def test_unknown_names_and_versions(go: FakeGo) -> None:
    with pytest.raises(UsageError, match="known ones are kube-apiserver"):
        ensure(["kube-proxy"])
    with pytest.raises(UsageError, match="known ones are kube-apiserver"):
        ensure(["etcd"], overrides={"kube-proxy": Path("/bin/true")})
    with pytest.raises(UsageError, match=r"1\.37 \(v1\.37\.1\)"):
        ensure(["etcd"], minor="1.2")


def test_progress_counts_the_packages(go: FakeGo) -> None:
    steps: list[Step] = []
    ensure(["etcd"], progress=steps.append)
    assert {step.subject for step in steps} == {"building etcd 3.6.14"}
    assert "downloading example.io/a v1.0.0" in [step.doing for step in steps]
    assert [(step.done, step.total, step.doing) for step in steps[-3:]] == [
        (1, 2, "a"),
        (2, 2, "linking"),
        (2, 2, "built etcd"),
    ]
    assert [step.last for step in steps[-2:]] == [False, True]


# -- the key -----------------------------------------------------------------------------------------------------------


def test_the_key_follows_everything_that_goes_in(go: FakeGo, tmp_path: Path) -> None:
    folder = tmp_path / "module"
    shutil.copytree(MODULES / "kubernetes-1.37", folder)
    kubectl, minor = COMPONENTS["kubectl"], resolve("1.37")

    def key(name: str = "kubectl", version: str = "1.37") -> str:
        return plan(COMPONENTS[name], resolve(version), Module.read(folder)).entry.key

    keys = [key()]
    assert key() == keys[0]
    keys += [key("kubelet"), key(version="1.36")]
    for file in ("go.sum", "go.mod"):
        with (folder / file).open("a") as stream:
            stream.write("\n")
        keys.append(key())
    go.set("release", "go1.27.0")
    (go.folder / "go").touch()
    keys.append(key())
    assert len(set(keys)) == len(keys)
    assert plan(kubectl, minor, Module.read(folder)).entry.label == f"kubectl-v1.37.1-{keys[-1]}"


def test_the_environment_is_the_users_but_for_what_a_repeatable_build_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"GOPROXY": "https://mine", "GOFLAGS": "-mod=mod", "GOOS": "plan9", "GOROOT": "/other"}.items():
        monkeypatch.setenv(name, value)
    environment = toolchain.environment(Path("/opt/go/bin/go"))
    assert environment["GOPROXY"] == "https://mine"
    assert environment["GOTOOLCHAIN"] == "local"
    assert "mod=mod" not in environment["GOFLAGS"]
    assert not {"GOOS", "GOROOT"} & set(environment)


# -- the cache ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["shorter", "gone", "not executable", "without checksum", "checksum damaged"])
def test_a_damaged_entry_is_built_again(go: FakeGo, damage: str) -> None:
    path = ensure(["etcd"], progress=silent)["etcd"]
    checksum = path.with_name("checksum.json")
    damages: dict[str, Callable[[], None]] = {
        "shorter": lambda: os.truncate(path, 3),
        "gone": path.unlink,
        "not executable": lambda: path.chmod(0o644),
        "without checksum": checksum.unlink,
        "checksum damaged": lambda: os.truncate(checksum, 5),
    }
    damages[damage]()
    assert ensure(["etcd"], progress=silent)["etcd"] == path
    assert len(go.calls("build")) == 2
    assert os.access(path, os.X_OK)
    assert build.verify(["etcd"]) == []
    assert leftovers() == []


def test_verify_reads_every_byte(go: FakeGo) -> None:
    paths = ensure(["etcd", "kwok"], progress=silent)
    text = paths["etcd"].read_bytes()
    paths["etcd"].write_bytes(text[:-1] + b"!")
    assert build.verify(["etcd", "kwok"]) == ["etcd"]


def test_a_program_that_was_damaged_is_not_run_but_built_again(go: FakeGo) -> None:
    path = ensure(["etcd"], progress=silent)["etcd"]
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"!")  # of the same size
    assert ensure(["etcd"], progress=silent)["etcd"] == path
    assert path.read_bytes() == good
    assert len(go.calls("build")) == 2


def test_what_is_built_is_listed_and_cleaned(go: FakeGo) -> None:
    paths = ensure(["etcd", "kube-scheduler"], progress=silent)
    entries = cache.entries()
    assert [(entry.name, entry.version) for entry in entries] == [("etcd", "v3.6.14"), ("kube-scheduler", "v1.37.1")]
    assert [entry.binary for entry in entries] == list(paths.values())
    assert all(entry.intact() for entry in entries)
    whole = cache.size()
    assert whole > 2 * len("#!/bin/sh\necho fake\n")
    assert cache.clean(cache=False) == 0
    assert cache.entries() == entries
    assert cache.clean() == whole
    assert cache.entries() == []
    assert cache.size() == 0
