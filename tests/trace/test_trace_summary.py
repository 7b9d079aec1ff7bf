"""What a reader is told about an entry."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from conformance.kube.records import RECORDS, Object
from conformance.trace.conditions import When, describe
from conformance.trace.entries import Entry
from conformance.trace.summary import line, summarise
from conformance.trace.world import World


def record(resource: str, **fields: Any) -> Object:
    meta = {"name": "a", "namespace": "ns", "uid": "u", **fields.pop("metadata", {})}
    made: Object = msgspec.convert({"metadata": meta, **fields}, RECORDS[resource])
    return made


def conditions(**statuses: str) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status} for kind, status in statuses.items()]}


@pytest.mark.parametrize(
    ("resource", "before", "after", "told"),
    [
        (
            "pods",
            {"status": {"phase": "Pending", **conditions(Ready="False")}},
            {"spec": {"nodeName": "n"}, "status": {"phase": "Running", **conditions(Ready="True")}},
            "Ready False->True, phase Pending->Running, node -->n",
        ),
        ("pods", {}, {"metadata": {"deletionTimestamp": "2026"}}, "deletion -->asked for"),
        ("pods", {}, {"metadata": {"uid": "other"}}, "another object of that name"),
        ("pods", {}, {"metadata": {"annotations": {"a": "b"}}}, ""),
        ("pods", {"metadata": {"labels": {"a": "b"}}}, {}, "label a b->-"),
        (
            "nodes",
            {"status": conditions(Ready="True", MemoryPressure="False")},
            {
                "status": conditions(Ready="Unknown"),
                "spec": {"unschedulable": True, "taints": [{"key": "k", "value": "v", "effect": "NoExecute"}]},
            },
            "Ready True->Unknown, taints -->k=v:NoExecute, unschedulable -->true",
        ),
        (
            "daemonsets",
            {"metadata": {"generation": 1}},
            {"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "desiredNumberScheduled": 3}},
            "generation 1->2, observed 0->1, desired 0->3",
        ),
        ("controllerrevisions", {"revision": 1}, {"revision": 3}, "revision 1->3"),
        ("events", {"reason": "Failed", "message": "m"}, {"reason": "Failed", "message": "m of x", "count": 4}, "Failed count 1->4"),
        ("events", {"reason": "Failed", "message": "m"}, {"reason": "Failed", "message": "of another"}, "Failed of another"),
        ("events", {"reason": "Failed", "message": "m"}, {"reason": "Made", "message": "n"}, "Failed->Made: n"),
    ],
)
def test_summarise(resource: str, before: dict[str, Any], after: dict[str, Any], told: str) -> None:
    assert summarise(record(resource, **before), record(resource, **after)) == told


def test_summarise_first_and_last() -> None:
    pod = record("pods", status={"phase": "Pending"}, spec={"nodeName": "n"})
    assert summarise(None, pod) == "phase Pending, node n"
    assert summarise(pod, None) == "gone"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (Entry(1, 1.5, "action", detail={"verb": "taint", "target": "nodes/n"}), "    1.500  scenario: taint nodes/n"),
        (
            Entry(1, 0, "write", "pods", 5, detail={"user": "u", "verb": "create", "name": "a", "subresource": "binding"}),
            "    0.000  pods/a/binding written (create) by u",
        ),
        (
            Entry(1, 0, "gap", "pods", 5, detail={"since": 4, "until": 9, "reason": "410"}),
            "    0.000  pods gap: changes of 4..9 may have been missed (410)",
        ),
        (Entry(1, 0, "note", detail={"text": "wait begins", "within": 3}), "    0.000  note: wait begins within 3"),
        (Entry(1, 0, "end"), "    0.000  end:"),
        (Entry(1, 0, "deleted", "pods", 5, msgspec.Raw(b'{"metadata":{"name":"a"}}')), "    0.000  pods/a deleted"),
        (
            Entry(
                1,
                0,
                "added",
                "events",
                None,
                msgspec.Raw(b'{"involvedObject":{"kind":"Pod","name":"a"},"reason":"Failed","message":"why"}'),
            ),
            "    0.000  events/pod/a added: Failed why",
        ),
    ],
)
def test_line(entry: Entry, told: str) -> None:
    assert line(entry) == told


def test_describe() -> None:
    holds, fails = When("test", "yes", lambda world: True), When("test", "no", lambda world: False, lambda world: "what is")
    assert describe([holds, fails], World()) == ["  holds      yes", "  does not   no", "             last seen: what is"]
