"""What can be waited for of a DaemonSet: its pods, node by node, and the counters of its status."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from conformance.clusters.protocol import Node
from conformance.kube.records import DaemonSet, Pod
from conformance.model.availability import is_available
from conformance.model.rollout import everywhere
from conformance.trace.conditions import When
from conformance.trace.world import World

#: How many pods a message names one by one; a controller that runs wild makes hundreds.
SHOWN_PODS = 10


class Awaited:
    """One DaemonSet (one UID) as conditions speak of it; `generation` is that of the last write."""

    name: str
    namespace: str
    uid: str
    generation: int

    def available_on(self, *nodes: Node | str) -> When:
        """Each of the nodes has exactly one pod, available and not being deleted (an old and a new one during a surge are two)."""
        wanted = _names(nodes)
        return self._pods(
            "available-on",
            f"{self.name} has one available pod on {_listing(wanted)}",
            lambda world, ds: all(self._one_available(world, ds, node) for node in wanted),
        )

    def absent_from(self, *nodes: Node | str) -> When:
        """None of the nodes has a pod of it, nor is one aimed at it."""
        wanted = set(_names(nodes))
        return When(
            "absent-from",
            f"{self.name} has no pod on {_listing(wanted)}",
            lambda world: not any(pod.target in wanted for pod in world.pods_of(self.uid)),
            self._see_pods,
            self._look("pods"),
        )

    def exactly_on(self, *nodes: Node | str) -> When:
        """One available pod on each of these nodes, and none anywhere else."""
        wanted = _names(nodes)
        return self._pods(
            "exactly-on",
            f"{self.name} has one available pod on {_listing(wanted)} and none elsewhere",
            lambda world, ds: (
                {pod.target for pod in world.pods_of(self.uid)} == set(wanted)
                and all(self._one_available(world, ds, node) for node in wanted)
            ),
        )

    def terminating_on(self, *nodes: Node | str) -> When:
        """Each of the nodes has a pod of it that is being deleted."""
        wanted = _names(nodes)
        return self._pods(
            "terminating-on",
            f"{self.name} has a terminating pod on {_listing(wanted)}",
            lambda world, _: all(any(pod.terminating for pod in world.pods_on(self.uid, node)) for node in wanted),
        )

    def pending_on(self, *nodes: Node | str) -> When:
        """Each of the nodes has a pod of it in phase Pending."""
        wanted = _names(nodes)
        return self._pods(
            "pending-on",
            f"{self.name} has a Pending pod on {_listing(wanted)}",
            lambda world, _: all(any(pod.status.phase == "Pending" for pod in world.pods_on(self.uid, node)) for node in wanted),
        )

    def observed(self) -> When:
        """The controller has looked at the generation that the last write made."""
        generation = self.generation
        return self._daemonset(
            "observed", f"{self.name} observes generation {generation}", lambda ds: ds.status.observed_generation >= generation
        )

    def unobserved(self) -> When:
        """The controller has looked at no generation of it."""
        return self._daemonset("unobserved", f"{self.name} is observed in no generation", lambda ds: ds.status.observed_generation == 0)

    def status(self, **counters: int | range) -> When:
        """Its status has these counters (`desired_number_scheduled=3` …) for the last generation written; a range leaves some room."""
        generation = self.generation
        return self._daemonset(
            "status",
            f"{self.name} status of generation {generation} has {_pairs(counters)}",
            lambda ds: (
                ds.status.observed_generation >= generation
                and all(getattr(ds.status, key) in (value if isinstance(value, range) else (value,)) for key, value in counters.items())
            ),
        )

    def rolled_out(self) -> When:
        """The predicate of `kubectl rollout status`, and that every pod runs what the template says.

        That is: generation observed, updated and available on every desired node, no old pod left. The pods are looked at because their
        watch may be behind the DaemonSet's: its status then tells of pods that have not been seen yet.
        """
        generation = self.generation

        def done(world: World, ds: DaemonSet) -> bool:
            status = ds.status
            wanted = set(ds.spec.template.spec.containers)
            return (
                everywhere(ds, generation)
                and len(list(world.pods_of(self.uid))) <= status.desired_number_scheduled
                and all(wanted <= set(pod.spec.containers) for pod in world.pods_of(self.uid))
            )

        return self._pods("rolled-out", f"{self.name} is rolled out (generation {generation})", done)

    def gone(self) -> When:
        """The DaemonSet object (this UID) is no longer there."""
        return When(
            "gone", f"{self.name} is gone", lambda world: self.uid not in world.by_uid, self._see_status, self._look("daemonset", self.name)
        )

    def without_pods(self) -> When:
        """No pod is left whose managing owner it is."""
        return When(
            "without-pods",
            f"{self.name} has no pods",
            lambda world: not any(True for _ in world.pods_of(self.uid)),
            self._see_pods,
            self._look("pods"),
        )

    def keeps(self, uids: Mapping[str, str]) -> When:
        """Each node still has the very pod it had (`uids()` of an earlier moment), and there is none besides."""
        wanted = set(uids.values())
        return When(
            "keeps",
            f"{self.name} keeps its {len(wanted)} pods",
            lambda world: (
                {pod.metadata.uid for pod in world.pods_of(self.uid)} == wanted
                and not any(pod.terminating for pod in world.pods_of(self.uid))
            ),
            self._see_pods,
            self._look("pods"),
        )

    def replaced(self, uids: Mapping[str, str], *nodes: Node | str) -> When:
        """Each of the nodes has one available pod that is not the one it had (`uids()` of an earlier moment)."""
        wanted = _names(nodes)
        return self._pods(
            "replaced",
            f"{self.name} has another available pod on {_listing(wanted)}",
            lambda world, ds: all(
                self._one_available(world, ds, node) and all(pod.metadata.uid != uids[node] for pod in world.pods_on(self.uid, node))
                for node in wanted
            ),
        )

    def restarted(self, times: int, *nodes: Node | str) -> When:
        """On each of the nodes the containers of its one pod have been restarted at least so many times."""
        wanted = _names(nodes)
        return self._pods(
            "restarted",
            f"{self.name} has restarted {times} time(s) on {_listing(wanted)}",
            lambda world, _: all([pod.restarts >= times for pod in world.pods_on(self.uid, node)] == [True] for node in wanted),
        )

    def ready_among(self, ready: int, pods: int) -> When:
        """It has so many pods, none of them being deleted, and so many of them are ready."""
        return self._pods(
            "ready-among",
            f"{ready} of the {pods} pods of {self.name} are ready, and none is being deleted",
            lambda world, _: (
                sorted((pod.terminating, pod.ready) for pod in world.pods_of(self.uid))
                == [(False, False)] * (pods - ready) + [(False, True)] * ready
            ),
        )

    def has_available_pod_on(self, node: Node | str) -> When:
        """The node has an available pod that is not being deleted, whatever else of the DaemonSet stands there."""
        [wanted] = _names([node])
        return self._pods(
            "has-available-pod-on",
            f"{self.name} has an available pod on {wanted}",
            lambda world, ds: any(not pod.terminating and self._available(pod, ds) for pod in world.pods_on(self.uid, wanted)),
        )

    def bound_to(self, node: Node | str) -> When:
        """The node has a pod that the scheduler has bound to it, running or not."""
        [wanted] = _names([node])
        return self._pods(
            "bound-to",
            f"{self.name} has a pod bound to {wanted}",
            lambda world, ds: any(pod.spec.node_name == wanted for pod in world.pods_of(ds)),
        )

    def pods_where(self, description: str, predicate: Callable[[list[Pod]], bool]) -> When:
        """Any further condition over its pods, sorted by node."""
        return self._pods(
            "pods-where", description, lambda world, _: predicate(sorted(world.pods_of(self.uid), key=lambda pod: pod.target))
        )

    def _one_available(self, world: World, ds: DaemonSet, node: str) -> bool:
        there = list(world.pods_on(self.uid, node))
        return len(there) == 1 and not there[0].terminating and self._available(there[0], ds)

    @staticmethod
    def _available(pod: Pod, ds: DaemonSet) -> bool:
        return is_available(pod, ds.spec.min_ready_seconds, time.time())

    def _pods(self, kind: str, description: str, predicate: Callable[[World, DaemonSet], bool]) -> When:
        def holds(world: World) -> bool:
            ds = world.by_uid.get(self.uid)
            return ds is not None and predicate(world, ds)

        return When(kind, description, holds, self._see_pods, self._look("pods"))

    def _daemonset(self, kind: str, description: str, predicate: Callable[[DaemonSet], bool]) -> When:
        def holds(world: World) -> bool:
            ds = world.by_uid.get(self.uid)
            return ds is not None and predicate(ds)

        return When(kind, description, holds, self._see_status, self._look("daemonset", self.name))

    def _see_pods(self, world: World) -> str:
        pods = sorted(world.pods_of(self.uid), key=lambda pod: pod.target)
        lines = [
            f"{pod.metadata.name} on {pod.target or 'no node'}: {pod.status.phase or 'no phase'}"
            + (", ready" if pod.ready else ", not ready")
            + (", terminating" if pod.terminating else "")
            + (f", {pod.restarts} restart(s)" if pod.restarts else "")
            + (f", {reason}" if (reason := pod.status.reason or pod.why_unscheduled) else "")
            + f", revision {pod.hash or '-'}"
            for pod in pods[:SHOWN_PODS]
        ]
        if more := Counter(pod.status.phase or "no phase" for pod in pods[SHOWN_PODS:]):
            lines.append(f"and {more.total()} more: {', '.join(f'{phase} {count}' for phase, count in more.most_common())}")
        return "\n".join(lines) or "no pods"

    def _see_status(self, world: World) -> str:
        ds = world.by_uid.get(self.uid)
        if ds is None:
            return "no such DaemonSet"
        status = ds.status
        return (
            f"generation {ds.metadata.generation} observed {status.observed_generation}, desired {status.desired_number_scheduled}, "
            f"current {status.current_number_scheduled}, ready {status.number_ready}, available {status.number_available}, "
            f"updated {status.updated_number_scheduled}, misscheduled {status.number_misscheduled}"
        )

    def _look(self, kind: str, name: str = "") -> str:
        return f"kubectl --namespace {self.namespace} get {kind} {name} --output wide".replace("  ", " ")


def _names(nodes: Iterable[Node | str]) -> list[str]:
    return [node if isinstance(node, str) else node.name for node in nodes]


def _listing(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "no node"


def _pairs(counters: Mapping[str, int | range]) -> str:
    return ", ".join(f"{key}={value}" if isinstance(value, int) else f"{key}={value[0]}..{value[-1]}" for key, value in counters.items())
