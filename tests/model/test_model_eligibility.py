"""Eligibility, selectors and tolerations, as tables; matching against a second, slow reading of the API reference."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.kube.records import DaemonSet, LabelSelector, Node, PodSpec, Taint, Toleration
from conformance.model.eligibility import eligibility, obstacle, should_continue, should_run
from conformance.model.selectors import selects
from conformance.model.tolerations import automatic, of_daemon_pod, tolerates, untolerated


def _node(labels: dict[str, str] | None = None, taints: list[dict[str, str]] | None = None, name: str = "a") -> Node:
    return msgspec.convert({"metadata": {"name": name, "labels": labels or {}}, "spec": {"taints": taints or []}}, Node)


def _ds(**spec: Any) -> DaemonSet:
    return msgspec.convert({"spec": {"template": {"spec": spec}}}, DaemonSet)


def required(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def field(operator: str, *values: str, key: str = "metadata.name") -> dict[str, Any]:
    return {"matchFields": [{"key": key, "operator": operator, "values": list(values)}]}


SSD = {"disk": "ssd", "slots": "4"}


@pytest.mark.parametrize(
    ("template", "runs"),
    [
        ({}, True),
        ({"nodeName": "a"}, True),
        ({"nodeName": "b"}, False),
        ({"nodeSelector": {"disk": "ssd"}}, True),
        ({"nodeSelector": {"disk": "hdd"}}, False),
        ({"nodeSelector": {"disk": "ssd", "zone": "x"}}, False),
        ({"affinity": required(expression("disk", "In", "hdd", "ssd"))}, True),
        ({"affinity": required(expression("disk", "In", "hdd"))}, False),
        ({"affinity": required(expression("zone", "In", "x"))}, False),
        ({"affinity": required(expression("disk", "NotIn", "hdd"))}, True),
        ({"affinity": required(expression("disk", "NotIn", "ssd"))}, False),
        ({"affinity": required(expression("zone", "NotIn", "x"))}, True),
        ({"affinity": required(expression("disk", "Exists"))}, True),
        ({"affinity": required(expression("zone", "Exists"))}, False),
        ({"affinity": required(expression("zone", "DoesNotExist"))}, True),
        ({"affinity": required(expression("disk", "DoesNotExist"))}, False),
        ({"affinity": required(expression("slots", "Gt", "3"))}, True),
        ({"affinity": required(expression("slots", "Gt", "4"))}, False),
        ({"affinity": required(expression("slots", "Lt", "5"))}, True),
        ({"affinity": required(expression("slots", "Lt", "4"))}, False),
        ({"affinity": required(expression("slots", "Lt", "5", "6"))}, False),
        ({"affinity": required(expression("disk", "Gt", "3"))}, False),
        ({"affinity": required(expression("slots", "Gt", "many"))}, False),
        ({"affinity": required(expression("zone", "Gt", "3"))}, False),
        ({"affinity": required(expression("disk", "Sometimes"))}, False),
        ({"affinity": required(field("In", "a"))}, True),
        ({"affinity": required(field("In", "b"))}, False),
        ({"affinity": required(field("NotIn", "a"))}, False),
        ({"affinity": required(field("NotIn", "b"))}, True),
        ({"affinity": required(field("In", "a", key="metadata.uid"))}, False),
        ({"affinity": required({**field("In", "a"), **expression("disk", "In", "hdd")})}, False),
        ({"affinity": required(expression("disk", "In", "hdd"), field("In", "a"))}, True),
        ({"affinity": required({})}, False),
        ({"affinity": required()}, False),
        ({"nodeSelector": {"disk": "ssd"}, "affinity": required(expression("zone", "Exists"))}, False),
        ({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}}}, True),
        ({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}}, True),
    ],
)
def test_selection(template: dict[str, Any], runs: bool) -> None:
    node, ds = _node(SSD), _ds(**template)
    assert should_run(node, ds) is runs
    assert should_continue(node, ds) is runs
    assert bool(obstacle(node, ds)) is not runs


def _taint(key: str, effect: str = "NoSchedule", value: str = "") -> dict[str, str]:
    return {"key": key, "effect": effect, "value": value}


K8S = "node.kubernetes.io/"
ALL = [{"operator": "Exists"}]


@pytest.mark.parametrize(
    ("taint", "template", "runs", "stays"),
    [
        (_taint("x"), {}, False, True),
        (_taint("x", "NoExecute"), {}, False, False),
        (_taint("x", "PreferNoSchedule"), {}, True, True),
        (_taint("x"), {"tolerations": ALL}, True, True),
        (_taint("x", "NoExecute"), {"tolerations": [{"operator": "Exists", "effect": "NoSchedule"}]}, False, False),
        (_taint("x", "NoExecute"), {"tolerations": [{"key": "x", "operator": "Exists", "tolerationSeconds": 5}]}, True, True),
        (_taint(f"{K8S}not-ready"), {}, False, True),
        (_taint(f"{K8S}not-ready", "NoExecute"), {}, True, True),
        (_taint(f"{K8S}unreachable"), {}, False, True),
        (_taint(f"{K8S}unreachable", "NoExecute"), {}, True, True),
        (_taint(f"{K8S}disk-pressure"), {}, True, True),
        (_taint(f"{K8S}memory-pressure"), {}, True, True),
        (_taint(f"{K8S}pid-pressure"), {}, True, True),
        (_taint(f"{K8S}unschedulable"), {}, True, True),
        (_taint(f"{K8S}unschedulable", "NoExecute"), {}, False, False),
        (_taint(f"{K8S}network-unavailable"), {}, False, True),
        (_taint(f"{K8S}network-unavailable"), {"hostNetwork": True}, True, True),
        (_taint(f"{K8S}out-of-service", "NoExecute"), {}, False, False),
        (_taint("node-role.kubernetes.io/control-plane"), {}, False, True),
        (_taint("node-role.kubernetes.io/control-plane"), {"tolerations": [{"key": "node-role.kubernetes.io/master"}]}, False, True),
        (_taint("node.cloudprovider.kubernetes.io/uninitialized", value="true"), {}, False, True),
    ],
)
def test_taints(taint: dict[str, str], template: dict[str, Any], runs: bool, stays: bool) -> None:
    assert eligibility(_node(taints=[taint]), _ds(**template)) == (runs, stays)


def test_no_execute_wins_over_no_schedule() -> None:
    assert eligibility(_node(taints=[_taint("x"), _taint("y", "NoExecute")]), _ds()) == (False, False)


# -- tolerations ----------------------------------------------------------------------------------------------------------------------


def test_the_automatic_set_is_exactly_that_of_the_documentation() -> None:
    found = {(t.key.removeprefix(K8S), t.operator, t.effect, t.toleration_seconds) for t in automatic(host_network=True)}
    assert found == {
        ("not-ready", "Exists", "NoExecute", None),
        ("unreachable", "Exists", "NoExecute", None),
        ("disk-pressure", "Exists", "NoSchedule", None),
        ("memory-pressure", "Exists", "NoSchedule", None),
        ("pid-pressure", "Exists", "NoSchedule", None),
        ("unschedulable", "Exists", "NoSchedule", None),
        ("network-unavailable", "Exists", "NoSchedule", None),
    }
    assert len(automatic(host_network=False)) == 6


def test_an_equal_toleration_is_overwritten_and_loses_its_seconds() -> None:
    own = Toleration(key=f"{K8S}not-ready", operator="Exists", effect="NoExecute", toleration_seconds=30)
    found = of_daemon_pod(PodSpec(tolerations=(own,)))
    assert len(found) == 6
    assert all(t.toleration_seconds is None for t in found)


@pytest.mark.parametrize(
    "own",
    [
        Toleration(key=f"{K8S}not-ready", operator="Exists", effect="NoSchedule", toleration_seconds=30),
        Toleration(key=f"{K8S}not-ready", operator="Exists", toleration_seconds=30),
        Toleration(key=f"{K8S}not-ready", operator="Equal", effect="NoExecute", toleration_seconds=30),
        Toleration(operator="Exists"),
    ],
)
def test_other_tolerations_are_kept(own: Toleration) -> None:
    found = of_daemon_pod(PodSpec(tolerations=(own,)))
    assert found == (own, *automatic(host_network=False))


@pytest.mark.parametrize(
    ("operator", "limit", "value", "matches"),
    [
        ("Gt", "900", "950", True),
        ("Gt", "950", "950", False),
        ("Lt", "950", "900", True),
        ("Lt", "x", "900", False),
        ("Gt", "1", "", False),
        ("Odd", "1", "1", False),
    ],
)
def test_comparing_tolerations(operator: str, limit: str, value: str, matches: bool) -> None:
    assert tolerates(Toleration("sla", operator, limit, "NoSchedule"), Taint("sla", "NoSchedule", value)) is matches


KEYS = st.sampled_from(["", "x", "y"])
EFFECTS = st.sampled_from(["NoSchedule", "NoExecute", "PreferNoSchedule"])
TAINTS = st.builds(Taint, key=st.sampled_from(["x", "y"]), effect=EFFECTS, value=st.sampled_from(["", "1", "2"]))
TOLERATIONS = st.builds(
    Toleration, key=KEYS, operator=st.sampled_from(["", "Equal", "Exists"]), value=st.sampled_from(["", "1"]), effect=EFFECTS | st.just("")
)


@given(TOLERATIONS, TAINTS)
def test_matching_against_an_enumeration(toleration: Toleration, taint: Taint) -> None:
    """A toleration stands for the set of taints it matches; list them all."""
    keys = {toleration.key} if toleration.key else {"x", "y"}
    effects = {toleration.effect} if toleration.effect else {"NoSchedule", "NoExecute", "PreferNoSchedule"}
    values = {"", "1", "2"} if toleration.operator == "Exists" else {toleration.value}
    assert tolerates(toleration, taint) is (
        (taint.key, taint.effect, taint.value) in {(k, e, v) for k in keys for e in effects for v in values}
    )


@given(st.lists(TOLERATIONS, max_size=4), st.lists(TAINTS, max_size=4))
def test_tolerating_all_exactly_when_each_is_tolerated(tolerations: list[Toleration], taints: list[Taint]) -> None:
    found = untolerated(tolerations, taints, "NoSchedule", "NoExecute")
    bad = [t for t in taints if t.effect != "PreferNoSchedule" and not any(tolerates(tol, t) for tol in tolerations)]
    assert found == (bad[0] if bad else None)


# -- label selectors ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ({"matchLabels": {"app": "x"}}, {"app": "x", "more": "y"}, True),
        ({"matchLabels": {"app": "x"}}, {"app": "y"}, False),
        ({"matchLabels": {"app": "x"}}, {}, False),
        ({"matchLabels": {"app": ""}}, {"app": ""}, True),
        ({"matchLabels": {"app": "x"}, "matchExpressions": [{"key": "t", "operator": "Exists"}]}, {"app": "x"}, False),
        ({"matchLabels": {"app": "x"}, "matchExpressions": [{"key": "t", "operator": "Exists"}]}, {"app": "x", "t": ""}, True),
        ({"matchExpressions": [{"key": "t", "operator": "In", "values": ["1", "2"]}]}, {"t": "2"}, True),
        ({"matchExpressions": [{"key": "t", "operator": "NotIn", "values": ["1"]}]}, {}, True),
        ({"matchExpressions": [{"key": "t", "operator": "DoesNotExist"}]}, {"t": "1"}, False),
        ({}, {"any": "thing"}, True),
    ],
)
def test_label_selectors(selector: dict[str, Any], labels: dict[str, str], matches: bool) -> None:
    assert selects(msgspec.convert(selector, LabelSelector), labels) is matches
