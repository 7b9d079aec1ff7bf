"""The manifests are what their index says: resources, labels, printed forms that are no DaemonSets, one mistake in each invalid one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.claims import registry

MANIFESTS = Path(__file__).parents[2] / "manifests"
TAINTS = {"control_plane": "node-role.kubernetes.io/control-plane", "master": "node-role.kubernetes.io/master"}


def read(name: str) -> Any:
    return yaml.safe_load((MANIFESTS / name).read_text())


DOCUMENTS = read("documents/index.yaml")["manifests"]
INVALID = read("invalid/index.yaml")
EVERY = [*INVALID["refused"], *INVALID["refused_by_kubectl"]]
by_name = pytest.mark.parametrize("entry", [pytest.param(entry, id=entry["name"]) for entry in DOCUMENTS])


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    operators = {
        "In": lambda e: labels.get(e["key"]) in e["values"],
        "NotIn": lambda e: labels.get(e["key"]) not in e["values"],
        "Exists": lambda e: e["key"] in labels,
        "DoesNotExist": lambda e: e["key"] not in labels,
    }
    equal = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return bool(selector) and equal and all(operators[e["operator"]](e) for e in selector.get("matchExpressions", []))


#: Agents do nothing, but for those that are asked something from outside or from within.
WITH_A_SHELL = {"agent-metrics", "agent-port", "agent-shell"}


@pytest.mark.parametrize("file", sorted(MANIFESTS.glob("agent*.yaml")), ids=lambda file: file.stem)
def test_agents_are_small_and_select_their_own_pods(file: Path) -> None:
    agent = read(file.name)
    template = agent["spec"]["template"]
    [container] = template["spec"]["containers"]

    assert (agent["apiVersion"], agent["kind"]) == ("apps/v1", "DaemonSet")
    assert "namespace" not in agent["metadata"]
    assert container["name"] == "agent"
    assert container["image"] == ("docker.io/library/busybox:1" if file.stem in WITH_A_SHELL else "registry.k8s.io/pause:3.10")
    assert container["resources"] == {"requests": {"cpu": "1m", "memory": "1Mi"}}
    assert matches(agent["spec"]["selector"], template["metadata"]["labels"])


def test_agents_differ_as_their_names_say() -> None:
    def spec(name: str) -> dict[str, Any]:
        found: dict[str, Any] = read(name)["spec"]
        return found

    assert set(spec("agent.yaml")) == {"selector", "template"}
    assert spec("agent-surge.yaml")["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert spec("agent-ondelete.yaml")["updateStrategy"] == {"type": "OnDelete"}
    assert spec("agent-hostnetwork.yaml")["template"]["spec"]["hostNetwork"] is True
    assert spec("agent-everywhere.yaml")["template"]["spec"]["tolerations"] == [{"operator": "Exists"}]
    affinity = spec("agent-affinity.yaml")["template"]["spec"]["affinity"]
    assert {kind: len(parts) for kind, parts in affinity.items()} == {"nodeAffinity": 2, "podAntiAffinity": 1}


def test_the_index_and_the_folders_hold_the_same_files() -> None:
    named = {entry[key] for entry in DOCUMENTS for key in ("file", "as_printed") if key in entry} | {case["file"] for case in EVERY}
    there = {str(file.relative_to(MANIFESTS)) for folder in ("documents", "invalid") for file in (MANIFESTS / folder).glob("*.yaml")}
    assert named == there - {"documents/index.yaml", "invalid/index.yaml"}


@by_name
def test_documents_name_claims_of_their_own(entry: dict[str, Any]) -> None:
    claims = registry.resolve(claim for claims in entry.get("shows", {}).values() for claim in claims)
    assert {claim.document for claim in claims} <= {entry["document"]}
    assert Path(entry["file"]).name == f"{entry['name']}.yaml"
    assert entry["name"].startswith(entry["document"])


@by_name
def test_documents_are_what_the_index_says(entry: dict[str, Any]) -> None:
    manifest = read(entry["file"])
    meta, template = manifest["metadata"], manifest["spec"]["template"]
    spec = template["spec"]
    [container] = spec["containers"]
    resources = container.get("resources", {})
    limits = resources.get("limits", {})

    assert (manifest["apiVersion"], manifest["kind"]) == ("apps/v1", "DaemonSet")
    assert (meta["name"], meta.get("namespace", "")) == (entry["daemonset"], entry["namespace"])
    assert matches(manifest["spec"]["selector"], template["metadata"]["labels"])
    assert set(meta.get("labels", {})) - set(template["metadata"]["labels"]) == set(entry["only_on_daemonset"])
    assert spec.get("nodeSelector", {}) == entry["node_labels"]
    assert spec.get("terminationGracePeriodSeconds", 30) == entry["grace"]
    assert [volume["hostPath"]["path"] for volume in spec.get("volumes", [])] == entry["host_paths"]
    assert {mount["name"] for mount in container.get("volumeMounts", [])} == {volume["name"] for volume in spec.get("volumes", [])}
    assert limits == entry["limits"]
    assert limits | resources.get("requests", {}) == entry["requests"]
    _, _, tag = container["image"].rpartition("/")[2].partition(":")
    assert entry.get("pull_policy", "IfNotPresent") == ("Always" if tag in {"", "latest"} else "IfNotPresent")
    assert entry["tolerations"] == (7 if spec.get("hostNetwork") else 6)


@by_name
def test_quality_of_service_follows_from_the_resources(entry: dict[str, Any]) -> None:
    requests, limits = entry["requests"], entry["limits"]
    if not requests and not limits:
        expected = "BestEffort"
    else:
        expected = "Guaranteed" if set(limits) == {"cpu", "memory"} and requests == limits else "Burstable"
    assert entry["qos"] == expected


@by_name
def test_tolerations_decide_what_it_reaches(entry: dict[str, Any]) -> None:
    tolerations = read(entry["file"])["spec"]["template"]["spec"].get("tolerations", [])
    tolerated = {toleration["key"] for toleration in tolerations if toleration["effect"] == "NoSchedule"}
    assert entry["reaches"] == {"worker": True, **{kind: key in tolerated for kind, key in TAINTS.items()}}


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry["name"]) for entry in DOCUMENTS if "as_printed" in entry])
def test_printed_forms_are_no_daemonsets_and_say_why(entry: dict[str, Any]) -> None:
    text = (MANIFESTS / entry["as_printed"]).read_text()
    assert entry["wrong"]
    assert entry["refusal"]
    line = next((int(found[1]) for words in entry["refusal"] if (found := re.search(r"line (\d+)", words))), 0)
    if line:
        assert line <= len(text.splitlines())
        with pytest.raises(yaml.YAMLError):
            yaml.safe_load(text)
        return
    fragment = yaml.safe_load(text)
    assert set(fragment) == {"spec"}
    assert entry["works_with"].endswith(f"--patch-file {Path(entry['as_printed']).name}")
    assert within(fragment, read(entry["file"])), "the complete manifest holds what the fragment says"
    assert read(entry["patches"])["metadata"]["name"] == entry["daemonset"]


def within(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and within(value, whole[key]) for key, value in part.items())
    return bool(part == whole)


def test_printed_and_repaired_forms_have_the_same_words() -> None:
    """Where only the indentation was lost, nothing else differs."""

    def words(name: str) -> list[str]:
        return [line.strip() for line in (MANIFESTS / name).read_text().splitlines() if not line.lstrip().startswith("#")]

    assert words("documents/004-fluentd.as-printed.yaml") == words("documents/004-fluentd.yaml")
    lost = [
        line
        for line in words("documents/002-fluentd-elasticsearch.as-printed.yaml")
        if line not in words("documents/002-fluentd-elasticsearch.yaml")
    ]
    assert lost == ["- key:", "effect: NoSchedule"] or lost == ["- key:"]


def test_the_printed_command_finds_no_pods() -> None:
    """The selector of the documented command is a label that the pods do not have; ours is one that they have."""
    [entry] = [entry for entry in DOCUMENTS if entry["name"] == "001-fluentd"]
    labels = read(entry["file"])["spec"]["template"]["metadata"]["labels"]
    for command in entry["commands"]:
        arguments = command["arguments"]
        key, _, value = arguments[arguments.index("-l") + 1].partition("=")
        if arguments[1] == "pods":
            assert (labels.get(key) == value) == (command["lines"] == 2)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in EVERY])
def test_invalid_manifests_are_wrong_in_what_their_name_says(case: dict[str, Any]) -> None:
    agent, wrong = read("agent.yaml"), read(case["file"])
    del agent["metadata"]["labels"]
    assert wrong != agent
    assert case["says"]
    assert re.fullmatch(r"V\d\d", case["scenario"])
    assert case.get("field", "") in {"", *case.get("fields", [])}
    assert ("field" in case) == (case in INVALID["refused"])
    if "spec" in wrong and "template" in wrong["spec"] and "spec.template.metadata.labels" in case.get("fields", []):
        assert not matches(wrong["spec"].get("selector", {}), wrong["spec"]["template"].get("metadata", {}).get("labels", {}))
    elif case in INVALID["refused"] and "spec" in wrong and case["name"] not in {"selector-empty", "template-missing"}:
        assert matches(wrong["spec"]["selector"], wrong["spec"]["template"]["metadata"]["labels"]), "wrong in one thing only"
