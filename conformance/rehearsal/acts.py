"""The acts of a rehearsal: it lands, it is updated, a broken version comes, and goes again. Each waits for events and ends by a limit."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from conformance.check.input import Manifest
from conformance.check.nodes import Nodes, is_virtual
from conformance.check.reading import Path
from conformance.clusters.protocol import Node as Joined
from conformance.errors import ApiError, UsageError, WaitExpired
from conformance.handles.cluster import ScenarioCluster
from conformance.handles.daemonset import Agent
from conformance.handles.trace import Trace
from conformance.kube.kubectl import KubectlError
from conformance.kube.manifests import merge
from conformance.kube.records import Node, Pod, Taint
from conformance.kube.resources import path
from conformance.model.availability import is_available
from conformance.model.budgets import budget
from conformance.model.eligibility import should_run
from conformance.model.rollout import rolled_out
from conformance.rehearsal.results import Broken, Landing, Update
from conformance.trace.conditions import When

#: The label that repeats the name of a node, and whose taints tell of its state: replicas have their own of both.
HOSTNAME, _STATE = "kubernetes.io/hostname", "node.kubernetes.io/"
_NEXT = "conformance.example/rehearsed"
#: Seconds for a pod to be made, bound, started and ended beside its own times; seconds in which a broken update has to stand still.
_EACH, _CALM, _LEAST = 2.0, 5.0, 60.0
#: The parts of a field as the API server names it: `spec.template.spec.containers[0].name`.
_STEP = re.compile(r"([^.\[\]]+)(?![^\[]*\])|\[(\d+)\]")
_MADE: dict[str, tuple[str, dict[str, Any]]] = {
    "PriorityClass": ("/apis/scheduling.k8s.io/v1/priorityclasses", {"apiVersion": "scheduling.k8s.io/v1", "value": 1_000_000}),
    "RuntimeClass": ("/apis/node.k8s.io/v1/runtimeclasses", {"apiVersion": "node.k8s.io/v1", "handler": "rehearsed"}),
}


class Stage:
    """One DaemonSet on nodes like those at hand. `ready_after` is how many seconds its pods take to become ready."""

    def __init__(self, cluster: ScenarioCluster, trace: Trace, manifest: Manifest, *, ready_after: float) -> None:
        self._cluster = cluster
        self._trace = trace
        self._manifest = manifest
        self._ready_after = ready_after
        self._nodes: list[tuple[Joined, Node]] = []
        self._agent: Agent | None = None
        self.virtual = 0

    @property
    def agent(self) -> Agent:
        """It, once it landed."""
        assert self._agent is not None, "land() comes first"
        return self._agent

    def join(self, nodes: Nodes) -> int:
        """Let nodes join that have the labels and taints of those at hand; how many did.

        Those that no kubelet serves are left out: simulated, they would run pods.
        """
        alike: dict[tuple[Any, ...], list[Node]] = {}
        for _, node in nodes.grouped:
            if is_virtual(node):
                self.virtual += 1
                continue
            labels = {key: value for key, value in node.metadata.labels.items() if key != HOSTNAME}
            taints = tuple(taint for taint in node.spec.taints if not taint.key.startswith(_STATE))
            alike.setdefault((tuple(sorted(labels.items())), taints), []).append(node)
        for (labels, taints), originals in alike.items():
            kept: tuple[Taint, ...] = taints
            joined = self._cluster.nodes.join(len(originals), labels=dict(labels), taints=kept)
            self._nodes += [(each, _healthy(original, kept)) for each, original in zip(joined, originals, strict=True)]
        return len(self._nodes)

    def make(self) -> tuple[str, ...]:
        """Make bare what pods cannot be created without; what was made, by kind and name."""
        made = []
        pod = self._manifest.pod
        if pod.service_account_name not in ("", "default"):
            body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": pod.service_account_name}}
            _create(self._cluster, path("serviceaccounts", self._cluster.namespace), body)
            made.append(f"ServiceAccount {pod.service_account_name}")
        own_priority = "" if pod.priority_class_name.startswith("system-") else pod.priority_class_name
        for kind, name in (("PriorityClass", own_priority), ("RuntimeClass", pod.runtime_class_name)):
            if name:
                where, more = _MADE[kind]
                _create(self._cluster, where, {"kind": kind, "metadata": {"name": name}, **more})
                made.append(f"{kind} {name}")
        return tuple(made)

    def body(self, manifest: Manifest) -> dict[str, Any]:
        """The DaemonSet as it is rehearsed: in the rehearsal's namespace, with the time that its pods take; all else as it stands."""
        metadata = manifest.raw["metadata"]
        kept = {key: metadata[key] for key in ("name", "labels", "annotations") if key in metadata}
        whole = {**copy.deepcopy(manifest.raw), "metadata": {**kept, "namespace": self._cluster.namespace}}
        whole.pop("status", None)
        return merge(whole, {"spec": {"template": self._cluster.behave(ready_after=self._ready_after)}})

    def land(self, first: Manifest) -> Landing:
        """Create it; ends when it is where it should be, or after the time for that. UsageError if the API refuses it."""
        begun = time.monotonic()
        try:
            self._agent = self._cluster.apply(self.body(first))
        except ApiError as error:
            raise UsageError(_refusal(first, error)) from error
        wanted = [node.name for node, original in self._nodes if should_run(original, first.record)]
        names = {each.name for each, _ in self._nodes}
        seconds = first.record.spec.min_ready_seconds + self._ready_after
        with contextlib.suppress(WaitExpired):  # where it is not is looked at afterwards
            if wanted:
                self._trace.until(self._settled(wanted), within=_LEAST + seconds)
            else:
                self._trace.until(self.agent.observed(), self.agent.without_pods(), self.agent.status(desired_number_scheduled=0))
        there = {pod.target: pod for pod in self.agent.pods()}
        without = self._without(wanted)
        missing = tuple((node, there[node].why_unscheduled if node in there else "") for node in wanted if node in without)
        return Landing(len(wanted), time.monotonic() - begun, missing, tuple(sorted((names & there.keys()) - set(wanted))))

    def _settled(self, wanted: list[str]) -> When:
        """Each node has a pod that is available, or that the scheduler has found no room for, and none is anywhere else."""

        def settled(pods: list[Pod]) -> bool:
            without = self._without(wanted)
            waiting = {pod.target for pod in pods if pod.why_unscheduled}
            return {pod.target for pod in pods} == set(wanted) and without <= waiting

        return self.agent.pods_where("each pod that should be there is available, or finds no room", settled)

    def update(self, new: Manifest | None) -> Update:
        """Replace it by another manifest, or change its template by an annotation; ends when rolled out, or after the time for that."""
        desired = len(self._wanted())
        begun = time.monotonic()
        try:
            if new is None:
                self.agent.patch_template({"metadata": {"annotations": {_NEXT: "2"}}})
            else:
                self._cluster.kubectl("replace", "-f", "-", stdin=json.dumps(self.body(new)))
                self.agent.refresh()
        except KubectlError as error:
            return Update(refused=error.result.err.strip().splitlines()[-1])
        spec = self.agent.now().spec if new is None else new.record.spec
        limits = budget(self.agent.now() if new is None else new.record, desired)
        turns = -(-desired // max(limits.unavailable, limits.surge, 1)) + 1
        within = _LEAST / 2 + turns * (spec.min_ready_seconds + self._ready_after + _EACH)
        with contextlib.suppress(WaitExpired):  # the state says what it waits for
            if spec.update_strategy.type == "OnDelete":
                self._trace.until(self.agent.observed())
                self._trace.stays(self.agent.keeps(self.agent.uids()), seconds=_CALM)
            else:
                self._trace.until(self.agent.rolled_out(), within=within)
        state = rolled_out(self.agent.get()).state
        past = self._trace.past
        most, surplus = past.most_unavailable(self.agent), past.most_surplus(self.agent)
        return Update(state, time.monotonic() - begun, most, surplus)

    def breaks(self) -> Broken:
        """Change its template to one whose pods never become ready; ends when that stands still, and is undone."""
        self.agent.patch_template(merge(self._cluster.behave(never_ready=True), {"metadata": {"annotations": {_NEXT: "broken"}}}))
        wanted = self._wanted()
        self._trace.until(self.agent.observed())
        stood = True
        if self.agent.now().spec.update_strategy.type != "OnDelete":
            limits = budget(self.agent.now(), len(wanted))
            stood = self._come(min(limits.unavailable, len(wanted)), min(limits.surge, len(wanted)))
        lost = len(self._without(wanted))
        begun = time.monotonic()
        self._cluster.kubectl("rollout", "undo", f"daemonset/{self.agent.name}")
        self.agent.refresh()
        seconds = self.agent.now().spec.min_ready_seconds + self._ready_after
        try:
            self._trace.until(self.agent.exactly_on(*wanted), within=_LEAST + seconds)
        except WaitExpired:
            return Broken(lost, stood, None)
        return Broken(lost, stood, time.monotonic() - begun)

    def _come(self, unavailable: int, surge: int) -> bool:
        """Wait until the update has taken what it may; whether it then stands still for some seconds."""

        def taken(pods: list[Pod]) -> bool:
            return not any(pod.terminating for pod in pods) and sum(not pod.ready for pod in pods) >= max(unavailable, surge)

        try:
            self._trace.until(self.agent.pods_where("the update has taken what it may", taken), within=_LEAST)
            uids = {pod.metadata.uid for pod in self.agent.pods()}
            still = self.agent.pods_where("the update stands still", lambda pods: {pod.metadata.uid for pod in pods} == uids)
            self._trace.stays(still, seconds=_CALM)
        except WaitExpired:
            return False
        return True

    def _wanted(self) -> list[str]:
        record = self.agent.now()
        return [node.name for node, original in self._nodes if should_run(original, record)]

    def _without(self, wanted: list[str]) -> set[str]:
        """The nodes that have no available pod."""
        seconds, now = self.agent.now().spec.min_ready_seconds, time.time()
        return set(wanted) - {pod.target for pod in self.agent.pods() if not pod.terminating and is_available(pod, seconds, now)}


def _healthy(node: Node, taints: tuple[Taint, ...]) -> Node:
    """The node without the taints that tell of its state: its replica is well."""
    return Node(node.metadata, type(node.spec)(taints=taints), node.status)


def _create(cluster: ScenarioCluster, where: str, body: Mapping[str, Any]) -> None:
    try:
        cluster.api.create(where, body)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise


def _refusal(manifest: Manifest, error: ApiError) -> str:
    """The API server's own words, with the line of the first field that it names."""
    fields = sorted(error.fields)
    steps: Path = tuple(int(number) if number else name for name, number in _STEP.findall(fields[0])) if fields else ()
    where = f"{manifest.thing.source}, line {manifest.line(steps)}"
    return f"{where}: the API server refuses DaemonSet {manifest.thing.label}: {error.text}. Mend it there."
