"""How long a deviation lasted, measured in the trace that shows it.

A scenario brings it about, holds a window open in which it must stay, and ends it by an action of its own, if it can be ended. So it is
measured from the action before the last window until the wait behind the next action is over: nothing ended it in between. A guarantee
sees a race when it happens: it is measured from the breach until the node that lost its pod has a ready one again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.guarantees.judge import Broken
from conformance.kube.records import Pod
from conformance.report.wording import words
from conformance.trace.entries import Entry
from conformance.trace.world import World


@dataclass(frozen=True)
class Lasting:
    """How long it stood: `seconds`, from `cause` to its end (both in words; an empty end: it was there as long as it was watched).

    `watched` are the seconds of the window in which every event was looked at, `healed` those from the action that ended it until it was
    over; None where there is no such thing.
    """

    seconds: float
    cause: str
    end: str = ""
    watched: float | None = None
    healed: float | None = None


def of_window(entries: Sequence[Entry]) -> Lasting | None:
    """The measure of what a scenario held a window open for; None if it held none. The times of the entries must not fall."""
    begin, last = _last_window(entries)
    if begin is None or last is None:
        return None
    cause = next((entry for entry in reversed(entries[:begin]) if entry.type == "action"), None)
    if cause is None:
        return None
    watched = round(entries[last].at - entries[begin].at, 3)
    rest = entries[last:]
    act = next((entry for entry in rest if entry.type == "action"), None)
    if act is None:
        return Lasting(round(rest[0].at - cause.at, 3), words(cause), watched=watched)
    over = next((entry for entry in rest if entry.seq > act.seq and _text(entry) == "wait ends"), act)
    return Lasting(round(over.at - cause.at, 3), words(cause), words(act), watched, round(over.at - act.at, 3))


def of_breach(entries: Sequence[Entry], broken: Broken) -> Lasting | None:
    """The measure of a pod that was taken when it should not have been: until its node has a ready one; None if it never had."""
    world = World()
    began: float | None = None
    node = ""
    for entry in entries:
        before, after = world.apply(entry)
        if entry.seq == broken.seq:
            taken = after or before
            began, node = entry.at, taken.target if isinstance(taken, Pod) else ""
        elif began is not None and isinstance(after, Pod) and after.target == node and after.ready and not after.terminating:
            return Lasting(round(entry.at - began, 3), f"a pod was deleted on {node}", f"{after.metadata.name} was ready there")
    return None


def _last_window(entries: Sequence[Entry]) -> tuple[int | None, int | None]:
    last = next((place for place in range(len(entries) - 1, -1, -1) if _text(entries[place]) == "window ends"), None)
    if last is None:
        return None, None
    return next((place for place in range(last, -1, -1) if _text(entries[place]) == "window begins"), None), last


def _text(entry: Entry) -> str:
    return str(entry.detail.get("text", "")) if entry.type == "note" else ""
