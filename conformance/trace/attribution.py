"""Which write made which change.

Most answers in an audit log carry the resourceVersion that the write produced, and the join is exact. Three kinds do not:

- a binding, an eviction, and the delete of most kinds answer with a Status; deletecollection with the objects as they were before;
- a write that removes the last finalizer deletes the object, and answers with the version before that;
- one request can take several steps: an eviction marks the pod, then deletes it; a delete without grace ends the grace first. A kubelet may
  be faster with the second step than who asked for it (of a pod in a final phase): then the answer is the pod without a version.

Those are joined by their effect: what became of the object they name. (All three seen on 1.37.1.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from conformance.faults import kubelet
from conformance.kube.records import Meta, Object, Pod
from conformance.trace.audit import Write
from conformance.trace.entries import Entry

#: disrupted    marked by the eviction API
#: terminating  the deletion was asked for, or its grace shortened
#: deleted      gone
#: released     gone because the last finalizer was removed
#: bound        a pod got its node
Effect = Literal["disrupted", "terminating", "deleted", "released", "bound"]
Key = tuple[str, str, str]

_EVICTED = "EvictionByEvictionAPI"


@dataclass
class _Request:
    """Changes of one object that one request made."""

    uid: str
    effects: list[Effect] = field(default_factory=list)
    rvs: list[int] = field(default_factory=list)
    at_once: bool = False  # the last effect was the end of all grace: what follows is the same request's
    asked: bool = False  # the first step asked for the deletion of a pod, which no kubelet does
    author: Write | None = None

    def goes_on_with(self, uid: str, effect: Effect) -> bool:
        last = self.effects[-1]
        if uid != self.uid:
            return False
        return (last == "disrupted" and effect in ("terminating", "deleted")) or (self.at_once and effect == "deleted")


class Attribution:
    """Joins writes and changes as both arrive, in whatever order."""

    def __init__(self, resources: Iterable[str], namespaces: tuple[str, ...] = ()) -> None:
        self._resources = frozenset(resources)
        self._namespaces = frozenset(namespaces)
        self._floor: dict[str, int] = {}
        self._written: dict[int, Write] = {}
        self._audited: set[str] = set()
        self._requests: defaultdict[Key, list[_Request]] = defaultdict(list)
        self._request_of: dict[int, _Request] = {}
        self._pending: defaultdict[Key, list[Write]] = defaultdict(list)
        self._unexplained: dict[int, tuple[str, float]] = {}

    def listed(self, resource: str, rv: int) -> None:
        """Note the resourceVersion of a first list: what was written before it is history."""
        self._floor[resource] = min(rv, self._floor.get(resource, rv))

    def write(self, write: Write) -> Iterator[Write]:
        """The writes that can be placed now, with their resourceVersion, given one more line of the log."""
        if write.resource not in self._resources:
            return
        if self._namespaces and write.namespace and write.namespace not in self._namespaces:
            return
        self._audited.add(write.resource)
        rv = None if write.verb == "deletecollection" else write.rv
        if rv is not None:
            if rv not in self._written and rv > self._floor.get(write.resource, 0):
                yield from self._place(write, rv)
                return
            # It changed nothing, and answers with the version that somebody else's write had produced.
            if not write.last_finalizer:
                return
        key = (write.resource, write.namespace, write.name)
        for request in self._requests[key]:
            if request.author is None and _fits(write, request):
                yield from self._place(write, request.rvs[0])
                return
        self._pending[key].append(write)

    def change(self, entry: Entry, before: Object | None, after: Object | None) -> Iterator[Write]:
        """The writes that can be placed now, given one more change."""
        subject = after or before
        if entry.rv is None or subject is None or entry.type not in ("added", "modified", "deleted") or entry.detail.get("inferred"):
            return
        if entry.rv not in self._written:
            self._unexplained[entry.rv] = (entry.resource, entry.at)
        effect = _effect(before, after)
        if effect is None:
            return
        meta = subject.metadata
        key = (entry.resource, meta.namespace, meta.name)
        requests = self._requests[key]
        if not requests or not requests[-1].goes_on_with(meta.uid, effect):
            requests.append(_Request(meta.uid, asked=effect == "terminating" and _asks(before, meta)))
        request = requests[-1]
        request.effects.append(effect)
        request.rvs.append(entry.rv)
        request.at_once = effect == "terminating" and meta.deletion_grace_period_seconds == 0 and not meta.finalizers
        self._request_of[entry.rv] = request
        author = request.author or self._written.get(entry.rv)
        if author is not None:
            yield from self._spread(request, author)
            return
        for write in self._pending[key]:
            if _fits(write, request):
                self._pending[key].remove(write)
                yield from self._place(write, entry.rv)
                return

    def unexplained(self, since: float) -> bool:
        """Whether a change that arrived after `since` (seconds of the trace) still lacks its author, though its kind is audited."""
        return any(at >= since and resource in self._audited for resource, at in self._unexplained.values())

    def _place(self, write: Write, rv: int) -> Iterator[Write]:
        request = self._request_of.get(rv)
        if request is None:
            yield self._put(write, rv)
        else:
            yield from self._spread(request, write, rv)

    def _spread(self, request: _Request, author: Write, rv: int | None = None) -> Iterator[Write]:
        """One author for all steps of a request; but a kubelet has only ended what somebody else asked for."""
        steps = request.rvs
        if request.asked and _is_kubelet(author) and rv != steps[0]:
            steps = steps[1:]
        else:
            request.author = author
        for step in steps:
            if step == rv or step not in self._written:
                yield self._put(author, step)

    def _put(self, write: Write, rv: int) -> Write:
        placed = msgspec.structs.replace(write, rv=rv)
        self._written[rv] = placed
        self._unexplained.pop(rv, None)
        return placed


def _effect(before: Object | None, after: Object | None) -> Effect | None:
    if after is None:
        return "released" if before is not None and before.metadata.finalizers else "deleted"
    if before is None:
        return None
    was, now = before.metadata, after.metadata
    if now.deletion_timestamp is not None and (
        was.deletion_timestamp is None or (was.deletion_grace_period_seconds or 0) > (now.deletion_grace_period_seconds or 0)
    ):
        return "terminating"
    if isinstance(before, Pod) and isinstance(after, Pod):
        if not before.spec.node_name and after.spec.node_name:
            return "bound"
        if _evicted(after) and not _evicted(before):
            return "disrupted"
    return None


def _asks(before: Object | None, meta: Meta) -> bool:
    # The copies of static pods are an exception: a kubelet makes them and takes them away by itself.
    mirror = any(owner.kind == "Node" for owner in meta.owner_references)
    return before is not None and before.metadata.deletion_timestamp is None and not mirror


def _is_kubelet(write: Write) -> bool:
    return write.user == kubelet.USER or write.user.startswith("system:node:")


def _evicted(pod: Pod) -> bool:
    return any(condition.type == "DisruptionTarget" and condition.reason == _EVICTED for condition in pod.status.conditions)


def _fits(write: Write, request: _Request) -> bool:
    if write.uid and request.uid and write.uid != request.uid:
        return False
    if write.subresource == "binding":
        return "bound" in request.effects
    if write.subresource == "eviction":
        return not {"disrupted", "terminating", "deleted"}.isdisjoint(request.effects)
    if write.verb in ("delete", "deletecollection"):
        return not {"terminating", "deleted"}.isdisjoint(request.effects)
    return write.last_finalizer and "released" in request.effects
