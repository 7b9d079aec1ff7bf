"""How long a deviation lasted, as its trace tells."""

from __future__ import annotations

from typing import Any

from conformance.guarantees.judge import Broken
from conformance.report.lasting import Lasting, of_breach, of_window
from tests.report.stories import rolling_update
from tests.report.story import Story


def window(story: Story, seconds: float) -> None:
    about: dict[str, Any] = {"for": "it is so", "seconds": seconds}
    story.entry("note", text="window begins", **about)
    story.wait(seconds).entry("note", text="window ends", **about)


def healed(story: Story, after: float) -> None:
    about: dict[str, Any] = {"for": "it is over", "after": after}
    story.entry("note", text="wait begins", **about)
    story.wait(after).entry("note", text="wait ends", **about)


def test_from_the_cause_until_the_scenario_has_ended_it() -> None:
    story = Story()
    story.action("create", "daemonsets/agent")
    window(story.wait(0.5), 2.0)
    story.action("taint", "nodes/a")
    window(story.wait(0.25), 10.0)
    story.action("annotate", "daemonsets/agent")
    healed(story, 0.125)
    story.wait(1).action("delete", "daemonsets/agent")
    assert of_window(story.end()) == Lasting(10.375, "taint nodes/a", "annotate daemonsets/agent", 10.0, 0.125)


def test_what_nobody_ended_lasted_as_long_as_it_was_watched() -> None:
    story = Story()
    story.action("create", "daemonsets/agent")
    window(story.wait(0.5), 5.0)
    story.wait(0.75).end()
    assert of_window(story.entries) == Lasting(5.5, "create daemonsets/agent", watched=5.0)


def test_without_a_window_or_a_cause_there_is_nothing_to_measure() -> None:
    story = Story()
    story.action("create", "daemonsets/agent")
    assert of_window(story.end()) is None
    story = Story()
    window(story, 2.0)
    assert of_window(story.end()) is None


def test_a_breach_lasts_until_the_node_has_a_ready_pod_again() -> None:
    entries = rolling_update(4, 1)
    taken = next(entry for entry in entries if entry.type == "modified" and b"deletionTimestamp" in bytes(entry.object))
    broken = Broken("INV-3", taken.seq, taken.at, "one too many", known="rolling-update-exceeds-max-unavailable")
    lasted = of_breach(entries, broken)
    assert lasted is not None
    assert lasted.cause == "a pod was deleted on r02-3fa9c1-0"
    assert lasted.end == "agent-005x was ready there"
    assert lasted.seconds == 0.67
    assert of_breach(entries[: taken.seq + 2], broken) is None
