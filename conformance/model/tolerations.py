"""Tolerations: those that every daemon pod gets, and which taints a set of them tolerates.

Source: documentation daemonset.md, "Taints and tolerations"; "Taints and Tolerations" for the matching.
"""

from __future__ import annotations

from collections.abc import Iterable

from conformance.kube.records import PodSpec, Taint, Toleration
from conformance.model.selectors import compares

_PREFIX = "node.kubernetes.io/"

#: Added to every daemon pod. Only NoExecute of not-ready and unreachable: the NoSchedule taints of these keys are not tolerated.
ALWAYS: tuple[Toleration, ...] = (
    Toleration(key=f"{_PREFIX}not-ready", operator="Exists", effect="NoExecute"),
    Toleration(key=f"{_PREFIX}unreachable", operator="Exists", effect="NoExecute"),
    Toleration(key=f"{_PREFIX}disk-pressure", operator="Exists", effect="NoSchedule"),
    Toleration(key=f"{_PREFIX}memory-pressure", operator="Exists", effect="NoSchedule"),
    Toleration(key=f"{_PREFIX}pid-pressure", operator="Exists", effect="NoSchedule"),
    Toleration(key=f"{_PREFIX}unschedulable", operator="Exists", effect="NoSchedule"),
)
#: Added only to pods that use the host's network.
HOST_NETWORK = Toleration(key=f"{_PREFIX}network-unavailable", operator="Exists", effect="NoSchedule")


def automatic(*, host_network: bool) -> tuple[Toleration, ...]:
    """The tolerations the controller adds to a daemon pod."""
    return (*ALWAYS, HOST_NETWORK) if host_network else ALWAYS


def _same(one: Toleration, other: Toleration) -> bool:
    return (one.key, one.operator, one.value, one.effect) == (other.key, other.operator, other.value, other.effect)


def of_daemon_pod(template: PodSpec) -> tuple[Toleration, ...]:
    """The exact tolerations of a pod made from this template.

    A toleration of the template that equals an automatic one in key, operator, value and effect is overwritten (its tolerationSeconds is
    lost); all others are kept, in their order, before the automatic ones.
    """
    result = list(template.tolerations)
    for added in automatic(host_network=template.host_network):
        for index, present in enumerate(result):
            if _same(present, added):
                result[index] = added
                break
        else:
            result.append(added)
    return tuple(result)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether a toleration matches a taint.

    An empty key (which needs operator Exists) matches all keys, an empty effect all effects, and an empty operator means Equal. Lt and Gt
    compare integers: the taint's value has to be below, or above, the toleration's (KEP-5471, alpha in 1.35).
    """
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "" | "Equal":
            return toleration.value == taint.value
        case "Exists":
            return True
        case "Lt" | "Gt":
            return compares(taint.value, toleration.operator, toleration.value)
    return False


def untolerated(tolerations: Iterable[Toleration], taints: Iterable[Taint], *effects: str) -> Taint | None:
    """The first taint of one of these effects that none of the tolerations matches."""
    mine = tuple(tolerations)
    for taint in taints:
        if taint.effect in effects and not any(tolerates(toleration, taint) for toleration in mine):
            return taint
    return None
