"""How many entries a second the judge takes: python bench/judge.py

A rolling update of 100 nodes (maxUnavailable 10, pods of about 3 KB) is written as a trace file in memory, and judged line by line, the
decoding of lines and records included. The other side does what comes first to mind: after each entry it works out the whole world anew.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.guarantees.judge import Judge
from conformance.kube.records import Pod
from conformance.model.availability import is_available
from conformance.model.eligibility import eligibility
from conformance.model.status import expected
from conformance.trace.entries import Entry
from conformance.trace.world import World
from tests.guarantees.history import History
from tests.guarantees.objects import daemonset, node

NODES = 100
BUDGET = 10
WANTED = 20_000


def _full(pod: dict[str, Any]) -> None:
    """Give a pod the weight of a real one."""
    spec = pod["spec"]
    spec["volumes"] = [
        {"name": f"kube-api-access-{n}", "projected": {"defaultMode": 420, "sources": [{"x": "y" * 60}] * 3}} for n in range(6)
    ]
    pod["status"]["containerStatuses"] = [
        {
            "name": "main",
            "ready": True,
            "restartCount": 0,
            "image": "registry.example/agent:1",
            "imageID": "sha256:" + "0" * 64,
            "state": {"s": "r" * 300},
        }
    ]


def trace() -> list[bytes]:
    """The lines of the trace."""
    h = History()
    names = [f"node-{number:03}" for number in range(NODES)]
    for name in names:
        h.list(node(name, labels={f"label-{n}": "value" for n in range(12)}))
    h.add(daemonset(max_unavailable=BUDGET))
    h.write_revision()
    for name in names:
        _full(h.create(name))
        h.ready(name)
        _full(h.pod(name))
        h.change(h.pod(name), "conformance:kubelets")
    h.status()
    h.wait(5)
    h.template("2")
    for first in range(0, NODES, BUDGET):
        batch = names[first : first + BUDGET]
        for name in batch:
            h.kill(name)
        for name in batch:
            h.gone(name)
            _full(h.create(name))
            h.status()
        for name in batch:
            h.ready(name)
            _full(h.pod(name))
            h.change(h.pod(name), "conformance:kubelets")
            h.status()
    h.wait(5)
    h.end()
    return [msgspec.json.encode(entry) for entry in copy.copy(h.entries)]


def judged(lines: list[bytes]) -> int:
    """What the suite does."""
    decoder = msgspec.json.Decoder(Entry)
    judge = Judge(audited=True)
    for line in lines:
        judge.see(decoder.decode(line))
    return sum(tally.violated for tally in judge.finish())


def naive(lines: list[bytes]) -> int:
    """After each entry: who is eligible, who has pods, who is available, what should the counters be."""
    decoder = msgspec.json.Decoder(Entry)
    world = World()
    wrong = 0
    for line in lines:
        world.apply(decoder.decode(line))
        for ds in world.daemonsets.values():
            places: dict[str, list[Pod]] = defaultdict(list)
            for pod in world.pods.values():
                owner = pod.metadata.controller
                if owner is not None and owner.uid == ds.metadata.uid:
                    places[pod.target].append(pod)
            desired = [n for n in world.nodes.values() if eligibility(n, ds).run]
            down = [n for n in desired if not any(is_available(p, 0, 0) and not p.terminating for p in places[n.metadata.name])]
            wrong += len(down) > len(desired) or any(len(pods) > 1 for pods in places.values())
            expected(ds, world.nodes.values(), places, "2", 0)
    return wrong


def _pace(judge: Callable[[list[bytes]], int], lines: list[bytes]) -> float:
    best = 0.0
    for _ in range(3):
        begin = time.perf_counter()
        judge(lines)
        best = max(best, len(lines) / (time.perf_counter() - begin))
    return best


def main() -> int:
    """Print both paces and their ratio; 1 if the judge is slower than wanted, or finds what is not there."""
    lines = trace()
    false_alarms = judged(lines)
    ours = _pace(judged, lines)
    begin = time.perf_counter()
    naive(lines)
    theirs = len(lines) / (time.perf_counter() - begin)
    size = sum(map(len, lines)) / len(lines)
    result = {
        "entries": len(lines),
        "bytes_per_entry": round(size),
        "bytes_per_pod": max(map(len, lines)),
        "judge_entries_per_second": round(ours),
        "naive_entries_per_second": round(theirs),
        "ratio": round(ours / theirs, 1),
        "false_alarms": false_alarms,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if ours >= WANTED and not false_alarms else 1


if __name__ == "__main__":
    sys.exit(main())
