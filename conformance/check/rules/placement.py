"""Where it should run: node selection, and pods that keep each other away."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.check.reading import Path
from conformance.check.results import Hit, Subject
from conformance.check.rules.catalogue import rule
from conformance.check.rules.wording import some
from conformance.model.selectors import selects

_POD: Path = ("spec", "template", "spec")
_TOLERATIONS: Path = (*_POD, "tolerations")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@rule(
    "no-os",
    "advice",
    title="Windows nodes are wanted too",
    says=(
        "spec.template.spec.nodeSelector does not ask for an operating system, so it should run on Windows"
        " nodes too ({nodes} in {groups}); add kubernetes.io/os: linux, or windows if it is made for both."
    ),
    claim="002-31",
    scenario="P06.pods_follow_the_node_label",
)
def no_os(subject: Subject) -> Iterator[Hit]:
    """Only where a Windows node is among those at hand that should run it, beside others."""
    windows = [group for group, node in subject.wanted if node.metadata.labels.get("kubernetes.io/os") == "windows"]
    if windows and len(windows) < len(subject.wanted):
        yield Hit((*_POD, "nodeSelector"), {"nodes": len(windows), "groups": some(windows)})


@rule(
    "no-node-wanted",
    "advice",
    title="no node should run it",
    says=(
        "spec.template.spec {asks} and none of the {nodes} nodes {which} is one that should run it: it is"
        " not an error, and rolls out to nothing; put the labels on nodes, or mend what it asks for."
    ),
    claim="D9-34",
    scenario="P10.no_eligible_node_is_no_error",
)
def no_node_wanted(subject: Subject) -> Iterator[Hit]:
    """A risk for nodes that were given; of the default ones only to be said, since labels may be put there by something else."""
    if subject.wanted:
        return
    spec = subject.manifest.record.spec.template.spec
    selected = bool(spec.node_selector) or spec.affinity is not None or bool(spec.node_name)
    path: Path = (*_POD, "nodeSelector") if spec.node_selector else (*_POD, "affinity") if spec.affinity else _TOLERATIONS
    facts = {
        "asks": "asks for labels" if selected else "tolerates few taints",
        "nodes": len(subject.nodes.grouped),
        "which": "given" if subject.nodes.given else "of the default set",
    }
    yield Hit(path, facts, "risk" if subject.nodes.given else "advice")


@rule(
    "node-name",
    "risk",
    title="a template that names one node",
    says=("spec.template.spec.nodeName is {node}, so no other node gets a pod; leave it out, or select by a label."),
    claim="D9-25",
    scenario="P09.a_template_that_names_a_node_reaches_that_node_alone",
)
def node_name(subject: Subject) -> Iterator[Hit]:
    """Pods' field, seldom meant for a template."""
    if name := subject.manifest.record.spec.template.spec.node_name:
        yield Hit((*_POD, "nodeName"), {"node": name})


@rule(
    "preferred-only",
    "advice",
    title="a preference that selects nothing",
    says=(
        "spec.template.spec.affinity.nodeAffinity only prefers nodes, and a DaemonSet has a pod on every"
        " eligible node whatever it prefers; write requiredDuringSchedulingIgnoredDuringExecution if nodes"
        " are to be chosen."
    ),
    claim="D1-25",
    scenario="P07.preferred_node_affinity_does_not_select",
)
def preferred_only(subject: Subject) -> Iterator[Hit]:
    """Beside required terms or a nodeSelector it is only without effect."""
    spec = subject.manifest.record.spec.template.spec
    affinity = spec.affinity and spec.affinity.node_affinity
    required = affinity and affinity.required_during_scheduling_ignored_during_execution
    if affinity and not required and not spec.node_selector and affinity.preferred_during_scheduling_ignored_during_execution:
        yield Hit((*_POD, "affinity", "nodeAffinity"))


@rule(
    "self-anti-affinity",
    "broken",
    title="pods that keep each other off other nodes",
    says=(
        "spec.template.spec.affinity.podAntiAffinity repels pods with its own labels within the same"
        " {topology}: one of them gets a pod there and all others stay Pending; leave it out, since a"
        " DaemonSet has one pod a node anyway."
    ),
    claim="002-66",
    scenario="P14.without_higher_priority_a_pod_waits",
)
def self_anti_affinity(subject: Subject) -> Iterator[Hit]:
    """Within a host it only repeats what a DaemonSet does anyway (and forbids a surge)."""
    labels = subject.manifest.record.spec.template.metadata.labels
    terms = subject.manifest.pod.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution
    for number, term in enumerate(terms):
        if term.label_selector is not None and selects(term.label_selector, labels) and term.topology_key != "kubernetes.io/hostname":
            yield Hit((*_POD, "affinity", "podAntiAffinity", _REQUIRED, number, "topologyKey"), {"topology": term.topology_key})


@rule(
    "needs-other-pods",
    "advice",
    title="pods that wait for pods of others",
    says=(
        "spec.template.spec.affinity.podAffinity is no part of what a DaemonSet looks at: nodes without the"
        " other pod are counted, and the pod stays Pending there; select nodes by a label instead, or be"
        " sure that the other pods are on all of them."
    ),
    claim="002-66",
    scenario="P14.without_higher_priority_a_pod_waits",
)
def needs_other_pods(subject: Subject) -> Iterator[Hit]:
    """Required terms that its own labels do not satisfy."""
    labels = subject.manifest.record.spec.template.metadata.labels
    terms = subject.manifest.pod.affinity.pod_affinity.required_during_scheduling_ignored_during_execution
    for number, term in enumerate(terms):
        if term.label_selector is None or not selects(term.label_selector, labels):
            yield Hit((*_POD, "affinity", "podAffinity", _REQUIRED, number))
