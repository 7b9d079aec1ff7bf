"""The stages of a node's own behaviour, as objects; what they do is tested with the real components."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.clusters.embedded import behaviours, stages
from conformance.errors import UsageError
from conformance.faults import pods

BASE = {stage["metadata"]["name"]: stage["spec"] for stage in stages.STAGES}


def _by_name(**behaviour: Any) -> dict[str, dict[str, Any]]:
    return {stage["metadata"]["name"]: stage for stage in behaviours.stages_of("n", **behaviour)}


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ({}, set()),
        ({"ready_after": 1.5}, {"pod-run", "pod-ready"}),
        ({"never_ready": True}, {"pod-run", "pod-ready"}),
        ({"fail": "Evicted"}, {"pod-run"}),
        ({"terminate_after": 2}, {"pod-delete"}),
        ({"never_ready": True, "terminate_after": 2}, {"pod-run", "pod-ready", "pod-delete"}),
    ],
    ids=lambda case: " ".join(sorted(case)) or "nothing",
)
def test_each_takes_the_place_of_one_of_every_node_there_and_nowhere_else(behaviour: dict[str, Any], expected: set[str]) -> None:
    made = _by_name(**behaviour)
    assert made.keys() == {f"n.{name}" for name in expected}
    for name in expected:
        own = made[f"n.{name}"]
        there = {"key": ".spec.nodeName", "operator": "In", "values": ["n"]}
        assert own["spec"]["selector"]["matchExpressions"] == [*BASE[name]["selector"]["matchExpressions"], there]
        assert own["spec"]["resourceRef"] == BASE[name]["resourceRef"]
        assert behaviours.LABEL in own["metadata"]["labels"]
        assert (own["spec"]["weight"], BASE[name]["weight"]) == (1, 0)


def test_those_of_every_node_do_not_weigh_and_are_not_a_scenarios() -> None:
    assert {spec["weight"] for spec in BASE.values()} == {0}
    assert not [stage for stage in stages.STAGES if "labels" in stage["metadata"]]


def test_they_do_something_else() -> None:
    slow, never = _by_name(ready_after=1.5), _by_name(never_ready=True)
    for made in (slow, never):
        assert "$ready := false " in made["n.pod-run"]["spec"]["steps"][0]["patch"]["template"]
    assert "1.500] | max" in slow["n.pod-ready"]["spec"]["delay"]["durationFrom"]["expressionFrom"]
    assert slow["n.pod-ready"]["spec"]["steps"] == BASE["pod-ready"]["steps"]
    assert never["n.pod-ready"]["spec"]["steps"] == []
    assert "reason: Evicted\n" in _by_name(fail="Evicted")["n.pod-run"]["spec"]["steps"][0]["patch"]["template"]
    ending = _by_name(terminate_after=2)["n.pod-delete"]["spec"]
    assert "2.000] | max" in ending["delay"]["durationFrom"]["expressionFrom"]
    assert ending["steps"] == [{"delete": True}]


def test_the_notice_is_for_one_node_and_one_number() -> None:
    stage = behaviours.notice("n", "7")
    found = {tuple(when["values"]) for when in stage["spec"]["selector"]["matchExpressions"]}
    assert (found, stage["spec"]["weight"], stage["spec"]["resourceRef"]["kind"]) == ({("n",), ("7",)}, 1, "Node")


@pytest.mark.parametrize(
    "behaviour",
    [
        {"ready_after": -1},
        {"terminate_after": -1},
        {"never_ready": True, "ready_after": 1},
        {"never_ready": True, "fail": "X"},
        {"fail": "{{ 1 }}"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(behaviour: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        _by_name(**behaviour)


@pytest.mark.parametrize(
    ("status", "deleted", "expected"),
    [
        ({"phase": "Pending"}, False, False),
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}, False, True),
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}, False, False),
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "False", "reason": pods.HELD}]}, False, False),
        ({"phase": "Failed", "conditions": [{"type": "Ready", "status": "False"}]}, False, False),
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}, True, True),
        ({}, True, False),
    ],
    ids=["pending", "starting", "ready", "held", "failed", "ending", "ending, never started"],
)
def test_pods_that_are_underway(status: dict[str, Any], deleted: bool, expected: bool) -> None:
    assert pods.underway({"metadata": {"deletionTimestamp": "…"} if deleted else {}, "status": status}) is expected
