"""What a wait waits for, and small helpers to put conditions together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from conformance.errors import shortened
from conformance.trace.world import World


class Condition(Protocol):
    """A named predicate over the world that can say what there is instead.

    `kind` is the sort of condition, the same whatever it names (`exactly-on`): what expired waits of one cause have in common. `look` is a
    command with which a reader sees it on the cluster (may be empty).
    """

    @property
    def kind(self) -> str:
        """What sort of condition it is, whatever it names."""

    @property
    def description(self) -> str:
        """What is expected, as a sentence."""

    @property
    def look(self) -> str:
        """The command that shows it."""

    def holds(self, world: World) -> bool:
        """Whether the world is as expected."""

    def last_seen(self, world: World) -> str:
        """What there is instead; a line for each thing, where there are many."""


@dataclass(frozen=True)
class When:
    """A condition made of functions; for one-off waits and for tests."""

    kind: str
    description: str
    predicate: Callable[[World], bool]
    seen: Callable[[World], str] = lambda _: "nothing is known"
    look: str = ""

    def holds(self, world: World) -> bool:
        """Whether the world is as expected."""
        return self.predicate(world)

    def last_seen(self, world: World) -> str:
        """What there is instead."""
        return self.seen(world)


def all_of(*conditions: Condition) -> Condition:
    """One condition that holds when all of these hold at once."""
    return When(
        "+".join(condition.kind for condition in conditions),
        " and ".join(condition.description for condition in conditions),
        lambda world: all(condition.holds(world) for condition in conditions),
        lambda world: "; ".join(condition.last_seen(world) for condition in conditions),
        "; ".join(condition.look for condition in conditions if condition.look),
    )


def describe(conditions: Sequence[Condition], world: World) -> list[str]:
    """One line a condition: whether it holds, what it is, and, where it does not hold, what there is instead."""
    lines = []
    for condition in conditions:
        if condition.holds(world):
            lines.append(f"  holds      {condition.description}")
        else:
            lines.append(f"  does not   {condition.description}")
            first, *more = condition.last_seen(world).split("\n")
            lines.append(f"             last seen: {shortened(first)}")
            lines += [f"                        {shortened(line)}" for line in more]
    return lines
