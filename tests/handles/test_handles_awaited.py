"""What a wait says of a DaemonSet: enough to see what is wrong, and no more than people read."""

from __future__ import annotations

import json

import msgspec

from conformance.handles.awaited import SHOWN_PODS, Awaited
from conformance.trace.conditions import describe
from conformance.trace.entries import Entry
from conformance.trace.world import World


class Agent(Awaited):
    name, namespace, uid, generation = "agent", "ns", "ds", 1


def world(failed: int, running: int) -> World:
    made = World()
    for number in range(failed + running):
        owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "ds", "controller": True}
        pod = {
            "metadata": {"name": f"agent-{number}", "namespace": "ns", "uid": str(number), "ownerReferences": [owner]},
            "spec": {"nodeName": f"node-{number:03}"},
            "status": {"phase": "Failed" if number < failed else "Running", "reason": "x" * (1000 if number == 0 else 0)},
        }
        made.apply(Entry(number + 1, 0.0, "added", "pods", number + 1, msgspec.Raw(json.dumps(pod).encode())))
    return made


def test_hundreds_of_pods_are_counted_and_not_listed() -> None:
    lines = describe([Agent().available_on("node-000")], world(480, 20))
    assert len(lines) == 2 + SHOWN_PODS
    assert lines[1].strip().startswith("last seen: agent-0 on node-000: Failed")
    assert lines[-1].strip() == "and 490 more: Failed 470, Running 20"
    assert max(map(len, lines)) <= 330


def test_a_few_pods_are_listed_one_by_one() -> None:
    lines = describe([Agent().available_on("node-000")], world(1, 1))
    assert [line.strip().removeprefix("last seen: ").split(" on ")[0] for line in lines[1:]] == ["agent-0", "agent-1"]
