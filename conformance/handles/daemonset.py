"""A DaemonSet as a scenario holds it: kubectl's verbs to act on it, and what it looks like; what to wait for is in `awaited`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from conformance.clusters.protocol import Node
from conformance.handles.awaited import Awaited
from conformance.kube.api import Api
from conformance.kube.manifests import merge_template
from conformance.kube.records import DaemonSet, Pod
from conformance.kube.resources import path
from conformance.trace.recorder import Recorder

#: What a scenario changes an image to when only the change matters. `registry.k8s.io/pause` images need no network on any provider.
NEXT_IMAGE = "registry.k8s.io/pause:3.9"


class Agent(Awaited):
    """One DaemonSet (one UID) and what a scenario does to it."""

    def __init__(self, api: Api, recorder: Recorder, created: Mapping[str, Any], *, next_image: str = NEXT_IMAGE) -> None:
        self._api = api
        self._recorder = recorder
        self._next_image = next_image
        self._touched = 0
        meta = created["metadata"]
        self.name = meta["name"]
        self.namespace = meta["namespace"]
        self.uid = meta["uid"]
        self._learn(meta)

    def _learn(self, meta: Mapping[str, Any]) -> None:
        """Take over what a write has led to; no wait begins before the trace has seen it."""
        self.generation = meta["generation"]
        self.rv = int(meta["resourceVersion"])
        self._recorder.wrote(self.rv)

    # -- acting ---------------------------------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """Its place in the API."""
        return path("daemonsets", self.namespace, self.name)

    def patch(self, patch: Mapping[str, Any], *, why: str = "patch") -> None:
        """Apply a JSON merge patch to the DaemonSet (lists are replaced as a whole)."""
        self._recorder.action(why, f"daemonsets/{self.name}", {"patch": dict(patch)})
        self._learn(self._api.patch(self.path, patch)["metadata"])

    def touch(self) -> None:
        """Change an annotation of the DaemonSet, and nothing else: the controller looks again, the generation stays."""
        self._touched += 1
        self.patch({"metadata": {"annotations": {"touched": str(self._touched)}}}, why="touch")

    def patch_status(self, patch: Mapping[str, Any]) -> None:
        """Apply a JSON merge patch to its status, through the subresource, as only the controller should."""
        self._recorder.action("patch status", f"daemonsets/{self.name}", {"patch": dict(patch)})
        changed = self._api.patch(path("daemonsets", self.namespace, self.name, "status"), {"status": dict(patch)})
        self._learn(changed["metadata"])

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

    def set_strategy(self, strategy: Literal["OnDelete", "RollingUpdate"]) -> None:
        """Set spec.updateStrategy.type. OnDelete drops the budget; RollingUpdate after it begins with the default one (see set_budget)."""
        changed = {"type": strategy} if strategy == "RollingUpdate" else {"type": strategy, "rollingUpdate": None}
        self.patch({"spec": {"updateStrategy": changed}}, why=f"set update strategy {strategy}")

    def delete(self, *, propagation: str = "Background") -> dict[str, Any]:
        """Delete it with a propagation policy: Background (kubectl's default), Foreground, Orphan. Returns the API server's answer."""
        self._recorder.action(f"delete ({propagation})", f"daemonsets/{self.name}", {"propagationPolicy": propagation})
        return self._api.delete(self.path, {"propagationPolicy": propagation, "preconditions": {"uid": self.uid}})

    def get(self) -> dict[str, Any]:
        """The DaemonSet as the API server has it now."""
        return self._api.get(self.path)

    def refresh(self) -> None:
        """Learn the generation that somebody else's write (kubectl's) has led to, so that waits do not end on the old one."""
        self._learn(self.get()["metadata"])

    # -- looking --------------------------------------------------------------------------------------------------------------------------

    def pods(self) -> list[Pod]:
        """Its pods as last seen by the recorder, by node name."""
        with self._recorder.lock:
            return sorted(self._recorder.live.pods_of(self.uid), key=lambda pod: (pod.target, pod.metadata.name))

    def pod_on(self, node: Node | str) -> Pod:
        """Its one pod on a node that is not being deleted; an AssertionError if there is none or more than one."""
        there = [pod for pod in self.pods_on(node) if not pod.terminating]
        name = node if isinstance(node, str) else node.name
        assert len(there) == 1, f"expected one pod of {self.name} on {name}, found {[pod.metadata.name for pod in there]}"
        return there[0]

    def pods_on(self, node: Node | str) -> list[Pod]:
        """All its pods on a node or aimed at it, those that are being deleted among them, by name."""
        name = node if isinstance(node, str) else node.name
        return [pod for pod in self.pods() if pod.target == name]

    def uids(self) -> dict[str, str]:
        """UID of the pod on each node."""
        return {pod.target: pod.metadata.uid for pod in self.pods()}

    def now(self) -> DaemonSet:
        """Its record as last seen by the recorder."""
        with self._recorder.lock:
            record = self._recorder.live.by_uid.get(self.uid)
        assert record is not None, f"daemonsets/{self.name} is not there"
        return record
