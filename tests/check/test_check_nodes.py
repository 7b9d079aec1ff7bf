"""The nodes at hand: what kubectl wrote, the default set, groups, and files that hold no nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.check import nodes
from conformance.check.expecting import Row, expected, telling
from conformance.cli import main
from conformance.errors import UsageError
from conformance.model.eligibility import should_run
from tests.check.cases import Change, both, pod, read, result, rolling, spec, written
from tests.check.written_nodes import AMD, ARM, CONTROL_PLANE, node, saved

CLUSTER = [
    node("cp", CONTROL_PLANE, ("node-role.kubernetes.io/control-plane", "NoSchedule")),
    node("a1", {**AMD, "disk": "ssd"}),
    node("a2", {**AMD, "disk": "ssd"}),
    node("a3", AMD),
    node("arm", ARM),
    node("lost", AMD, ("node.kubernetes.io/unreachable", "NoSchedule"), ("node.kubernetes.io/unreachable", "NoExecute")),
]


def rows(change: Change, folder: Path, file: Path) -> list[Row]:
    found = read(change, folder)
    return list(expected(found.daemonsets[0], nodes.of_file(file, telling(found.daemonsets))).rows)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_nodes_that_answer_alike_are_one_group(form: str, tmp_path: Path) -> None:
    found = rows(pod(tolerations=None, nodeSelector={"disk": "ssd"}), tmp_path, saved(tmp_path, CLUSTER, form))

    assert [(row.group, row.nodes, row.wanted) for row in found] == [
        ("control-plane, linux/amd64, taint node-role.kubernetes.io/control-plane:NoSchedule", 1, False),
        ("worker, linux/amd64, disk=ssd", 2, True),
        ("worker, linux/amd64", 1, False),
        ("worker, linux/arm64", 1, False),
        (
            "worker, linux/amd64, taint node.kubernetes.io/unreachable:NoExecute, taint node.kubernetes.io/unreachable:NoSchedule",
            1,
            False,
        ),
    ]
    assert {row.obstacle for row in found} == {"", "not-selected"}


def test_a_silent_node_counts_only_for_who_tolerates_it(tmp_path: Path) -> None:
    file = saved(tmp_path, CLUSTER[4:])

    assert [row.obstacle for row in rows(pod(tolerations=None), tmp_path, file)] == ["", "untolerated-taint"]
    assert [row.obstacle for row in rows({}, tmp_path, file)] == ["", ""]
    assert "unreachable:NoSchedule" in rows(pod(tolerations=None), tmp_path, file)[1].why


def test_the_items_of_a_list_of_nodes_need_not_say_what_they_are(tmp_path: Path) -> None:
    bare = [{key: value for key, value in each.items() if key not in ("kind", "apiVersion")} for each in CLUSTER]

    for form in ("json", "yaml"):
        assert len(nodes.of_file(saved(tmp_path, bare, form, "NodeList")).grouped) == 6


def test_one_node_is_a_list_of_one(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(CLUSTER[0]))

    assert [each.metadata.name for _, each in nodes.of_file(tmp_path / "one.json").grouped] == ["cp"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('{"kind": "List", "items": []}', "no node in it", id="no nodes"),
        pytest.param('{"kind": "NodeList", "items": []}', "no node in it", id="no nodes, typed"),
        pytest.param("kind: List\napiVersion: v1\nitems: []\n", "no node in it", id="no nodes in YAML"),
        pytest.param('{"kind": "PodList", "items": [{}]}', "holds Pod, not nodes", id="pods"),
        pytest.param("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "holds Pod, not nodes", id="a pod in YAML"),
        pytest.param('{"nodes": 3}', "no node in it|objects without a kind|not nodes", id="JSON of something else"),
        pytest.param('{"kind": "List", "items": [', "no list of nodes", id="half a file"),
        pytest.param('{"kind": "Node", "spec": {"taints": "all"}}', "no list of nodes", id="a Node of other types"),
        pytest.param("apiVersion: v1\nkind: Node\nspec: {taints: all}\n", "no list of nodes", id="a Node of other types in YAML"),
        pytest.param(
            "NAME   STATUS   ROLES\nn1 Ready worker\n", "no object of Kubernetes|not valid YAML", id="what kubectl prints for people"
        ),
        pytest.param("", "no node in it", id="an empty file"),
    ],
)
def test_a_file_without_nodes_is_refused(text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nodes").write_text(text)

    with pytest.raises(UsageError, match=words) as refused:
        nodes.of_file(tmp_path / "nodes")
    assert "\n" not in str(refused.value)
    assert main(["check", str(written({}, tmp_path)), "--nodes-from", str(tmp_path / "nodes")]) == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="kubectl get nodes"):
        nodes.of_file(tmp_path / "nowhere")


def test_the_default_set_has_what_the_docs_say_and_answers_as_the_model(tmp_path: Path) -> None:
    found = result(pod(tolerations=None, affinity=None), tmp_path)
    [checked] = found.checked

    assert {row.group for row in checked.expectation.rows if row.wanted} == {"workers-a", "workers-b", "workers-c", "arm"}
    assert checked.expectation.desired == sum(should_run(each, checked.manifest.record) for _, each in nodes.default().grouped) == 10
    assert nodes.default().virtual == ("virtual",)
    assert len({each.metadata.name for _, each in nodes.default().grouped}) == len(nodes.default().grouped) == 22


@pytest.mark.parametrize(
    ("change", "update"),
    [
        ({}, (1, 0, 20, 0)),
        (rolling("34%"), (7, 0, 3, 0)),
        (rolling(0, "10%"), (0, 2, 10, 0)),
        (both(rolling(5), spec(minReadySeconds=30)), (5, 0, 4, 120)),
        (rolling("half"), (0, 0, 0, 0)),
        (rolling(-1), (0, 0, 0, 0)),
        (spec(updateStrategy={"type": "OnDelete"}), (0, 0, 0, 0)),
        (pod(nodeSelector={"none": "x"}), (0, 0, 0, 0)),
    ],
)
def test_budgets_are_nodes_and_turns(change: dict[str, Any], update: tuple[int, ...], tmp_path: Path) -> None:
    [checked] = result(change, tmp_path).checked

    found = checked.expectation
    assert (found.unavailable if found.desired else 0, found.surge, found.waves, found.seconds) == update


def test_a_thousand_nodes_are_read(tmp_path: Path) -> None:
    file = saved(tmp_path, [node(f"n{number}", AMD) for number in range(1000)])

    assert rows({}, tmp_path, file) == [Row("worker, linux/amd64", 1000, "", "")]
