"""Pods that start slowly, never become ready or end slowly, told to a real kubelet.

None of it needs a program inside the image, so that it works with the real pause image too: the probes ask the kubelet itself.
"""

from __future__ import annotations

import math
from typing import Any

from conformance.clusters.protocol import Behaviour

#: The kubelet asks for itself: on every node something answers there while it runs, and nothing on port 1.
_ALIVE = {"httpGet": {"host": "127.0.0.1", "port": 10248, "path": "/healthz"}}
#: A busy kubelet may take seconds to answer, which says nothing about the pod: what is ready stays ready.
_PATIENT = {"timeoutSeconds": 30, "failureThreshold": 30}
_NOBODY = {"tcpSocket": {"host": "127.0.0.1", "port": 1}}
CONTAINER = "agent"


def patch(behaviour: Behaviour) -> dict[str, Any]:
    """The patch of a pod template; its container goes by name. Seconds are rounded up, as a kubelet counts whole ones."""
    probe: dict[str, Any] | None = None
    if behaviour.never_ready:
        probe = {**_NOBODY, "periodSeconds": 1}
    elif behaviour.ready_after > 0:
        probe = {**_ALIVE, **_PATIENT, "initialDelaySeconds": math.ceil(behaviour.ready_after), "periodSeconds": 1}
    lifecycle = {"preStop": {"sleep": {"seconds": math.ceil(behaviour.terminate_after)}}} if behaviour.terminate_after > 0 else None
    return {"spec": {"containers": [{"name": CONTAINER, "readinessProbe": probe, "lifecycle": lifecycle}]}}
