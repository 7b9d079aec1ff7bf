"""What other programs are told: the terminal and JUnit XML. Allure: `test_report_allure.py`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from conformance.claims import findings
from conformance.clusters.protocol import Facts
from conformance.report import folder, junit, terminal
from conformance.report.results import Reason, Run, ScenarioResult
from conformance.report.story import tell
from conformance.trace.entries import Entry
from conformance.trace.world import World
from tests.report import stories, synthetic

FINDING = findings.load()["noschedule-taint-wakes-no-sync"]

FACTS = Facts("one", "embedded", "v1.37.1", Path("kubeconfig"), frozenset(), 5)
COUNTS = "3 passed, 1 finding (d in pytest's progress), 1 left-out, 1 unknown (u in pytest's progress), 1 failed, 1 error"
PROMISES = {"G1": ("one pod a node", ""), "G3": ("the budget is kept", ""), "G7": ("never asked", "")}


def test_the_terminal_says_it_in_a_few_lines(tmp_path: Path) -> None:
    made = synthetic.write_folder(tmp_path / "report")
    assert [line.text for line in terminal.lines(folder.run(made), folder.results(made), PROMISES)] == [
        "DaemonSets on Kubernetes v1.37.1 (embedded): 8 scenarios (9 pytest items): " + COUNTS,
        "guarantees: 4, evaluated 342 times; 105 times they could have failed",
        'violated: G3 1 time in R02.keeps_its_budget: "the budget is kept"',
        "guarantees not decided: G1 (what each promises: docs/guarantees.md, and the page)",
        "guarantees never evaluated: G7",
        "guarantees that held, but never could have failed: G9",
        "left out, 1 pytest item: this cluster lacks real-kubelet (nodes are simulated)",
        f"finding {FINDING.id} (against D9-33, D9-34): {FINDING.text}",
    ]


def test_the_terminal_says_that_nothing_ran() -> None:
    assert terminal.lines(Run("", "v1.37.1", "kind"), [])[0].text == "DaemonSets on Kubernetes v1.37.1 (kind): no scenario left a result"


def test_the_terminal_counts_items_that_were_left_out_of_a_scenario_that_ran() -> None:
    some = [synthetic.result("P14", "passed", "x"), synthetic.result("P14", "left-out", "y"), synthetic.result("L05", "left-out", "z")]
    assert terminal.lines(Run("", "v1.37.1", "embedded"), some)[0].text.endswith(
        ": 2 scenarios (3 pytest items, 2 of them left out): 1 passed, 1 left-out"
    )


def test_what_was_left_out_is_one_line_a_reason() -> None:
    def left_out(name: str, reason: str) -> ScenarioResult:
        return msgspec.structs.replace(synthetic.result(name, "left-out", "x"), reason=Reason("not-offered", text=reason))

    some = [
        left_out("L05", "no real kubelet"),
        left_out("L06", "at most 3 nodes"),
        *(left_out("L07", "no real kubelet") for _ in range(40)),
    ]
    said = [line.text for line in terminal.lines(Run("", "v1.37.1", "embedded"), some) if line.text.startswith("left out")]
    assert said == ["left out, 41 pytest items: no real kubelet", "left out, 1 pytest item: at most 3 nodes"]


def test_numbers_and_their_things_agree() -> None:
    one = [synthetic.result("P01", "error", "x")]
    two = [*one, synthetic.result("P02", "error", "x"), synthetic.result("P03", "finding", "x"), synthetic.result("P04", "finding", "x")]
    assert terminal.lines(Run("", "v1.37.1", "embedded"), one)[0].text.endswith("): 1 scenario: 1 error")
    assert terminal.lines(Run("", "v1.37.1", "embedded"), two)[0].text.endswith(
        "): 4 scenarios: 2 findings (d in pytest's progress), 2 errors"
    )


def test_a_trace_judged_again_is_told() -> None:
    broken = synthetic.tally("G3", violated=[synthetic.violation(stories.rolling_update(broken=True))])
    said = terminal.judged(synthetic.header("R02"), [broken, synthetic.tally("G10", undecided=2)])
    assert said[1] == "G3   violated  evaluated 40, could have failed 12, violated 1"
    assert "entry 64" in said[2]
    assert said[3].endswith("undecided 2")
    assert said[4] == "    undecided: pods between rv 120 and 140 may have been missed"


def test_junit_properties() -> None:
    made = synthetic.result(
        "T12.x", "finding", "x", "traces/t.jsonl", claims=["D9-33"], finding=FINDING.id, tallies=[synthetic.tally("G1", 3, 0)]
    )
    assert junit.properties(made, FACTS) == [
        ("kubernetes", "v1.37.1"),
        ("cluster", "embedded"),
        ("scenario", "T12.x"),
        ("family", "T12"),
        ("claims", "D9-33"),
        ("claims.shown", "D9-33"),
        ("claims.refuted", ""),
        ("conformance.outcome", "finding"),
        ("conformance.as-expected", "yes"),
        ("guarantees.holds", "1"),
        ("guarantees.violated", "0"),
        ("guarantees.unknown", "0"),
        ("guarantees.vacuous", "1"),
        ("finding", f"{FINDING.id}: {FINDING.text}"),
        ("trace", "traces/t.jsonl"),
    ]
    assert ("cluster", "unknown") in junit.properties(made, None)


def test_the_story_ends_where_it_breaks() -> None:
    entries = stories.rolling_update(broken=True)
    broken = synthetic.violation(entries)
    world = World()
    lines = tell(((entry, *world.apply(entry)) for entry in entries), broken.seq)
    [here] = [line for line in lines if line.broken]
    assert here.seq == broken.seq
    assert here.author == "kube-system:daemon-set-controller"
    assert here.what == "deletion: asked for"
    assert len(lines) == 20


def test_the_story_of_a_wait_is_its_last_events() -> None:
    entries: list[Entry] = stories.join_and_leave()
    world = World()
    lines = tell(((entry, *world.apply(entry)) for entry in entries), None)
    assert len(lines) == 20
    assert lines[-1].what == "end of the trace"
