"""The world: the state of all watched objects at one point of a trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from conformance.kube.records import ControllerRevision, DaemonSet, Event, Node, Object, Pod
from conformance.trace.entries import OBJECT_TYPES, Entry

Key = tuple[str, str]
K = TypeVar("K")
V = TypeVar("V", bound=Object)


class World:
    """All watched objects, by (namespace, name), and the indexes that judgements need.

    Pods are indexed by the UID of their managing owner, so that two DaemonSets of the same name are never mixed up.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.pods: dict[Key, Pod] = {}
        self.daemonsets: dict[Key, DaemonSet] = {}
        self.revisions: dict[Key, ControllerRevision] = {}
        self.events: dict[Key, Event] = {}
        self.by_uid: dict[str, DaemonSet] = {}
        self.owned: dict[str, dict[Key, Pod]] = {}
        self.rv = 0
        self.at = 0.0

    def apply(self, entry: Entry) -> tuple[Object | None, Object | None]:
        """Move to the point after `entry`; returns the object before and after (None: not there)."""
        self.at = entry.at
        if entry.rv is not None and entry.rv > self.rv:
            self.rv = entry.rv
        if entry.type not in OBJECT_TYPES:
            return None, None
        record = entry.record()
        gone = entry.type == "deleted"
        if isinstance(record, Pod):
            return self._pod(record, gone=gone)
        if isinstance(record, Node):
            return _put(self.nodes, record.metadata.name, record, gone=gone)
        key = (record.metadata.namespace, record.metadata.name)
        if isinstance(record, DaemonSet):
            if gone:
                self.by_uid.pop(record.metadata.uid, None)
            else:
                self.by_uid[record.metadata.uid] = record
            return _put(self.daemonsets, key, record, gone=gone)
        if isinstance(record, ControllerRevision):
            return _put(self.revisions, key, record, gone=gone)
        return _put(self.events, key, record, gone=gone)

    def _pod(self, pod: Pod, *, gone: bool) -> tuple[Object | None, Object | None]:
        key = (pod.metadata.namespace, pod.metadata.name)
        before = self.pods.get(key)
        if before is not None and (owner := before.metadata.controller) is not None:
            self.owned.get(owner.uid, {}).pop(key, None)
        if gone:
            self.pods.pop(key, None)
            return before or pod, None
        self.pods[key] = pod
        if (owner := pod.metadata.controller) is not None:
            self.owned.setdefault(owner.uid, {})[key] = pod
        return before, pod

    def pods_of(self, daemonset: DaemonSet | str) -> Iterable[Pod]:
        """The pods whose managing owner is this DaemonSet (given as record or UID)."""
        uid = daemonset if isinstance(daemonset, str) else daemonset.metadata.uid
        return self.owned.get(uid, {}).values()

    def pods_on(self, daemonset: DaemonSet | str, node: str) -> Iterator[Pod]:
        """Its pods that run on the node or are aimed at it."""
        return (pod for pod in self.pods_of(daemonset) if pod.target == node)

    def revisions_of(self, daemonset: DaemonSet) -> list[ControllerRevision]:
        """The ControllerRevisions it owns, oldest number first."""
        uid = daemonset.metadata.uid
        mine = [r for r in self.revisions.values() if (owner := r.metadata.controller) is not None and owner.uid == uid]
        return sorted(mine, key=lambda revision: revision.revision)


def _put(table: dict[K, V], key: K, record: V, *, gone: bool) -> tuple[V | None, V | None]:
    before = table.get(key)
    if gone:
        table.pop(key, None)
        return before or record, None
    table[key] = record
    return before, record
