"""Questions about what has been recorded so far: a scenario asks them when its waits are over."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from conformance.clusters.protocol import Node
from conformance.handles.counted import Counted, owned
from conformance.handles.daemonset import Agent
from conformance.kube.records import ControllerRevision, DaemonSet, Object, Pod
from conformance.kube.records import Node as NodeRecord
from conformance.trace.entries import OBJECT_TYPES, Entry
from conformance.trace.recorder import Recorder
from conformance.trace.world import World

_Found = TypeVar("_Found")


class Past(Counted):
    """Looks back over a running record, in the store's order.

    What should have happened and has not is an AssertionError: the cluster did not do it.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def steps(self) -> Iterator[tuple[Entry, Object | None, Object | None, World]]:
        """Every entry so far with the object before and after it, and the world after it."""
        world = World()
        for entry in self._recorder.so_far():
            yield entry, *world.apply(entry), world

    def created(self, agent: Agent) -> list[dict[str, Any]]:
        """Every pod of it as it was when it was created, raw."""
        return [
            entry.raw() for entry, _, after, _ in self.steps() if entry.type == "added" and isinstance(after, Pod) and owned(after, agent)
        ]

    def last_pod(self, name: str) -> Pod:
        """The last state of a pod before it was gone (or now)."""
        states = [
            state
            for _, before, after, _ in self.steps()
            for state in (before, after)
            if isinstance(state, Pod) and state.metadata.name == name
        ]
        return _one_of(states, f"pods/{name} was never seen", -1)

    def was_owned_by(self, name: str, agent: Agent) -> bool:
        """Whether a pod of this name had the DaemonSet as its managing owner at any time."""
        return any(isinstance(after, Pod) and after.metadata.name == name and owned(after, agent) for _, _, after, _ in self.steps())

    def revision_of(self, what: Callable[[Entry, Object | None, Object | None], bool]) -> list[int]:
        """The resourceVersions at which something happened, in order."""
        return [entry.rv or 0 for entry, before, after, _ in self.steps() if what(entry, before, after)]

    def end_of_pod(self, name: str) -> int:
        """The resourceVersion at which a pod had ended: its phase was Failed or Succeeded, or it was gone.

        A real kubelet reports the phase of a pod that is being deleted before the object goes; a simulated one only lets it go.
        """
        ends = self.revision_of(
            lambda entry, before, after: (
                (isinstance(after, Pod) and after.metadata.name == name and after.terminal)
                or (entry.type == "deleted" and isinstance(before, Pod) and before.metadata.name == name)
            )
        )
        return _one_of(ends, f"pods/{name} has not ended")

    def binding_of_pod(self, uid: str) -> int:
        """The resourceVersion at which a pod was seen on its node for the first time."""
        bound = self.revision_of(lambda _, __, after: isinstance(after, Pod) and after.metadata.uid == uid and bool(after.spec.node_name))
        return _one_of(bound, f"the pod with UID {uid} was never on a node")

    def seconds_to_end(self, name: str) -> float:
        """From a pod's deletion being asked for until it had ended (see end_of_pod), by arrival."""
        asked = [
            entry.at for entry, _, after, _ in self.steps() if isinstance(after, Pod) and after.metadata.name == name and after.terminating
        ]
        end = self.end_of_pod(name)
        ended = next(entry.at for entry, *_ in self.steps() if entry.rv == end)
        return ended - _one_of(asked, f"pods/{name} was never asked to end")

    def seconds_from(self, earlier: int, later: int) -> float:
        """From the change at one resourceVersion to that at another (see end_of_pod, creation_of_pod, change_of_node and Agent.rv).

        By when the API server was asked for them, if an audit log tells of both, else by arrival. An AssertionError if one was not seen.
        """
        before, after = self._times(earlier, later)
        return after - before

    def _times(self, *revisions: int | None) -> list[float]:
        """When the changes at these resourceVersions were asked for, by one clock: on a busy machine the news of several arrive at once."""
        arrived: dict[int | None, float] = {}
        asked: dict[int | None, float] = {}
        for entry in self._recorder.so_far():
            if entry.type in OBJECT_TYPES:
                arrived.setdefault(entry.rv, entry.at)
            elif entry.type == "write" and "received" in entry.detail:
                asked.setdefault(entry.rv, entry.detail["received"])  # a later one of the same version has changed nothing
        for revision in revisions:
            assert revision in arrived, f"no change at resourceVersion {revision} was seen"
        clock = asked if all(revision in asked for revision in revisions) else arrived
        return [clock[revision] for revision in revisions]

    def change_of_node(self, node: Node | str, *, before: int = 0) -> int:
        """The resourceVersion at which the labels, the taints or the cordon of a node were changed last.

        With `before`, the resourceVersion of an effect, it is the last change before that: the node controller taints nodes, too.
        """
        name = node if isinstance(node, str) else node.name

        def changed(_: Entry, was: Object | None, after: Object | None) -> bool:
            if not (isinstance(was, NodeRecord) and isinstance(after, NodeRecord) and after.metadata.name == name):
                return False
            told = [(each.metadata.labels, each.spec.taints, each.spec.unschedulable) for each in (was, after)]
            return told[0] != told[1]

        found = [revision for revision in self.revision_of(changed) if not before or revision < before]
        return _one_of(found, f"nodes/{name} has not been changed", -1)

    def seconds_alive(self, name: str) -> float:
        """From a pod's binding until its deletion was asked for, by arrival."""
        states = [(entry.at, after) for entry, _, after, _ in self.steps() if isinstance(after, Pod) and after.metadata.name == name]
        bound = _one_of([at for at, pod in states if pod.spec.node_name], f"pods/{name} was never on a node")
        return _one_of([at for at, pod in states if pod.terminating], f"pods/{name} was never asked to end") - bound

    def seconds_between_creations(self, agent: Agent) -> list[float]:
        """From each creation of a pod of it to the next; for a DaemonSet with one node.

        By when the API server was asked for it, if there is an audit log: on a busy machine the news of several may arrive at once.
        """
        made = self.revision_of(lambda entry, _, after: entry.type == "added" and isinstance(after, Pod) and owned(after, agent))
        at = self._times(*made)
        return [later - earlier for earlier, later in itertools.pairwise(at)]

    def failures(self, agent: Agent) -> list[str]:
        """The reason of every pod of it that reached phase Failed, in order."""
        return [
            after.status.reason
            for _, before, after, _ in self.steps()
            if isinstance(after, Pod)
            and owned(after, agent)
            and after.status.phase == "Failed"
            and not (isinstance(before, Pod) and before.status.phase == "Failed")
        ]

    def creation_of_pod(self, uid: str) -> int:
        """The resourceVersion at which a pod was created."""
        made = self.revision_of(lambda entry, _, after: entry.type == "added" and isinstance(after, Pod) and after.metadata.uid == uid)
        return _one_of(made, f"the pod with UID {uid} was not created meanwhile")

    def last_removal_of_pod(self, agent: Agent) -> int:
        """The resourceVersion at which the last pod of it was gone."""
        gone = self.revision_of(
            lambda entry, before, _: (
                entry.type == "deleted"
                and isinstance(before, Pod)
                and before.metadata.controller is not None
                and before.metadata.controller.uid == agent.uid
            )
        )
        return _one_of(gone, f"no pod of daemonsets/{agent.name} has gone", -1)

    def removal_of(self, agent: Agent) -> int:
        """The resourceVersion at which the DaemonSet object was gone."""
        gone = self.revision_of(
            lambda entry, before, _: entry.type == "deleted" and isinstance(before, DaemonSet) and before.metadata.uid == agent.uid
        )
        return _one_of(gone, f"daemonsets/{agent.name} has not gone")

    def last_state(self, agent: Agent) -> DaemonSet:
        """The last state of the DaemonSet before it was gone (or now)."""
        states = [
            s for _, before, after, _ in self.steps() for s in (before, after) if isinstance(s, DaemonSet) and s.metadata.uid == agent.uid
        ]
        return _one_of(states, f"daemonsets/{agent.name} was never seen", -1)

    def finalizers(self, agent: Agent) -> set[str]:
        """Every finalizer that the DaemonSet has had at any time."""
        states = [state for _, _, state, _ in self.steps() if isinstance(state, DaemonSet) and state.metadata.uid == agent.uid]
        return {finalizer for state in states for finalizer in state.metadata.finalizers}

    def numbering_of(self, agent: Agent, number: int) -> int:
        """The resourceVersion at which one of its ControllerRevisions got this number."""
        numbered = self.revision_of(
            lambda _, __, after: (
                isinstance(after, ControllerRevision)
                and after.revision == number
                and after.metadata.controller is not None
                and after.metadata.controller.uid == agent.uid
            )
        )
        return _one_of(numbered, f"no ControllerRevision of daemonsets/{agent.name} got the number {number}")

    def authors(self, target: str, verb: str, *, subresource: str = "") -> set[str]:
        """The users who made writes of this kind to `pods/NAME` or `daemonsets/NAME`, as the audit log tells so far (see Trace.written)."""
        resource, _, name = target.partition("/")
        wanted = {"resource": resource, "name": name, "verb": verb}
        return {
            entry.detail["user"]
            for entry in self._recorder.so_far()
            if entry.type == "write"
            and {"resource": entry.resource, **entry.detail}.items() >= wanted.items()
            and entry.detail.get("subresource", "") == subresource
        }

    def ready_to_next_deletion(self, agent: Agent) -> list[float]:
        """During an update: seconds between a new pod turning ready and the next deletion of an old one, by arrival."""
        ready_at: float | None = None
        waited: list[float] = []
        for entry, before, after, world in self.steps():
            ds = world.by_uid.get(agent.uid)
            if ds is None or ds.metadata.generation < 2 or not isinstance(after, Pod) or after.metadata.controller is None:
                continue
            if after.metadata.controller.uid != agent.uid:
                continue
            was = before if isinstance(before, Pod) else None
            if after.ready and not (was is not None and was.ready):
                ready_at = entry.at
            if after.terminating and not (was is not None and was.terminating) and ready_at is not None:
                waited.append(entry.at - ready_at)
        assert waited, f"no old pod of daemonsets/{agent.name} was deleted after a new one had become ready"
        return waited


def _one_of(found: Sequence[_Found], otherwise: str, which: int = 0) -> _Found:
    """One of what was found, the first unless told otherwise; an AssertionError says what is missing if there is none."""
    assert found, otherwise
    return found[which]
