"""A trace as pictures need it: nodes as lanes, pods as bars of states, actions and gaps as moments. Plain values; builder.py makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conformance.kube.records import DaemonSet

State = Literal["pending", "starting", "ready", "terminating", "failed"]
Condition = Literal["not-ready", "cordoned", "tainted", "gone"]

#: The order in which node conditions are drawn when several hold at once.
CONDITIONS: tuple[Condition, ...] = ("not-ready", "cordoned", "tainted")


@dataclass(frozen=True)
class Span:
    """A stretch of time, seconds since the trace began."""

    start: float
    end: float


@dataclass(frozen=True)
class Segment(Span):
    """A pod in one state; `outdated` while its DaemonSet's template is another one."""

    state: State
    outdated: bool = False


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
        last = max(bar.end for bar in self.bars)
        edges = [self.bars[0].start, *(edge for span in self.present for edge in (span.start, span.end)), last]
        holes = [Span(edges[index], edges[index + 1]) for index in range(0, len(edges), 2)]
        return tuple(
            Band(hole.start, hole.end, "gone", "no such node")
            for hole in holes
            if hole.end > hole.start and any(bar.start < hole.end and bar.end > hole.start for bar in self.bars)
        )


@dataclass(frozen=True)
class Moment:
    """Something at one point of time: an action of the scenario, a note, or a gap."""

    at: float
    text: str


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
    """Everything that pictures show of one trace; `seconds` is its length."""

    seconds: float
    lanes: tuple[Lane, ...] = ()
    actions: tuple[Moment, ...] = ()
    notes: tuple[Moment, ...] = ()
    gaps: tuple[Moment, ...] = ()
    workloads: tuple[Workload, ...] = ()

    def node_of(self, pod: str) -> str | None:
        """The node of a pod by its name; None if no such pod was seen."""
        return next((lane.node for lane in self.lanes for bar in lane.bars if bar.name == pod), None)
