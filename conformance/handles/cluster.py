"""The cluster as a scenario holds it: its own nodes, its own namespace, kubectl, and the faults the provider can bring about."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from conformance import shipped
from conformance.clusters.protocol import Behaviour, Capability, Cluster, Component, Node, Nodes
from conformance.errors import ApiError, NotOffered, WaitExpired
from conformance.handles import refusing
from conformance.handles.daemonset import NEXT_IMAGE, Agent
from conformance.kube.begun import Begun
from conformance.kube.kubectl import Kubectl, KubectlError
from conformance.kube.manifests import load, merge, relocated, text_of
from conformance.kube.records import Pod
from conformance.kube.resources import path
from conformance.process import Result
from conformance.trace.conditions import When
from conformance.trace.recorder import Recorder
from conformance.trace.world import World

#: Seconds for one call of kubectl, on an ordinary machine.
KUBECTL_LIMIT = 120.0


class ScenarioCluster:
    """One scenario's view of a cluster."""

    def __init__(self, cluster: Cluster, nodes: Nodes, namespace: str, recorder: Recorder, kubectl: Path, manifests: Path) -> None:
        self.nodes = nodes
        self.namespace = namespace
        self.api = cluster.api
        self.facts = cluster.facts
        self._cluster = cluster
        self._recorder = recorder
        self._kubectl = Kubectl(kubectl, cluster.facts.kubeconfig, run=cluster.facts.run, plugin=cluster.facts.plugin)
        self._manifests = manifests

    def manifest(self, name: str, *, spec: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The object of a file below manifests/, put into the scenario's namespace; `spec` is merged into its spec."""
        # Not manifests.load(): some of these files are wrong on purpose.
        body: dict[str, Any] = yaml.safe_load(text_of(name, self._manifests, shipped.manifests()))
        body = merge(body, {"metadata": {"namespace": self.namespace}})
        return body if spec is None else merge(body, {"spec": spec})

    def manifest_text(self, name: str, *, own_namespace: bool = True) -> str:
        """The text of a file below manifests/, for kubectl; a namespace it names is replaced by the scenario's, unless that is not wanted.

        Where the cluster wants a DaemonSet otherwise than it stands there (`adapted`), the text is that of the adapted one.
        """
        text = text_of(name, self._manifests, shipped.manifests())
        if own_namespace:
            text = re.sub(r"(?m)^( *namespace:) .*$", rf"\1 {self.namespace}", text)
        try:
            body = yaml.safe_load(text)
        except yaml.YAMLError:  # wrong on purpose
            return text
        adapted = self.adapted(body) if isinstance(body, dict) else body
        return text if adapted == body else yaml.safe_dump(adapted)

    def adapted(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """A DaemonSet as it is made here: with the owner's labels, images that can be had, and for the scenario's nodes only."""
        spec = manifest.get("spec")
        template = spec.get("template") if isinstance(spec, dict) else None
        pod = template.get("spec") if isinstance(template, dict) else None
        if manifest.get("kind") != "DaemonSet" or not isinstance(pod, dict) or not pod.get("containers"):
            return manifest
        if labels := self.facts.labels:
            manifest = merge(manifest, {"metadata": {"labels": dict(labels)}})
        if self.facts.images:
            containers = [{**container, "image": relocated(container["image"], self.facts.images)} for container in pod["containers"]]
            manifest = merge(manifest, {"spec": {"template": {"spec": {"containers": containers}}}})
        return self.nodes.confine(manifest)

    def pause(self, tag: str) -> str:
        """The pause image of this tag, which needs no network on any cluster."""
        return relocated(f"registry.k8s.io/pause:{tag}", self.facts.images)

    def dry_run(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """What the API server would store of a DaemonSet; an ApiError says why it refuses it."""
        return self.api.create(path("daemonsets", self.namespace), manifest, dryRun="All")

    def refusal(self, manifest: Mapping[str, Any]) -> ApiError:
        """The API server's refusal of a DaemonSet; an AssertionError if it takes it."""
        try:
            stored = self.dry_run(manifest)
        except ApiError as refused:
            return refused
        raise AssertionError(f"the API server accepts a DaemonSet that it should refuse: {stored['spec']}")

    def apply(self, manifest: Mapping[str, Any]) -> Agent:
        """Create a DaemonSet as given; an ApiError says why the API server refuses it."""
        meta = manifest["metadata"]
        self._recorder.action("create", f"daemonsets/{meta.get('name', '')}", {"namespace": meta["namespace"]})
        created = self.api.create(path("daemonsets", meta["namespace"]), self.adapted(manifest))
        return self._agent(created)

    def find(self, name: str) -> Agent:
        """The handle of a DaemonSet that kubectl made."""
        return self._agent(self.api.get(path("daemonsets", self.namespace, name)))

    def _agent(self, body: Mapping[str, Any]) -> Agent:
        return Agent(self.api, self._recorder, body, next_image=relocated(NEXT_IMAGE, self.facts.images))

    def kubectl(self, *args: str, stdin: str = "", check: bool = True) -> Result:
        """Run the real kubectl in the scenario's namespace; with check, a KubectlError shows what it printed if it fails."""
        self._recorder.action("kubectl " + " ".join(args), self.namespace)
        limit = KUBECTL_LIMIT * self.facts.time_scale
        return self._kubectl.run("--namespace", self.namespace, *args, stdin=stdin, check=check, timeout=limit)

    def kubectl_wait(self, *what: str, until: str) -> None:
        """`kubectl wait WHAT --for=UNTIL` for what is no part of a trace; WaitExpired after a minute (longer on a slow cluster)."""
        try:
            self.kubectl("wait", *what, f"--for={until}", f"--timeout={60 * self.facts.time_scale:.0f}s")
        except KubectlError as error:
            if "timed out waiting" not in error.result.err:
                raise
            raise WaitExpired(str(error), [f"{' '.join(what)}: {until}"], [what[0].partition("/")[0]]) from error

    def kubectl_begun(self, *args: str) -> AbstractContextManager[Begun]:
        """Begin a kubectl in the scenario's namespace that goes on meanwhile; on leaving it is ended."""
        self._recorder.action("kubectl " + " ".join(args), self.namespace)
        return self._kubectl.begun("--namespace", self.namespace, *args, within=KUBECTL_LIMIT * self.facts.time_scale)

    def rollout_status(self, agent: Agent, *, timeout: float = 60.0, watch: bool = True, revision: int = 0) -> Result:
        """What `kubectl rollout status` says of a DaemonSet, whatever its exit code; it gives up after `timeout` seconds.

        With watch=False it says one line and is content (`--watch=false`); `revision` is `--revision`. KubectlError if the API server
        could not be asked: that says nothing of a rollout.
        """
        flags = [f"--timeout={timeout * self.facts.time_scale:g}s"] if watch else ["--watch=false"]
        flags += [f"--revision={revision}"] if revision else []
        done = self.kubectl("rollout", "status", f"daemonset/{agent.name}", *flags, check=False)
        if not done.ok and not (failed := KubectlError(done)).answered:
            raise failed
        return done

    def quota(self, *, pods: int) -> AbstractContextManager[None]:
        """Let a ResourceQuota of so many pods stand in the scenario's namespace while the block runs; one at a time.

        It is in force when the block begins, and no longer when the block has ended; nobody wakes a controller then.
        """
        what = refusing.quota(self.namespace, {"pods": pods}, self.facts.labels)
        return refusing.in_force(self.api, self._recorder, what, limit=refusing.LIMIT * self.facts.time_scale)

    def refuse_pods(self, *nodes: Node) -> AbstractContextManager[None]:
        """Let a ValidatingAdmissionPolicy refuse new pods of the scenario's namespace while the block runs; one at a time.

        Those for these nodes are refused, bound to them or aimed at them as the controller aims daemon pods; without nodes, all. It is in
        force when the block begins, and no longer when the block has ended. It needs Capability.ADMISSION_POLICY.
        """
        if (reason := self.facts.lacking.get(Capability.ADMISSION_POLICY)) is not None:
            raise NotOffered(f"refuse_pods: {reason}")
        what = refusing.policy(self.namespace, [node.name for node in nodes], self.facts.labels)
        return refusing.in_force(self.api, self._recorder, what, limit=refusing.LIMIT * self.facts.time_scale)

    def create_pod(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create a bare pod in the scenario's namespace."""
        self._recorder.action("create", f"pods/{manifest['metadata'].get('name', '')}")
        return self._seen(self.api.create(path("pods", self.namespace), manifest))

    def patch_pod(self, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Apply a JSON merge patch to a pod."""
        self._recorder.action("patch", f"pods/{name}", {"patch": dict(patch)})
        return self._seen(self.api.patch(path("pods", self.namespace, name), patch))

    def delete_pod(self, name: str) -> None:
        """Delete a pod with its own grace period."""
        self._recorder.action("delete", f"pods/{name}")
        self.api.delete(path("pods", self.namespace, name))

    def bind_pod(self, name: str, node: Node) -> None:
        """Bind a pod to a node, as a scheduler does."""
        self._recorder.action("bind", f"pods/{name}", {"node": node.name})
        target = {"apiVersion": "v1", "kind": "Node", "name": node.name}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "namespace": self.namespace}, "target": target}
        self.api.create(path("pods", self.namespace, name, "binding"), binding)

    def evict_pod(self, name: str) -> None:
        """Ask the eviction API to delete a pod, as kubectl drain does for pods that it does not ignore."""
        self._recorder.action("evict", f"pods/{name}")
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": self.namespace}}
        self.api.create(path("pods", self.namespace, name, "eviction"), eviction)

    def fail_pod(self, name: str) -> None:
        """Let a pod reach phase Failed, as a kubelet that evicts or rejects it would."""
        self._cluster.fail_pod(self.namespace, name)

    def finish_pod(self, name: str) -> None:
        """Let a pod reach phase Succeeded."""
        self._cluster.finish_pod(self.namespace, name)

    def unready_pod(self, name: str) -> None:
        """Let a running pod turn not Ready, and stay so."""
        self._cluster.unready_pod(self.namespace, name)

    def shift_readiness(self, name: str, *, seconds: float) -> None:
        """Let a pod say that its Ready condition turned so many seconds later than it does (or earlier, if negative).

        That is what a kubelet reports whose clock is ahead (or behind). A real kubelet writes its own time again: it needs POD_PHASE.
        """
        self._recorder.action("shift readiness", f"pods/{name}", {"seconds": seconds})
        there = path("pods", self.namespace, name)
        conditions = self.api.get(there)["status"]["conditions"]
        [ready] = [condition for condition in conditions if condition["type"] == "Ready"]
        turned = datetime.datetime.fromisoformat(ready["lastTransitionTime"]) + datetime.timedelta(seconds=seconds)
        shifted = {**ready, "lastTransitionTime": turned.strftime("%Y-%m-%dT%H:%M:%SZ")}
        others = [condition for condition in conditions if condition is not ready]
        self._seen(self.api.patch(f"{there}/status", {"status": {"conditions": [*others, shifted]}}))

    def behave(self, *, ready_after: float = 0.0, never_ready: bool = False, terminate_after: float = 0.0) -> dict[str, Any]:
        """A merge patch for a pod template whose pods start slowly, never become ready or terminate slowly (seconds)."""
        return dict(self._cluster.behave(Behaviour(ready_after, never_ready, terminate_after)))

    def bare_pod(self, name: str, node: Node, *, labels: Mapping[str, str]) -> dict[str, Any]:
        """A pod nobody owns, put on a node by hand (spec.nodeName: the scheduler is not asked)."""
        container = load(shipped.manifests() / "agent.yaml")[0]["spec"]["template"]["spec"]["containers"][0]
        container = {**container, "image": relocated(container["image"], self.facts.images)}
        spec = {"nodeName": node.name, "containers": [container], "terminationGracePeriodSeconds": 1}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.namespace, "labels": dict(labels)},
            "spec": spec,
        }

    def image(self, image: str) -> dict[str, Any]:
        """A merge patch for the template of manifests/agent.yaml that changes the image and nothing else."""
        containers = load(shipped.manifests() / "agent.yaml")[0]["spec"]["template"]["spec"]["containers"]
        return {"spec": {"containers": [{**container, "image": image} for container in containers]}}

    def _seen(self, written: dict[str, Any]) -> dict[str, Any]:
        """What is waited for next must not be taken for true before this write is seen."""
        self._recorder.wrote(int(written["metadata"]["resourceVersion"]))
        return written

    # -- waiting for ----------------------------------------------------------------------------------------------------------------------

    def event(self, reason: str, agent: Agent, *, times: int = 1) -> When:
        """The DaemonSet (or one of its pods) has had at least so many Events of this reason."""

        def count(world: World) -> int:
            return sum(
                event.count or 1
                for event in world.events.values()
                if event.reason == reason and agent.name in (event.involved_object.name, event.involved_object.name.rpartition("-")[0])
            )

        return When(
            "event",
            f"{agent.name} has {times} {reason} event(s)",
            lambda world: count(world) >= times,
            lambda world: f"{count(world)} of them",
            f"kubectl --namespace {self.namespace} get events",
        )

    def no_event(self, reason: str, agent: Agent) -> When:
        """Neither the DaemonSet nor one of its pods has an Event of this reason."""
        some = self.event(reason, agent)
        return When("no-event", f"{agent.name} has no {reason} event", lambda world: not some.predicate(world), some.seen, some.look)

    def without_node(self, node: Node) -> When:
        """The Node object is gone."""
        return When(
            "without-node",
            f"nodes/{node.name} is gone",
            lambda world: node.name not in world.nodes,
            lambda _: "it is still there",
            f"kubectl get node {node.name}",
        )

    def tainted(self, node: Node, key: str) -> When:
        """The node has a taint of this key."""
        return When(
            "tainted",
            f"nodes/{node.name} has the taint {key}",
            lambda world: node.name in world.nodes and any(taint.key == key for taint in world.nodes[node.name].spec.taints),
            lambda world: f"taints {[t.key for t in world.nodes[node.name].spec.taints]}" if node.name in world.nodes else "no such node",
            f"kubectl describe node {node.name}",
        )

    def pod_waits(self, name: str, *, saying: str) -> When:
        """The scheduler has found no node for the pod, and these words are among its reasons."""
        return self._pod("pod-waits", f"pods/{name} waits: {saying}", name, lambda pod: pod is not None and saying in pod.why_unscheduled)

    def pod_unbound(self, name: str) -> When:
        """The pod is there and bound to no node."""
        return self._pod("pod-unbound", f"pods/{name} is bound to no node", name, lambda pod: pod is not None and not pod.spec.node_name)

    def pod_runs(self, name: str) -> When:
        """The pod is Running and Ready."""
        return self._pod("pod-runs", f"pods/{name} runs", name, lambda pod: pod is not None and pod.status.phase == "Running" and pod.ready)

    def pod_is_another(self, name: str, uid: str) -> When:
        """A pod of this name is there that is not the one with this UID."""
        return self._pod("pod-is-another", f"pods/{name} is another one", name, lambda pod: pod is not None and pod.metadata.uid != uid)

    def pod_failed(self, name: str) -> When:
        """The pod is there, in phase Failed, and is not being deleted."""
        return self._pod(
            "pod-failed",
            f"pods/{name} is there and Failed",
            name,
            lambda pod: pod is not None and pod.status.phase == "Failed" and not pod.terminating,
        )

    def pod_ends_failed(self, name: str) -> When:
        """The pod is being deleted, and in phase Failed."""
        return self._pod(
            "pod-ends-failed",
            f"pods/{name} is being deleted and Failed",
            name,
            lambda pod: pod is not None and pod.terminating and pod.status.phase == "Failed",
        )

    def pod_ends(self, name: str) -> When:
        """The pod is being deleted."""
        return self._pod("pod-ends", f"pods/{name} is being deleted", name, lambda pod: pod is not None and pod.terminating)

    def pod_absent(self, name: str) -> When:
        """No pod of that name is there."""
        return self._pod("pod-absent", f"pods/{name} is gone", name, lambda pod: pod is None)

    def pod_unowned(self, name: str) -> When:
        """The pod runs, is not being deleted, and no controller owns it."""
        return self._pod(
            "pod-unowned",
            f"pods/{name} runs without an owner",
            name,
            lambda pod: pod is not None and pod.metadata.controller is None and not pod.terminating and pod.status.phase == "Running",
        )

    def _pod(self, kind: str, description: str, name: str, predicate: Callable[[Pod | None], bool]) -> When:
        key = (self.namespace, name)

        def seen(world: World) -> str:
            pod = world.pods.get(key)
            return (
                "no such pod"
                if pod is None
                else f"{pod.status.phase}, owner {pod.metadata.controller}, deleted {pod.metadata.deletion_timestamp}"
            )

        return When(
            kind,
            description,
            lambda world: predicate(world.pods.get(key)),
            seen,
            f"kubectl --namespace {self.namespace} get pod {name} --output yaml",
        )

    def component(self, name: str) -> Component:
        """A component of the control plane, to stop, pause or kill."""
        return self._cluster.component(name)
