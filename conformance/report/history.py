"""A trace as pictures need it: nodes as lanes, pods as bars of states, actions and gaps as moments. Plain values; builder.py makes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from conformance.kube.records import DaemonSet

State = Literal["pending", "starting", "ready", "terminating", "failed"]
Condition = Literal["not-ready", "cordoned", "tainted", "gone"]

#: A point of a trace: its time, and the number of the entry that is there.
Instant = tuple[float, int]

#: The order in which node conditions are drawn when several hold at once.
CONDITIONS: tuple[Condition, ...] = ("not-ready", "cordoned", "tainted")


@dataclass(frozen=True)
class Span:
    """A stretch of time, seconds since the trace began; `first` and `last` are the numbers of the entries that began and ended it.

    Times may be equal, numbers tell what was first.
    """

    start: float
    end: float
    first: int = field(default=0, kw_only=True)
    last: int = field(default=0, kw_only=True)


@dataclass(frozen=True)
class Segment(Span):
    """A pod in one state; `outdated` while its DaemonSet's template is another one.

    `stamped`: when it became ready by the timestamp of its condition, which is whole seconds; None if that is not known.
    """

    state: State
    outdated: bool = False
    stamped: float | None = None


@dataclass(frozen=True)
class Band(Span):
    """A node in a condition that matters to DaemonSets."""

    condition: Condition
    text: str


@dataclass(frozen=True)
class Bar:
    """The life of one pod on one node. `gone` tells that it was deleted before the trace ended."""

    name: str
    namespace: str
    owner: str
    owner_uid: str
    hash: str
    segments: tuple[Segment, ...]
    gone: bool

    @property
    def start(self) -> float:
        """When it was first seen."""
        return self.segments[0].start

    @property
    def first(self) -> int:
        """The number of the entry that showed it first."""
        return self.segments[0].first

    @property
    def last(self) -> int:
        """The number of the entry that ended it, or of the trace's last one."""
        return self.segments[-1].last

    @property
    def end(self) -> float:
        """When it was last seen."""
        return self.segments[-1].end


@dataclass(frozen=True)
class Lane:
    """One node (an empty name: pods that belong to no node), the times it existed, and what ran there."""

    node: str
    present: tuple[Span, ...] = ()
    bands: tuple[Band, ...] = ()
    bars: tuple[Bar, ...] = ()

    @property
    def orphaned(self) -> tuple[Band, ...]:
        """The times in which pods were aimed at the node, and there was no such node."""
        if not self.node or not self.bars:
            return ()
        last = max(self.bars, key=lambda bar: bar.end)
        edges = [(self.bars[0].start, self.bars[0].first)]
        for span in self.present:
            edges += [(span.start, span.first), (span.end, span.last)]
        edges.append((last.end, last.last))
        holes = zip(edges[::2], edges[1::2], strict=True)
        return tuple(
            Band(start[0], end[0], "gone", "no such node", first=start[1], last=end[1])
            for start, end in holes
            if end[0] > start[0] and any(bar.start < end[0] and bar.end > start[0] for bar in self.bars)
        )


@dataclass(frozen=True)
class Moment:
    """Something at one point of time: an action of the scenario, a note, or a gap; `seq` is its entry.

    `text` is what was done or noted, `target` what it was done to (empty: nothing, or the text names it); `ends` marks a note that only
    says that something announced before is over.
    """

    at: float
    text: str
    seq: int = 0
    target: str = ""
    ends: bool = False

    @property
    def words(self) -> str:
        """All of it, in one line."""
        return f"{self.text} {self.target}".strip()


@dataclass(frozen=True)
class Workload:
    """One DaemonSet: every version of its spec, and the nodes it wanted, as stretches of time."""

    name: str
    namespace: str
    uid: str
    specs: tuple[tuple[float, DaemonSet], ...]
    wanted: tuple[tuple[str, Span], ...]
    end: float


@dataclass(frozen=True)
class History:
    """Everything that pictures show of one trace: `seconds` is its length, `begin` the time of its first event."""

    seconds: float
    lanes: tuple[Lane, ...] = ()
    actions: tuple[Moment, ...] = ()
    notes: tuple[Moment, ...] = ()
    gaps: tuple[Moment, ...] = ()
    workloads: tuple[Workload, ...] = ()
    begin: float = 0.0

    def node_of(self, pod: str) -> str | None:
        """The node of a pod by its name; None if no such pod was seen."""
        return next((lane.node for lane in self.lanes for bar in lane.bars if bar.name == pod), None)

    def nodes_of(self, objects: Iterable[str]) -> list[str]:
        """The nodes of objects (`nodes/NAME`, `pods/NAME`, `pods/NAMESPACE/NAME`), each once; other objects have none."""
        found: list[str | None] = []
        for each in objects:
            kind, _, name = each.partition("/")
            name = name.rpartition("/")[2]
            found.append(name if kind == "nodes" else self.node_of(name) if kind == "pods" else None)
        return list(dict.fromkeys(node for node in found if node is not None))


def natural(name: str) -> tuple[object, ...]:
    """Sort key that puts node-10 behind node-9; the lane without a node goes last."""
    parts: list[object] = []
    digits = ""
    for letter in name:
        if letter.isdigit():
            digits += letter
            continue
        if digits:
            parts.append((0, int(digits), ""))
            digits = ""
        parts.append((1, 0, letter))
    if digits:
        parts.append((0, int(digits), ""))
    return (not name, *parts)
