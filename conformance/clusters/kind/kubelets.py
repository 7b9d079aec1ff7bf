"""What a kubelet is told when it starts, so that its node is as a scenario wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def arguments(labels: Mapping[str, str], taints: Sequence[Mapping[str, str]], more: Mapping[str, str]) -> list[str]:
    """The arguments with which a kubelet registers its node so. Labels that only an administrator may set are not among them."""
    told = []
    if own := {key: value for key, value in labels.items() if may_set(key)}:
        told.append("--node-labels=" + ",".join(f"{key}={value}" for key, value in own.items()))
    if taints:
        told.append("--register-with-taints=" + ",".join(f"{t['key']}={t.get('value', '')}:{t['effect']}" for t in taints))
    return [*told, *(f"--{key}={value}" for key, value in more.items())]


def may_set(label: str) -> bool:
    """Whether a kubelet may put this label on its own node (the NodeRestriction admission plugin keeps most of Kubernetes' own)."""
    domain = label.partition("/")[0] if "/" in label else ""
    if domain.endswith(("node.kubernetes.io", "kubelet.kubernetes.io")) and not domain.endswith("node-restriction.kubernetes.io"):
        return True
    return not (domain in ("kubernetes.io", "k8s.io") or domain.endswith((".kubernetes.io", ".k8s.io")))


def reserved(capacity: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """The kubelet's arguments that leave so much allocatable of a capacity."""
    more: dict[str, str] = {}
    if "pods" in wanted:
        more["max-pods"] = wanted["pods"]
    held = {}
    if "cpu" in wanted:
        held["cpu"] = f"{max(0, _milli(capacity['cpu']) - _milli(wanted['cpu']))}m"
    if "memory" in wanted:
        held["memory"] = str(max(0, _bytes(capacity["memory"]) - _bytes(wanted["memory"])))
    if held:
        more["system-reserved"] = ",".join(f"{key}={value}" for key, value in held.items())
    return more


def _milli(quantity: str) -> int:
    return int(quantity[:-1]) if quantity.endswith("m") else int(float(quantity) * 1000)


_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def _bytes(quantity: str) -> int:
    for unit, factor in _UNITS.items():
        if quantity.endswith(unit):
            return int(float(quantity.removesuffix(unit)) * factor)
    return int(quantity)
