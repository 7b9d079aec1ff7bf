"""Where things are drawn: nothing is too short to be seen, nothing passes anything else, silence is folded alike everywhere."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.report.bars import Row
from conformance.report.counts import updating
from conformance.report.crowd import choose
from conformance.report.curve import curve
from conformance.report.frames import frame_of
from conformance.report.history import Bar, Lane, Segment, State
from conformance.report.scale import FOLD, Frame, folding, ticks
from conformance.report.spread import LEAST, spread
from conformance.report.style import asset
from conformance.report.timeline import Break, timeline
from tests.report import stories
from tests.report.reading import seen
from tests.report.story import Story

LOW, HIGH = 100.0, 900.0


@st.composite
def points(draw: st.DrawFn) -> tuple[list[float], list[tuple[int, int]]]:
    somewhere = st.one_of(st.floats(LOW, HIGH), st.floats(LOW, LOW + 3), st.floats(HIGH - 3, HIGH))
    wanted = sorted(draw(st.lists(somewhere, min_size=2, max_size=60)))
    index = st.integers(0, len(wanted) - 1)
    pairs = draw(st.lists(st.tuples(index, index), max_size=60))
    return wanted, [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]


@settings(deadline=None)
@given(points())
def test_points_keep_their_order_their_distances_and_the_frame(drawn: tuple[list[float], list[tuple[int, int]]]) -> None:
    wanted, spans = drawn
    steps = [1.0 if one != other else 0.0 for one, other in pairwise(wanted)]
    places = spread(wanted, steps, spans, LOW, HIGH)
    assert all(other - one >= step - 1e-6 for (one, other), step in zip(pairwise(places), steps, strict=True))
    assert all(places[last] - places[first] >= LEAST - 1e-6 for first, last in spans)
    assert places[0] >= LOW - 1e-6
    assert places[-1] <= HIGH + 1e-6


def test_what_has_room_is_not_moved() -> None:
    wanted = [100.0, 110.0, 300.0, 900.0]
    assert spread(wanted, [1.0] * 3, [(0, 1), (1, 2)], LOW, HIGH) == wanted


def test_what_has_no_room_shares_it() -> None:
    places = spread([500.0] * 1000, [0.0] * 999, [(index, index + 1) for index in range(999)], LOW, HIGH)
    assert places[0] >= LOW - 1e-6
    assert places[-1] <= HIGH + 1e-6
    assert min(other - one for one, other in pairwise(places)) > 0.79


def test_states_of_no_time_at_all_are_drawn_side_by_side() -> None:
    states: list[State] = ["pending", "starting", "ready", "terminating"]
    moments = (1.0, 1.0, 1.0, 1.0, 1.0001)
    segments = tuple(Segment(moments[i], moments[i + 1], state, first=i, last=i + 1) for i, state in enumerate(states))
    old = Bar("a", "n", "agent", "u", "v1", segments, gone=True)
    new = Bar("b", "n", "agent", "u", "v2", (Segment(1.0001, 9.0, "ready", first=4, last=9),), gone=False)
    row = Row.of(Lane("node", bars=(old, new)), 0.0, Frame(0, 10))
    assert len(row.slots) == 1
    places = [(row.x(each.start, each.first), row.x(each.end, each.last)) for bar in (old, new) for each in bar.segments]
    assert all(end - start >= LEAST - 1e-6 for start, end in places)
    assert all(one[1] <= other[0] + 1e-6 for one, other in pairwise(places))


def test_a_pod_that_comes_before_the_other_has_gone_has_a_slot_of_its_own() -> None:
    old = Bar("a", "n", "agent", "u", "v1", (Segment(0.0, 1.0, "ready", first=1, last=6),), gone=True)
    new = Bar("b", "n", "agent", "u", "v2", (Segment(1.0, 2.0, "ready", first=5, last=9),), gone=False)
    assert len(Row.of(Lane("node", bars=(old, new)), 0.0, Frame(0, 10)).slots) == 2


def test_a_long_silence_is_folded_and_the_rest_is_to_scale() -> None:
    [fold] = folding([0.2, 0.4, 0.9, 55.0, 55.5], 0.1, 56.0)
    assert (0.9, 55.0) < (fold.start, fold.end) < (55.0, 56.0)
    assert fold.seconds == pytest.approx(54.1)
    frame = Frame(0.1, 56.0, (fold,))
    assert frame.x(0.1) == frame.left
    assert frame.x(56.0) == pytest.approx(frame.width - frame.right)
    assert frame.x(fold.end) - frame.x(fold.start) == pytest.approx(FOLD)
    scale = (frame.x(0.4) - frame.x(0.2)) / 0.2
    assert (frame.x(55.5) - frame.x(55.0)) / 0.5 == pytest.approx(scale)
    assert all(not fold.start < tick < fold.end for tick in ticks(frame))
    assert max(ticks(frame)) > 55
    assert min(ticks(frame)) < 1


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), max_size=30), st.floats(0, 10), st.just(0.0) | st.floats(0.001, 100))  # traces know milliseconds
def test_time_runs_from_left_to_right_whatever_is_folded(moments: list[float], begin: float, length: float) -> None:
    frame = Frame(begin, begin + length, folding(moments, begin, begin + length))
    places = [frame.x(begin + length * part / 100) for part in range(101)]
    assert all(one <= other + 1e-9 for one, other in pairwise(places))
    assert places[0] == pytest.approx(frame.left)
    assert places[-1] <= frame.width - frame.right + 1e-6
    marks = ticks(frame)
    assert marks == sorted(marks)
    assert len(marks) <= 25


def test_no_event_is_folded_away_and_both_pictures_fold_alike() -> None:
    story = Story()
    story.at = 3.0  # nothing happens before
    nodes = [story.node("a"), story.node("b")]
    story.wait(0.2).action("create", "daemonsets/agent")
    story.daemonset("v1", generation=1)
    pods = {node: story.wait(0.1).pod(node, "v1") for node in nodes}
    for pod in pods.values():
        story.wait(0.1).running(pod, ready=True)
    story.wait(40).daemonset("v2", generation=2)
    for node, pod in pods.items():
        story.wait(0.1).terminate(pod)
        story.wait(0.1).remove("pods", pod)
        story.wait(0.1).running(story.pod(node, "v2"), ready=True)
    known = seen(story.wait(0.4).end())
    frame = frame_of(known)
    assert frame.begin == pytest.approx(3.0, abs=0.01)
    [fold] = frame.folds
    edges = [at for lane in known.lanes for bar in lane.bars for each in bar.segments for at in (each.start, each.end)]
    assert all(not fold.start < at < fold.end for at in edges)
    [workload] = updating(known)
    drawn = [timeline(known), curve(known, workload)]
    assert {picture.frame for picture in drawn} == {frame}
    assert all('class="fold"' in picture.alone() for picture in drawn)


def test_an_excess_is_one_shape_however_often_it_changes() -> None:
    known = seen(stories.rolling_update(nodes=60, budget=1, broken=True))
    [workload] = updating(known)
    picture = curve(known, workload)
    assert "".join(picture.body).count('class="over"') <= 2
    assert len(picture.alone()) < 12_000


def test_what_is_allowed_is_said_where_no_curve_is() -> None:
    known = seen(stories.surge_update())
    [workload] = updating(known)
    root = ET.fromstring(curve(known, workload).alone())
    captions = [float(each.get("y", "")) for each in root.iter() if each.get("class") == "caption"]
    steps = [each.get("d", "") for each in root.iter() if each.get("class") in ("step", "budget", "filled")]
    drawn = [float(y) for path in steps for y in re.findall(r"V([\d.]+)", path)]
    assert len(captions) == 2
    assert all(min(abs(y - caption) for y in drawn) > 8 for caption in captions)


def test_many_nodes_are_told_by_their_history() -> None:
    known = seen(stories.rolling_update(nodes=60, budget=20))
    rows, rest = choose(known.lanes, {known.lanes[-1].node}, 40)
    assert [(lane.node, alike) for lane, alike in rows] == [(known.lanes[-1].node, 0), (known.lanes[0].node, 58)]
    assert len(rest) == 58
    picture = timeline(known, [Break(5.0, (f"nodes/{known.lanes[-1].node}",), "x")])
    names = "".join(picture.side)
    assert "+58 like it" in names
    assert "58 nodes" in names
    assert len(picture.alone()) < 40_000
    band = {state for state in ("ready", "starting", "pending", "terminating") if f"58 nodes: {WORDS[state]}" in picture.alone()}
    assert band == {"ready", "starting", "pending", "terminating"}
    assert "58 nodes: ready, outdated" in picture.alone()
    assert choose(known.lanes, set(), 60) == ([(lane, 0) for lane in known.lanes], [])


WORDS = {"ready": "ready", "starting": "running, not ready", "pending": "pending", "terminating": "terminating"}


def _luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("state", ["pending", "starting", "ready", "terminating", "failed", "over", "alarm", "budget"])
def test_states_stand_out_from_the_lane(state: str, dark: bool) -> None:
    found: dict[str, list[str]] = {}
    for name, colour in re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", asset("picture.css")):
        found.setdefault(name, []).append(colour)
    lighter, darker = sorted((_luminance(found[state][dark]), _luminance(found["lane"][dark])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 3
