"""Traces made by hand: what an API server would have reported, without one.

Times are given, not waited for; resourceVersions count up. `Story` is a small notation for the histories the pictures are tested with.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from conformance.guarantees.judge import Broken, Tally
from conformance.report.results import Finding, Outcome, Run, ScenarioResult
from conformance.trace import store
from conformance.trace.entries import Entry, EntryType, Header

CONTROLLER = "system:serviceaccount:kube-system:daemon-set-controller"
Json = dict[str, Any]


class Story:
    """A trace in the making; `at` is the clock, moved by hand."""

    def __init__(self, prefix: str = "p01-3fa9c1", name: str = "agent") -> None:
        self.at = 0.05
        self.rv = 100
        self.entries: list[Entry] = []
        self.prefix = prefix
        self.name = name
        self.objects: dict[tuple[str, str], Json] = {}
        self.serial = 0

    def entry(self, type: EntryType, resource: str = "", rv: int | None = None, body: Json | None = None, **detail: Any) -> Entry:  # noqa: A002
        made = Entry(len(self.entries), round(self.at, 4), type, resource, rv, msgspec.Raw(json.dumps(body).encode()), detail)
        self.entries.append(made)
        return made

    def wait(self, seconds: float) -> Story:
        self.at += seconds
        return self

    def action(self, verb: str, target: str) -> None:
        self.entry("action", verb=verb, target=target)

    def put(self, resource: str, body: Json, *, user: str = "") -> Entry:
        key = (resource, body["metadata"]["name"])
        type_: EntryType = "modified" if key in self.objects else "added"
        self.rv += 1
        body["metadata"]["resourceVersion"] = str(self.rv)
        body["metadata"].setdefault("uid", f"{resource}-{body['metadata']['name']}-{self.rv}")
        self.objects[key] = body
        if user:
            self.entry("write", resource, self.rv, None, user=user, verb="patch", name=body["metadata"]["name"])
        return self.entry(type_, resource, self.rv, body)

    def remove(self, resource: str, name: str) -> Entry:
        self.rv += 1
        return self.entry("deleted", resource, self.rv, self.objects.pop((resource, name)))

    def node(
        self, name: str, *, ready: bool = True, taints: tuple[Json, ...] = (), cordoned: bool = False, labels: Json | None = None
    ) -> str:
        full = f"{self.prefix}-{name}"
        old = self.objects.get(("nodes", full), {"metadata": {"name": full}})
        meta = {**old["metadata"], "labels": {"kubernetes.io/hostname": full, **(labels or {})}}
        status = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
        self.put("nodes", {"metadata": meta, "spec": {"taints": list(taints), "unschedulable": cordoned}, "status": status})
        return full

    def daemonset(self, image: str, *, generation: int, strategy: Json | None = None) -> Json:
        old = self.objects.get(("daemonsets", self.name), {"metadata": {"name": self.name, "namespace": "scenario"}})
        meta = {**old["metadata"], "generation": generation}
        template = {"metadata": {"labels": {"app": self.name}}, "spec": {"containers": [{"name": "agent", "image": image}]}}
        spec = {
            "selector": {"matchLabels": {"app": self.name}},
            "template": template,
            "updateStrategy": strategy or {"type": "RollingUpdate"},
        }
        self.put("daemonsets", {"metadata": meta, "spec": spec, "status": {}})
        self.wait(0.02)
        body = self.objects["daemonsets", self.name]
        revision = {
            "metadata": {"name": f"{self.name}-{image}", "namespace": "scenario", "labels": {"controller-revision-hash": image}},
            "revision": generation,
        }
        revision["metadata"]["ownerReferences"] = [self._owner(body)]  # type: ignore[index]
        self.put("controllerrevisions", revision, user=CONTROLLER)
        return body

    def pod(self, node: str, image: str, *, phase: str = "Pending", bound: bool = True) -> str:
        self.serial += 1
        name = f"{self.name}-{self.serial:03d}x"
        owner = self._owner(self.objects["daemonsets", self.name])
        affinity = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}
        body = {
            "metadata": {"name": name, "namespace": "scenario", "labels": {"controller-revision-hash": image}, "ownerReferences": [owner]},
            "spec": {
                "nodeName": node if bound else "",
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": affinity}},
            },
            "status": {"phase": phase},
        }
        self.put("pods", body, user=CONTROLLER)
        return name

    def running(self, pod: str, *, ready: bool) -> None:
        body = self.objects["pods", pod]
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]}
        self.put("pods", {**body, "metadata": dict(body["metadata"]), "status": status})

    def fail(self, pod: str) -> None:
        body = self.objects["pods", pod]
        self.put("pods", {**body, "metadata": dict(body["metadata"]), "status": {"phase": "Failed", "reason": "Evicted"}})

    def terminate(self, pod: str) -> None:
        body = self.objects["pods", pod]
        self.put("pods", {**body, "metadata": {**body["metadata"], "deletionTimestamp": "2026-11-21T12:00:00Z"}}, user=CONTROLLER)

    def end(self) -> list[Entry]:
        self.entry("end")
        return self.entries

    @staticmethod
    def _owner(daemonset: Json) -> Json:
        return {"kind": "DaemonSet", "name": daemonset["metadata"]["name"], "uid": daemonset["metadata"]["uid"], "controller": True}


def started(story: Story, nodes: list[str], image: str) -> dict[str, str]:
    """Pods on all nodes, created together, ready one after the other."""
    pods = {node: story.pod(node, image, bound=False) for node in nodes}
    for index, pod in enumerate(pods.values()):
        story.wait(0.08 + 0.02 * (index % 3)).running(pod, ready=False)
    for pod in pods.values():
        story.wait(0.06).running(pod, ready=True)
    return pods


def rolling_update(nodes: int = 6, budget: int = 2, *, broken: bool = False, prefix: str = "r02-3fa9c1") -> list[Entry]:
    """An update that takes `budget` nodes at a time; `broken`: once, one more."""
    story = Story(prefix)
    names = []
    for index in range(nodes):
        story.wait(0.01).action("join", f"nodes/{prefix}-{index}")
        names.append(story.node(str(index)))
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": budget, "maxSurge": 0}}
    story.wait(0.2).action("create", "daemonsets/agent")
    story.daemonset("v1", generation=1, strategy=strategy)
    pods = started(story, names, "v1")
    story.wait(0.8).action("set image", "daemonsets/agent")
    story.daemonset("v2", generation=2, strategy=strategy)
    left = list(names)
    while left:
        size = budget + 1 if broken and len(left) == nodes - budget else budget
        batch, left = left[:size], left[size:]
        for node in batch:
            story.wait(0.03).terminate(pods[node])
        for node in batch:
            story.wait(0.25).remove("pods", pods[node])
            story.wait(0.02)
            pods[node] = story.pod(node, "v2")
        for node in batch:
            story.wait(0.18).running(pods[node], ready=False)
        for node in batch:
            story.wait(0.22).running(pods[node], ready=True)
    story.wait(0.6)
    return story.end()


def surge_update(nodes: int = 5, budget: int = 2, prefix: str = "u01-77ab10") -> list[Entry]:
    """New pods beside old ones."""
    story = Story(prefix)
    names = [story.wait(0.01).node(str(index)) for index in range(nodes)]
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": budget}}
    story.wait(0.2).action("create", "daemonsets/agent")
    story.daemonset("v1", generation=1, strategy=strategy)
    pods = started(story, names, "v1")
    story.wait(0.5).action("set image", "daemonsets/agent")
    story.daemonset("v2", generation=2, strategy=strategy)
    for first in range(0, nodes, budget):
        fresh = {node: story.wait(0.05).pod(node, "v2") for node in names[first : first + budget]}
        for pod in fresh.values():
            story.wait(0.2).running(pod, ready=False)
        for node, pod in fresh.items():
            story.wait(0.2).running(pod, ready=True)
            story.wait(0.02).terminate(pods[node])
            story.wait(0.15).remove("pods", pods[node])
    return story.wait(0.5).end()


def join_and_leave() -> list[Entry]:
    """Nodes come and go, one is cordoned, one tainted, one stops being ready; a pod fails; a pod outlives its node."""
    story = Story("p03-0c44de")
    story.action("join", "nodes/p03-0c44de-a")
    names = [story.node("a"), story.node("b")]
    story.wait(0.1).action("create", "daemonsets/agent")
    story.daemonset("v1", generation=1)
    pods = started(story, names, "v1")
    story.wait(1.0).action("join", "nodes/p03-0c44de-late")
    late = story.node("late", ready=False)
    story.wait(1.5)
    story.node("late")
    pods[late] = story.wait(0.1).pod(late, "v1", bound=False)
    story.wait(0.3).running(pods[late], ready=False)
    story.wait(0.4).running(pods[late], ready=True)
    story.wait(1.0).action("cordon", "nodes/p03-0c44de-b")
    story.node("b", cordoned=True)
    story.wait(1.2).action("taint maintenance=now:NoSchedule", "nodes/p03-0c44de-a")
    story.node("a", taints=({"key": "maintenance", "effect": "NoSchedule"},))
    story.wait(0.5).fail(pods[late])
    story.wait(0.4).remove("pods", pods[late])
    pods[late] = story.wait(0.05).pod(late, "v1")
    story.wait(0.4).running(pods[late], ready=True)
    story.wait(0.7).action("uncordon", "nodes/p03-0c44de-b")
    story.node("b")
    story.wait(0.4).action("remove", "nodes/p03-0c44de-late")
    story.remove("nodes", late)
    story.wait(2.5).terminate(pods[late])
    story.wait(0.3).remove("pods", pods[late])
    return story.wait(0.4).end()


def header(scenario: str) -> Header:
    return Header(
        1,
        scenario,
        f"scenarios/test_x.py::test_{scenario.lower()}",
        "v1.37.1",
        "embedded",
        started="2026-11-21T12:31:05.120+00:00",
        audited=True,
        suite="0.1.0",
    )


RUN = Run(
    suite="0.1.0",
    kubernetes="v1.37.1",
    cluster="embedded",
    capabilities=["audit-log", "change-node", "join-node"],
    lacking={"real-kubelet": "nodes are simulated: nothing runs on them"},
    started="2026-11-21T12:30:00+00:00",
    seconds=192.4,
    command="pytest scenarios --cluster embedded --kubernetes 1.37 -n 2",
    scenarios=["P01", "P03", "R02", "U01", "T10", "L08", "L09"],
)


def tally(name: str, evaluated: int = 40, chances: int = 12, violated: list[Broken] | None = None, undecided: int = 0) -> Tally:
    broken = violated or []
    return Tally(
        name, evaluated, chances, len(broken), undecided, broken, ["pods between rv 120 and 140 may have been missed"] if undecided else []
    )


def result(name: str, outcome: Outcome, title: str, trace: str = "", **more: Any) -> ScenarioResult:
    node_id = more.pop("node_id", f"scenarios/test_x.py::test_{name.lower()}")
    seconds = more.pop("seconds", 6.25)
    return ScenarioResult(
        name, node_id, title, outcome, seconds, trace=trace, reproduce=f"pytest {node_id}", look="kubectl get pods", **more
    )


def violation(entries: list[Entry]) -> Broken:
    """The third termination of the broken update: one node too many."""
    gone = [
        entry for entry in entries if entry.resource == "pods" and b"deletionTimestamp" in bytes(entry.object) and entry.type == "modified"
    ]
    entry = gone[4]
    name = json.loads(bytes(entry.object))["metadata"]["name"]
    return Broken(entry.seq, entry.at, "3 of 6 nodes are without an available pod, and 2 are allowed", [f"pods/{name}"])


def write_folder(folder: Path) -> Path:
    """A report folder with one scenario of every outcome."""
    for name in ("scenarios", "traces"):
        (folder / name).mkdir(parents=True)
    broken = rolling_update(broken=True, prefix="r02-9d01aa")
    traces = {"p03": join_and_leave(), "r02-2": rolling_update(), "r02-x": broken, "u01": surge_update()}
    for name, entries in traces.items():
        store.write(folder / "traces" / f"{name}.jsonl", header(name[:3].upper()), entries)
    bad = tally("G3", violated=[violation(broken)])
    results = [
        result(
            "P01",
            "passed",
            "Every eligible node runs exactly one pod.",
            claims=["000-02", "000-01"],
            tallies=[tally("G1"), tally("G9", 12, 0)],
        ),
        result("P03", "passed", "A removed node takes its pod with it.", "traces/p03.jsonl", claims=["000-10"], tallies=[tally("G1")]),
        result(
            "R02",
            "passed",
            "An update keeps its budget.",
            "traces/r02-2.jsonl",
            claims=["002-70"],
            tallies=[tally("G3", 90, 33)],
            parameters={"maxUnavailable": "2"},
        ),
        result(
            "R02",
            "failed",
            "An update keeps its budget.",
            "traces/r02-x.jsonl",
            node_id="scenarios/test_x.py::test_r02[x]",
            claims=["002-70"],
            tallies=[bad],
            parameters={"maxUnavailable": "<2>"},
            diagnostics=["diagnostics/r02-x/describe-pods.txt", "diagnostics/r02-x/kind-export-logs"],
            failure="G3 was violated 1 time(s):\n  3 of 6 nodes are without an available pod & 2 are <allowed>",
        ),
        result(
            "U01", "passed", "A surge update never takes a node's only pod.", "traces/u01.jsonl", claims=["002-71"], tallies=[tally("G3")]
        ),
        result(
            "T10",
            "finding",
            "Counters after a NoSchedule taint.",
            claims=["000-16"],
            tallies=[tally("G1")],
            finding=Finding(
                "numberMisscheduled stays stale until something else touches the DaemonSet",
                ["000-16"],
                "1.33",
                "",
                "kubernetes/kubernetes#132459",
            ),
        ),
        result("L08", "left-out", "Node pressure.", claims=["000-20"], reason="left out: embedded lacks real-kubelet"),
        result("L09", "error", "A node reboots.", claims=["000-21"], failure="ComponentDied: etcd ended by itself\nlast lines: …"),
        result("T07", "unknown", "A gap in the trace.", claims=["000-22"], tallies=[tally("G1", undecided=3)]),
    ]
    (folder / "run.json").write_bytes(msgspec.json.encode(RUN))
    for index, each in enumerate(results):
        (folder / "scenarios" / f"{index:02d}.json").write_bytes(msgspec.json.encode(each))
    (folder / ".daemonset-conformance").write_text("")
    return folder
