"""Ready-made stories: the updates, the comings and goings that reports and pictures are tested with."""

from __future__ import annotations

from conformance.trace.entries import Entry
from tests.report.story import Story


def started(story: Story, nodes: list[str], image: str) -> dict[str, str]:
    """Pods on all nodes, created together, ready one after the other."""
    pods = {node: story.pod(node, image, bound=False) for node in nodes}
    for index, pod in enumerate(pods.values()):
        story.wait(0.08 + 0.02 * (index % 3)).running(pod, ready=False)
    for pod in pods.values():
        story.wait(0.06).running(pod, ready=True)
    return pods


def rolling_update(nodes: int = 6, budget: int = 2, *, broken: bool = False, prefix: str = "r02-3fa9c1") -> list[Entry]:
    """An update that takes `budget` nodes at a time; `broken`: once, one more."""
    story = Story(prefix)
    names = []
    for index in range(nodes):
        story.wait(0.01).action("join", f"nodes/{prefix}-{index}")
        names.append(story.node(str(index)))
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": budget, "maxSurge": 0}}
    story.wait(0.2).action("create", "daemonsets/agent")
    story.daemonset("v1", generation=1, strategy=strategy)
    pods = started(story, names, "v1")
    story.wait(0.8).action("set image", "daemonsets/agent")
    story.daemonset("v2", generation=2, strategy=strategy)
    left = list(names)
    while left:
        size = budget + 1 if broken and len(left) == nodes - budget else budget
        batch, left = left[:size], left[size:]
        for node in batch:
            story.wait(0.03).terminate(pods[node])
        for node in batch:
            story.wait(0.25).remove("pods", pods[node])
            story.wait(0.02)
            pods[node] = story.pod(node, "v2")
        for node in batch:
            story.wait(0.18).running(pods[node], ready=False)
        for node in batch:
            story.wait(0.22).running(pods[node], ready=True)
    story.wait(0.6)
    return story.end()


def surge_update(nodes: int = 5, budget: int = 2, prefix: str = "u01-77ab10") -> list[Entry]:
    """New pods beside old ones."""
    story = Story(prefix)
    names = [story.wait(0.01).node(str(index)) for index in range(nodes)]
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": budget}}
    story.wait(0.2).action("create", "daemonsets/agent")
    story.daemonset("v1", generation=1, strategy=strategy)
    pods = started(story, names, "v1")
    story.wait(0.5).action("set image", "daemonsets/agent")
    story.daemonset("v2", generation=2, strategy=strategy)
    for first in range(0, nodes, budget):
        fresh = {node: story.wait(0.05).pod(node, "v2") for node in names[first : first + budget]}
        for pod in fresh.values():
            story.wait(0.2).running(pod, ready=False)
        for node, pod in fresh.items():
            story.wait(0.2).running(pod, ready=True)
            story.wait(0.02).terminate(pods[node])
            story.wait(0.15).remove("pods", pods[node])
    return story.wait(0.5).end()


def join_and_leave() -> list[Entry]:
    """Nodes come and go, one is cordoned, one tainted, one stops being ready; a pod fails; a pod outlives its node."""
    story = Story("p03-0c44de")
    story.action("join", "nodes/p03-0c44de-a")
    names = [story.node("a"), story.node("b")]
    story.wait(0.1).action("create", "daemonsets/agent")
    story.daemonset("v1", generation=1)
    pods = started(story, names, "v1")
    story.wait(1.0).action("join", "nodes/p03-0c44de-late")
    late = story.node("late", ready=False)
    story.wait(1.5)
    story.node("late")
    pods[late] = story.wait(0.1).pod(late, "v1", bound=False)
    story.wait(0.3).running(pods[late], ready=False)
    story.wait(0.4).running(pods[late], ready=True)
    story.wait(1.0).action("cordon", "nodes/p03-0c44de-b")
    story.node("b", cordoned=True)
    story.wait(1.2).action("taint maintenance=now:NoSchedule", "nodes/p03-0c44de-a")
    story.node("a", taints=({"key": "maintenance", "effect": "NoSchedule"},))
    story.wait(0.5).fail(pods[late])
    story.wait(0.4).remove("pods", pods[late])
    pods[late] = story.wait(0.05).pod(late, "v1")
    story.wait(0.4).running(pods[late], ready=True)
    story.wait(0.7).action("uncordon", "nodes/p03-0c44de-b")
    story.node("b")
    story.wait(0.4).action("remove", "nodes/p03-0c44de-late")
    story.remove("nodes", late)
    story.wait(2.5).terminate(pods[late])
    story.wait(0.3).remove("pods", pods[late])
    return story.wait(0.4).end()
