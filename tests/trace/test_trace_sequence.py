"""From the order of arrival to the order of the store."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conformance.trace.entries import Entry
from conformance.trace.sequence import Sequencer


def entry(text: str) -> Entry:
    """`7` a change at 7, `w7` the write that made it, `g7` a gap from 7 on, `x` an action."""
    if text == "x":
        return Entry(0, 0.0, "action", detail={"verb": "x"})
    if text[0] in "wg":
        return Entry(0, 0.0, "write" if text[0] == "w" else "gap", "pods", int(text[1:]))
    return Entry(0, 0.0, "modified", "pods", int(text))


def short(entries: list[Entry]) -> str:
    return " ".join({"write": "w", "gap": "g"}.get(e.type, "") + str(e.rv) if e.rv else "x" for e in entries)


def test_what_arrives_within_the_window_is_put_in_its_place() -> None:
    order = Sequencer(window=1)
    for at, text in enumerate(["5", "3", "x", "w5", "4"]):
        order.arrive(entry(text), at / 10)
    assert order.release(0.99) == []
    assert order.next_due() == 1.0
    released = [e for _, e in order.release(1.0)]
    assert short(released) == "3 4 w5 5"
    assert [e.seq for e in released] == [1, 2, 3, 4]
    assert short([e for _, e in order.release(None)]) == "x"
    assert (order.late, order.next_due()) == (0, None)


def test_what_has_no_revision_stands_behind_what_had_arrived() -> None:
    order = Sequencer(window=1)
    for text in ["2", "x", "1", "4", "3"]:
        order.arrive(entry(text), 0)
    order.release(None)
    assert short(order.entries()) == "1 2 x 3 4"


def test_late_entries_are_counted_and_sorted_in_at_the_end() -> None:
    order = Sequencer(window=1)
    order.arrive(entry("5"), 0)
    order.arrive(entry("9"), 2)
    assert short([e for _, e in order.release(2)]) == "5"
    order.arrive(entry("w5"), 2)
    order.arrive(entry("7"), 2)
    assert order.late == 0
    assert short([e for _, e in order.release(None)]) == "w5 7 9"
    assert order.late == 1
    assert short(order.entries()) == "w5 5 7 9"
    assert [e.seq for e in order.entries()] == [1, 2, 3, 4]


def test_a_gap_stands_before_what_may_be_inside_it() -> None:
    order = Sequencer()
    for text in ["5", "g6", "6"]:
        order.arrive(entry(text), 0)
    order.release(None)
    assert short(order.entries()) == "5 g6 6"


def test_entries_so_far_hold_what_is_not_yet_released() -> None:
    order = Sequencer(window=1)
    for text in ["2", "1"]:
        order.arrive(entry(text), 0)
    assert short(order.entries()) == "1 2"
    assert short([e for _, e in order.release(None)]) == "1 2"


@given(st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1))), st.floats(0.01, 0.5))
def test_every_order_of_arrival_ends_in_the_same_order(pairs: list[tuple[int, float]], window: float) -> None:
    order = Sequencer(window)
    fed = []
    for rv, at in sorted(pairs, key=lambda pair: pair[1]):
        order.arrive(entry(str(rv)), at)
        released = order.release(at)
        assert all(at - began >= 0 for began, _ in released)
        fed += [e.rv for _, e in released]
    fed += [e.rv for _, e in order.release(None)]
    rvs = [e.rv for e in order.entries()]
    assert rvs == sorted(rv for rv, _ in pairs)
    assert (order.late == 0) == (fed == rvs)
