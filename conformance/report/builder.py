"""Builds the history of a trace, entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from conformance.kube.records import ControllerRevision, DaemonSet, Node, Object, Pod
from conformance.report.history import Band, Bar, Condition, History, Lane, Moment, Segment, Span, State, Workload
from conformance.report.states import condition_of, state_of
from conformance.report.wording import words
from conformance.trace.entries import OBJECT_TYPES, Entry
from conformance.trace.world import World


@dataclass
class _OpenBar:
    bar: Bar
    node: str
    state: State
    outdated: bool
    since: float
    done: list[Segment] = field(default_factory=list)

    def turn(self, at: float, state: State, outdated: bool) -> None:
        """Another state from now on."""
        if (state, outdated) == (self.state, self.outdated):
            return
        if at > self.since:
            self.done.append(Segment(self.since, at, self.state, self.outdated))
        self.state, self.outdated, self.since = state, outdated, at

    def close(self, at: float, *, gone: bool) -> Bar:
        """The finished bar."""
        return replace(self.bar, segments=(*self.done, Segment(self.since, max(at, self.since), self.state, self.outdated)), gone=gone)


Wants = Callable[[DaemonSet, Node], bool]


class HistoryBuilder:
    """Reads a trace entry by entry; `wants` tells whether a DaemonSet belongs on a node (the model's answer, not the controller's)."""

    def __init__(self, wants: Wants) -> None:
        self.world = World()
        self._wants = wants
        self._bars: dict[str, _OpenBar] = {}
        self._closed: dict[str, list[Bar]] = {}
        self._present: dict[str, list[Span]] = {}
        self._born: dict[str, float] = {}
        self._bands: dict[str, list[Band]] = {}
        self._condition: dict[str, tuple[Condition, str, float]] = {}
        self._current: dict[str, str] = {}
        self._specs: dict[str, list[tuple[float, DaemonSet]]] = {}
        self._wanted: dict[tuple[str, str], float] = {}
        self._wanted_done: dict[str, list[tuple[str, Span]]] = {}
        self._ended: dict[str, float] = {}
        self._moments: dict[str, list[Moment]] = {"action": [], "note": [], "gap": []}

    def see(self, entry: Entry) -> tuple[Object | None, Object | None]:
        """Take in one entry; returns the object before and after it."""
        before, after = self.world.apply(entry)
        if entry.type in ("action", "note", "gap"):
            self._moments[entry.type].append(Moment(entry.at, words(entry)))
        elif entry.type not in OBJECT_TYPES:
            pass
        elif entry.resource == "pods":
            self._pod(entry.at, before, after)
        elif entry.resource == "nodes":
            self._node(entry.at, before, after)
        elif entry.resource == "daemonsets":
            self._daemonset(entry.at, before, after)
        elif entry.resource == "controllerrevisions":
            self._template(entry.at, after or before)
        return before, after

    def finish(self) -> History:
        """The history up to the last entry."""
        end = self.world.at
        for uid in list(self._bars):
            self._close(uid, end, gone=False)
        for node in list(self._born):
            self._leave(node, end)
        for uid in list(self._specs):
            for (owner, node), since in list(self._wanted.items()):
                if owner == uid:
                    self._unwant(uid, node, since, end)
        names = sorted({*self._present, *self._closed}, key=_natural)
        lanes = tuple(
            Lane(
                name,
                tuple(self._present.get(name, ())),
                tuple(self._bands.get(name, ())),
                tuple(sorted(self._closed.get(name, ()), key=lambda bar: (bar.start, bar.name))),
            )
            for name in names
        )
        workloads = tuple(
            Workload(
                specs[-1][1].metadata.name,
                specs[-1][1].metadata.namespace,
                uid,
                tuple(specs),
                tuple(self._wanted_done.get(uid, ())),
                self._ended.get(uid, end),
            )
            for uid, specs in self._specs.items()
        )
        actions, notes, gaps = (tuple(self._moments[kind]) for kind in ("action", "note", "gap"))
        return History(end, lanes, actions, notes, gaps, workloads)

    def _pod(self, at: float, before: Object | None, after: Object | None) -> None:
        pod = after if isinstance(after, Pod) else before
        assert isinstance(pod, Pod)
        uid = pod.metadata.uid
        if isinstance(before, Pod) and before.metadata.uid != uid:
            self._close(before.metadata.uid, at, gone=True)
        if after is None:
            self._close(uid, at, gone=True)
            return
        owner = pod.metadata.controller
        owner_uid = owner.uid if owner else ""
        outdated = bool(pod.hash) and self._current.get(owner_uid, pod.hash) != pod.hash
        known = self._bars.get(uid)
        if known is not None and known.node not in ("", pod.target):
            self._close(uid, at, gone=True)
            known = None
        if known is None:
            bar = Bar(pod.metadata.name, pod.metadata.namespace, owner.name if owner else "", owner_uid, pod.hash, (), gone=False)
            self._bars[uid] = _OpenBar(bar, pod.target, state_of(pod), outdated, at)
            return
        known.node = pod.target or known.node
        known.bar = replace(known.bar, owner=owner.name if owner else "", owner_uid=owner_uid, hash=pod.hash)
        known.turn(at, state_of(pod), outdated)

    def _close(self, uid: str, at: float, *, gone: bool) -> None:
        known = self._bars.pop(uid, None)
        if known is not None:
            self._closed.setdefault(known.node, []).append(known.close(at, gone=gone))

    def _node(self, at: float, before: Object | None, after: Object | None) -> None:
        node = after if isinstance(after, Node) else before
        assert isinstance(node, Node)
        name = node.metadata.name
        if after is None:
            self._leave(name, at)
        else:
            self._born.setdefault(name, at)
            self._turn(name, at, condition_of(node))
        for daemonset in list(self.world.by_uid.values()):
            self._want(at, daemonset, node, present=after is not None)

    def _turn(self, name: str, at: float, condition: tuple[Condition, str] | None) -> None:
        old = self._condition.get(name)
        if old is not None and condition != old[:2]:
            del self._condition[name]
            if at > old[2]:
                self._bands.setdefault(name, []).append(Band(old[2], at, old[0], old[1]))
        if condition is not None:
            self._condition.setdefault(name, (*condition, at))

    def _leave(self, name: str, at: float) -> None:
        self._turn(name, at, None)
        born = self._born.pop(name, None)
        if born is not None:
            self._present.setdefault(name, []).append(Span(born, at))

    def _daemonset(self, at: float, before: Object | None, after: Object | None) -> None:
        known = after if isinstance(after, DaemonSet) else before
        assert isinstance(known, DaemonSet)
        uid = known.metadata.uid
        if after is None:
            self._ended[uid] = at
        specs = self._specs.setdefault(uid, [])
        if after is not None and specs and specs[-1][1].spec == known.spec:
            return
        if after is not None:
            specs.append((at, known))
        for node in self.world.nodes.values():
            self._want(at, known, node, present=after is not None)

    def _want(self, at: float, daemonset: DaemonSet, node: Node, *, present: bool) -> None:
        key = (daemonset.metadata.uid, node.metadata.name)
        wanted = present and self._wants(daemonset, node)
        since = self._wanted.get(key)
        if wanted and since is None:
            self._wanted[key] = at
        elif not wanted and since is not None:
            self._unwant(*key, since, at)

    def _unwant(self, uid: str, node: str, since: float, at: float) -> None:
        del self._wanted[uid, node]
        self._wanted_done.setdefault(uid, []).append((node, Span(since, at)))

    def _template(self, at: float, revision: Object | None) -> None:
        assert isinstance(revision, ControllerRevision)
        owner = revision.metadata.controller
        if owner is None or owner.uid not in self.world.by_uid:
            return
        newest = self.world.revisions_of(self.world.by_uid[owner.uid])
        current = newest[-1].metadata.labels.get("controller-revision-hash", "") if newest else ""
        if not current or current == self._current.get(owner.uid):
            return
        self._current[owner.uid] = current
        for known in self._bars.values():
            if known.bar.owner_uid == owner.uid:
                known.turn(at, known.state, bool(known.bar.hash) and known.bar.hash != current)


def history(entries: Iterable[Entry], wants: Wants) -> History:
    """The history of a whole trace."""
    builder = HistoryBuilder(wants)
    for entry in entries:
        builder.see(entry)
    return builder.finish()


def _natural(name: str) -> tuple[object, ...]:
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
