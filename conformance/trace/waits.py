"""Waiting for outcomes, and holding a window open: looked at after every event, never on a timer alone.

A wait is looked at by the thread that applies the entries, so that a state which lasts for one event only is seen too.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from conformance.errors import shortened
from conformance.kube.records import Object
from conformance.trace import summary
from conformance.trace.conditions import Condition, describe
from conformance.trace.entries import Entry
from conformance.trace.world import World

#: How many of the entries in between are shown.
SHOWN = 15


@dataclass(frozen=True)
class Access:
    """How the reader of a message gets at the cluster. Without `kubeconfig` it is gone by then; `kubectl` is a program that is there."""

    kubeconfig: str = ""
    kubectl: str = "kubectl"

    def told(self, commands: Iterable[str]) -> list[str]:
        """The commands as they can be run."""
        if not self.kubeconfig:
            again = "look for yourself, once it was run again with --keep on-failure, which says how to reach the cluster:"
            return [again, *(f"  {command}" for command in commands)]
        kubectl, config = shlex.quote(self.kubectl), shlex.quote(self.kubeconfig)
        own = [command.replace("kubectl ", f"{kubectl} ") for command in commands]
        return ["look for yourself:", *(f"  export KUBECONFIG={config}; {command}" for command in own)]


@dataclass(frozen=True, slots=True)
class Happening:
    """An entry as it arrived, with the object before and after it."""

    entry: Entry
    before: Object | None
    after: Object | None

    @property
    def worth_telling(self) -> bool:
        """Whether a reader who looks for a reason wants to see it: heartbeats and the bookkeeping of waits are left out."""
        if self.entry.type in ("action", "gap", "deleted"):
            return True
        return self.entry.type in ("added", "modified") and summary.summarise(self.before, self.after) != ""


@dataclass
class Wait:
    """One wait. `stays` turns it round: over as soon as a condition no longer holds."""

    conditions: Sequence[Condition]
    stays: bool = False
    over: bool = False
    seen: int | None = None  # how many entries had arrived when it was over
    error: Exception | None = None
    breach: list[str] = field(default_factory=list)

    def look(self, world: World) -> bool:
        """Look at the world, once; returns whether the wait is over. A condition that raises ends it with its error."""
        try:
            if self.stays:
                if not all(condition.holds(world) for condition in self.conditions):
                    # Described now: the world may have moved on when the waiting thread gets to tell.
                    self.breach = describe(self.conditions, world)
                    self.over = True
            else:
                self.over = all(condition.holds(world) for condition in self.conditions)
        except Exception as error:
            self.error, self.over = error, True
        return self.over

    @property
    def text(self) -> str:
        """What it is about, in one line."""
        return " and ".join(condition.description for condition in self.conditions)


def behind(unseen: int, world: World, limit: float) -> str:
    """Why nothing can be said: a write of the scenario, by its resourceVersion, did not arrive within `limit` seconds."""
    return (
        f"What the scenario wrote (resourceVersion {unseen}) was not seen within {limit:g} s; the trace had reached {world.rv}. "
        "Look whether the API server still serves watches."
    )


def expired(wait: Wait, world: World, between: Sequence[Happening], *, limit: float, access: Access) -> str:
    """Why a wait that ran out was in vain."""
    lines = [f"waited {limit:g} s, and this did not come about:", *describe(wait.conditions, world)]
    return "\n".join([*lines, *_between(between), *_look(wait.conditions, access)])


def broken(wait: Wait, between: Sequence[Happening], *, after: float, seconds: float, access: Access) -> str:
    """Why a window was left before it ended."""
    return "\n".join(
        [
            f"this had to stay so for {seconds:g} s, and ended after {after:.3f} s:",
            *wait.breach,
            *_between(between),
            *_look(wait.conditions, access),
        ]
    )


def _between(between: Sequence[Happening]) -> list[str]:
    told = [happening for happening in between if happening.worth_telling]
    if not told:
        return ["nothing that is watched changed in between"]
    shown = told[-SHOWN:]
    head = f"the last {len(shown)} of {len(told)} changes in between" if len(told) > len(shown) else "in between"
    return [
        f"{head} (seconds of the trace):",
        *("  " + shortened(summary.line(happening.entry, happening.before, happening.after)) for happening in shown),
    ]


def _look(conditions: Sequence[Condition], access: Access) -> list[str]:
    commands = dict.fromkeys(condition.look for condition in conditions if condition.look)
    return access.told(commands) if commands else []
