"""Pictures show what the trace holds: states, revisions, budgets, moments; and stay readable when there is a lot."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from conformance.report.bars import common_prefix
from conformance.report.counts import began, points, updating
from conformance.report.curve import curve
from conformance.report.drawing import CHARACTER, shorten
from conformance.report.history import Moment
from conformance.report.markers import SIZE, place, summary
from conformance.report.scale import Frame, label_of, ticks
from conformance.report.timeline import Break, timeline
from conformance.report.wording import words
from conformance.trace.entries import Entry
from tests.report import stories, synthetic
from tests.report.reading import seen
from tests.report.story import Story

SVG = "{http://www.w3.org/2000/svg}"


def classes(picture: str) -> set[str]:
    return {name for each in ET.fromstring(picture).iter() for name in each.get("class", "").split()}


def test_states_follow_one_another() -> None:
    lane = seen(stories.rolling_update(nodes=2, budget=1)).lanes[0]
    old, new = lane.bars
    assert [segment.state for segment in old.segments] == ["pending", "starting", "ready", "ready", "terminating"]
    assert [segment.outdated for segment in old.segments] == [False, False, False, True, True]
    assert [segment.state for segment in new.segments] == ["pending", "starting", "ready"]
    assert old.gone
    assert not new.gone
    assert old.end <= new.start
    assert not any(segment.outdated for segment in new.segments)


def test_nodes_come_and_go_and_have_conditions() -> None:
    lanes = {lane.node.rpartition("-")[2]: lane for lane in seen(stories.join_and_leave()).lanes}
    assert [band.condition for band in lanes["b"].bands] == ["cordoned"]
    assert [band.condition for band in lanes["a"].bands] == ["tainted"]
    assert [band.condition for band in lanes["late"].bands] == ["not-ready"]
    [present] = lanes["late"].present
    assert lanes["late"].bars[-1].end > present.end, "the pod outlives its node"
    [orphaned] = lanes["late"].orphaned
    assert (orphaned.start, orphaned.end) == (present.end, lanes["late"].bars[-1].end)
    assert lanes["a"].orphaned == ()
    assert [segment.state for segment in lanes["late"].bars[0].segments][-1] == "failed"


@pytest.mark.parametrize("standalone", [True, False])
def test_a_timeline_is_well_formed_and_told_in_words(standalone: bool) -> None:
    entries = stories.rolling_update(broken=True)
    known = seen(entries)
    broken = synthetic.violation(entries)
    drawn = timeline(known, [Break(broken.at, tuple(broken.objects), broken.message)], title="R02 <&>")
    picture = drawn.alone() if standalone else drawn.pieces()[1].replace("<svg", f'<svg xmlns="{SVG[1:-1]}"', 1)
    root = ET.fromstring(picture)
    assert (root.find(f"{SVG}style") is not None) == standalone
    assert root.findtext(f"{SVG}title") == "R02 <&>"
    said = root.findtext(f"{SVG}desc") or ""
    assert said.startswith(
        "12 pods on 6 nodes in 6.9 seconds. agent: 6 pods replaced, at most 3 nodes without an available pod, at the end 6"
    )
    assert "Violation at 3.600 s" in said
    assert {"pending", "starting", "ready", "terminating", "outdated", "mark", "action"} <= classes(picture)
    assert ("key" in classes(picture)) == standalone
    bars = sum(len(lane.bars) for lane in known.lanes)
    assert picture.count("still there at the end") + picture.count("deleted at") == bars == 12


def test_outdated_pods_are_hatched_and_no_others() -> None:
    known = seen(stories.rolling_update(nodes=3, budget=1))
    outdated = [segment for lane in known.lanes for bar in lane.bars for segment in bar.segments if segment.outdated]
    hatched = [each for each in ET.fromstring(timeline(known).alone()).iter() if each.get("class") == "outdated" and each.get("x") != "0"]
    assert len(hatched) == len(outdated) == 6


def test_a_violation_marks_the_row_of_its_pod() -> None:
    entries = stories.rolling_update(broken=True)
    broken = synthetic.violation(entries)
    picture = timeline(seen(entries), [Break(broken.at, tuple(broken.objects), "x")]).alone()
    mark = next(each for each in ET.fromstring(picture).iter() if each.get("class") == "mark")
    names = {
        (each.text or "") + "".join(child.tail or "" for child in each): float(each.get("y", "0"))
        for each in ET.fromstring(picture).iter()
        if each.get("class") == "name"
    }
    assert abs(names["4"] - float(mark.get("cy", "0"))) < 8


def test_the_curve_counts_unavailable_nodes() -> None:
    known = seen(stories.rolling_update(nodes=6, budget=2))
    [workload] = updating(known)
    since = began(known, workload) or 0.0
    assert workload.specs[1][0] < since < workload.specs[1][0] + 0.05
    counted = points(known, workload)
    assert max(point.unavailable for point in counted if point.at >= since) == 2
    assert counted[-1].unavailable == 0
    assert {point.desired for point in counted if point.at > since} == {6}
    assert {point.budget for point in counted if point.at > since} == {(2, 0)}
    assert "over" not in classes(curve(known, workload).alone())
    assert "allowed 2" in curve(known, workload).alone()


def test_the_curve_shows_what_goes_beyond_the_budget() -> None:
    known = seen(stories.rolling_update(broken=True))
    [workload] = updating(known)
    assert max(point.unavailable for point in points(known, workload) if point.at >= workload.specs[1][0]) == 3
    assert "over" in classes(curve(known, workload).alone())


def test_a_surge_counts_surplus_pods() -> None:
    known = seen(stories.surge_update(nodes=5, budget=2))
    [workload] = updating(known)
    counted = [point for point in points(known, workload) if point.at >= workload.specs[1][0]]
    assert max(point.surge for point in counted) == 2
    assert max(point.unavailable for point in counted) == 0
    assert "surplus pods" in curve(known, workload).alone()


def test_min_ready_seconds_delays_availability() -> None:
    story = Story()
    node = story.node("a")
    body = story.daemonset("v1", generation=1)
    story.put("daemonsets", {**body, "spec": {**body["spec"], "minReadySeconds": 2}})
    pod = story.pod(node, "v1")
    story.wait(1).running(pod, ready=True)
    ready = story.at
    known = seen(story.wait(5).end())
    counted = points(known, known.workloads[0])
    assert next(point.at for point in counted if point.unavailable == 0 and point.desired) == pytest.approx(ready + 2, abs=0.001)


def test_no_curve_without_an_update() -> None:
    assert updating(seen(stories.join_and_leave())) == []


@pytest.mark.parametrize("count", [1, 7, 40, 400])
def test_labels_never_collide(count: int) -> None:
    frame = Frame(0, 20)
    moments = [Moment((index * 37 % 200) / 10, "label", target=f"nodes/p01-3fa9c1-{index}") for index in range(count)]
    labels = place(moments, frame, "p01-3fa9c1-")
    assert max(label.level for label in labels) < 5
    spans = []
    for label in labels:
        width = len(label.text) * SIZE * CHARACTER
        spans.append((label.level, label.x - width if label.flipped else label.x, label.x if label.flipped else label.x + width))
    for index, (level, left, right) in enumerate(spans):
        for other_level, other_left, other_right in spans[index + 1 :]:
            assert level != other_level or right <= other_left or other_right <= left


def test_what_happens_together_is_counted() -> None:
    together = [Moment(0.1, "join", target=f"nodes/{name}") for name in "abc"]
    assert summary(together) == "join \N{MULTIPLICATION SIGN}3"
    assert summary([*together, Moment(0.1, "create", target="daemonsets/agent")]) == "join \N{MULTIPLICATION SIGN}3, create agent"


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ({"verb": "label", "target": "nodes/a", "labels": {"zone": "b", "gpu": "yes"}}, "label zone=b,gpu=yes nodes/a"),
        ({"verb": "label", "target": "daemonsets/a", "patch": {"metadata": {"labels": {"team": "x"}}}}, "label team=x daemonsets/a"),
        ({"verb": "unlabel", "target": "nodes/a", "keys": ["zone"]}, "unlabel zone nodes/a"),
        ({"verb": "taint", "target": "nodes/a", "key": "k", "value": "v", "effect": "NoExecute"}, "taint k=v:NoExecute nodes/a"),
        ({"verb": "untaint", "target": "nodes/a", "key": "k", "effect": ""}, "untaint k nodes/a"),
        ({"verb": "kubectl rollout undo daemonset/agent", "target": "r01-243c5e"}, "kubectl rollout undo daemonset/agent"),
    ],
)
def test_actions_in_words(detail: dict[str, Any], expected: str) -> None:
    assert words(Entry(0, 0.0, "action", detail=detail)) == expected


def test_waits_in_words() -> None:
    assert words(Entry(0, 0.0, "note", detail={"text": "wait begins", "for": "agent is gone", "within": 60.0})) == "wait for: agent is gone"
    assert words(Entry(0, 0.0, "note", detail={"text": "wait ends", "for": "agent is gone", "after": 0.07})) == "wait ends after 0.07 s"


@pytest.mark.parametrize(("seconds", "expected"), [(0, 1), (0.4, 9), (7, 8), (61, 7), (3600, 8)])
def test_ticks_are_round_and_few(seconds: float, expected: int) -> None:
    found = ticks(Frame(0, seconds))
    assert len(found) == expected
    assert all(len(label_of(tick)) <= 6 for tick in found)


def test_names_are_cut_where_it_hurts_least() -> None:
    assert common_prefix(["p01-aff-10", "p01-aff-11"]) == "p01-aff-"
    assert common_prefix(["p01-a-1"]) == ""
    assert common_prefix(["kind-worker", "kind-control-plane", ""]) == ""
    assert shorten("abcdefghij", 5) == "ab…ij"


def test_an_empty_trace_makes_no_noise() -> None:
    known = seen([])
    ET.fromstring(timeline(known).alone())
    assert re.search(r"0 pods on 0 nodes", timeline(known).alone())
