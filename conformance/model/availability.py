"""Availability: Ready, without interruption, for minReadySeconds.

Source: API reference, DaemonSetSpec.minReadySeconds: "The minimum number of seconds for which a newly created DaemonSet pod should be
ready without any of its container crashing, for it to be considered available". Timestamps of the API are RFC 3339 with a resolution of
one second.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime

from conformance.kube.records import Pod


@functools.lru_cache(maxsize=4096)
def epoch(timestamp: str) -> float:
    """Seconds since 1970 of an RFC 3339 timestamp; one without a zone is taken as UTC."""
    moment = datetime.fromisoformat(timestamp)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def available_from(pod: Pod, min_ready_seconds: int) -> float | None:
    """The wall time (seconds since 1970) from which the pod counts as available; None while it is not Ready. 0.0 means at once."""
    condition = pod.ready_condition
    if condition is None or condition.status != "True":
        return None
    if min_ready_seconds <= 0:
        return 0.0
    if condition.last_transition_time is None:
        return None
    return epoch(condition.last_transition_time) + min_ready_seconds


def is_available(pod: Pod, min_ready_seconds: int, wall: float) -> bool:
    """Whether the pod is available at the wall time `wall` (seconds since 1970). Whether it is terminating does not matter here."""
    since = available_from(pod, min_ready_seconds)
    return since is not None and since <= wall
