"""The time of a trace never goes back, whatever came late, and is the store's own where the audit log tells it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.trace.entries import Entry
from conformance.trace.timing import as_served, in_time

EPOCH = 1_800_000_000.0


def write(seq: int, at: float, rv: int, received: float, done: float) -> Entry:
    return Entry(seq, at, "write", "pods", rv, detail={"received": EPOCH + received, "done": EPOCH + done})


def change(seq: int, at: float, rv: int) -> Entry:
    return Entry(seq, at, "modified", "pods", rv)


def test_what_arrives_late_does_not_make_time_pass() -> None:
    late = [Entry(1, 0.1, "note"), Entry(2, 5.0, "write", "pods", 7), Entry(3, 0.2, "note"), Entry(4, 6.0, "end")]
    assert [entry.at for entry in in_time(late)] == [0.1, 0.2, 0.2, 6.0]
    assert as_served(late) == in_time(late), "no clock was told"


def test_the_answer_to_a_write_is_closer_than_the_arrival_of_its_change() -> None:
    # The trace began when the server's clock stood at 10 s; the second change arrived 0.4 s late, and so did the line of the log.
    entries = [write(1, 1.1, 7, 11.0, 11.01), change(2, 1.0, 7), write(3, 2.5, 8, 12.0, 12.02), change(4, 2.45, 8), Entry(5, 3.0, "end")]
    assert [round(entry.at, 3) for entry in as_served(entries)] == [1.0, 1.0, 2.02, 2.02, 3.0]
    assert [entry.at for entry in in_time(entries)] == [1.0, 1.0, 2.45, 2.45, 3.0]


def test_a_later_write_of_the_same_version_has_changed_nothing() -> None:
    entries = [write(1, 1.1, 7, 11.0, 11.01), write(2, 1.2, 7, 11.1, 11.15), change(3, 1.3, 7), change(4, 1.0, 9)]
    assert [round(entry.at, 3) for entry in as_served(entries)] == [1.0, 1.0, 1.0, 1.0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=40), st.floats(-100, 100))
def test_no_change_is_shown_before_it_was_made(told: list[tuple[float, float, float]], clock: float) -> None:
    entries, made = [], []
    for rv, (at, answered, late) in enumerate(sorted(told), 1):
        entries += [write(2 * rv, at + late, rv, clock + at, clock + at + answered), change(2 * rv + 1, at + late, rv)]
        made += [at, at]
    placed = as_served(entries)
    assert [entry.seq for entry in placed] == [entry.seq for entry in entries]
    times = [entry.at for entry in placed]
    assert times == sorted(times)
    for entry, arrived, then in zip(placed, in_time(entries), made, strict=True):
        assert entry.at <= arrived.at
        assert entry.at >= then - 1e-6
