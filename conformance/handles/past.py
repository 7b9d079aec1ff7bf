"""Questions about what has been recorded so far: a scenario asks them when its waits are over."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from conformance.handles.daemonset import Agent
from conformance.kube.records import ControllerRevision, DaemonSet, Object, Pod
from conformance.trace.entries import OBJECT_TYPES, Entry
from conformance.trace.recorder import Recorder
from conformance.trace.world import World

_Found = TypeVar("_Found")


class Past:
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
        found = []
        for entry, _, after, _ in self.steps():
            if entry.type == "added" and isinstance(after, Pod) and _owned(after, agent):
                found.append(entry.raw())
        return found

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
        return any(isinstance(after, Pod) and after.metadata.name == name and _owned(after, agent) for _, _, after, _ in self.steps())

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
        """From the change at one resourceVersion to that at another (see end_of_pod and creation_of_pod), by arrival."""
        at = {entry.rv: entry.at for entry in self._recorder.so_far() if entry.type in OBJECT_TYPES}
        return at[later] - at[earlier]

    def seconds_alive(self, name: str) -> float:
        """From a pod's binding until its deletion was asked for, by arrival."""
        states = [(entry.at, after) for entry, _, after, _ in self.steps() if isinstance(after, Pod) and after.metadata.name == name]
        bound = _one_of([at for at, pod in states if pod.spec.node_name], f"pods/{name} was never on a node")
        return _one_of([at for at, pod in states if pod.terminating], f"pods/{name} was never asked to end") - bound

    def seconds_between_creations(self, agent: Agent) -> list[float]:
        """From each creation of a pod of it to the next; for a DaemonSet with one node.

        By when the API server was asked for it, if there is an audit log: on a busy machine the news of several may arrive at once.
        """
        entries = [
            entry for entry, _, after, _ in self.steps() if entry.type == "added" and isinstance(after, Pod) and _owned(after, agent)
        ]
        asked: dict[int | None, float] = {}
        for entry in self._recorder.so_far():
            if entry.type == "write" and "received" in entry.detail:
                asked.setdefault(entry.rv, entry.detail["received"])  # a later one of the same version has changed nothing
        audited = all(entry.rv in asked for entry in entries)
        at = [asked[entry.rv] if audited else entry.at for entry in entries]
        return [later - earlier for earlier, later in itertools.pairwise(at)]

    def failures(self, agent: Agent) -> list[str]:
        """The reason of every pod of it that reached phase Failed, in order."""
        return [
            after.status.reason
            for _, before, after, _ in self.steps()
            if isinstance(after, Pod)
            and _owned(after, agent)
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

    def counters(self, agent: Agent, *names: str) -> set[tuple[int, ...]]:
        """Every combination of these counters of its status, such as `number_ready`, that there has been at any time."""
        states = [state for _, _, state, _ in self.steps() if isinstance(state, DaemonSet) and state.metadata.uid == agent.uid]
        return {tuple(getattr(state.status, name) for name in names) for state in states}

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

    def most_unavailable(self, agent: Agent) -> int:
        """The most nodes that a deletion has left without a ready pod, at any one event since its first change of spec.

        Counted over the nodes that had such a pod when the change came, from the objects alone: nothing of the status is believed. A node
        whose pod stops being ready by itself is not one that the update took.
        """
        taken: set[str] = set()
        without: set[str] = set()
        most = 0
        for nodes, after, world in self._during_update(agent):
            now = {node for node in nodes if not any(pod.ready and not pod.terminating for pod in world.pods_on(agent.uid, node))}
            if not isinstance(after, Pod) or after.terminating:
                taken |= now - without
            taken &= now
            without = now
            most = max(most, len(taken))
        return most

    def most_surplus(self, agent: Agent) -> int:
        """The most nodes with a further pod, at any one event since its first change of spec.

        A node whose pods are all ready does not count, nor does it for the controller: its old pod is as good as deleted,
        and the pod of the next node is made before that happens, in the same sync.
        """

        def surges(pods: Iterable[Pod]) -> bool:
            there = [pod for pod in pods if not pod.terminating]
            return len(there) > 1 and not all(pod.ready for pod in there)

        during = self._during_update(agent)
        return max((sum(surges(world.pods_on(agent.uid, node)) for node in nodes) for nodes, _, world in during), default=0)

    def _during_update(self, agent: Agent) -> Iterator[tuple[set[str], Object | None, World]]:
        """From its first change of spec on: the nodes that had a ready pod then, the object after each event, and the world after it."""
        nodes: set[str] | None = None
        for _, _, after, world in self.steps():
            ds = world.by_uid.get(agent.uid)
            if ds is None or ds.metadata.generation < 2:
                continue
            if nodes is None:
                nodes = {pod.target for pod in world.pods_of(agent.uid) if pod.ready}
            yield nodes, after, world

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


def _owned(pod: Pod, agent: Agent) -> bool:
    return pod.metadata.controller is not None and pod.metadata.controller.uid == agent.uid
