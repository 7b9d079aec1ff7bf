"""How the simulated kubelets behave: stages for kwok, as API objects.

kwok plays, for each change of a pod or node on its nodes, the one stage whose selector matches; a later change that matches a stage again
replaces what was not played yet. No two of these selectors may match the same object: kwok would throw dice. Their weight is 0, and it does
not throw them when a single stage that matches weighs more: that is how one node gets a behaviour of its own (`behaviours`).
"""

from __future__ import annotations

import textwrap
from typing import Any

from conformance.clusters.embedded import templates
from conformance.faults import kubelet, pods

API_VERSION = "kwok.x-k8s.io/v1alpha1"
#: Seconds between the heartbeats of a node, as often as a kubelet renews its lease.
HEARTBEAT = 10

#: kwok's own schema is 2000 lines of descriptions; it reads what it knows and the API server need not check it a second time.
CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "stages.kwok.x-k8s.io"},
    "spec": {
        "group": "kwok.x-k8s.io",
        "scope": "Cluster",
        "names": {"kind": "Stage", "listKind": "StageList", "plural": "stages", "singular": "stage"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}

_READY_STATUS = '.status.conditions[]? | select(.type == "Ready") | .status'
_READY_REASON = '.status.conditions[]? | select(.type == "Ready") | .reason'
_MISSING = f'.spec.containers[].image | select(test("{kubelet.MISSING_IMAGE}"))'.replace("\\", "\\\\")


def annotation(name: str) -> str:
    """Where an annotation is, as a jq expression."""
    return f'.metadata.annotations["{name}"]'


def _exists(key: str) -> dict[str, Any]:
    return {"key": key, "operator": "Exists"}


def _absent(key: str) -> dict[str, Any]:
    return {"key": key, "operator": "DoesNotExist"}


def matches(key: str, *values: str) -> dict[str, Any]:
    """The requirement that what a jq expression finds is one of these values."""
    return {"key": key, "operator": "In", "values": list(values)}


def _is_not(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "NotIn", "values": list(values)}


def stage(
    name: str, kind: str, when: list[dict[str, Any]], steps: list[dict[str, Any]], delay: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A Stage object: played on every object of this kind for which all requirements hold."""
    spec: dict[str, Any] = {
        "resourceRef": {"apiGroup": "v1", "kind": kind},
        "selector": {"matchExpressions": when},
        "weight": 0,
        "steps": steps,
    }
    if delay:
        spec["delay"] = delay
    return {"apiVersion": API_VERSION, "kind": "Stage", "metadata": {"name": name}, "spec": spec}


def status(template: str) -> list[dict[str, Any]]:
    """The steps that merge a template into the status."""
    # Not guarded by a resourceVersion: the stage that kwok plays may stem from an older event than the last (it lists the pods of a node
    # beside watching them), and it does not try again after a conflict. The node or pod would never become Ready. What is said twice
    # does no harm.
    return [{"patch": {"subresource": "status", "type": "strategic", "template": "status:\n" + textwrap.indent(template, "  ")}}]


_ALIVE = _absent(".metadata.deletionTimestamp")
_TERMINATION = (
    f'({annotation(kubelet.TERMINATE_AFTER)} // "0" | tonumber) as $wanted'
    ' | ([$wanted, (.metadata.deletionGracePeriodSeconds // 0)] | min | tostring) + "s"'
)
_READINESS = f'({annotation(kubelet.READY_AFTER)} // "0") + "s"'
#: Counted from the last one, so that other changes of the node do not put it off.
_BEAT = f'(.status.conditions[]? | select(.type == "Ready") | .lastHeartbeatTime | fromdate) + {HEARTBEAT} | todate'
_BEATING = {"durationMilliseconds": HEARTBEAT * 1000, "durationFrom": {"expressionFrom": _BEAT}}

#: The delay of a stage that is there only to take the place of another.
NEVER = {"durationMilliseconds": 7 * 24 * 3600 * 1000}


STAGES: tuple[dict[str, Any], ...] = (
    stage(
        "node-ready",
        "Node",
        [_is_not(_READY_STATUS, "True"), _is_not(annotation(kubelet.READY), "false")],
        status(templates.NODE_READY),
    ),
    stage(
        "node-not-ready",
        "Node",
        [_is_not(_READY_STATUS, "False"), matches(annotation(kubelet.READY), "false")],
        status(templates.NODE_NOT_READY),
    ),
    stage(
        "node-heartbeat",
        "Node",
        [matches(_READY_STATUS, "True"), _is_not(annotation(kubelet.READY), "false")],
        status(templates.NODE_HEARTBEAT),
        _BEATING,
    ),
    stage(
        "node-not-ready-heartbeat",
        "Node",
        [matches(_READY_STATUS, "False"), matches(annotation(kubelet.READY), "false")],
        status(templates.NODE_HEARTBEAT),
        _BEATING,
    ),
    stage("pod-run", "Pod", [_ALIVE, matches(".status.phase", "Pending"), _absent(_MISSING)], status(templates.pod_runs())),
    stage(
        "pod-no-image",
        "Pod",
        [_ALIVE, matches(".status.phase", "Pending"), _exists(_MISSING), _absent(".status.containerStatuses[]?.state.waiting")],
        status(templates.pod_without_image()),
    ),
    stage(
        "pod-ready",
        "Pod",
        [
            _ALIVE,
            matches(".status.phase", "Running"),
            _is_not(_READY_STATUS, "True"),
            _is_not(_READY_REASON, pods.HELD),
            _is_not(annotation(kubelet.NEVER_READY), "true"),
        ],
        [{"patch": {"subresource": "status", "type": "json", "template": templates.POD_READY}}],
        {"durationMilliseconds": 0, "durationFrom": {"expressionFrom": _READINESS}},
    ),
    # Does nothing, but takes the place of a delayed pod-ready that was set going before the pod was held.
    stage("pod-held", "Pod", [_ALIVE, matches(".status.phase", "Running"), matches(_READY_REASON, pods.HELD)], [], NEVER),
    stage(
        "pod-delete",
        "Pod",
        [_exists(".metadata.deletionTimestamp"), _absent(".metadata.finalizers[]?")],
        [{"delete": True}],
        {"durationMilliseconds": 0, "durationFrom": {"expressionFrom": _TERMINATION}},
    ),
)
