"""What a guarantee is: one promise, one function, one error that quotes the promise.

A guarantee looks at one step of a trace and says

- nothing (`None`): the step does not concern it;
- `Mark.HELD`: it was evaluated, but could not have failed here (vacuous);
- `Mark.CHANCE`: it was evaluated, could have failed, and held;
- a `Violation` (or several): the promise was broken;
- `Undecided`: it cannot be known here, and why.

It keeps what it has to remember in an object of its own, made anew for each trace.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from conformance.guarantees.ledger import Ledger
from conformance.guarantees.watched import Watched
from conformance.kube.records import Object
from conformance.trace.entries import Entry
from conformance.trace.world import World


class Mark(enum.Enum):
    """An evaluation that found nothing wrong."""

    HELD = "held"
    CHANCE = "chance"


@dataclass(frozen=True)
class Violation:
    """The promise was broken: what was seen, and the objects it was seen on (`pods/NAME`, `nodes/NAME` …).

    `kind` is the sort of violation within its guarantee, the same whatever names and numbers it was seen with (`untolerated-taint`).
    `known` is the id of the finding that explains it: then it is a deviation of Kubernetes and no failure, but the promise is broken
    all the same.
    """

    kind: str
    message: str
    objects: tuple[str, ...] = ()
    known: str = ""


@dataclass(frozen=True)
class Undecided:
    """It cannot be known whether the promise held here."""

    reason: str


Evaluation = Mark | Violation | Undecided | Iterable[Violation] | None


class Step(msgspec.Struct, frozen=True, gc=False):
    """One step of a trace: the entry, the object before and after it, the world after it, and who wrote it (empty: not known).

    `ledger` holds what several guarantees want to know of the past and of each DaemonSet and node; it stands behind the entry too.
    `quiet` is the DaemonSet about which nothing has changed for a while; such a step stands before its entry, and has no object.
    `review` is a DaemonSet that is looked at for what is overdue; such a step stands before its entry too.
    `audited` tells whether authors are recorded in this trace at all.
    """

    entry: Entry
    before: Object | None
    after: Object | None
    world: World
    ledger: Ledger
    author: str = ""
    audited: bool = False
    quiet: Watched | None = None
    review: Watched | None = None


@dataclass(frozen=True)
class Guarantee:
    """A promise and the function that judges it.

    `on` names what it wants to see, `reads` the resources it looks up besides: a gap in either leaves it undecided.
    """

    id: str
    promise: str
    source: str
    on: frozenset[str]
    judge: Callable[[Step, Any], Evaluation]
    memory: Callable[[], Any] = field(default=dict)
    reads: frozenset[str] = frozenset()


REGISTRY: dict[str, Guarantee] = {}


def guarantee(
    id: str,  # noqa: A002 - the word of the registry
    *,
    promise: str,
    source: str,
    on: Iterable[str],
    reads: Iterable[str] = (),
    memory: Callable[[], Any] = dict,
) -> Callable[[Callable[[Step, Any], Evaluation]], Callable[[Step, Any], Evaluation]]:
    """Register a function as the judge of a promise.

    `on` holds resources (`pods`, `daemonsets`, `nodes`, `controllerrevisions`, `events`), entry types without an object (`write`, `expect`,
    `action`, `end`), and what the ledger makes of them: `creation` (a pod of a DaemonSet, by the controller as far as is known), `deletion`
    (asked for, by anybody), `ending` (it has ended by itself), `removal` (it is gone), `quiet` (nothing about a DaemonSet has changed for a
    while), `review` (every second and at the end, for each DaemonSet that is not being deleted).
    """

    def register(judge: Callable[[Step, Any], Evaluation]) -> Callable[[Step, Any], Evaluation]:
        if id in REGISTRY:
            raise ValueError(f"guarantee {id} is registered twice")
        REGISTRY[id] = Guarantee(id, promise, source, frozenset(on), judge, memory, frozenset(reads))
        return judge

    return register
