"""How the pods of one node behave, whatever DaemonSet they belong to: stages of that node's own, which win over those of every node.

kwok plays the one stage that has a weight above 0 if there is exactly one among those that match (`Lifecycle.Match` in its
pkg/utils/lifecycle), so each of these is a stage of every node with a narrower selector, something else to do, and a weight.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from conformance.clusters import waiting
from conformance.clusters.embedded import stages, templates
from conformance.clusters.embedded.components import KUBELET_LABEL, KUBELET_VALUE
from conformance.errors import ApiError, ClusterError, ComponentDied, UsageError
from conformance.faults import kubelet
from conformance.kube.api import Api
from conformance.kube.resources import path

if TYPE_CHECKING:
    from conformance.clusters.embedded.cluster import EmbeddedCluster

#: On a Stage that a scenario made; those of every node do not have it.
LABEL = kubelet.PREFIX + "own"
#: On a node, for a moment: the number of its newest behaviour, until its kubelet has taken notice and takes it away.
NOTICE = kubelet.PREFIX + "behaviour"
#: Seconds until a kubelet that took no notice is told again, and until it is given up.
_AGAIN, _LIMIT = 1.0, 30.0
_REASON = re.compile(r"[A-Za-z]\w*")
_BASE = {stage["metadata"]["name"]: stage for stage in stages.STAGES}


def stages_of(
    node: str, *, ready_after: float = 0.0, never_ready: bool = False, terminate_after: float = 0.0, fail: str = ""
) -> list[dict[str, Any]]:
    """The Stage objects that make the pods of this node behave so; none if nothing is asked for."""
    if min(ready_after, terminate_after) < 0:
        raise UsageError(f"ready_after={ready_after} and terminate_after={terminate_after} are seconds; give none below 0.")
    if (ready_after > 0) + never_ready + bool(fail) > 1:
        raise UsageError(
            f"{node} cannot do all of this: a pod becomes ready late, or never, or fails. Give one of ready_after, never_ready, fail."
        )
    if fail and not _REASON.fullmatch(fail):
        raise UsageError(f"fail={fail!r} is no reason as the API has them; give a word in CamelCase, such as Evicted.")
    made = []
    if ready_after > 0 or never_ready:
        made.append(_own(node, "pod-run", steps=stages.status(templates.pod_runs(ready="false"))))
    if ready_after > 0:
        wanted = f'([{_seconds(kubelet.READY_AFTER)}, {ready_after:.3f}] | max | tostring) + "s"'
        made.append(_own(node, "pod-ready", delay=_from(wanted)))
    if never_ready:
        made.append(_own(node, "pod-ready", steps=[], delay=stages.NEVER))
    if fail:
        made.append(_own(node, "pod-run", steps=stages.status(templates.pod_failed(fail))))
    if terminate_after > 0:
        slower = f"[{_seconds(kubelet.TERMINATE_AFTER)}, {terminate_after:.3f}] | max"
        wanted = f'({slower}) as $wanted | ([$wanted, (.metadata.deletionGracePeriodSeconds // 0)] | min | tostring) + "s"'
        made.append(_own(node, "pod-delete", delay=_from(wanted)))
    return made


def notice(node: str, number: str) -> dict[str, Any]:
    """The Stage by which a kubelet shows that it knows this stage, and with it all that were made before."""
    template = f'metadata:\n  annotations:\n    "{NOTICE}": null\n'
    when = [stages.matches(".metadata.name", node), stages.matches(stages.annotation(NOTICE), number)]
    return _weighed(stages.stage(f"{node}.notice", "Node", when, [{"patch": {"type": "merge", "template": template}}]))


def tell(cluster: EmbeddedCluster, node: str, wanted: Iterable[Mapping[str, Any]], before: frozenset[str]) -> frozenset[str]:
    """Give a node these stages instead of those named `before`; returns the names when its kubelet plays them."""
    labels = cluster.api.get(path("nodes", name=node))["metadata"].get("labels", {})
    names = set()
    for stage in wanted:
        _apply(cluster.api, stage)
        names.add(stage["metadata"]["name"])
    forget(cluster.api, before - names)
    # The kubelet of a silent node does not look at it; it will know all stages long before it looks again.
    if labels.get(KUBELET_LABEL) == KUBELET_VALUE:
        _await_notice(cluster, node)
        cluster.look_again(node)
    return frozenset(names)


def forget(api: Api, names: Iterable[str]) -> None:
    """Delete stages; those that are gone already do not matter."""
    for name in names:
        try:
            api.delete(path("stages", name=name))
        except ApiError as error:
            if error.code != 404:
                raise


def _await_notice(cluster: EmbeddedCluster, node: str) -> None:
    def taken(nodes: waiting.Objects) -> bool:
        return node not in nodes or NOTICE not in nodes[node]["metadata"].get("annotations", {})

    limit = _LIMIT * cluster.facts.time_scale
    end = time.monotonic() + limit
    try:
        while True:
            # kwok keeps stages and nodes by separate watches, and may go on with the stages it had until the next change of any: so both
            # change each time.
            number = str(next(cluster.behaviour_numbers))
            _apply(cluster.api, notice(node, number))
            cluster.api.patch(path("nodes", name=node), {"metadata": {"annotations": {NOTICE: number}}})
            try:
                waiting.until(cluster.api, path("nodes"), taken, within=_AGAIN, what=f"The notice of {node}", check=cluster.check)
            except ComponentDied:
                raise
            except ClusterError as error:
                if time.monotonic() > end:
                    message = (
                        f"{node} took no notice of its behaviour within {limit:.0f} s; let the simulated kubelets run (component kwok)."
                    )
                    raise ClusterError(message) from error
            else:
                return
    finally:
        forget(cluster.api, [f"{node}.notice"])


def _apply(api: Api, stage: Mapping[str, Any]) -> None:
    # Applied, so that one that changes is never away in between.
    api.patch(path("stages", name=stage["metadata"]["name"]), stage, kind="apply", fieldManager="conformance", force="true")


def _own(node: str, base: str, *, steps: list[dict[str, Any]] | None = None, delay: Mapping[str, Any] | None = None) -> dict[str, Any]:
    spec = _BASE[base]["spec"]
    when = [*spec["selector"]["matchExpressions"], stages.matches(".spec.nodeName", node)]
    return _weighed(stages.stage(f"{node}.{base}", "Pod", when, spec["steps"] if steps is None else steps, dict(delay) if delay else None))


def _weighed(stage: dict[str, Any]) -> dict[str, Any]:
    return {**stage, "metadata": {**stage["metadata"], "labels": {LABEL: "true"}}, "spec": {**stage["spec"], "weight": 1}}


def _seconds(name: str) -> str:
    return f'({stages.annotation(name)} // "0" | tonumber)'


def _from(expression: str) -> dict[str, Any]:
    return {"durationMilliseconds": 0, "durationFrom": {"expressionFrom": expression}}
