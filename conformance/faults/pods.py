"""What a kubelet writes into the status of a pod: failed, finished, not ready, restarted. Pure functions from a pod to a merge patch.

Source: the pod lifecycle page (phase, container states, conditions) and the Pod API reference.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

#: The Ready condition's reason of a pod that a scenario holds unready; the simulated kubelets leave such a pod alone.
HELD = "HeldUnready"


def now() -> str:
    """The current time as the API writes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def failed(pod: Mapping[str, Any], *, reason: str = "Failed", message: str = "", at: str = "") -> dict[str, Any]:
    """Phase Failed; every container has ended with exit code 1."""
    at = at or now()
    status = {
        "phase": "Failed",
        "reason": reason,
        "message": message or f"made to fail by the scenario ({reason})",
        "conditions": _conditions(pod, "False", "PodFailed", at),
        "containerStatuses": _ended(pod, 1, "Error", at),
    }
    return _patch(pod, status)


def finished(pod: Mapping[str, Any], *, at: str = "") -> dict[str, Any]:
    """Phase Succeeded; every container has ended with exit code 0."""
    at = at or now()
    status = {
        "phase": "Succeeded",
        "conditions": _conditions(pod, "False", "PodCompleted", at),
        "containerStatuses": _ended(pod, 0, "Completed", at),
    }
    return _patch(pod, status)


def unready(pod: Mapping[str, Any], *, at: str = "") -> dict[str, Any]:
    """Running and not Ready, and held so until `ready`."""
    at = at or now()
    containers = [{**container, "ready": False} for container in _containers(pod)]
    return _patch(pod, {"conditions": _conditions(pod, "False", HELD, at), "containerStatuses": containers})


def ready(pod: Mapping[str, Any], *, at: str = "") -> dict[str, Any]:
    """Ready again."""
    at = at or now()
    containers = [{**container, "ready": True} for container in _containers(pod)]
    return _patch(pod, {"conditions": _conditions(pod, "True", "", at), "containerStatuses": containers})


def restarted(pod: Mapping[str, Any], *, at: str = "") -> dict[str, Any]:
    """Every container has ended with exit code 1 and was started again.

    restartCount goes up, and the pod is not Ready until its probes say so.
    """
    at = at or now()
    containers = [
        {
            **container,
            "ready": False,
            "restartCount": int(container.get("restartCount", 0)) + 1,
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": at, "finishedAt": at}},
            "state": {"running": {"startedAt": at}},
        }
        for container in _containers(pod)
    ]
    conditions = _conditions(pod, "False", "ContainersNotReady", at)
    return _patch(pod, {"conditions": conditions, "containerStatuses": containers})


def underway(pod: Mapping[str, Any]) -> bool:
    """Whether it has started and is not Ready yet, without being held so, or is being deleted."""
    ready = [c for c in pod["status"].get("conditions", ()) if c["type"] == "Ready"]
    if "deletionTimestamp" in pod["metadata"]:
        return bool(ready)
    return pod["status"].get("phase") == "Running" and any(c["status"] != "True" and c.get("reason") != HELD for c in ready)


def _patch(pod: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    # With the resourceVersion the patch is refused if somebody else wrote meanwhile, so that no change is lost.
    return {"metadata": {"resourceVersion": pod["metadata"]["resourceVersion"]}, "status": dict(status)}


def _containers(pod: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    have = {status["name"]: status for status in pod.get("status", {}).get("containerStatuses", ())}
    for container in pod["spec"]["containers"]:
        empty = {"name": container["name"], "image": container.get("image", ""), "imageID": "", "ready": False, "restartCount": 0}
        yield have.get(container["name"], empty)


def _ended(pod: Mapping[str, Any], code: int, reason: str, at: str) -> list[dict[str, Any]]:
    terminated = {"exitCode": code, "reason": reason, "startedAt": at, "finishedAt": at}
    return [{**container, "ready": False, "started": False, "state": {"terminated": terminated}} for container in _containers(pod)]


def _conditions(pod: Mapping[str, Any], status: str, reason: str, at: str) -> list[dict[str, Any]]:
    """All conditions of the pod, with Ready and ContainersReady as given (a merge patch replaces the whole list)."""
    kept = [c for c in pod.get("status", {}).get("conditions", ()) if c["type"] not in ("Ready", "ContainersReady")]
    changed = [
        {"type": kind, "status": status, "lastTransitionTime": at, **({"reason": reason} if reason else {})}
        for kind in ("Ready", "ContainersReady")
    ]
    return [*kept, *changed]
