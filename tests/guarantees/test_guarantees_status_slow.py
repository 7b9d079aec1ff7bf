"""INV-9 on a slow machine: what the controller still puts right by itself, and what not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import CONTROLLER, KUBELET, History, judged, later
from tests.guarantees.objects import bare, daemonset, owner


def slow(**how: Any) -> History:
    """A pod is not ready any more, and three seconds later the controller has not counted it."""
    h = settled(3, **how)
    h.unready("a")
    h.wait(3)
    h.note()
    return h


@pytest.mark.parametrize("audited", [True, False])
def test_a_slow_controller_puts_it_right_by_itself(audited: bool) -> None:
    h = slow(audited=audited)
    h.status()
    tally = judged(later(h), "INV-9")
    assert tally.verdict == "holds"
    assert tally.could_have_failed > 1


def test_what_happens_to_another_daemonset_meanwhile_changes_nothing() -> None:
    """Seen on a starved machine: the news about a pod of one stood before the status that put the other right."""
    h = slow()
    other = h.add(daemonset("other"))
    stranger = bare("other-pod", "a", app="other")
    stranger["metadata"]["ownerReferences"] = owner(other)
    h.add(stranger, by=CONTROLLER)
    h.status()
    assert judged(later(h), "INV-9").verdict == "holds"


def test_a_slow_controller_may_need_more_than_one_write() -> None:
    h = slow()
    h.status(numberReady=3, numberAvailable=3, numberUnavailable=0, numberMisscheduled=0)
    h.wait(0.5)
    h.status()
    assert judged(later(h), "INV-9").verdict == "holds"


def test_ten_seconds_are_not_slow_but_wrong() -> None:
    h = slow()
    h.wait(10)
    h.status()
    assert judged(later(h), "INV-9").violated == 1


def test_what_is_put_right_only_after_somebody_else_did_something_was_wrong() -> None:
    h = slow()
    h.agent["metadata"]["annotations"]["touched"] = "yes"
    h.change(h.agent)
    h.status()
    assert judged(later(h), "INV-9").violated == 1


@pytest.mark.parametrize(("received", "violated"), [(99.9, 0), (101.1, 1), (0.0, 1)])
def test_a_write_in_flight_is_no_reaction_to_what_happened_before_it_was_done(received: float, violated: int) -> None:
    """On a starved machine the API server takes seconds for a write that it has long had; 0.0: nobody knows when it got it."""
    h = slow()
    h.times = {"received": 99.0, "done": 101.0}
    h.change(h.pod("b"), KUBELET)
    h.times = {"received": received, "done": 102.0}
    h.status()
    assert judged(later(h), "INV-9").violated == violated


def test_a_write_in_flight_that_does_not_put_it_right_proves_nothing() -> None:
    h = slow()
    h.times = {"received": 99.0, "done": 101.0}
    h.change(h.pod("b"), KUBELET)
    h.status(numberReady=3, numberAvailable=3, numberUnavailable=0)
    assert judged(later(h), "INV-9").verdict == "violated"


@pytest.mark.parametrize(("seconds", "verdict"), [(2.9, "violated"), (3.1, "unknown")])
def test_who_was_late_is_not_known_where_the_api_server_takes_seconds(seconds: float, verdict: str) -> None:
    """Seen on a starved machine (load 105), where single writes took up to ten seconds."""
    h = slow()
    h.times = {"received": 99.0, "done": 99.0 + seconds}
    h.change(h.pod("b"), KUBELET)
    h.times = {"received": 110.0, "done": 110.1}
    h.status()
    tally = judged(later(h), "INV-9")
    assert tally.verdict == verdict


def test_a_slow_write_long_before_excuses_nothing() -> None:
    h = settled(3)
    h.times = {"received": 99.0, "done": 109.0}
    h.change(h.pod("b"), KUBELET)
    h.times = {}
    h.wait(15)
    h.unready("a")
    h.wait(3)
    h.note()
    h.end()
    assert judged(h, "INV-9").violated == 1


def test_what_is_never_put_right_is_wrong_in_the_end() -> None:
    h = slow()
    assert judged(h, "INV-9").violated == 0
    h.end()
    tally = judged(h, "INV-9")
    assert tally.violated == 1
    assert "ready is 3, should be 2" in tally.violations[0].message


def test_a_nonsensical_write_is_no_correction() -> None:
    """Neither is what was wrong before forgotten, nor is what is written then believed."""
    h = slow()
    h.status(numberReady=1, numberAvailable=2, numberUnavailable=1)
    assert judged(h, "INV-9").violated == 1
    h.end()
    messages = [broken.message for broken in judged(h, "INV-9").violations]
    assert len(messages) == 2
    assert "not available ≤ ready" in messages[0]
    assert "ready is 3, should be 2" in messages[1]


def restless(received: float) -> History:
    """A pod is not ready any more; three seconds later comes the news of a write that the controller made because of that."""
    h = settled(3)
    h.times = {"received": 100.0, "done": 101.0}
    h.unready("a")
    h.wait(3)
    h.note()
    h.times = {"received": received, "done": received + 2.5}
    h.change(h.pod("c"), CONTROLLER)
    h.times = {"received": 103.0, "done": 104.5}
    h.change(h.pod("b"), KUBELET)
    h.times = {"received": 104.6, "done": 104.7}
    return h


@pytest.mark.parametrize(("received", "violated"), [(100.5, 0), (102.9, 0), (103.1, 1), (0.0, 1)])
def test_it_was_not_quiet_if_the_controller_went_on_by_the_clock_of_the_api_server(received: float, violated: int) -> None:
    """Seen on a starved machine (load 90): a pod was made at once, but the news of it took three seconds, and the status came after it."""
    h = restless(received)
    h.status()
    assert judged(later(h), "INV-9").violated == violated


def test_a_lie_is_found_when_it_is_quiet_at_last() -> None:
    h = restless(100.5)
    h.wait(3)
    h.note()
    assert judged(h, "INV-9").violated == 0
    h.end()
    assert judged(h, "INV-9").violated == 1


def test_in_the_end_nothing_is_held_against_what_was_not_quiet() -> None:
    h = restless(100.5)
    h.end()
    assert judged(h, "INV-9").violated == 0
