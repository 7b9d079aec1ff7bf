"""A DaemonSet on the embedded cluster, and what a test asks about its pods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conformance.clusters import waiting
from conformance.clusters.embedded import EmbeddedCluster
from conformance.clusters.protocol import Behaviour
from conformance.kube.resources import path

LIMIT = 60.0

Pod = Mapping[str, Any]


def _daemonset(name: str, template: Mapping[str, Any], image: str, tolerations: list[Any]) -> dict[str, Any]:
    spec = {"containers": [{"name": "agent", "image": image}], "tolerations": tolerations, "terminationGracePeriodSeconds": 2}
    metadata = {"labels": {"app": name}, **template.get("metadata", {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": metadata, "spec": spec}},
    }


class Agent:
    """A DaemonSet of these tests, and waits for its pods."""

    def __init__(self, cluster: EmbeddedCluster, name: str, behaviour: Behaviour | None = None, **rest: Any) -> None:
        self._cluster = cluster
        template = cluster.behave(behaviour or Behaviour())
        wanted = {k: v for k, v in template["metadata"]["annotations"].items() if v is not None}
        body = _daemonset(
            name,
            {"metadata": {"labels": {"app": name}, "annotations": wanted}},
            rest.get("image", "example.org/agent:1"),
            rest.get("tolerations", []),
        )
        cluster.api.create(path("daemonsets", "default"), body)
        self.name = name

    def pods(self, holds: Callable[[list[Pod]], bool], within: float = LIMIT) -> list[Pod]:
        def own(objects: waiting.Objects) -> list[Pod]:
            return [o for o in objects.values() if o["metadata"].get("labels", {}).get("app") == self.name]

        found = waiting.until(
            self._cluster.api,
            path("pods", "default"),
            lambda objects: holds(own(objects)),
            within=within,
            what=f"The pods of {self.name}",
            check=self._cluster.check,
        )
        return own(found)

    def ready(self, count: int) -> list[Pod]:
        return self.pods(lambda pods: sum(map(is_ready, pods)) == count == len(pods))


def is_ready(pod: Pod) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))
