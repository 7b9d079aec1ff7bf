"""`conformance tell`: a trace as a short text, and what a file is answered with that is none."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.cli import main
from conformance.guarantees.judge import Broken
from conformance.report.telling import FEWEST, WIDTH, tell
from conformance.trace import store
from conformance.trace.entries import Entry, Header
from tests.report.stories import join_and_leave, rolling_update, started
from tests.report.story import CONTROLLER, Story

HEADER = Header(
    1,
    "R02",
    "scenarios/test_x.py::test_a_rolling_update",
    "v1.37.1",
    "embedded",
    started="2026-11-21T12:31:05.120+00:00",
    audited=True,
)


def lines_of(entries: list[Entry], broken: list[Broken] | None = None, lines: int = 30) -> list[str]:
    return tell(HEADER, entries, broken or [], lines)


def times(lines: list[str]) -> list[float]:
    return [float(found[1]) for line in lines if (found := re.match(r" *(\d+\.\d\d)(?:-\d+\.\d\d)?  ", line))]


def test_who_does_not_know_the_suite_reads_what_happened_when_to_what_and_by_whom() -> None:
    story = Story()
    node = story.node("a")
    story.wait(0.2).action("create", "daemonsets/agent")
    story.daemonset("v1", generation=1)
    pod = story.wait(0.1).pod(node, "v1")
    story.wait(0.5).running(pod, ready=True)
    story.wait(2.0).terminate(pod)
    story.wait(0.25).remove("pods", pod)
    assert lines_of(story.end()) == [
        "a rolling update (Kubernetes v1.37.1, real control plane, simulated kubelets, 2026-11-21T12:31:05.120+00:00)",
        "Seconds from the first event; in brackets who asked for it, from the audit log.",
        "         0.00  nodes/p01-3fa9c1-a created: Ready True",
        "         0.20  THE TEST: create daemonsets/agent",
        "         0.20  daemonsets/agent created: generation 1, image of agent v1, updateStrategy RollingUpdate",
        "         0.22  controllerrevisions/agent-v1 created: revision 1  [daemon-set-controller]",
        "         0.32  pods/agent-001x created on p01-3fa9c1-a: template v1  [daemon-set-controller]",
        "         0.82  pods/agent-001x on p01-3fa9c1-a: ready",
        "         2.82  pods/agent-001x on p01-3fa9c1-a: deletion asked for  [daemon-set-controller]",
        "         3.07  pods/agent-001x on p01-3fa9c1-a: gone",
        "         3.07  end of the trace",
    ]


@pytest.mark.parametrize("entries", [join_and_leave(), rolling_update(12, 3), rolling_update(40, 1)], ids=["joins", "update", "long"])
@pytest.mark.parametrize("room", [FEWEST, 15, 30, 100])
def test_no_more_lines_than_asked_for_and_time_never_goes_back(entries: list[Entry], room: int) -> None:
    told = lines_of(entries, lines=room)
    assert len(told) <= room
    assert all(len(line) <= WIDTH for line in told)
    seen = times(told)
    assert len(seen) == len(told) - 2
    assert seen[0] == 0
    assert all(earlier <= later for earlier, later in pairwise(seen))
    assert told[-1].endswith("end of the trace")


def test_time_does_not_go_back_where_a_stream_was_late() -> None:
    story = Story()
    for at, verb in ((1.0, "join"), (7.0, "cordon"), (2.5, "uncordon")):
        story.at = at
        story.action(verb, "nodes/a")
    assert times(lines_of(story.end())) == [0.0, 1.5, 1.5, 1.5]


def test_alike_events_share_a_line() -> None:
    story = Story("n")
    nodes = [story.node(str(number)) for number in (10, 1, 2, 9, 3)]
    story.daemonset("v1", generation=1)
    started(story, nodes, "v1")
    told = "\n".join(lines_of(story.end()))
    assert "5 nodes n-1 … n-10 created: Ready True" in told
    assert "5 pods agent-001x … agent-005x created on n-1 … n-10: template v1  [daemon-set-controller]" in told
    assert re.search(r"5 pods agent-001x … agent-005x on n-1 … n-10: ready\n", told)


def test_what_nobody_needs_is_left_out() -> None:
    story = Story()
    story.node("a")
    story.node("stranger")
    story.daemonset("v1", generation=1)
    pod = story.pod("p01-3fa9c1-a", "v1")
    story.node("a", labels={"kubernetes.io/os": "linux"})
    for kind, reason in (("Normal", "SuccessfulCreate"), ("Warning", "FailedScheduling")):
        about = {"kind": "Pod", "name": pod}
        body = {"metadata": {"name": reason}, "involvedObject": about, "type": kind, "reason": reason, "message": "so it is"}
        story.put("events", body)
    short: dict[str, Any] = {"for": "a thing", "after": 0.2}
    story.entry("note", text="wait begins", **short)
    story.entry("note", text="wait ends", **short)
    told = "\n".join(lines_of(story.end()))
    assert not re.search("stranger|kubernetes.io/os|SuccessfulCreate|a thing", told)
    assert f"pods/{pod} Warning event: FailedScheduling: so it is" in told


def test_what_the_test_waited_for_is_quoted() -> None:
    story = Story()
    said: dict[str, dict[str, Any]] = {
        "wait ends": {"for": "two pods run", "after": 4.25},
        "window ends": {"for": "two pods run", "seconds": 10.0},
        "wait expired": {"for": "two pods run", "within": 60},
        "window broken": {"for": "two pods run", "after": 0.5},
    }
    for text, seconds in said.items():
        story.entry("note", text=text, **seconds)
    story.entry("note", text="a remark of the scenario")
    story.entry("note", text="noted", said="wait begins is what its author says")
    story.entry("gap", "pods", since=1, until=5, reason="410 Gone")
    assert [line[15:] for line in lines_of(story.end())[2:]] == [
        "(after 4.25 s, as awaited: two pods run)",
        "FOR 10 s IT STAYED SO: two pods run",
        "WAITED 60 s IN VAIN FOR: two pods run",
        "AFTER 0.5 s IT WAS NO LONGER SO: two pods run",
        "a remark of the scenario",
        "wait begins is what its author says",
        "gap in pods: 410 Gone",
        "end of the trace",
    ]


def test_an_action_says_what_its_verb_does_not() -> None:
    story = Story()
    story.entry("action", verb="set-ready", target="nodes/a", ready=False)
    story.entry("action", verb="annotate", target="daemonsets/agent", patch={"metadata": {"annotations": {"touched": "yes"}}})
    story.entry("action", verb="set image", target="daemonsets/agent", patch={"spec": "x" * 200})
    assert [line[15:] for line in lines_of(story.end())[2:-1]] == [
        "THE TEST: set-ready ready=false nodes/a",
        'THE TEST: annotate patch={"metadata": {"annotations": {"touched": "yes"}}} daemonsets/agent',
        "THE TEST: set image daemonsets/agent",
    ]


@pytest.mark.parametrize("room", [FEWEST, 30])
def test_a_broken_promise_is_quoted_where_it_broke(room: int) -> None:
    entries = rolling_update(30, 2, broken=True)
    taken = [entry for entry in entries if entry.type == "modified" and b"deletionTimestamp" in bytes(entry.object)][4]
    told = lines_of(entries, [Broken("INV-3", taken.seq, taken.at, "3 nodes are without a pod.")], room)
    assert len(told) <= room
    [at] = [place for place, line in enumerate(told) if "BROKEN PROMISE: 3 nodes are without a pod. The promise (" in line]
    assert told[at].endswith("”")
    assert any("deletion asked for" in line for line in told[:at])


def test_counters_come_in_one_line_from_their_first_to_their_last_value() -> None:
    story = Story()
    story.daemonset("v1", generation=1)
    body = story.objects["daemonsets", "agent"]
    for ready in (1, 2, 3):
        status = {"desiredNumberScheduled": 3, "numberReady": ready}
        story.wait(0.1).put("daemonsets", {**body, "metadata": dict(body["metadata"]), "status": status}, user=CONTROLLER)
    told = lines_of(story.end())
    assert "0.12-0.32  daemonsets/agent status: desired 0 → 3, ready 0 → 3 (written 3 times)  [daemon-set-controller]" in told[-2]


def test_what_a_terminal_would_obey_is_not_passed_on() -> None:
    story = Story()
    story.entry("note", text="\x1b]0;title\x07 \x1b[2J\r\nforged line \u202egnp.exe \u2028 \x9b31m ünchanged")
    told = tell(msgspec.structs.replace(HEADER, started="\x1b[31m"), story.end())
    assert len(told) == 4
    assert all(line.isprintable() for line in told)
    assert r"\x1b]0;title\x07 \x1b[2J\r\nforged line \u202egnp.exe \u2028 \x9b31m ünchanged" in told[2]


# -- the command --------------------------------------------------------------------------------------------------------------------------


def test_the_command_tells_a_trace_that_it_judges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.jsonl"
    story = Story()
    node = story.node("a")
    story.daemonset("v1", generation=1)
    for _ in range(2):
        story.running(story.wait(0.1).pod(node, "v1"), ready=True)
    store.write(file, HEADER, story.wait(5).end())
    assert main(["tell", str(file), "--lines", "12"]) == 0
    said = capsys.readouterr().out
    assert said.count("\n") <= 12
    assert "BROKEN PROMISE: " in said, "two pods on one node"


def whole(tmp_path: Path) -> Path:
    file = tmp_path / "trace.jsonl"
    store.write(file, HEADER, join_and_leave())
    return file


def cut(tmp_path: Path) -> Path:
    file = whole(tmp_path)
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    return file


def damaged(tmp_path: Path) -> Path:
    file = whole(tmp_path)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:3], lines[3][:20] + b"\n", *lines[4:]]))
    return file


def of_another_kind(tmp_path: Path) -> Path:
    file = tmp_path / "trace.jsonl"
    store.write(file, HEADER, [Entry(1, 0.0, "added", "pods", 5, msgspec.Raw(b'{"spec": {"nodeName": 7}}'))])
    return file


def of_an_unknown_resource(tmp_path: Path) -> Path:
    file = tmp_path / "trace.jsonl"
    store.write(file, HEADER, [Entry(1, 0.0, "added", "secrets", 5, msgspec.Raw(b"{}"))])
    return file


def other_format(tmp_path: Path) -> Path:
    file = tmp_path / "trace.jsonl"
    store.write(file, msgspec.structs.replace(HEADER, format=99), [])
    return file


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "none.jsonl", "cannot be opened"),
        (lambda folder: folder, "cannot be opened"),
        (cut, "without the line that counts its entries"),
        (damaged, "line 4, is damaged"),
        (of_another_kind, "entry 1 of the trace is damaged (Expected `str`, got `int`"),
        (of_an_unknown_resource, "entry 1 of the trace is damaged (there is no record of 'secrets')"),
        (other_format, "is a trace of format 99"),
    ],
)
def test_a_file_that_is_no_trace_is_one_paragraph_and_exit_code_4(
    make: object, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(make)
    assert main(["tell", str(make(tmp_path))]) == 4
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert said in told.err


def test_too_few_lines_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tell", str(whole(tmp_path)), "--lines", "3"]) == 4
    assert "needs 8 lines at least" in capsys.readouterr().err
