"""What a report shows of a trace happens in the store's order, at times that never go back, and lasts as long as it did."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.guarantees.judge import Broken
from conformance.report.bars import Row
from conformance.report.counts import points
from conformance.report.curve import curve
from conformance.report.figure import pictures
from conformance.report.frames import frame_of
from conformance.report.history import Bar, History
from conformance.report.replay import breaks
from conformance.report.spread import LEAST
from conformance.report.timeline import mark_of
from conformance.trace.entries import Entry
from tests.report import stories
from tests.report.reading import read, result, seen
from tests.report.story import EPOCH, Story


def bars(history: History, node: int = 0) -> tuple[Bar, ...]:
    return history.lanes[node].bars


def _states(bar: Bar) -> list[tuple[str, bool]]:
    return [(segment.state, segment.outdated) for segment in bar.segments]


def replacing(*, audited: bool, late: dict[str, float]) -> list[Entry]:
    """One pod replaced by another one; what is named in `late` arrives so many seconds after it was made."""
    story = Story(audited=audited)
    nodes = [story.node("a"), story.node("b")]
    story.wait(0.1).daemonset("v1", generation=1)
    old = {node: story.wait(0.05).pod(node, "v1") for node in nodes}
    for pod in old.values():
        story.wait(0.05).running(pod, ready=True)
    story.wait(0.5).daemonset("v2", generation=2)
    story.late(late.get("revision", 0.0))
    story.wait(0.1).terminate(old[nodes[0]])
    story.late(late.get("terminating", 0.0))
    story.wait(0.2).remove("pods", old[nodes[0]])
    story.late(late.get("deleted", 0.0))
    new = story.wait(0.05).pod(nodes[0], "v2")
    story.wait(0.1).running(new, ready=True)
    return story.wait(0.5).end()


def test_a_revision_that_arrives_late_moves_nothing() -> None:
    on_time, late = (seen(replacing(audited=False, late={"revision": seconds})) for seconds in (0.0, 0.6))
    assert [_states(bar) for bar in bars(late)] == [_states(bar) for bar in bars(on_time)]
    for bar in bars(late):
        edges = [edge for segment in bar.segments for edge in (segment.start, segment.end)]
        assert edges == sorted(edges)
    assert bars(late)[0].end <= bars(late)[1].start
    assert max(point.surge for point in points(late, late.workloads[0])) == 0


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_whatever_arrives_late_the_same_is_shown(data: st.DataObject) -> None:
    entries = data.draw(
        st.sampled_from([stories.rolling_update(nodes=4, budget=1), stories.surge_update(nodes=3), stories.join_and_leave()])
    )
    delays = data.draw(st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.3, 4.0]), min_size=len(entries), max_size=len(entries)))
    # Remarks of the scenario come from this process, and are never late.
    late = [
        entry if entry.rv is None else msgspec.structs.replace(entry, at=entry.at + delay)
        for entry, delay in zip(entries, delays, strict=True)
    ]
    expected, shown = seen(entries), seen(late)
    frame = frame_of(shown)
    for one, other in zip(expected.lanes, shown.lanes, strict=True):
        assert [_states(bar) for bar in other.bars] == [_states(bar) for bar in one.bars]
        assert [band.condition for band in other.bands] == [band.condition for band in one.bands]
        row = Row.of(other, 0.0, frame)
        assert [[bar.name for bar in slot] for slot in row.slots] == [[bar.name for bar in slot] for slot in Row.of(one, 0.0, frame).slots]
        for slot in row.slots:
            edges = [row.x(*edge) for bar in slot for each in bar.segments for edge in ((each.start, each.first), (each.end, each.last))]
            assert edges == sorted(edges)
            assert all(end - start >= LEAST - 1e-6 for start, end in zip(edges[::2], edges[1::2], strict=True))
    for workload, again in zip(expected.workloads, shown.workloads, strict=True):
        assert max(point.surge for point in points(shown, again)) <= max(point.surge for point in points(expected, workload))


@pytest.mark.parametrize("audited", [True, False])
def test_a_state_whose_event_came_late_is_still_there(audited: bool) -> None:
    history = seen(replacing(audited=audited, late={"terminating": 5.0}))
    old, new = bars(history)
    [ending] = [segment for segment in old.segments if segment.state == "terminating"]
    # The audit log knows when the deletion was asked for; without it, it is only known that it was before the pod had gone.
    assert ending.end - ending.start == pytest.approx(0.196 if audited else 0.0, abs=0.001)
    assert (old.end, old.last) < (new.start, new.first)
    assert ending.first < ending.last


@pytest.mark.parametrize("audited", [True, False])
def test_a_pod_made_beside_a_terminating_one_is_drawn_beside_it(audited: bool) -> None:
    story = Story(audited=audited)
    node = story.node("a")
    story.wait(0.1).daemonset("v1", generation=1)
    old = story.wait(0.1).pod(node, "v1")
    story.wait(0.1).running(old, ready=True)
    story.wait(0.1).terminate(old)
    story.late(3.0)
    story.wait(0.1).pod(node, "v1")
    story.late(3.0)
    story.wait(0.1).remove("pods", old)
    found = read(story.wait(1).end())
    first, second = bars(found.history)
    assert (second.start, second.first) < (first.end, first.last), "the second was made while the first still stood"
    [picture] = pictures(found, result(), key="k")
    frame = frame_of(found.history)
    assert picture.frame == frame
    assert "terminating" in picture.alone()


def test_table_box_and_picture_have_one_time() -> None:
    entries = replacing(audited=True, late={"terminating": 5.0, "revision": 0.6})
    entry = next(each for each in entries if each.type == "modified" and each.at > 5)
    # A judge that listens knows the entry by its arrival.
    broken = Broken("INV-3", entry.seq, entry.at, "too many.", ["pods/agent-001x"])
    of = result([broken], outcome="failed")
    found = read(entries, of)
    times = [line.at for line in found.story]
    assert times == sorted(times)
    [line] = [line for line in found.story if line.broken]
    [mark] = breaks(found, of)
    assert line.at == mark.at == found.at(broken) < 1.2 < entry.at
    drawn = pictures(found, of, key="k", links=True)
    assert f'id="{mark_of("k", "event", entry.seq)}"' in drawn[0].pieces()[1]
    assert f"{line.at:.3f} s  INV-3" in drawn[0].pieces()[1]


def test_a_violation_behind_the_damage_of_a_trace_stays_in_the_picture() -> None:
    found = read(replacing(audited=True, late={}))
    assert found.at(Broken("INV-3", 10_000, 99.0, "x")) == found.history.seconds


def test_availability_is_reckoned_from_the_server_s_timestamp() -> None:
    story = Story()
    node, other = story.node("a"), story.node("b")
    body = story.daemonset("v1", generation=1)
    story.put("daemonsets", {**body, "spec": {**body["spec"], "minReadySeconds": 2}})
    pods = [story.wait(0.3).pod(each, "v1") for each in (node, other)]
    story.wait(0.3)
    for pod in pods:
        # Ready at 0.97 s, stamped with the whole second in which the trace began.
        stamp = datetime.fromtimestamp(EPOCH, UTC).isoformat()
        condition = {"type": "Ready", "status": "True", "lastTransitionTime": stamp}
        body = story.objects["pods", pod]
        story.put("pods", {**body, "metadata": dict(body["metadata"]), "status": {"phase": "Running", "conditions": [condition]}})
    history = seen(story.wait(5).end())
    available = next(point.at for point in points(history, history.workloads[0]) if point.desired and not point.unavailable)
    assert available == pytest.approx(2.0, abs=0.01)


def test_who_is_to_blame_for_an_excess() -> None:
    story = Story()
    nodes = [story.node(name) for name in "abc"]
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    story.wait(0.1).daemonset("v1", generation=1, strategy=strategy)
    pods = [story.wait(0.05).pod(node, "v1") for node in nodes]
    for pod in pods:
        story.wait(0.05).running(pod, ready=True)
    story.wait(0.5).daemonset("v2", generation=2, strategy=strategy)
    story.wait(0.3).terminate(pods[0])
    second = story.wait(0.3)
    second.terminate(pods[1])
    entry = story.entries[-1]
    story.wait(0.3).remove("pods", pods[0])
    entries = story.wait(0.5).end()
    broken = Broken("INV-3", entry.seq, entry.at, "two of three.", [f"pods/{pods[1]}"])
    said = {}
    for name, of in {"nobody": result(), "violation": result([broken]), "known": result([broken], known=True)}.items():
        found = read(entries, of)
        picture = curve(found.history, found.history.workloads[0], breaks(found, of))
        said[name] = picture.alone()
    assert "over, but not by the update" in said["nobody"]
    assert 'broken-budget"' not in said["nobody"]
    assert "over by the update: a violation" in said["violation"]
    assert "over by the update: a known deviation" in said["known"]
    assert all(text.count('class="over') == 2 for text in said.values()), "one area, one entry of the legend"
