"""Results made by hand: a run, its scenarios, and a whole report folder of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from conformance.claims.checks import Check
from conformance.guarantees.judge import Broken, Tally
from conformance.report.results import FORMAT, Function, Outcome, Reason, Run, ScenarioResult
from conformance.trace import store
from conformance.trace.entries import Entry, Header
from tests.report.stories import join_and_leave, rolling_update, surge_update


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
    scenarios=[
        Function("P01.one_pod_a_node", "P01", "Every eligible node runs exactly one pod.", claims=["000-02", "000-01"]),
        Function("P03.gone_with_its_node", "P03", "A removed node takes its pod with it.", claims=["000-10"]),
        Function("R02.keeps_its_budget", "R02", "An update keeps its budget.", claims=["002-70"]),
        Function("U01.never_the_only_pod", "U01", "A surge update never takes a node's only pod.", claims=["002-71"]),
        Function("T12.stale_counters", "T12", "Counters after a NoSchedule taint.", claims=["D9-33", "D9-34"]),
        Function("L08.node_pressure", "L08", "Node pressure.", claims=["000-20"]),
        Function("L09.a_reboot", "L09", "A node reboots.", claims=["000-21"]),
        Function("T07.a_gap", "T07", "A gap in the trace.", claims=["000-22"]),
    ],
    format=FORMAT,
)


def tally(name: str, evaluated: int = 40, chances: int = 12, violated: list[Broken] | None = None, undecided: int = 0) -> Tally:
    broken = violated or []
    return Tally(
        name, evaluated, chances, len(broken), undecided, broken, ["pods between rv 120 and 140 may have been missed"] if undecided else []
    )


def result(name: str, outcome: Outcome, title: str, trace: str = "", **more: Any) -> ScenarioResult:
    """A result of the scenario `name`; what passed has shown its claims, what failed has failed in the check of them all."""
    node_id = more.pop("node_id", f"scenarios/test_x.py::test_{name.partition('.')[2]}")
    seconds = more.pop("seconds", 6.25)
    checked = outcome in ("passed", "finding", "failed") and more.get("claims")
    checks = more.pop("checks", None)
    if checks is None:
        checks = [Check(more["claims"], outcome != "failed", "exactly one pod on each node")] if checked else []
    return ScenarioResult(
        name,
        name.partition(".")[0],
        node_id,
        title,
        outcome,
        seconds,
        checks=checks,
        trace=trace,
        reproduce=f"pytest {node_id}",
        look="kubectl get pods",
        format=FORMAT,
        **more,
    )


def violation(entries: list[Entry]) -> Broken:
    """The third termination of the broken update: one node too many."""
    gone = [
        entry for entry in entries if entry.resource == "pods" and b"deletionTimestamp" in bytes(entry.object) and entry.type == "modified"
    ]
    entry = gone[4]
    name = json.loads(bytes(entry.object))["metadata"]["name"]
    return Broken("G3", entry.seq, entry.at, "3 of 6 nodes are without an available pod, and 2 are allowed", [f"pods/{name}"])


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
            "P01.one_pod_a_node",
            "passed",
            "Every eligible node runs exactly one pod.",
            claims=["000-02", "000-01"],
            tallies=[tally("G1"), tally("G9", 12, 0)],
        ),
        result(
            "P03.gone_with_its_node",
            "passed",
            "A removed node takes its pod with it.",
            "traces/p03.jsonl",
            claims=["000-10"],
            tallies=[tally("G1")],
        ),
        result(
            "R02.keeps_its_budget",
            "passed",
            "An update keeps its budget.",
            "traces/r02-2.jsonl",
            claims=["002-70"],
            tallies=[tally("G3", 90, 33)],
            parameters={"maxUnavailable": "2"},
        ),
        result(
            "R02.keeps_its_budget",
            "failed",
            "An update keeps its budget.",
            "traces/r02-x.jsonl",
            node_id="scenarios/test_x.py::test_keeps_its_budget[x]",
            claims=["002-70"],
            tallies=[bad],
            checks=[],
            parameters={"maxUnavailable": "<2>"},
            diagnostics=["diagnostics/r02-x/describe-pods.txt", "diagnostics/r02-x/kind-export-logs"],
            reason=Reason("guarantee", names=["G3"]),
            failure="G3 was violated 1 time(s):\n  3 of 6 nodes are without an available pod & 2 are <allowed>",
        ),
        result(
            "U01.never_the_only_pod",
            "passed",
            "A surge update never takes a node's only pod.",
            "traces/u01.jsonl",
            claims=["002-71"],
            tallies=[tally("G3")],
        ),
        result(
            "T12.stale_counters",
            "finding",
            "Counters after a NoSchedule taint.",
            claims=["D9-33", "D9-34"],
            tallies=[tally("G1")],
            finding="noschedule-taint-wakes-no-sync",
        ),
        result(
            "L08.node_pressure",
            "left-out",
            "Node pressure.",
            claims=["000-20"],
            reason=Reason("lacks", lacking={"real-kubelet": "nodes are simulated"}),
        ),
        result(
            "L09.a_reboot",
            "error",
            "A node reboots.",
            claims=["000-21"],
            failure="ComponentDied: etcd ended & <by> itself\nlast lines: …",
            reason=Reason("broke", text="ComponentDied: etcd ended by itself"),
        ),
        result(
            "T07.a_gap",
            "unknown",
            "A gap in the trace.",
            claims=["000-22"],
            tallies=[tally("G1", undecided=3)],
            reason=Reason("undecided", "a gap", ["G1"]),
        ),
    ]
    (folder / "run.json").write_bytes(msgspec.json.encode(RUN))
    for index, each in enumerate(results):
        (folder / "scenarios" / f"{index:02d}.json").write_bytes(msgspec.json.encode(each))
    (folder / ".daemonset-conformance").write_text("")
    return folder
