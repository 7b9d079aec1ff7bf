"""A toy DaemonSet controller with switches: each one a defect that a real one could have.

It plays the controller in a `History`; `play` is a small scenario that gives every guarantee something to judge. Nothing of the suite's
model is used: what it does right it does by its own few lines.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.guarantees.history import CONTROLLER, GC, SCENARIO, History
from tests.guarantees.objects import Json, bare, daemonset, node, owner, taint

#: Defect -> the guarantee that has to notice it.
DEFECTS = {
    "deletes one more than the budget": "INV-3",
    "ignores readiness": "INV-3",
    "ignores nodes that were down before": "INV-3",
    "does not count nodes without a pod": "INV-3",
    "forgets terminating pods": "INV-1",
    "creates every pod twice": "INV-1",
    "surges twice": "INV-2",
    "deletes before the surge is ready": "INV-4",
    "adopts everything": "INV-5",
    "deletes foreign pods": "INV-5",
    "ignores taints": "INV-6",
    "creates after deletion": "INV-7",
    "forgets a toleration": "INV-8",
    "copies its own labels": "INV-8",
    "uses the newest template for old hashes": "INV-8",
    "counts what is not ready": "INV-9",
    "counts one too many": "INV-9",
    "numbers revisions twice": "INV-10",
    "keeps all history": "INV-10",
    "writes the status for ever": "INV-11",
    "touches a settled pod": "INV-11",
    "replaces healthy pods": "INV-12",
    "updates although OnDelete": "INV-12",
    "forgets a node": "INV-13",
    "stops in the middle of an update": "INV-15",
    "surges and then forgets": "INV-15",
    "leaves a pod where it must not be": "INV-14",
    "says that it is done too early": "INV-16",
    "does not observe the spec": "INV-16",
    "piles up failed pods": "INV-17",
    "lets a pod wait in silence": "INV-18",
}


@dataclass
class Toy:
    """The controller and the world it lives in."""

    defect: str = ""
    seed: int = 0
    surge: bool = False
    strategy: str = "RollingUpdate"
    h: History = field(default_factory=History)

    def __post_init__(self) -> None:
        self.names = list("abcdef")
        self.budget = 1 if self.has("does not count nodes without a pod") else 2  # once is a race that Kubernetes itself may lose
        random.Random(self.seed).shuffle(self.names)

    def has(self, defect: str) -> bool:
        return self.defect == defect

    # -- one step at a time ---------------------------------------------------------------------------------------------------------------

    def create(self, on: str) -> Json:
        h = self.h
        change: Json = {}
        if self.has("forgets a toleration"):
            change["tolerations"] = []
        if self.has("uses the newest template for old hashes") and h.revision > 1:
            change["containers"] = [{"name": "main", "image": "agent:1"}]
        if self.has("copies its own labels"):
            h.agent["spec"]["template"]["metadata"]["labels"]["team"] = "infra"
            pod = h.create(on, **change)
            del h.agent["spec"]["template"]["metadata"]["labels"]["team"]
            return pod
        pod = h.create(on, **change)
        if self.has("creates every pod twice"):
            h.create(on)
        return pod

    def status(self) -> None:
        h = self.h
        lies: Json = {}
        if self.has("counts what is not ready"):
            lies = {"numberReady": len(self.names), "numberAvailable": len(self.names), "numberUnavailable": 0}
        if self.has("counts one too many"):
            lies = {"desiredNumberScheduled": len(self.names) + 1, "numberUnavailable": 1}
        outside = sum(bool(obj["spec"].get("taints")) for (kind, _), obj in h.objects.items() if kind == "nodes")
        up = sum(any(c["status"] == "True" for p in list(h.pods(n))[:1] for c in p["status"]["conditions"]) for n in self.names)
        truth = {"desiredNumberScheduled": len(self.names), "numberUnavailable": len(self.names) - up}
        h.status(**({**truth, **lies} if outside else lies))

    def settle(self, seconds: float = 4.0) -> None:
        self.status()
        if self.has("writes the status for ever"):
            for turn in range(30):
                self.h.wait(0.2)
                self.h.status(numberMisscheduled=turn % 2)
        self.h.wait(seconds)
        self.h.note()

    # -- the scenario ---------------------------------------------------------------------------------------------------------------------

    def play(self) -> History:
        self.start()
        self.foreigners()
        self.lose_one()
        self.update()
        self.exclude()
        self.delete()
        self.h.end()
        return self.h

    def start(self) -> None:
        h = self.h
        for name in self.names:
            h.list(node(name))
        h.list(node("z", taints=[taint("keep-out")]))
        budget: Json = {"max_unavailable": 0, "max_surge": self.budget} if self.surge else {"max_unavailable": self.budget}
        h.add(daemonset(labels={"team": "infra"}, strategy=self.strategy, history_limit=0, **budget))
        h.write_revision()
        for name in self.names:
            self.create(name)
        if self.has("ignores taints"):
            self.create("z")
        for name in self.names:
            h.ready(name)
        self.settle()
        if self.has("touches a settled pod"):
            h.kill(self.names[0])
            h.gone(self.names[0])
            self.create(self.names[0])
            h.ready(self.names[0])
            self.settle()

    def foreigners(self) -> None:
        h = self.h
        for name, labels in (("web", {"app": "web"}), ("twin", {"app": "agent"})):
            pod = bare(name, self.names[0], **labels)
            pod["metadata"]["annotations"] = {"aim": self.names[0]}
            if name == "twin":
                pod["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "rs", "uid": "rs", "controller": True}]
            h.add(pod)
        if self.has("adopts everything"):
            h.objects["pods", "web"]["metadata"]["ownerReferences"] = owner(h.agent)
            h.change(h.objects["pods", "web"], CONTROLLER)
        if self.has("deletes foreign pods"):
            h.ask(h.objects["pods", "twin"])

    def lose_one(self) -> None:
        h, one = self.h, self.names[1]
        h.kill(one, by=SCENARIO)
        if self.has("forgets terminating pods"):
            self.create(one)
        h.gone(one)
        if self.has("forgets a node"):
            self.settle(12)
        if not self.has("forgets terminating pods"):
            self.create(one)
        if self.has("counts what is not ready"):
            self.settle()
        if self.has("lets a pod wait in silence"):
            self.settle(12)
        h.ready(one)
        if self.has("replaces healthy pods"):
            h.wait(0.5)
            h.replace(self.names[2])
        self.settle()

    def update(self) -> None:
        h = self.h
        down = self.names[3]
        self.fail(down)
        h.unready(down)
        self.settle()
        if self.has("numbers revisions twice"):
            h.template("2", revision=False)
            h.write_revision(name="agent-again", uid="again", labels={"controller-revision-hash": "2"})
            h.revision = 2
        else:
            h.template("2")
        if self.strategy == "OnDelete":
            if self.has("updates although OnDelete"):
                h.replace(self.names[0])
            h.ready(down)
            self.settle()
            return
        if self.has("says that it is done too early"):
            h.wait(2)
            h.status(updatedNumberScheduled=6, numberReady=6, numberAvailable=6, desiredNumberScheduled=6, numberUnavailable=0)
        if self.has("does not observe the spec"):
            h.wait(12)
            h.note()
        if self.surge:
            self.surge_over()
        else:
            self.roll(down)
        if not self.has("keeps all history") and not self.has("numbers revisions twice"):
            h.remove(h.objects["controllerrevisions", "agent-1"], CONTROLLER)
        self.settle()

    def roll(self, down: str) -> None:
        h = self.h
        todo = [down, *(name for name in self.names if name != down)]
        free = self.budget - (not self.has("ignores nodes that were down before"))
        while todo:
            if self.has("stops in the middle of an update") and down not in todo:
                self.settle(12)
            room = (free if down in todo else self.budget) + self.has("deletes one more than the budget") + (down in todo)
            batch, todo = todo[:room], todo[room:]
            if self.has("ignores readiness") and not todo:
                batch, todo = batch[:1], batch[1:]
            for name in batch:
                h.kill(name)
            for name in batch:
                h.gone(name)
            if self.has("does not count nodes without a pod") and todo:
                h.kill(todo[0])
                batch.append(todo.pop(0))
                h.gone(batch[-1])
                h.wait(2)
            for name in batch:
                self.create(name)
            self.status()
            if not self.has("ignores readiness"):
                for name in batch:
                    h.ready(name)
            self.status()
        for name in self.names:
            h.ready(name)

    def surge_over(self) -> None:
        h = self.h
        for name in self.names:
            old = h.pod(name)
            new = self.create(name)
            if self.has("surges twice"):
                self.create(name)
            if not self.has("deletes before the surge is ready"):
                h.ready(name, pod=new)
            if self.has("surges and then forgets"):
                self.settle(12)
            h.kill(name, pod=old)
            h.gone(name, pod=old)
            h.ready(name, pod=new)
            self.status()

    def fail(self, on: str) -> None:
        h = self.h
        failed = h.pod(on)
        failed["status"] = {"phase": "Failed", "conditions": []}
        h.change(failed)
        if self.has("piles up failed pods"):
            second = self.create(on)
            second["status"] = {"phase": "Failed", "conditions": []}
            h.change(second)
            h.kill(on, pod=second)
            h.gone(on, pod=second)
        h.kill(on, pod=failed)
        h.gone(on, pod=failed)
        self.create(on)

    def exclude(self) -> None:
        h, one = self.h, self.names[5]
        h.node(one)["spec"]["taints"] = [taint("go-away", "NoExecute")]
        h.change(h.node(one))
        if self.has("leaves a pod where it must not be"):
            h.wait(12)
            h.note()
        for pod in list(h.pods(one)):
            h.kill(one, pod=pod)
            h.gone(one, pod=pod)

    def delete(self) -> None:
        h, one = self.h, self.names[4]
        h.ask(h.agent, SCENARIO)
        h.kill(one, by=GC)
        h.wait(2)
        h.gone(one)
        if self.has("creates after deletion"):
            self.create(one)


def play(defect: str = "", seed: int = 0) -> History:
    """The whole scenario with one defect, in the set-up where it can show."""
    surge = DEFECTS.get(defect) in ("INV-2", "INV-4") or defect == "surges and then forgets"
    strategy = "OnDelete" if defect == "updates although OnDelete" else "RollingUpdate"
    return Toy(defect, seed, surge, strategy).play()
