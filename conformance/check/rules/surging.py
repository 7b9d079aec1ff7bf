"""Updates that put the new pod beside the old one, and what keeps the two apart."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.check.results import Hit, Subject
from conformance.check.rules.catalogue import rule
from conformance.check.rules.strategy import POD, sound
from conformance.model.budgets import surges
from conformance.model.selectors import selects


def _surging(subject: Subject) -> bool:
    return sound(subject) and surges(subject.manifest.record)


@rule(
    "surge-host-port",
    "broken",
    title="a surge with a port of the node",
    says=(
        "port {port} of the node ({field}) is the old pod's, so the new one of maxSurge never gets there and"
        " the update stands still; write maxSurge: 0 with maxUnavailable: 1, or give up the port of the node."
    ),
    claim="D1-49",
    scenario="U04.a_surge_with_a_host_port_stalls_without_loss",
)
def surge_host_port(subject: Subject) -> Iterator[Hit]:
    """With hostNetwork every containerPort becomes a hostPort, though the template does not show it."""
    if not _surging(subject):
        return
    pod = subject.manifest.pod
    for number, container in enumerate(pod.containers):
        for index, port in enumerate(container.ports):
            path = (*POD, "containers", number, "ports", index)
            if port.host_port:
                yield Hit((*path, "hostPort"), {"field": f"hostPort of container {container.name}", "port": port.host_port})
            elif pod.host_network:
                what = f"containerPort of container {container.name}, with hostNetwork"
                yield Hit((*path, "containerPort"), {"field": what, "port": port.container_port})


@rule(
    "surge-host-network",
    "risk",
    title="a surge in the network of the node",
    says=(
        "spec.template.spec.hostNetwork with maxSurge runs two versions in one network: whatever port the"
        " old one listens on the new one cannot have; write maxSurge: 0 with maxUnavailable: 1 if it listens"
        " on any."
    ),
    claim="D9-19",
    scenario="U01.old_and_new_container_run_side_by_side",
)
def surge_host_network(subject: Subject) -> Iterator[Hit]:
    """Without declared ports the scheduler sees no conflict."""
    pod = subject.manifest.pod
    if _surging(subject) and pod.host_network and not any(container.ports for container in pod.containers):
        yield Hit((*POD, "hostNetwork"))


@rule(
    "surge-self-anti-affinity",
    "broken",
    title="a surge of pods that repel each other",
    says=(
        "spec.template.spec.affinity.podAntiAffinity repels pods with its own labels on the same"
        " {topology}, so the new pod of maxSurge never gets to a node that has the old one; leave it out,"
        " since a DaemonSet has one pod a node anyway, or write maxSurge: 0."
    ),
    claim="D9-19",
    scenario="U03.a_surge_that_never_becomes_ready_costs_nothing",
)
def surge_self_anti_affinity(subject: Subject) -> Iterator[Hit]:
    """Required terms only."""
    if not _surging(subject):
        return
    labels = subject.manifest.record.spec.template.metadata.labels
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = subject.manifest.pod.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution
    for number, term in enumerate(terms):
        if term.label_selector is not None and selects(term.label_selector, labels):
            yield Hit((*POD, "affinity", "podAntiAffinity", required, number), {"topology": term.topology_key or "topology"})


@rule(
    "surge-min-ready",
    "advice",
    title="a surge that can stand still after two quick changes",
    says=(
        "spec.minReadySeconds {seconds} with maxSurge: a change within {seconds} s of the last pod turning"
        " ready leaves two pods on every node until something touches the DaemonSet; wait that long between"
        " two changes, or annotate it to go on."
    ),
    finding="surge-stalls-within-min-ready-seconds",
    claim="D9-19",
    scenario="U01.a_surge_stalls_when_the_old_pods_have_just_become_ready",
)
def surge_min_ready(subject: Subject) -> Iterator[Hit]:
    """A known deviation of all versions."""
    seconds = subject.manifest.record.spec.min_ready_seconds
    if _surging(subject) and seconds > 0:
        yield Hit(("spec", "minReadySeconds"), {"seconds": seconds})
