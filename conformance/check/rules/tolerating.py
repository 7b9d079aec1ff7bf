"""Taints: which nodes it stays away from, and on which it is that it should not be on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from conformance.check.nodes import spelled
from conformance.check.reading import Path
from conformance.check.results import Hit, Subject
from conformance.check.rules.catalogue import rule
from conformance.check.rules.wording import some
from conformance.kube.records import Taint, Toleration
from conformance.model.selectors import node_fits
from conformance.model.tolerations import of_daemon_pod, tolerates, untolerated

_POD: Path = ("spec", "template", "spec")
_TOLERATIONS: Path = (*_POD, "tolerations")
_CONTROL_PLANE, _MASTER = "node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"
_NOT_READY = Taint("node.kubernetes.io/not-ready", "NoSchedule")
_EFFECTS = ("NoSchedule", "NoExecute")
#: Directories in which a network plugin leaves itself for the kubelet.
NETWORK_PATHS = ("/etc/cni", "/opt/cni", "/var/lib/cni", "/run/cni", "/var/run/cni")


def _own(subject: Subject) -> tuple[Toleration, ...]:
    return subject.manifest.record.spec.template.spec.tolerations


def _blanket(tolerations: Iterable[Toleration], effect: str) -> bool:
    return any(not each.key and each.operator == "Exists" and each.effect in ("", effect) for each in tolerations)


@rule(
    "taint-not-tolerated",
    "advice",
    title="nodes that it stays away from for their taints",
    says=(
        "spec.template.spec.tolerations leave out {nodes} nodes: {taints}. They are not counted, and no"
        " event says so; tolerate those taints, or leave it so if nothing is to run there."
    ),
    claim="004-28",
    scenario="T06.control_plane_nodes_need_the_toleration",
)
def taint_not_tolerated(subject: Subject) -> Iterator[Hit]:
    """Of the nodes at hand, those that it selects. Virtual ones are no loss, nor are those whose taint tells of their state."""
    spec = subject.manifest.record.spec.template.spec
    tolerations = of_daemon_pod(spec)
    kept = [
        (group, taint)
        for group, node in subject.nodes.grouped
        if node_fits(spec, node)
        and group not in subject.nodes.virtual
        and (taint := untolerated(tolerations, node.spec.taints, *_EFFECTS)) is not None
        and not taint.key.startswith("node.kubernetes.io/")
    ]
    if kept:
        taints = (spelled(taint) if subject.nodes.given else f"{group} ({spelled(taint)})" for group, taint in kept)
        yield Hit(_TOLERATIONS, {"nodes": len(kept), "taints": some(taints)})


@rule(
    "tolerates-everything",
    "advice",
    title="tolerates everything, virtual and dying nodes too",
    says=(
        "spec.template.spec.tolerations tolerate every taint that keeps pods away, so it should run on"
        " {nodes} nodes that no kubelet serves ({groups}), where its pods stay Pending and an update waits"
        " for them; leave those out by a required node affinity with NotIn, such as type NotIn"
        " [virtual-kubelet]."
    ),
    claim="D1-45",
    scenario="T02.own_tolerations_are_kept",
)
def tolerates_everything(subject: Subject) -> Iterator[Hit]:
    """Only where such nodes are among those at hand, and nothing else keeps it away."""
    reached = [group for group, _ in subject.wanted if group in subject.nodes.virtual]
    if reached and _blanket(_own(subject), "NoSchedule"):
        yield Hit(_TOLERATIONS, {"nodes": len(reached), "groups": some(reached)})


@rule(
    "noschedule-without-noexecute",
    "risk",
    title="tolerates every NoSchedule taint and no NoExecute taint",
    says=(
        "spec.template.spec.tolerations have one for every NoSchedule taint and none for NoExecute: any"
        " NoExecute taint takes the pod from its node; leave the effect out of the toleration, or add a"
        " second one with effect NoExecute."
    ),
    claim="002-36",
    scenario="T04.noexecute_removes_the_pod",
)
def noschedule_without_noexecute(subject: Subject) -> Iterator[Hit]:
    """What is meant to be everywhere mostly is to stay everywhere."""
    own = _own(subject)
    if _blanket(own, "NoSchedule") and not _blanket(own, "NoExecute"):
        number = next(index for index, each in enumerate(own) if _blanket([each], "NoSchedule"))
        yield Hit((*_TOLERATIONS, number))


@rule(
    "master-alone",
    "risk",
    title="tolerates the control plane's old taint alone",
    says=(
        "spec.template.spec.tolerations name node-role.kubernetes.io/master, which no control plane has had"
        " since 1.25; add node-role.kubernetes.io/control-plane."
    ),
    claim="002-43",
    scenario="T06.control_plane_nodes_need_the_toleration",
)
def master_alone(subject: Subject) -> Iterator[Hit]:
    """The old key beside the new one does no harm."""
    own = _own(subject)
    taint = Taint(_CONTROL_PLANE, "NoSchedule")
    for number, each in enumerate(own):
        if each.key == _MASTER and untolerated(own, [taint], "NoSchedule"):
            yield Hit((*_TOLERATIONS, number, "key"))
            return


@rule(
    "toleration-value",
    "risk",
    title="a toleration with a value that the taint has not",
    says=(
        "a toleration of {key} asks for the value {value}, and the taint that kubeadm sets has none; write"
        " operator: Exists without a value."
    ),
    claim="004-11",
    scenario="T06.control_plane_nodes_need_the_toleration",
)
def toleration_value(subject: Subject) -> Iterator[Hit]:
    """Equal with "true", where Exists was meant."""
    own = _own(subject)
    for number, each in enumerate(own):
        taint = Taint(each.key, each.effect or "NoSchedule")
        if each.key in (_CONTROL_PLANE, _MASTER) and each.value and not any(tolerates(one, taint) for one in own):
            yield Hit((*_TOLERATIONS, number, "value"), {"key": each.key, "value": each.value})


@rule(
    "critical-addons-only",
    "advice",
    title="CriticalAddonsOnly as the only toleration",
    says=(
        "spec.template.spec.tolerations name CriticalAddonsOnly alone, a taint that only pools set aside"
        " for system pods carry; the control plane has node-role.kubernetes.io/control-plane: tolerate that"
        " if it is meant."
    ),
    claim="004-22",
    scenario="T06.control_plane_nodes_need_the_toleration",
)
def critical_addons_only(subject: Subject) -> Iterator[Hit]:
    """A left-over of critical pods before priorities."""
    keys = {each.key for each in _own(subject)}
    if keys == {"CriticalAddonsOnly"}:
        yield Hit((*_TOLERATIONS, 0, "key"))


@rule(
    "network-not-ready",
    "risk",
    title="a network plugin that waits for the network",
    says=(
        "spec.template.spec.volumes mount {path}, so nodes may wait for it to become Ready, and it does not"
        " tolerate node.kubernetes.io/not-ready with effect NoSchedule, which they carry until then and no"
        " DaemonSet tolerates by itself; add {{operator: Exists, effect: NoSchedule}}."
    ),
    claim="D1-47",
    finding="not-ready-node-gets-no-plain-daemon-pod",
    scenario="T09.a_node_that_is_not_ready_gets_no_plain_daemon_pod",
)
def network_not_ready(subject: Subject) -> Iterator[Hit]:
    """The deadlock of a new node."""
    tolerations = of_daemon_pod(subject.manifest.record.spec.template.spec)
    if untolerated(tolerations, [_NOT_READY], "NoSchedule") is None:
        return
    for number, volume in enumerate(subject.manifest.pod.volumes):
        if volume.host_path and volume.host_path.path.startswith(NETWORK_PATHS):
            yield Hit((*_POD, "volumes", number, "hostPath", "path"), {"path": volume.host_path.path})
            return
