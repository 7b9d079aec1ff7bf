"""A DaemonSet as a scenario holds it: kubectl's verbs to act on it, conditions to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from conformance.clusters.protocol import Node
from conformance.kube.api import Api
from conformance.kube.manifests import merge_template
from conformance.kube.records import DaemonSet, Pod
from conformance.kube.resources import path
from conformance.model.availability import is_available
from conformance.trace.conditions import When
from conformance.trace.recorder import Recorder
from conformance.trace.world import World

#: What a scenario changes an image to when only the change matters. `registry.k8s.io/pause` images need no network on any provider.
NEXT_IMAGE = "registry.k8s.io/pause:3.9"


class Agent:
    """One DaemonSet (one UID) and what a scenario does to it."""

    def __init__(self, api: Api, recorder: Recorder, created: Mapping[str, Any], *, next_image: str = NEXT_IMAGE) -> None:
        self._api = api
        self._recorder = recorder
        self._next_image = next_image
        meta = created["metadata"]
        self.name: str = meta["name"]
        self.namespace: str = meta["namespace"]
        self.uid: str = meta["uid"]
        self.generation: int = meta["generation"]
        self.rv = int(meta["resourceVersion"])

    # -- acting ---------------------------------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """Its place in the API."""
        return path("daemonsets", self.namespace, self.name)

    def patch(self, patch: Mapping[str, Any], *, why: str = "patch") -> None:
        """Apply a JSON merge patch to the DaemonSet (lists are replaced as a whole)."""
        self._recorder.action(why, f"daemonsets/{self.name}", {"patch": dict(patch)})
        changed = self._api.patch(self.path, patch)
        self.generation = changed["metadata"]["generation"]
        self.rv = int(changed["metadata"]["resourceVersion"])

    def patch_status(self, patch: Mapping[str, Any]) -> None:
        """Apply a JSON merge patch to its status, through the subresource, as only the controller should."""
        self._recorder.action("patch status", f"daemonsets/{self.name}", {"patch": dict(patch)})
        self._api.patch(path("daemonsets", self.namespace, self.name, "status"), {"status": dict(patch)})

    def patch_template(self, patch: Mapping[str, Any], *, why: str = "change template") -> None:
        """Apply a JSON merge patch to the pod template; containers without an image change those of the same name."""
        if changes := (patch.get("spec") or {}).get("containers"):
            merged = merge_template(self.get()["spec"]["template"], {"spec": {"containers": changes}})
            patch = {**patch, "spec": {**patch["spec"], "containers": merged["spec"]["containers"]}}
        self.patch({"spec": {"template": patch}}, why=why)

    def set_image(self, image: str = "", *, also: Mapping[str, Any] | None = None) -> None:
        """Give every container another image, as `kubectl set image` does; `also` is merged into the template in the same write."""
        image = image or self._next_image
        template: dict[str, Any] = dict(also or {})
        changes = template.get("spec", {}).get("containers")
        merged = merge_template(self.get()["spec"]["template"], {"spec": {"containers": changes}} if changes else {})
        containers = [{**container, "image": image} for container in merged["spec"]["containers"]]
        template["spec"] = {**template.get("spec", {}), "containers": containers}
        self.patch_template(template, why=f"set image {image}")

    def set_budget(self, *, max_unavailable: int | str | None = None, max_surge: int | str | None = None) -> None:
        """Set spec.updateStrategy.rollingUpdate; what is not given is set to 0, as the API demands of one of the two."""
        budget = {"maxUnavailable": max_unavailable or 0, "maxSurge": max_surge or 0}
        self.patch({"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": budget}}}, why="set update strategy")

    def delete(self, *, propagation: str = "Background") -> None:
        """Delete it with a propagation policy: Background (kubectl's default), Foreground, Orphan."""
        self._recorder.action(f"delete ({propagation})", f"daemonsets/{self.name}", {"propagationPolicy": propagation})
        self._api.delete(self.path, {"propagationPolicy": propagation, "preconditions": {"uid": self.uid}})

    def get(self) -> dict[str, Any]:
        """The DaemonSet as the API server has it now."""
        return self._api.get(self.path)

    def refresh(self) -> None:
        """Learn the generation that somebody else's write (kubectl's) has led to, so that waits do not end on the old one."""
        meta = self.get()["metadata"]
        self.generation, self.rv = meta["generation"], int(meta["resourceVersion"])

    # -- looking --------------------------------------------------------------------------------------------------------------------------

    def pods(self) -> list[Pod]:
        """Its pods as last seen by the recorder, by node name."""
        with self._recorder.lock:
            return sorted(self._recorder.live.pods_of(self.uid), key=lambda pod: (pod.target, pod.metadata.name))

    def pod_on(self, node: Node | str) -> Pod:
        """Its one pod on a node that is not being deleted; an AssertionError if there is none or more than one."""
        name = node if isinstance(node, str) else node.name
        there = [pod for pod in self.pods() if pod.target == name and not pod.terminating]
        assert len(there) == 1, f"expected one pod of {self.name} on {name}, found {[pod.metadata.name for pod in there]}"
        return there[0]

    def uids(self) -> dict[str, str]:
        """UID of the pod on each node."""
        return {pod.target: pod.metadata.uid for pod in self.pods()}

    def now(self) -> DaemonSet:
        """Its record as last seen by the recorder."""
        with self._recorder.lock:
            record = self._recorder.live.by_uid.get(self.uid)
        assert record is not None, f"daemonsets/{self.name} is not there"
        return record

    # -- waiting for ----------------------------------------------------------------------------------------------------------------------

    def available_on(self, *nodes: Node | str) -> When:
        """Each of the nodes has exactly one pod, available and not being deleted (an old and a new one during a surge are two)."""
        wanted = _names(nodes)
        return self._pods(
            f"{self.name} has one available pod on {_listing(wanted)}",
            lambda world, ds: all(self._one_available(world, ds, node) for node in wanted),
        )

    def absent_from(self, *nodes: Node | str) -> When:
        """None of the nodes has a pod of it, nor is one aimed at it."""
        wanted = set(_names(nodes))
        return When(
            f"{self.name} has no pod on {_listing(wanted)}",
            lambda world: not any(pod.target in wanted for pod in world.pods_of(self.uid)),
            self._see_pods,
            self._look("pods"),
        )

    def exactly_on(self, *nodes: Node | str) -> When:
        """One available pod on each of these nodes, and none anywhere else."""
        wanted = _names(nodes)
        return self._pods(
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
            f"{self.name} has a terminating pod on {_listing(wanted)}",
            lambda world, _: all(any(pod.terminating for pod in world.pods_on(self.uid, node)) for node in wanted),
        )

    def pending_on(self, *nodes: Node | str) -> When:
        """Each of the nodes has a pod of it in phase Pending."""
        wanted = _names(nodes)
        return self._pods(
            f"{self.name} has a Pending pod on {_listing(wanted)}",
            lambda world, _: all(any(pod.status.phase == "Pending" for pod in world.pods_on(self.uid, node)) for node in wanted),
        )

    def observed(self) -> When:
        """The controller has looked at the generation that the last write made."""
        generation = self.generation
        return self._daemonset(f"{self.name} observes generation {generation}", lambda ds: ds.status.observed_generation >= generation)

    def status(self, **counters: int | range) -> When:
        """Its status has these counters (`desired_number_scheduled=3` …) for the last generation written; a range leaves some room."""
        generation = self.generation
        return self._daemonset(
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
                status.observed_generation >= generation
                and status.updated_number_scheduled >= status.desired_number_scheduled
                and status.number_available >= status.desired_number_scheduled
                and len(list(world.pods_of(self.uid))) <= status.desired_number_scheduled
                and all(wanted <= set(pod.spec.containers) for pod in world.pods_of(self.uid))
            )

        return self._pods(f"{self.name} is rolled out (generation {generation})", done)

    def gone(self) -> When:
        """The DaemonSet object (this UID) is no longer there."""
        return When(
            f"{self.name} is gone", lambda world: self.uid not in world.by_uid, self._see_status, self._look("daemonset", self.name)
        )

    def without_pods(self) -> When:
        """No pod is left whose managing owner it is."""
        return When(
            f"{self.name} has no pods", lambda world: not any(True for _ in world.pods_of(self.uid)), self._see_pods, self._look("pods")
        )

    def keeps(self, uids: Mapping[str, str]) -> When:
        """Each node still has the very pod it had (`uids()` of an earlier moment), and there is none besides."""
        wanted = set(uids.values())
        return When(
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
            f"{self.name} has restarted {times} time(s) on {_listing(wanted)}",
            lambda world, _: all([pod.restarts >= times for pod in world.pods_on(self.uid, node)] == [True] for node in wanted),
        )

    def has_available_pod_on(self, node: Node | str) -> When:
        """The node has an available pod that is not being deleted, whatever else of the DaemonSet stands there."""
        [wanted] = _names([node])
        return self._pods(
            f"{self.name} has an available pod on {wanted}",
            lambda world, ds: any(not pod.terminating and self._available(pod, ds) for pod in world.pods_on(self.uid, wanted)),
        )

    def bound_to(self, node: Node | str) -> When:
        """The node has a pod that the scheduler has bound to it, running or not."""
        [wanted] = _names([node])
        return self._pods(
            f"{self.name} has a pod bound to {wanted}", lambda world, ds: any(pod.spec.node_name == wanted for pod in world.pods_of(ds))
        )

    def pods_where(self, description: str, predicate: Callable[[list[Pod]], bool]) -> When:
        """Any further condition over its pods, sorted by node."""
        return self._pods(description, lambda world, _: predicate(sorted(world.pods_of(self.uid), key=lambda pod: pod.target)))

    # -- inside ---------------------------------------------------------------------------------------------------------------------------

    def _one_available(self, world: World, ds: DaemonSet, node: str) -> bool:
        there = list(world.pods_on(self.uid, node))
        return len(there) == 1 and not there[0].terminating and self._available(there[0], ds)

    @staticmethod
    def _available(pod: Pod, ds: DaemonSet) -> bool:
        return is_available(pod, ds.spec.min_ready_seconds, time.time())

    def _pods(self, description: str, predicate: Callable[[World, DaemonSet], bool]) -> When:
        def holds(world: World) -> bool:
            ds = world.by_uid.get(self.uid)
            return ds is not None and predicate(world, ds)

        return When(description, holds, self._see_pods, self._look("pods"))

    def _daemonset(self, description: str, predicate: Callable[[DaemonSet], bool]) -> When:
        def holds(world: World) -> bool:
            ds = world.by_uid.get(self.uid)
            return ds is not None and predicate(ds)

        return When(description, holds, self._see_status, self._look("daemonset", self.name))

    def _see_pods(self, world: World) -> str:
        lines = [
            f"{pod.metadata.name} on {pod.target or 'no node'}: {pod.status.phase or 'no phase'}"
            + (", ready" if pod.ready else ", not ready")
            + (", terminating" if pod.terminating else "")
            + (f", {pod.restarts} restart(s)" if pod.restarts else "")
            + (f", {reason}" if (reason := pod.status.reason or pod.why_unscheduled) else "")
            + f", revision {pod.hash or '-'}"
            for pod in sorted(world.pods_of(self.uid), key=lambda pod: pod.target)
        ]
        return "; ".join(lines) or "no pods"

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
