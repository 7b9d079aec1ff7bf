"""What happened in a trace, one beat an event or several alike: data, of which `telling` makes lines."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Literal

from conformance.kube.records import DaemonSet

#: action     the test did something
#: created, changed, gone   what became of an object; `there`: it was there when the record began
#: status     the controller's counters of a DaemonSet moved
#: event      a Warning, as `kubectl get events` shows it
#: seen, held, in vain, let go   what the test waited for came; a window passed in which it stayed so; it never came; it did not stay so
#: note, gap, end   as in the trace
#: broken     a promise was broken
#: left out   so many lines are not shown here
What = Literal[
    "action",
    "there",
    "created",
    "changed",
    "gone",
    "status",
    "event",
    "seen",
    "held",
    "in vain",
    "let go",
    "note",
    "gap",
    "end",
    "broken",
    "left out",
]


class Weight(enum.IntEnum):
    """How much a reader needs a beat; where room is short the lightest go first."""

    DETAIL = 1
    PLAIN = 2
    LANDMARK = 3


@dataclass(frozen=True)
class Beat:
    """Something that happened, once or several times.

    `at` and `until` are the first and the last time (seconds of the trace), `subjects` the objects it happened to (`pods/NAME`), `places`
    the nodes those are on, `text` what happened in words, `author` the user who asked for it (empty: not known), `span` the object
    before and after, for the counters of a DaemonSet.
    """

    at: float
    until: float
    what: What
    subjects: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    text: str = ""
    author: str = ""
    weight: Weight = Weight.PLAIN
    count: int = 1
    span: tuple[DaemonSet, DaemonSet] | None = field(default=None, compare=False)

    def alike(self, other: Beat) -> bool:
        """Whether both can be told in one line."""
        if self.what != other.what or self.author != other.author or self.weight != other.weight:
            return False
        if self.what == "status":
            return self.subjects == other.subjects
        return self.what not in ("broken", "seen", "held") and self.text == other.text and self.resource == other.resource

    def and_then(self, other: Beat) -> Beat:
        """Both in one; `other` came later."""
        return Beat(
            self.at,
            other.until,
            self.what,
            tuple(dict.fromkeys(self.subjects + other.subjects)),
            tuple(dict.fromkeys(self.places + other.places)),
            self.text,
            self.author,
            self.weight,
            self.count + other.count,
            (self.span[0], other.span[1]) if self.span and other.span else None,
        )

    @property
    def resource(self) -> str:
        """What its subjects are, such as `pods`; empty if it has none."""
        return self.subjects[0].partition("/")[0] if self.subjects else ""
