"""Budgets, availability, revisions and counters."""

from __future__ import annotations

import json
from fractions import Fraction
from math import ceil
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.kube.records import ControllerRevision, DaemonSet, Node, Pod
from conformance.model import revisions
from conformance.model.availability import available_from, epoch, is_available
from conformance.model.budgets import budget, scaled, surges
from conformance.model.status import Counters, claimed, expected


def _ds(rolling: dict[str, Any] | None = None, type: str = "RollingUpdate", **more: Any) -> DaemonSet:  # noqa: A002
    return msgspec.convert({"spec": {"updateStrategy": {"type": type, "rollingUpdate": rolling}, **more}}, DaemonSet)


# -- budgets --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rolling", "desired", "unavailable", "surge"),
    [
        (None, 10, 1, 0),
        ({}, 10, 1, 0),
        ({"maxUnavailable": 4}, 10, 4, 0),
        ({"maxUnavailable": "34%"}, 3, 2, 0),
        ({"maxUnavailable": "1%"}, 3, 1, 0),
        ({"maxUnavailable": "10%"}, 100, 10, 0),
        ({"maxUnavailable": "7%"}, 100, 7, 0),
        ({"maxUnavailable": "100%"}, 7, 7, 0),
        ({"maxUnavailable": "50%"}, 0, 0, 0),
        ({"maxUnavailable": 0, "maxSurge": 1}, 10, 0, 1),
        ({"maxUnavailable": 0, "maxSurge": "20%"}, 6, 0, 2),
        ({"maxUnavailable": "0%", "maxSurge": 0}, 6, 1, 0),
        ({"maxUnavailable": "0%", "maxSurge": 0}, 0, 0, 0),
    ],
)
def test_budget(rolling: dict[str, Any] | None, desired: int, unavailable: int, surge: int) -> None:
    assert budget(_ds(rolling), desired) == (unavailable, surge)


@given(st.integers(0, 100), st.integers(0, 10_000))
def test_percentages_are_rounded_up(percent: int, desired: int) -> None:
    assert scaled(f"{percent}%", desired) == ceil(Fraction(percent, 100) * desired)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_numbers_are_taken_as_they_are(number: int, desired: int) -> None:
    assert scaled(number, desired) == number


@pytest.mark.parametrize("value", ["x", "5", "%", "-5%", "5.5%", "5%%"])
def test_neither_number_nor_percentage(value: str) -> None:
    with pytest.raises(ValueError, match="neither a number nor a percentage"):
        scaled(value, 10)


@pytest.mark.parametrize(
    ("daemonset", "answer"),
    [
        (_ds(), False),
        (_ds({"maxSurge": 0}), False),
        (_ds({"maxSurge": "0%"}), False),
        (_ds({"maxSurge": 1}), True),
        (_ds({"maxSurge": "1%"}), True),
        (_ds({"maxSurge": 1}, "OnDelete"), False),
    ],
)
def test_surges(daemonset: DaemonSet, answer: bool) -> None:
    assert surges(daemonset) is answer


# -- availability ---------------------------------------------------------------------------------------------------------------------

NOON = "2026-11-21T12:00:00Z"


def _pod(
    name: str = "p",
    ready: bool | None = True,
    since: str | None = NOON,
    revision: str = "h",
    created: str = NOON,
    node: str = "a",
    **more: Any,
) -> Pod:
    conditions = [] if ready is None else [{"type": "Ready", "status": str(ready), "lastTransitionTime": since}]
    meta = {"name": name, "labels": {"controller-revision-hash": revision, **more.pop("labels", {})}, "creationTimestamp": created, **more}
    return msgspec.convert({"metadata": meta, "spec": {"nodeName": node}, "status": {"phase": "Running", "conditions": conditions}}, Pod)


@pytest.mark.parametrize(
    ("pod", "seconds", "after", "answer"),
    [
        (_pod(), 0, -1000, True),
        (_pod(), 10, 9.9, False),
        (_pod(), 10, 10, True),
        (_pod(ready=False), 0, 1000, False),
        (_pod(ready=None), 0, 1000, False),
        (_pod(since=None), 10, 1000, False),
        (_pod(since=None), 0, 0, True),
    ],
)
def test_availability(pod: Pod, seconds: int, after: float, answer: bool) -> None:
    assert is_available(pod, seconds, epoch(NOON) + after) is answer


def test_timestamps() -> None:
    assert epoch("1970-01-01T00:01:00Z") == epoch("1970-01-01T01:01:00+01:00") == epoch("1970-01-01T00:01:00") == 60
    assert available_from(_pod(), 5) == epoch(NOON) + 5


# -- revisions ------------------------------------------------------------------------------------------------------------------------

TEMPLATE: dict[str, Any] = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "1"}]}}


def _revision(template: Any, number: int = 1, hash: str = "h") -> ControllerRevision:  # noqa: A002
    data = {"spec": {"template": template}}
    body = {"metadata": {"labels": {"controller-revision-hash": hash}}, "revision": number, "data": data}
    return msgspec.json.decode(json.dumps(body), type=ControllerRevision)


def _essence(template: Any) -> bytes:
    return revisions.essence(revisions.template(json.dumps({"spec": {"template": template, "selector": {}}}).encode()))


@pytest.mark.parametrize(
    ("held", "same"),
    [
        ({**TEMPLATE, "$patch": "replace"}, True),
        ({"spec": TEMPLATE["spec"], "metadata": {"labels": {"app": "x"}, "creationTimestamp": None}}, True),
        ({**TEMPLATE, "spec": {**TEMPLATE["spec"], "securityContext": {}, "volumes": []}}, True),
        ({**TEMPLATE, "spec": {"containers": [{"image": "1", "name": "c"}]}}, True),
        ({**TEMPLATE, "spec": {"containers": [{"name": "c", "image": "2"}]}}, False),
        ({**TEMPLATE, "spec": {**TEMPLATE["spec"], "hostNetwork": True}}, False),
        ({**TEMPLATE, "spec": {"containers": []}}, False),
    ],
)
def test_which_templates_are_equal(held: Any, same: bool) -> None:
    assert revisions.matches(_revision(held), _essence(TEMPLATE)) is same


def test_of_several_equal_ones_the_highest_is_current() -> None:
    found = revisions.current([_revision(TEMPLATE, 1, "a"), _revision(TEMPLATE, 3, "b"), _revision({}, 4, "c")], _essence(TEMPLATE))
    assert found is not None
    assert revisions.hash_of(found) == "b"
    assert revisions.current([], _essence(TEMPLATE)) is None


@pytest.mark.parametrize("data", [b"null", b"{}", b'{"spec": 3}', b'"text"', b'{"spec": {"template": 3}}'])
def test_data_that_is_no_template_equals_none(data: bytes) -> None:
    assert revisions.template(data) == {}


# -- counters -------------------------------------------------------------------------------------------------------------------------


def _node(name: str) -> Node:
    return msgspec.convert({"metadata": {"name": name}}, Node)


def _count(pods: dict[str, list[Pod]], *, out: str = "z", nodes: str = "abz", **ds: Any) -> Counters:
    return expected(_ds(**ds), [_node(n) for n in nodes], pods, "h", epoch(NOON) + 5, runs=lambda node, _: node.metadata.name != out)


@pytest.mark.parametrize(
    ("pods", "counters"),
    [
        ({}, (2, 0, 0, 0, 2, 0, 0)),
        ({"a": [_pod()]}, (2, 1, 1, 1, 1, 0, 1)),
        ({"a": [_pod()], "b": [_pod(ready=False, revision="old")]}, (2, 2, 1, 1, 1, 0, 1)),
        ({"z": [_pod()]}, (2, 0, 0, 0, 2, 1, 0)),
        ({"gone": [_pod()]}, (2, 0, 0, 0, 2, 0, 0)),
        ({"a": [_pod(deletionTimestamp=NOON)]}, (2, 1, 1, 1, 1, 0, 1)),
        ({"a": [_pod("old", revision="old"), _pod("new", created="2026-11-21T12:00:01Z")]}, (2, 1, 1, 1, 1, 0, 0)),
        ({"a": [_pod("b", revision="old"), _pod("a")]}, (2, 1, 1, 1, 1, 0, 1)),
        ({"a": [_pod("first", node="", created="2026-01-01T00:00:00Z", ready=None), _pod("second")]}, (2, 1, 1, 1, 1, 0, 1)),
    ],
)
def test_counters(pods: dict[str, list[Pod]], counters: tuple[int, ...]) -> None:
    assert _count(pods) == Counters(*counters)


def test_terminal_pods_that_are_being_deleted_do_not_count() -> None:
    body = msgspec.to_builtins(_pod(deletionTimestamp=NOON))
    body["status"]["phase"] = "Failed"
    assert _count({"a": [msgspec.convert(body, Pod)]}).current == 0
    del body["metadata"]["deletionTimestamp"]
    assert _count({"a": [msgspec.convert(body, Pod)]}).current == 1


def test_ready_is_not_yet_available() -> None:
    counters = _count({"a": [_pod()]}, minReadySeconds=10)
    assert (counters.ready, counters.available, counters.unavailable) == (1, 0, 2)


def test_an_equal_template_generation_counts_as_updated() -> None:
    pods = {"a": [_pod(revision="old", labels={"pod-template-generation": "1"})]}
    assert _count(pods).updated == 0
    ds = msgspec.convert({"metadata": {"annotations": {"deprecated.daemonset.template.generation": "1"}}}, DaemonSet)
    assert expected(ds, [_node("a")], pods, "h", 0).updated == 1


def test_differences_name_the_field() -> None:
    one = Counters(3, 3, 3, 3, 0, 0, 3)
    assert one.differences(one._replace(ready=2)) == ["ready is 3, should be 2"]
    status = {"desiredNumberScheduled": 3, "currentNumberScheduled": 3, "numberReady": 3, "numberAvailable": 3, "updatedNumberScheduled": 3}
    assert claimed(msgspec.convert({"status": status}, DaemonSet).status) == one
