"""A trace made by hand: what an API server would have reported, without one.

Times are given, not waited for; resourceVersions count up.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from conformance.trace.entries import Entry, EntryType

CONTROLLER = "system:serviceaccount:kube-system:daemon-set-controller"
Json = dict[str, Any]
#: The server's clock when a trace begins, and how long it takes to answer.
EPOCH, ANSWERED = 1_795_000_000.0, 0.004


class Story:
    """A trace in the making; `at` is the clock, moved by hand. `audited` writes tell the server's clock, too."""

    def __init__(self, prefix: str = "p01-3fa9c1", name: str = "agent", *, audited: bool = True) -> None:
        self.audited = audited
        self.at = 0.05
        self.rv = 100
        self.entries: list[Entry] = []
        self.prefix = prefix
        self.name = name
        self.objects: dict[tuple[str, str], Json] = {}
        self.serial = 0

    def entry(self, type: EntryType, resource: str = "", rv: int | None = None, body: Json | None = None, **detail: Any) -> Entry:  # noqa: A002
        made = Entry(len(self.entries) + 1, round(self.at, 4), type, resource, rv, msgspec.Raw(json.dumps(body).encode()), detail)
        self.entries.append(made)
        return made

    def wait(self, seconds: float) -> Story:
        self.at += seconds
        return self

    def late(self, seconds: float) -> Entry:
        """Let the last entry arrive so much later; it keeps its place in the store."""
        self.entries[-1] = msgspec.structs.replace(self.entries[-1], at=round(self.entries[-1].at + seconds, 4))
        return self.entries[-1]

    def action(self, verb: str, target: str) -> None:
        self.entry("action", verb=verb, target=target)

    def put(self, resource: str, body: Json, *, user: str = "") -> Entry:
        key = (resource, body["metadata"]["name"])
        type_: EntryType = "modified" if key in self.objects else "added"
        self.rv += 1
        body["metadata"]["resourceVersion"] = str(self.rv)
        body["metadata"].setdefault("uid", f"{resource}-{body['metadata']['name']}-{self.rv}")
        self.objects[key] = body
        if user:
            answer = {"received": EPOCH + self.at - ANSWERED, "done": EPOCH + self.at} if self.audited else {}
            self.entry("write", resource, self.rv, None, user=user, verb="patch", name=body["metadata"]["name"], **answer)
        return self.entry(type_, resource, self.rv, body)

    def remove(self, resource: str, name: str) -> Entry:
        self.rv += 1
        return self.entry("deleted", resource, self.rv, self.objects.pop((resource, name)))

    def node(
        self, name: str, *, ready: bool = True, taints: tuple[Json, ...] = (), cordoned: bool = False, labels: Json | None = None
    ) -> str:
        full = f"{self.prefix}-{name}"
        old = self.objects.get(("nodes", full), {"metadata": {"name": full}})
        meta = {**old["metadata"], "labels": {"kubernetes.io/hostname": full, **(labels or {})}}
        status = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
        self.put("nodes", {"metadata": meta, "spec": {"taints": list(taints), "unschedulable": cordoned}, "status": status})
        return full

    def daemonset(self, image: str, *, generation: int, strategy: Json | None = None) -> Json:
        old = self.objects.get(("daemonsets", self.name), {"metadata": {"name": self.name, "namespace": "scenario"}})
        meta = {**old["metadata"], "generation": generation}
        template = {"metadata": {"labels": {"app": self.name}}, "spec": {"containers": [{"name": "agent", "image": image}]}}
        spec = {
            "selector": {"matchLabels": {"app": self.name}},
            "template": template,
            "updateStrategy": strategy or {"type": "RollingUpdate"},
        }
        self.put("daemonsets", {"metadata": meta, "spec": spec, "status": {}})
        self.wait(0.02)
        body = self.objects["daemonsets", self.name]
        revision = {
            "metadata": {"name": f"{self.name}-{image}", "namespace": "scenario", "labels": {"controller-revision-hash": image}},
            "revision": generation,
        }
        revision["metadata"]["ownerReferences"] = [self._owner(body)]  # type: ignore[index]
        self.put("controllerrevisions", revision, user=CONTROLLER)
        return body

    def pod(self, node: str, image: str, *, phase: str = "Pending", bound: bool = True) -> str:
        self.serial += 1
        name = f"{self.name}-{self.serial:03d}x"
        owner = self._owner(self.objects["daemonsets", self.name])
        affinity = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}
        body = {
            "metadata": {"name": name, "namespace": "scenario", "labels": {"controller-revision-hash": image}, "ownerReferences": [owner]},
            "spec": {
                "nodeName": node if bound else "",
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": affinity}},
            },
            "status": {"phase": phase},
        }
        self.put("pods", body, user=CONTROLLER)
        return name

    def running(self, pod: str, *, ready: bool) -> None:
        body = self.objects["pods", pod]
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]}
        self.put("pods", {**body, "metadata": dict(body["metadata"]), "status": status})

    def fail(self, pod: str) -> None:
        body = self.objects["pods", pod]
        self.put("pods", {**body, "metadata": dict(body["metadata"]), "status": {"phase": "Failed", "reason": "Evicted"}})

    def terminate(self, pod: str) -> None:
        body = self.objects["pods", pod]
        self.put("pods", {**body, "metadata": {**body["metadata"], "deletionTimestamp": "2026-11-21T12:00:00Z"}}, user=CONTROLLER)

    def end(self) -> list[Entry]:
        self.entry("end")
        return self.entries

    @staticmethod
    def _owner(daemonset: Json) -> Json:
        return {"kind": "DaemonSet", "name": daemonset["metadata"]["name"], "uid": daemonset["metadata"]["uid"], "controller": True}
