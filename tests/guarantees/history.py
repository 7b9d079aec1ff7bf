"""A tiny notation for histories: what happened, line by line, without a cluster.

    h = settled(3)                 # three nodes a, b, c, each with a ready pod of DaemonSet "agent", status told, audited
    h.template("2")                # somebody changes the template; the controller writes its revision
    h.kill("a")                    # the controller asks for the deletion of a's pod
    h.gone("a")                    # the kubelet has let it go
    h.create("a")                  # the controller creates the next one
    h.ready("a")                   # it gets ready
    h.status()                     # the controller writes true counters
    assert judged(h, "INV-3").verdict == "holds"

Every call is one entry (two with its authorship) a millisecond after the one before; `wait` lets time pass.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from conformance.guarantees.authors import CONTROLLER as CONTROLLER  # noqa: PLC0414 - tests take it from here
from conformance.guarantees.judge import Judge, Tally
from conformance.guarantees.promise import REGISTRY
from conformance.trace.entries import Entry, EntryType
from tests.guarantees.objects import AUTOMATIC, NS, Json, owner, pinned

KUBELET = "conformance:kubelets"
SCENARIO = "conformance:scenario"
SCHEDULER = "system:kube-scheduler"
PODGC = "system:serviceaccount:kube-system:pod-garbage-collector"
GC = "system:serviceaccount:kube-system:generic-garbage-collector"

START = 1_800_000_000


class History:
    """Entries, and the objects as they stand at their end."""

    def __init__(self, *, audited: bool = True) -> None:
        self.audited = audited
        self.entries: list[Entry] = []
        self.objects: dict[tuple[str, str], Json] = {}
        self.at = 0.0
        self.rv = 100
        self.ds = "agent"
        self.revision = 1
        self._number = 0
        #: when the API server got and had answered the next requests, by its clock
        self.times: dict[str, Any] = {}

    # -- any entry --------------------------------------------------------------------------------------------------------------------

    def entry(self, type: EntryType, resource: str = "", obj: Json | None = None, *, rv: int | None = None, **detail: Any) -> None:  # noqa: A002
        raw = msgspec.Raw(msgspec.json.encode(obj)) if obj is not None else msgspec.Raw(b"null")
        self.entries.append(Entry(len(self.entries) + 1, self.at, type, resource, rv, raw, detail))

    def wait(self, seconds: float) -> None:
        self.at += seconds

    def note(self) -> None:
        self.entry("note")

    def end(self) -> None:
        self.entry("end")

    def gap(self, resource: str) -> None:
        self.entry("gap", resource, rv=self.rv, since=self.rv - 10, until=self.rv, reason="410 Gone")

    def expect(self, creations: int) -> None:
        self.entry("expect", name=self.ds, creations=creations)

    def action(self, verb: str, target: str) -> None:
        self.entry("action", verb=verb, target=target)

    # -- objects ----------------------------------------------------------------------------------------------------------------------

    def _resource(self, obj: Json) -> str:
        return f"{obj['kind'].lower()}s"

    def _emit(self, type: EntryType, obj: Json, by: str, verb: str) -> None:  # noqa: A002
        self.at += 0.001
        self.rv += 1
        obj["metadata"]["resourceVersion"] = str(self.rv)
        if self.audited and by:
            self.entry("write", self._resource(obj), rv=self.rv, user=by, verb=verb, **self.times)
        self.entry(type, self._resource(obj), copy.deepcopy(obj), rv=self.rv)

    def stamp(self) -> str:
        return datetime.fromtimestamp(START + int(self.at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def list(self, *objs: Json) -> None:
        for obj in objs:
            self.objects[self._resource(obj), obj["metadata"]["name"]] = obj
            self._emit("listed", obj, "", "")

    def add(self, obj: Json, by: str = SCENARIO) -> Json:
        obj["metadata"].setdefault("creationTimestamp", self.stamp())
        self.objects[self._resource(obj), obj["metadata"]["name"]] = obj
        self._emit("added", obj, by, "create")
        return obj

    def change(self, obj: Json, by: str = SCENARIO) -> Json:
        self._emit("modified", obj, by, "update")
        return obj

    def remove(self, obj: Json, by: str = KUBELET) -> None:
        self.objects.pop((self._resource(obj), obj["metadata"]["name"]))
        self._emit("deleted", obj, by, "delete")

    def ask(self, obj: Json, by: str = CONTROLLER) -> None:
        """Ask for a graceful deletion."""
        obj["metadata"]["deletionTimestamp"] = self.stamp()
        self._emit("modified", obj, by, "delete")

    # -- the ordinary life of a DaemonSet -------------------------------------------------------------------------------------------------

    @property
    def agent(self) -> Json:
        return self.objects["daemonsets", self.ds]

    def node(self, name: str) -> Json:
        return self.objects["nodes", name]

    def pods(self, on: str = "") -> Iterator[Json]:
        uid = self.agent["metadata"]["uid"]
        for (kind, _), obj in list(self.objects.items()):
            mine = kind == "pods" and any(o["uid"] == uid for o in obj["metadata"].get("ownerReferences", ()))
            if mine and on in ("", obj["metadata"]["annotations"]["aim"]):
                yield obj

    def pod(self, on: str) -> Json:
        """The newest pod on a node."""
        return list(self.pods(on))[-1]

    def write_revision(self, by: str = CONTROLLER, **meta: Any) -> Json:
        ds = self.agent
        hash = str(self.revision)  # noqa: A001
        return self.add(
            {
                "kind": "ControllerRevision",
                "metadata": {
                    "name": f"{self.ds}-{hash}",
                    "namespace": NS,
                    "uid": f"rev-{self.ds}-{hash}",
                    "labels": {"controller-revision-hash": hash},
                    "ownerReferences": owner(ds),
                    **meta,
                },
                "revision": self.revision,
                "data": {"spec": {"template": {**copy.deepcopy(ds["spec"]["template"]), "$patch": "replace"}}},
            },
            by,
        )

    def template(self, image: str, *, revision: bool = True, **spec: Any) -> None:
        """Somebody changes the template (or `spec` of the DaemonSet with it); the controller writes its revision."""
        ds = self.agent
        ds["spec"]["template"]["spec"]["containers"][0]["image"] = f"agent:{image}"
        ds["spec"].update(spec)
        ds["metadata"]["generation"] += 1
        ds["metadata"]["annotations"]["deprecated.daemonset.template.generation"] = str(ds["metadata"]["generation"])
        self.change(ds)
        if revision:
            self.revision += 1
            self.write_revision()

    def respec(self, **template: Any) -> None:
        """Somebody changes where the template may run; a new revision too."""
        self.agent["spec"]["template"]["spec"].update(template)
        self.template("1")

    def create(self, on: str, *, by: str = CONTROLLER, rev: str = "", **overrides: Any) -> Json:
        ds = self.agent
        self._number += 1
        name = f"{self.ds}-{self._number:05}"
        spec = copy.deepcopy(ds["spec"]["template"]["spec"])
        spec["affinity"] = {**spec.get("affinity", {}), **pinned(on)}
        spec["tolerations"] = [*spec.get("tolerations", []), *copy.deepcopy(AUTOMATIC)]
        spec.update(overrides)
        template = ds["spec"]["template"]["metadata"]
        pod = {
            "kind": "Pod",
            "metadata": {
                "name": name,
                "generateName": f"{self.ds}-",
                "namespace": NS,
                "uid": f"pod-{name}",
                "labels": {
                    **template["labels"],
                    "controller-revision-hash": rev or str(self.revision),
                    "pod-template-generation": ds["metadata"]["annotations"]["deprecated.daemonset.template.generation"],
                },
                "annotations": {"aim": on},
                "ownerReferences": owner(ds),
            },
            "spec": spec,
            "status": {"phase": "Pending", "conditions": []},
        }
        return self.add(pod, by)

    def ready(self, on: str, status: str = "True", pod: Json | None = None) -> None:
        """The kubelet says that the newest pod on a node is ready (or not); the scheduler binds it first if need be."""
        pod = pod or self.pod(on)
        if not pod["spec"].get("nodeName"):
            pod["spec"]["nodeName"] = on
            self.change(pod, SCHEDULER)
        condition = {"type": "Ready", "status": status, "lastTransitionTime": self.stamp()}
        pod["status"] = {"phase": "Running", "conditions": [condition]}
        self.change(pod, KUBELET)

    def unready(self, on: str) -> None:
        self.ready(on, "False")

    def kill(self, on: str, *, by: str = CONTROLLER, pod: Json | None = None) -> Json:
        pod = pod or self.pod(on)
        self.ask(pod, by)
        return pod

    def gone(self, on: str, pod: Json | None = None, by: str = KUBELET) -> None:
        """A terminating pod of a node is let go."""
        self.remove(pod or next(p for p in self.pods(on) if "deletionTimestamp" in p["metadata"]), by)

    def replace(self, on: str) -> None:
        """The controller replaces the pod of a node, from kill to ready."""
        self.kill(on)
        self.gone(on)
        self.create(on)
        self.ready(on)

    def status(self, by: str = CONTROLLER, **lies: Any) -> None:
        """The controller writes what it counts on nodes that all should run a pod; `lies` by API name replace what is true."""
        ds = self.agent
        nodes = [name for kind, name in self.objects if kind == "nodes"]
        holders = {name: pods for name in nodes if (pods := list(self.pods(name)))}
        up = sum(any(c["status"] == "True" for c in pods[0]["status"]["conditions"]) for pods in holders.values())
        fresh = sum(pods[0]["metadata"]["labels"]["controller-revision-hash"] == str(self.revision) for pods in holders.values())
        ds["status"] = {
            "desiredNumberScheduled": len(nodes),
            "currentNumberScheduled": len(holders),
            "numberReady": up,
            "numberAvailable": up,
            "numberUnavailable": len(nodes) - up,
            "numberMisscheduled": 0,
            "updatedNumberScheduled": fresh,
            "observedGeneration": ds["metadata"]["generation"],
            **lies,
        }
        self.change(ds, by)


def later(h: History) -> History:
    h.wait(5)
    h.note()
    h.end()
    return h


def judged(h: History, id: str) -> Tally:  # noqa: A002
    """The tally of one guarantee."""
    judge = Judge(audited=h.audited, guarantees=[REGISTRY[id]])
    for entry in h.entries:
        judge.see(entry)
    return judge.finish()[0]


def verdicts(h: History) -> dict[str, str]:
    """Violated guarantees with their first message, of all there are."""
    judge = Judge(audited=h.audited)
    for entry in h.entries:
        judge.see(entry)
    return {tally.id: tally.violations[0].message for tally in judge.finish() if tally.violated}
