"""The rules: each has what triggers it, what is just right, a sentence, and something that it stands on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.check.checking import check
from conformance.check.gathering import gathered
from conformance.check.nodes import Nodes, default
from conformance.check.rules.catalogue import rules
from conformance.claims import findings, registry
from conformance.kube.records import Meta, Node
from tests.check import cases
from tests.check.cases import ALSO, CASES, found, pod, rolling

ROOT = Path(__file__).parents[2]
#: Rules that speak only where the nodes are given.
WITH_NODES = {"one-at-a-time"}


def linux(number: int) -> Nodes:
    """So many nodes that somebody gave."""
    nodes = (Node(Meta(name=f"n{each}", labels={"kubernetes.io/os": "linux"})) for each in range(number))
    return Nodes(tuple(("worker", node) for node in nodes), given=True)


def test_every_rule_has_its_cases() -> None:
    assert {rule.id for rule in rules()} == set(CASES) | WITH_NODES
    assert set(ALSO) <= set(CASES)


def test_the_sound_one_gets_no_advice(tmp_path: Path) -> None:
    assert found({}, tmp_path) == []


@pytest.mark.parametrize("name", CASES)
def test_what_triggers_a_rule_triggers_no_other(name: str, tmp_path: Path) -> None:
    advice = found(CASES[name][0], tmp_path)

    assert {each.rule.id for each in advice} == {name} | ALSO.get(name, set())


@pytest.mark.parametrize("name", CASES)
def test_what_is_just_right_triggers_none(name: str, tmp_path: Path) -> None:
    assert [each.rule.id for each in found(CASES[name][1], tmp_path)] == []


@pytest.mark.parametrize("name", CASES)
def test_advice_is_one_sentence_with_a_field_and_its_line(name: str, tmp_path: Path) -> None:
    change = CASES[name][0]
    [advice, *_] = [each for each in found(change, tmp_path) if each.rule.id == name]
    lines = (tmp_path / "case.yaml").read_text().splitlines()

    assert advice.text.endswith(".")
    assert "\n" not in advice.text
    assert not {"{", "}"} & set(advice.text.replace("{operator: Exists, effect: NoSchedule}", ""))
    last = re.split(r"[.\[]", advice.path.removesuffix("]").replace("helm.sh", "helm-sh"))[-1].replace("helm-sh", "helm.sh")
    near = lines[advice.line - 1]
    missing = name in ("selector-missing", "no-containers", "no-os", "no-priority", "taint-not-tolerated", "selector-overlap")
    assert missing or last.isdigit() or near.strip().removeprefix("- ").startswith(f"{last}:"), (advice.path, near)


def test_rules_stand_on_claims_and_findings_that_their_scenarios_show() -> None:
    known = registry.load()
    shown = (ROOT / "docs" / "claims.md").read_text().splitlines()
    scenarios = {
        f"{family}.{name}"
        for file in sorted((ROOT / "scenarios").glob("test_*.py"))
        for family, name in re.findall(r'^@scenario\("(\w+)".*?^def test_(\w+)\(', file.read_text(), re.MULTILINE | re.DOTALL)
    }
    for rule in rules():
        assert rule.claim in known, rule.id
        assert rule.scenario in scenarios, rule.id
        if rule.finding:
            assert rule.claim in findings.load()[rule.finding].contradicts, rule.id
        # A scenario that shows the sentence, or another wording of it, has a row of its own in the table.
        family = {known[rule.claim].same_as or rule.claim}
        family |= {claim.id for claim in known.values() if claim.same_as in family}
        rows = [line for line in shown if any(line.startswith(f"| {name} ") for name in family)]
        assert any(f"`{rule.scenario}`" in row for row in rows) or rule.id in LOOSE, rule.id


#: Rules whose scenario shows the trap, while their claim is shown by another: the sentence that the trap surprises.
LOOSE = {
    "negative-number": "the sentence gives the default; the refusal of a negative number is shown by what a template may not say",
    "surge-self-anti-affinity": "the same stall as a surge that never becomes ready: the new pod is never available, and the old one stays",
}


def test_ids_are_words_and_titles_are_short() -> None:
    for rule in rules():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
        assert len(rule.title) <= 80
        assert not rule.title.endswith(".")


# -- rules that look at the nodes at hand -----------------------------------------------------------------------------------------------


def test_one_at_a_time_is_slow_on_many_nodes(tmp_path: Path) -> None:
    assert [each.rule.id for each in found({}, tmp_path, linux(101))] == ["one-at-a-time"]
    assert found({}, tmp_path, linux(100)) == []
    assert found(rolling("5%"), tmp_path, linux(101)) == []
    [advice] = found(rolling(None), tmp_path, linux(101))
    assert "1 (not given)" in advice.text


def test_a_number_is_the_whole_of_a_small_cluster(tmp_path: Path) -> None:
    assert [each.rule.id for each in found(rolling(3), tmp_path, linux(3))] == ["budget-whole-cluster"]
    assert found(rolling(3), tmp_path, linux(4)) == []
    assert found(rolling(1), tmp_path, linux(1)) == []


def test_nodes_that_were_given_and_are_not_wanted_are_a_risk(tmp_path: Path) -> None:
    [advice] = found(pod(nodeSelector={"disktype": "ssd"}), tmp_path, linux(3))

    assert (advice.rule.id, advice.level) == ("no-node-wanted", "risk")


def test_what_the_nodes_at_hand_have_not_is_no_matter(tmp_path: Path) -> None:
    """Neither virtual nor Windows nor tainted nodes are among them."""
    assert found(pod(affinity=None, nodeSelector=None, tolerations=None), tmp_path, linux(3)) == []


def test_a_node_depends_on_what_is_in_its_network(tmp_path: Path) -> None:
    [advice] = found(pod(priorityClassName=None, hostNetwork=True), tmp_path)

    assert (advice.rule.id, advice.level) == ("no-priority", "risk")
    assert "hostNetwork" in advice.text


# -- what the API server and kubectl refuse, as the scenarios see it --------------------------------------------------------------------

INVALID: dict[str, Any] = yaml.safe_load((ROOT / "manifests" / "invalid" / "index.yaml").read_text())
#: Not to be told apart from something else, and so refused as an input.
UNFIT = {"apiversion-missing", "kind-missing", "name-missing"}


@pytest.mark.parametrize(
    "entry",
    [pytest.param(each, id=each["name"]) for each in [*INVALID["refused"], *INVALID["refused_by_kubectl"]] if each["name"] not in UNFIT],
)
def test_what_is_refused_is_broken_and_the_field_is_the_same(entry: dict[str, Any]) -> None:
    result = check(gathered([str(ROOT / "manifests" / entry["file"])]), default())
    broken = {each.path for each in result.checked[0].advice if each.level == "broken"}

    named = {entry["field"]} if "field" in entry else set(entry.get("drops", ()))
    # A selector that is missing is named by the API at the labels that it then does not match.
    same = {"selector-missing": {"spec.selector"}, "template-labels-missing": {"spec.template.metadata.labels"}}
    same |= {"strategy-unknown": {"spec.updateStrategy.type"}}
    assert same.get(entry["name"], named) <= broken


def test_the_manifests_of_the_scenarios_are_not_broken() -> None:
    for file in sorted((ROOT / "manifests").glob("agent*.yaml")):
        assert not check(gathered([str(file)]), default()).reaches("broken"), file


def test_the_helpers_of_these_tests_change_what_they_say() -> None:
    assert cases.changed({}) == cases.SOUND
    assert cases.changed(rolling(2))["spec"]["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": 2}
