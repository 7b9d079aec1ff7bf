"""Rehearsals on a real control plane: what was derived happens, what cannot go on is told, and what the API server refuses is refused."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import conformance.check
from conformance.cli import main
from conformance.kube.manifests import merge
from conformance.rehearsal import rehearsing
from tests.check.cases import both, changed, container, pod, rolling, spec
from tests.check.written_nodes import AMD, CONTROL_PLANE, node, saved

SCHEMA = json.loads((Path(conformance.check.__file__).with_name("check.schema.json")).read_text())
#: Three workers, a control plane that is silent for now, a pool of its own, a virtual node.
NODES = [
    *(node(f"w{number}", AMD) for number in range(3)),
    node("cp", CONTROL_PLANE, ("node-role.kubernetes.io/control-plane", "NoSchedule"), ("node.kubernetes.io/unreachable", "NoSchedule")),
    node("own", AMD, ("dedicated", "NoSchedule")),
    node("virtual", {**AMD, "type": "virtual-kubelet"}, ("virtual-kubelet.io/provider", "NoSchedule")),
]


@pytest.fixture(autouse=True)
def _runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clusters of these tests have a folder of their own, with a short name for the sockets in it, and leave nothing there."""
    with tempfile.TemporaryDirectory(prefix="dsc-") as folder:
        monkeypatch.setattr(rehearsing, "runs_folder", lambda: Path(folder))
        yield
        assert list(Path(folder).glob("c-*")) == []


def called(name: str, change: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": name}
    own = {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}
    return merge(changed(change), own)


def file(folder: Path, name: str, *objects: dict[str, Any]) -> str:
    (folder / name).write_text(yaml.safe_dump_all(objects))
    return str(folder / name)


def rehearsed(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    nodes = str(saved(folder, NODES))
    code = main(["check", *arguments, "--live", "--nodes-from", nodes, "--format", "json", "--ready-after", "0.3"])
    whole = json.loads(capsys.readouterr().out)
    jsonschema.validate(whole, SCHEMA)
    return code, {each["name"]: each["rehearsal"] for each in whole["daemonsets"]}


def test_what_was_derived_happens_and_what_cannot_go_on_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifests = file(
        tmp_path,
        "all.yaml",
        called("plain", both(pod(tolerations=None), pod(serviceAccountName="agent", priorityClassName="own", runtimeClassName="kata"))),
        called("everywhere", rolling("50%")),
        called("large", both(pod(tolerations=None), container(resources={"requests": {"cpu": "64"}}))),
        called("surging", both(rolling(0, 1), pod(tolerations=None))),
        called("by-hand", both(spec(updateStrategy={"type": "OnDelete", "rollingUpdate": None}), pod(tolerations=None))),
        called("nowhere", pod(nodeSelector={"disk": "ssd"})),
    )
    code, found = rehearsed(tmp_path, capsys, manifests, "--report", str(tmp_path / "report"))

    assert {name: (each["nodes"], each["virtual"]) for name, each in found.items()} == dict.fromkeys(found, (5, 1))
    assert found["plain"]["made"] == ["ServiceAccount agent", "PriorityClass own", "RuntimeClass kata"]
    landed = {name: each["landing"] for name, each in found.items()}
    assert {name: each["wanted"] for name, each in landed.items()} == {
        "plain": 3,
        "everywhere": 5,
        "large": 3,
        "surging": 3,
        "by-hand": 3,
        "nowhere": 0,
    }
    assert [name for name, each in landed.items() if each["missing"] or each["surplus"]] == ["large"]
    assert "Insufficient cpu" in landed["large"]["missing"][0][1]
    assert "did not land" in found["large"]["left_out"]
    assert found["nowhere"]["update"] is None
    assert "no node should run it" in found["nowhere"]["left_out"]

    updates = {name: (each["update"]["state"], each["update"]["most"]) for name, each in found.items() if each["update"]}
    assert updates == {"plain": ("done", 1), "everywhere": ("done", 3), "surging": ("done", 0), "by-hand": ("on-delete", 0)}
    assert found["surging"]["update"]["surplus"] == 1
    broken = {name: (each["broken"]["lost"], each["broken"]["stood"]) for name, each in found.items() if each["broken"]}
    assert broken == {"plain": (1, True), "everywhere": (3, True), "surging": (0, True), "by-hand": (0, True)}
    assert all(each["broken"]["undone"] is not None for each in found.values() if each["broken"])

    assert [each["judged"]["violated"] for each in found.values()] == [[]] * 6
    assert all(each["judged"]["held"] for each in found.values())
    # One did not land where it should: that is told by the exit code as well.
    assert code == 1
    assert len(list((tmp_path / "report" / "traces").glob("*.jsonl"))) == 6


def test_the_update_is_from_the_old_version_to_this_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = pod(tolerations=None)
    port = {"ports": [{"containerPort": 9100, "hostPort": 9100}]}
    new = file(
        tmp_path,
        "new.yaml",
        called("image", both(plain, container(image="registry.example/agent:2"))),
        called("moves", both(plain, pod(nodeSelector={"kubernetes.io/os": "linux", "disk": "ssd"}))),
        merge(
            called("selector", plain),
            {"spec": {"selector": {"matchLabels": {"tier": "x"}}, "template": {"metadata": {"labels": {"tier": "x"}}}}},
        ),
        called("stalls", both(plain, rolling(0, 1), container(image="registry.example/agent:2", **port))),
        called("pinned", pod(nodeName="w0")),
    )
    old = file(
        tmp_path,
        "old.yaml",
        *(called(name, plain) for name in ("image", "moves", "selector", "pinned")),
        called("stalls", both(plain, rolling(0, 1), container(**port))),
    )
    code, found = rehearsed(tmp_path, capsys, new, "--from", old)

    assert code == 1
    assert (found["image"]["update"]["state"], found["image"]["update"]["most"]) == ("done", 1)
    assert found["moves"]["update"]["state"] == "no-nodes"
    assert "immutable" in found["selector"]["update"]["refused"]
    assert "was refused" in found["selector"]["left_out"]
    assert "no node should run the new version" in found["moves"]["left_out"]
    # No room for the second pod: the rule said so, and here it is.
    assert found["stalls"]["update"]["state"] == "updating"
    assert "did not end" in found["stalls"]["left_out"]
    assert [each["judged"]["violated"] for each in found.values() if each["judged"]] == [[]] * 4
    assert (found["pinned"]["landing"], found["pinned"]["judged"]) == (None, None)
    assert "names nodes" in found["pinned"]["left_out"]


def test_what_the_api_server_refuses_is_told_in_its_words_with_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = file(tmp_path, "a.yaml", called("agent", container(name="Not_A_Name")))

    assert main(["check", manifest, "--live", "--nodes-from", str(saved(tmp_path, NODES[:1]))]) == 4
    said = capsys.readouterr().err.splitlines()[-1]
    line = next(number for number, text in enumerate(Path(manifest).read_text().splitlines(), 1) if "Not_A_Name" in text)
    assert f"a.yaml, line {line}: the API server refuses DaemonSet agents/agent" in said
    assert "RFC 1123" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--from", "old.yaml"], "add --live"),
        (["--report", "there"], "add --live"),
        (["--live", "--format", "sarif"], "leave out --live"),
        (["--live", "--kubernetes", "1.7"], "choose one of"),
        (["--live", "--from", "other.yaml"], "no DaemonSet called agent"),
    ],
)
def test_mistakes_are_told_before_anything_is_started(
    options: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    manifest = file(tmp_path, "a.yaml", called("agent", {}))
    file(tmp_path, "other.yaml", called("other", {}))

    assert main(["check", manifest, *options]) == 4
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
