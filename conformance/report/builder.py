"""Builds the history of a trace, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from conformance.kube.records import ControllerRevision, DaemonSet, Node, Object, Pod
from conformance.model.availability import epoch
from conformance.report.history import Band, Bar, Condition, History, Instant, Lane, Moment, Span, Workload, natural
from conformance.report.life import Life
from conformance.report.states import condition_of, state_of
from conformance.report.wording import moment
from conformance.trace.entries import OBJECT_TYPES, Entry
from conformance.trace.world import World

#: Resources whose objects are drawn; an axis need not begin before the first of them comes or goes.
SHOWN = frozenset({"nodes", "pods", "daemonsets"})

Wants = Callable[[DaemonSet, Node], bool]


class HistoryBuilder:
    """Reads a trace entry by entry; `wants` tells whether a DaemonSet belongs on a node (the model's answer, not the controller's).

    The times of the entries must never fall, and `clock` is what the API server's clock needs added to be theirs (both: trace/timing.py).
    """

    def __init__(self, wants: Wants, clock: float | None = None) -> None:
        self.world = World()
        self._clock = clock
        self._wants = wants
        self._bars: dict[str, Life] = {}
        self._closed: dict[str, list[Bar]] = {}
        self._present: dict[str, list[Span]] = {}
        self._born: dict[str, Instant] = {}
        self._bands: dict[str, list[Band]] = {}
        self._condition: dict[str, tuple[Condition, str, Instant]] = {}
        self._current: dict[str, str] = {}
        self._specs: dict[str, list[tuple[float, DaemonSet]]] = {}
        self._wanted: dict[tuple[str, str], float] = {}
        self._wanted_done: dict[str, list[tuple[str, Span]]] = {}
        self._ended: dict[str, float] = {}
        self._moments: dict[str, list[Moment]] = {"action": [], "note": [], "gap": []}
        self._begin: float | None = None
        self._last = 0

    def see(self, entry: Entry) -> tuple[Object | None, Object | None]:
        """Take in one entry; returns the object before and after it."""
        before, after = self.world.apply(entry)
        now = (entry.at, entry.seq)
        self._last = entry.seq
        if self._begin is None and (entry.type == "action" or (entry.type in ("added", "deleted") and entry.resource in SHOWN)):
            self._begin = entry.at
        if entry.type in ("action", "note", "gap"):
            self._moments[entry.type].append(moment(entry))
        elif entry.type not in OBJECT_TYPES:
            pass
        elif entry.resource == "pods":
            self._pod(now, before, after)
        elif entry.resource == "nodes":
            self._node(now, before, after)
        elif entry.resource == "daemonsets":
            self._daemonset(entry.at, before, after)
        elif entry.resource == "controllerrevisions":
            self._template(now, after or before)
        return before, after

    def finish(self) -> History:
        """The history up to the last entry."""
        end = self.world.at
        last = (end, self._last + 1)
        for uid in list(self._bars):
            self._close(uid, last, gone=False)
        for node in list(self._born):
            self._leave(node, last)
        for uid in list(self._specs):
            for (owner, node), since in list(self._wanted.items()):
                if owner == uid:
                    self._unwant(uid, node, since, end)
        names = sorted({*self._present, *self._closed}, key=natural)
        lanes = tuple(
            Lane(
                name,
                tuple(self._present.get(name, ())),
                tuple(self._bands.get(name, ())),
                tuple(sorted(self._closed.get(name, ()), key=lambda bar: (bar.start, bar.first, bar.name))),
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
        return History(end, lanes, actions, notes, gaps, workloads, self._begin or 0.0)

    def _pod(self, now: Instant, before: Object | None, after: Object | None) -> None:
        pod = after if isinstance(after, Pod) else before
        assert isinstance(pod, Pod)
        uid = pod.metadata.uid
        if isinstance(before, Pod) and before.metadata.uid != uid:
            self._close(before.metadata.uid, now, gone=True)
        if after is None:
            self._close(uid, now, gone=True)
            return
        owner = pod.metadata.controller
        owner_uid = owner.uid if owner else ""
        outdated = bool(pod.hash) and self._current.get(owner_uid, pod.hash) != pod.hash
        known = self._bars.get(uid)
        if known is not None and known.node not in ("", pod.target):
            self._close(uid, now, gone=True)
            known = None
        if known is None:
            bar = Bar(pod.metadata.name, pod.metadata.namespace, owner.name if owner else "", owner_uid, pod.hash, (), gone=False)
            self._bars[uid] = Life(bar, pod.target, state_of(pod), outdated, now, self._stamped(pod))
            return
        known.node = pod.target or known.node
        known.bar = replace(known.bar, owner=owner.name if owner else "", owner_uid=owner_uid, hash=pod.hash)
        known.turn(now, state_of(pod), outdated, self._stamped(pod))

    def _stamped(self, pod: Pod) -> float | None:
        condition = pod.ready_condition
        stamp = condition.last_transition_time if condition is not None and condition.status == "True" else None
        return epoch(stamp) + self._clock if stamp is not None and self._clock is not None else None

    def _close(self, uid: str, now: Instant, *, gone: bool) -> None:
        known = self._bars.pop(uid, None)
        if known is not None:
            self._closed.setdefault(known.node, []).append(known.close(now, gone=gone))

    def _node(self, now: Instant, before: Object | None, after: Object | None) -> None:
        node = after if isinstance(after, Node) else before
        assert isinstance(node, Node)
        name = node.metadata.name
        if after is None:
            self._leave(name, now)
        else:
            self._born.setdefault(name, now)
            self._turn(name, now, condition_of(node))
        for daemonset in list(self.world.by_uid.values()):
            self._want(now[0], daemonset, node, present=after is not None)

    def _turn(self, name: str, now: Instant, condition: tuple[Condition, str] | None) -> None:
        old = self._condition.get(name)
        if old is not None and condition != old[:2]:
            del self._condition[name]
            since = old[2]
            self._bands.setdefault(name, []).append(Band(since[0], now[0], old[0], old[1], first=since[1], last=now[1]))
        if condition is not None:
            self._condition.setdefault(name, (*condition, now))

    def _leave(self, name: str, now: Instant) -> None:
        self._turn(name, now, None)
        born = self._born.pop(name, None)
        if born is not None:
            self._present.setdefault(name, []).append(Span(born[0], now[0], first=born[1], last=now[1]))

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

    def _template(self, now: Instant, revision: Object | None) -> None:
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
                known.turn(now, known.state, bool(known.bar.hash) and known.bar.hash != current, known.stamped)
