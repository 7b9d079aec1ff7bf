"""What can be counted of the past: pods for each node, nodes that an update has taken, counters of the status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from conformance.clusters.protocol import Node
from conformance.handles.daemonset import Agent
from conformance.kube.records import DaemonSet, Object, Pod
from conformance.trace.entries import Entry
from conformance.trace.world import World


class Counted:
    """Counts over a running record, in the store's order; `Past` says where the steps come from."""

    def steps(self) -> Iterator[tuple[Entry, Object | None, Object | None, World]]:
        """Every entry so far with the object before and after it, and the world after it."""
        raise NotImplementedError

    def pods_per_node(self, agent: Agent) -> dict[str, int]:
        """How many pods of it have been made for each node, in all; a node for which none was made is not among them."""
        return dict(
            Counter(
                after.target
                for entry, _, after, _ in self.steps()
                if entry.type == "added" and isinstance(after, Pod) and owned(after, agent)
            )
        )

    def most_pods(self, agent: Agent, node: Node | str, *, phase: str = "") -> int:
        """The most pods of it that stood on a node, or were aimed at it, at any one event; of this phase alone, if one is given."""
        name = node if isinstance(node, str) else node.name
        return max(
            (sum(phase in ("", pod.status.phase) for pod in world.pods_on(agent.uid, name)) for *_, world in self.steps()), default=0
        )

    def counters(self, agent: Agent, *names: str) -> set[tuple[int, ...]]:
        """Every combination of these counters of its status, such as `number_ready`, that there has been at any time."""
        states = [state for _, _, state, _ in self.steps() if isinstance(state, DaemonSet) and state.metadata.uid == agent.uid]
        return {tuple(getattr(state.status, name) for name in names) for state in states}

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


def owned(pod: Pod, agent: Agent) -> bool:
    """Whether the DaemonSet is the pod's managing owner."""
    return pod.metadata.controller is not None and pod.metadata.controller.uid == agent.uid
