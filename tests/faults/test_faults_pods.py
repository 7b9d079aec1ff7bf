"""What a kubelet would write into the status of a pod."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.faults import pods
from conformance.kube.manifests import merge

AT = "2026-01-02T03:04:05Z"


def _pod() -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "resourceVersion": "7"},
        "spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": "True"},
                {"type": "ContainersReady", "status": "True"},
            ],
            "containerStatuses": [
                {"name": "a", "image": "x", "imageID": "", "ready": True, "started": True, "restartCount": 2, "state": {"running": {}}}
            ],
        },
    }


def _condition(pod: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = [c for c in pod["status"]["conditions"] if c["type"] == kind]
    return dict(found)


@pytest.mark.parametrize("change", [pods.failed, pods.finished, pods.unready, pods.ready, pods.restarted])
def test_every_change_is_refused_if_somebody_else_wrote(change: Any) -> None:
    assert change(_pod())["metadata"] == {"resourceVersion": "7"}


@pytest.mark.parametrize("change", [pods.failed, pods.finished, pods.unready, pods.ready, pods.restarted])
def test_other_conditions_stay(change: Any) -> None:
    assert _condition(merge(_pod(), change(_pod())), "PodScheduled")["status"] == "True"


def test_failed() -> None:
    after = merge(_pod(), pods.failed(_pod(), reason="Evicted", at=AT))
    assert (after["status"]["phase"], after["status"]["reason"]) == ("Failed", "Evicted")
    assert _condition(after, "Ready") == {"type": "Ready", "status": "False", "reason": "PodFailed", "lastTransitionTime": AT}
    assert [c["state"]["terminated"]["exitCode"] for c in after["status"]["containerStatuses"]] == [1, 1]
    assert not any(c["ready"] for c in after["status"]["containerStatuses"])


def test_finished() -> None:
    after = merge(_pod(), pods.finished(_pod(), at=AT))
    assert after["status"]["phase"] == "Succeeded"
    assert [c["state"]["terminated"]["exitCode"] for c in after["status"]["containerStatuses"]] == [0, 0]


def test_unready_is_held_and_ready_lets_go() -> None:
    held = merge(_pod(), pods.unready(_pod(), at=AT))
    assert _condition(held, "Ready")["status"] == "False"
    assert _condition(held, "Ready")["reason"] == pods.HELD
    assert held["status"]["phase"] == "Running"
    again = merge(held, pods.ready(held, at=AT))
    assert _condition(again, "Ready") == {"type": "Ready", "status": "True", "lastTransitionTime": AT}
    assert all(c["ready"] for c in again["status"]["containerStatuses"])


def test_restarted_counts_up_and_is_not_held() -> None:
    after = merge(_pod(), pods.restarted(_pod(), at=AT))
    assert [c["restartCount"] for c in after["status"]["containerStatuses"]] == [3, 1]
    assert _condition(after, "Ready")["status"] == "False"
    assert _condition(after, "Ready")["reason"] != pods.HELD
