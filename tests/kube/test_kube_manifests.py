"""Manifests and kubectl."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from conformance.errors import ConformanceError, ToolMissing, UsageError
from conformance.kube.kubectl import Kubectl, KubectlError
from conformance.kube.manifests import load, merge, text_of
from conformance.kube.resources import resource_of


def test_load_opens_lists_and_leaves_out_empty_documents(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    pod = "---\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
    file.write_text(pod + "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Node}\n")
    assert [(obj["kind"], resource_of(obj).name) for obj in load(file)] == [("Pod", "pods"), ("Node", "nodes")]


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "not valid YAML"), ("- 1", "apiVersion and kind"), ("kind: Pod", "apiVersion and kind")]
)
def test_load_names_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        load(file)
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "none.yaml")


# The cases of RFC 7386, appendix A, that start from an object.
@pytest.mark.parametrize(
    ("old", "patch", "new"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge(old: dict[str, object], patch: dict[str, object], new: dict[str, object]) -> None:
    before = repr(old)
    assert merge(old, patch) == new
    assert repr(old) == before


def script(folder: Path, text: str) -> Path:
    file = folder / "kubectl"
    file.write_text("#!/bin/sh\n" + text)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def test_kubectl_has_a_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/the/users/own")
    kubectl = Kubectl(script(tmp_path, 'echo "$HOME $KUBECONFIG $*"; cat'), tmp_path / "config", run=tmp_path)
    result = kubectl.run("get", "pods", stdin="text")
    home, config, *rest = result.out.split()
    assert (config, rest) == (str(tmp_path / "config"), ["get", "pods", "text"])
    assert home != "/the/users/own"
    assert Path(home).parent == tmp_path
    assert Path(home).is_dir()
    kubectl.close()
    assert not Path(home).exists()


def test_kubectl_failures_show_what_it_said(tmp_path: Path) -> None:
    kubectl = Kubectl(script(tmp_path, "echo out; echo 'no such thing' >&2; exit 3"), tmp_path / "config")
    with pytest.raises(KubectlError, match=r"`kubectl get 'a b'` ended with exit code 3: no such thing"):
        kubectl.run("get", "a b")
    result = kubectl.run("get", check=False)
    assert (result.code, result.out, result.ok) == (3, "out\n", False)
    kubectl.close()


def test_kubectl_that_hangs_or_is_not_there(tmp_path: Path) -> None:
    kubectl = Kubectl(script(tmp_path, "exec sleep 60"), tmp_path / "config")
    with pytest.raises(ConformanceError, match="did not end within"):
        kubectl.run("get", timeout=0.1)
    kubectl.close()
    missing = Kubectl(tmp_path / "none", tmp_path / "config")
    with pytest.raises(ToolMissing, match="kubectl is not at"):
        missing.run("get")
    missing.close()


def test_a_kubectl_that_goes_on_meanwhile(tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    kubectl = Kubectl(script(tmp_path, f"echo waiting; read -r line < {go}; echo done $line; echo beside >&2; exit 5"), tmp_path / "config")
    with kubectl.begun("rollout", "status") as status:
        assert status.says("wait") == "waiting\n"
        go.write_text("indeed\n")
        result = status.result()
    assert (result.code, result.out, result.err) == (5, "waiting\ndone indeed\n", "beside\n")
    kubectl.close()


def test_a_kubectl_that_was_begun_is_ended(tmp_path: Path) -> None:
    kubectl = Kubectl(script(tmp_path, "echo $$; exec sleep 60"), tmp_path / "config")
    with kubectl.begun("get") as begun:
        pid = int(begun.says(""))
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with kubectl.begun("get", within=0.1) as begun, pytest.raises(ConformanceError, match="did not end within"):
        begun.result()
    with kubectl.begun("get", within=0.1) as begun, pytest.raises(ConformanceError, match="was to say 'word'"):
        begun.says("word")
    silent = Kubectl(script(tmp_path, "echo no >&2; exit 1"), tmp_path / "config")
    with silent.begun("get") as begun, pytest.raises(ConformanceError, match=r"it said: no"):
        begun.says("word")
    missing = Kubectl(tmp_path / "none", tmp_path / "config")
    with pytest.raises(ToolMissing, match="kubectl is not at"), missing.begun("get"):
        pytest.fail("it cannot have begun")
    for one in (kubectl, silent, missing):
        one.close()


def test_a_manifest_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("agent.yaml", "docs/fluentd.yaml", "other.yaml"):
        (tmp_path / name).write_text("kind: DaemonSet\n")
    assert text_of("agent.yaml", tmp_path) == "kind: DaemonSet\n"
    with pytest.raises(UsageError, match=r"agnet\.yaml cannot be read from .* There are: agent\.yaml"):
        text_of("agnet.yaml", tmp_path)
    with pytest.raises(UsageError, match=r"There are: agent\.yaml, docs/fluentd\.yaml, other\.yaml\.$"):
        text_of("x", tmp_path)
    with pytest.raises(UsageError, match="There is none"):
        text_of("x", tmp_path / "nowhere")
