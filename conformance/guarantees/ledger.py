"""What is remembered for all guarantees at once, so that none of them has to scan the world.

The ledger is taken one entry further just after the world, and before any guarantee sees the entry. It names the topics an entry is about
beyond its resource: `creation`, `deletion` and `removal` of a daemon pod; and it says when a DaemonSet has been `quiet`.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.guarantees.authors import CONTROLLER, by_controller, owner_uid
from conformance.guarantees.quiet import QUIET, Silence
from conformance.guarantees.recent import Recent
from conformance.guarantees.watched import Watched
from conformance.guarantees.working import SLOW, Working
from conformance.kube.records import ControllerRevision, DaemonSet, Event, Node, Object, Pod
from conformance.model.availability import epoch
from conformance.model.eligibility import EXCLUDED, Eligibility, eligibility
from conformance.trace.entries import OBJECT_TYPES, Entry
from conformance.trace.world import World

#: Seconds between two looks for what is overdue; what is owed is owed for longer than that.
REVIEW = 1.0
_NOTHING: tuple[str, ...] = ()


class Ledger:
    """Indexes over the past and the present of one trace. Times are seconds of the trace and never run backwards."""

    def __init__(self, world: World, *, audited: bool) -> None:
        self.world = world
        self.audited = audited
        self.now = 0.0
        #: when the API server got the request behind this entry, and had answered it (seconds since 1970, its clock; 0.0: not known)
        self.received = self.done = 0.0
        self.working = Working()
        self.silence = Silence()
        #: the DaemonSet whose pod the last entry created, deleted or removed
        self.subject: Watched | None = None
        self.daemonsets: dict[str, Watched] = {}
        #: UID of a pod that was not made for its owner by the controller -> when it became the owner's
        self.adopted: dict[str, float] = {}
        #: names of pods that the scenario said it would do something to
        self.announced: set[str] = set()
        self._nodes: dict[str, Recent[Node | None]] = {}
        self.nodes_changed_at = float("-inf")
        #: when the scenario last did something
        self.acted_at = float("-inf")
        #: when to look again for what is overdue
        self.review_at = 0.0
        self._wall: float | None = None

    # -- asking ---------------------------------------------------------------------------------------------------------------------------

    def wall(self) -> float:
        """The wall time (seconds since 1970), estimated from the API server's own timestamps; infinite while there was none."""
        return float("inf") if self._wall is None else self._wall + self.now

    def controller_works(self) -> bool:
        """Whether the controller can be expected to react: its process, the API server and etcd run."""
        return self.working.works(self.now)

    def controller_acted(self, author: str, pod: Pod) -> bool | None:
        """Whether the controller wrote to this pod; None if nobody knows. What the scenario has announced is not the controller's."""
        acted = by_controller(author)
        return False if acted is None and pod.metadata.name in self.announced else acted

    def of(self, uid: str) -> Watched:
        """What is remembered of a DaemonSet."""
        found = self.daemonsets.get(uid)
        if found is None:
            found = self.daemonsets[uid] = Watched(uid, self.world)
        return found

    def nodes_within(self, name: str, since: float) -> Iterator[Node | None]:
        """A node now and as it was at any time from `since` on; None: not there."""
        known = self._nodes.get(name)
        return known.within(since) if known else iter((self.world.nodes.get(name),))

    def eligibility_within(self, watched: Watched, name: str, since: float) -> Iterator[Eligibility]:
        """All eligibilities that the node had, or that an observer with one stale watch could have seen, from `since` on."""
        for node in self.nodes_within(name, since):
            for ds in watched.specs_within(since):
                yield eligibility(node, ds) if node is not None else EXCLUDED

    def due(self, at: float) -> Iterator[Watched]:
        """The DaemonSets that have become quiet by `at`, before anything that happens then."""
        self.now = max(self.now, at)
        return self.silence.over(self.now, self._wall)

    def review(self, at: float) -> list[Watched]:
        """The DaemonSets to look at for what is overdue, as they stood until `at`; the next time is REVIEW later."""
        self.now = max(self.now, at)
        self.review_at = self.now + REVIEW
        return [watched for watched in self.daemonsets.values() if watched.alive is not None]

    def served(self, at: float, received: float, done: float) -> None:
        """Take note of how long the API server had a write, by its own clock."""
        if received and done - received > SLOW:
            self.working.slow_at = max(self.now, at)

    # -- taking note ----------------------------------------------------------------------------------------------------------------------

    def record(self, entry: Entry, before: Object | None, after: Object | None, author: str) -> tuple[str, ...]:
        """Take note of one entry; the world is already behind it. Returns what it is about beyond its resource."""
        self.now = max(self.now, entry.at)
        if entry.type not in OBJECT_TYPES:
            if entry.type == "action":
                self._action(entry)
            return _NOTHING
        subject = after or before
        if entry.type == "added" and subject is not None and (stamp := subject.metadata.creation_timestamp):
            self._wall = max(epoch(stamp) - self.now, self._wall if self._wall is not None else float("-inf"))
        if self.working.down and author == CONTROLLER:
            self.working.wrote(self.now)
        if isinstance(subject, Pod):
            return self._pod(entry, before, after, author)  # type: ignore[arg-type]  # the world pairs like with like
        if isinstance(subject, Node):
            self._node(before, after)  # type: ignore[arg-type]
        elif isinstance(subject, DaemonSet):
            self._daemonset(entry, subject, author, gone=after is None)
        elif isinstance(subject, ControllerRevision):
            for revision in (before, after):
                if revision is not None and (owner := revision.metadata.controller) is not None:
                    watched = self.of(owner.uid)
                    watched.revision_changed(self.now)
                    self._touch(watched, author)
        elif isinstance(subject, Event):
            self._event(entry, subject)
        return _NOTHING

    def _event(self, entry: Entry, event: Event) -> None:
        if event.reason == "FailedCreate" and entry.type != "listed" and event.involved_object.uid in self.daemonsets:
            self.daemonsets[event.involved_object.uid].refused(self.now)

    def _touch(self, watched: Watched, author: str) -> None:
        watched.version += 1
        if author == CONTROLLER and 0.0 < self.received < watched.changed_done + QUIET and self.now >= watched.changed_at + QUIET:
            watched.restless_at = self.now
        watched.changed_at, watched.changed_done = self.now, self.done
        if author != CONTROLLER:
            watched.others_at = self.now
            watched.others.append((self.now, self.done))
        self.silence.broken(watched)

    def _action(self, entry: Entry) -> None:
        self.acted_at = self.now
        kind, _, name = str(entry.detail.get("target", "")).partition("/")
        if kind == "pods":
            self.announced.add(name.rpartition("/")[2])
        if kind == "components" and self.working.acted_on(name, entry.detail.get("verb"), self.now):
            for watched in self.daemonsets.values():
                watched.woken_at = self.now

    def _node(self, before: Node | None, after: Node | None) -> None:
        if (
            before is not None
            and after is not None
            and before.metadata.labels == after.metadata.labels
            and before.spec.taints == after.spec.taints
        ):
            return
        name = (after or before).metadata.name  # type: ignore[union-attr]
        known = self._nodes.get(name)
        if known is None:
            known = self._nodes[name] = Recent(before, self.now)
        known.set(after, self.now)
        self.nodes_changed_at = self.now
        for watched in self.daemonsets.values():
            old = watched.eligible.get(name)
            if after is None:
                watched.eligible.pop(name, None)
                watched.stirred[name] = self.now
                if old is not None and (old.run or watched.on(name)):
                    watched.silent_at = self.now
                    self._touch(watched, "")
                continue
            new = watched.judge_node(after)
            if new == old:
                continue
            watched.stirred[name] = self.now
            if new.run:
                watched.down.pop(name, None)
                watched.refresh(name, self.now, by_controller=False)
            self._react(watched, name, new)

    def _react(self, watched: Watched, name: str, new: Eligibility) -> None:
        """A node's eligibility changed. Since 1.33 only some such changes make the controller look at the DaemonSet."""
        bound = any(pod.spec.node_name and not pod.terminal and not pod.terminating for pod in watched.on(name).values())
        ds = watched.record
        misscheduled = ds is not None and ds.status.number_misscheduled > 0
        if (new.run and not bound) or (not new.stay and bound) or (bound and misscheduled):
            watched.woken_at = self.now
        else:
            watched.silent_at = self.now
        self._touch(watched, "")

    def _daemonset(self, entry: Entry, ds: DaemonSet, author: str, *, gone: bool) -> None:
        watched = self.of(ds.metadata.uid)
        known = watched.specs
        if gone:
            watched.gone = True
        if (gone or ds.metadata.deletion_timestamp is not None) and watched.doomed_at is None:
            watched.doomed_at = self.now
        if known is None or known.now.spec != ds.spec or known.now.metadata.generation != ds.metadata.generation:
            if known is None:
                watched.specs = Recent(ds, self.now)
            else:
                known.set(ds, self.now)
            watched.document = entry.object
            served = {name for name, found in watched.eligible.items() if found.run}
            watched.judge_nodes()
            for name in watched.desired():
                if name not in served:
                    watched.down.pop(name, None)
                    watched.refresh(name, self.now, by_controller=False)
            watched.revision_changed(self.now)
        else:
            wrote = by_controller(author) is not False and known.now.status != ds.status
            known.now = ds
            if wrote:
                # A sync ends with the status; what is written after that was decided after that.
                watched.burst_from = None
                watched.counted(self.now)
        watched.woken_at = self.now
        self._touch(watched, author)

    def _pod(self, entry: Entry, before: Pod | None, after: Pod | None, author: str) -> tuple[str, ...]:
        was, now = owner_uid(before), owner_uid(after)
        self.subject = None
        if not was and not now:
            return _NOTHING
        subject = after or before
        assert subject is not None
        key = (subject.metadata.namespace, subject.metadata.name)
        acted = self.controller_acted(author, subject)
        at_once = entry.type == "deleted" and before is not None and not before.terminating
        if was and was != now and before is not None:
            self._settle(self.of(was), key, before, None, author, acted=acted if at_once else False)
        if not now or after is None:
            watched = self.subject = self.of(was)
            watched.woken_at = self.now
            if at_once:
                if acted is not False:
                    watched.wrote(self.now, deleting=True)
                return "deletion", "removal"
            return ("removal",) if entry.type == "deleted" else _NOTHING
        watched = self.subject = self.of(now)
        asked = before is not None and was == now and after.terminating and not before.terminating
        self._settle(watched, key, before if was == now else None, after, author, acted=acted if asked else False)
        watched.woken_at = self.now
        if entry.type == "added" and before is None:
            if acted is not False:
                watched.wrote(self.now, deleting=False)
                return ("creation",)
            self.adopted[after.metadata.uid] = self.now
        elif was != now and entry.type != "listed":
            self.adopted[after.metadata.uid] = self.now
        if asked:
            if acted is not False:
                watched.wrote(self.now, deleting=True)
            return ("deletion",)
        return _ending(watched, before, after) if before is not None and before.status.phase != after.status.phase else _NOTHING

    def _settle(
        self, watched: Watched, key: tuple[str, str], before: Pod | None, after: Pod | None, author: str, *, acted: bool | None
    ) -> None:
        watched.put(key, before, after)
        if before is not None and after is not None and before.status is not after.status and before.ready != after.ready:
            watched.flipped[after.metadata.uid] = self.now
        for node in {pod.target for pod in (before, after) if pod is not None}:
            watched.refresh(node, self.now, by_controller=acted)
            watched.stirred[node] = self.now
        self._touch(watched, author)


def _ending(watched: Watched, before: Pod, after: Pod) -> tuple[str, ...]:
    """Note that a pod has ended by itself."""
    if before.terminal or after.terminating or not after.terminal:
        return _NOTHING
    watched.ended[after.target] += 1
    return ("ending",)
