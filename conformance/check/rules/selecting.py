"""What its selector takes for its own, now and after the next release."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conformance.check.input import Thing
from conformance.check.reading import Path
from conformance.check.results import Hit, Subject
from conformance.check.rules.catalogue import rule
from conformance.kube.records import LabelSelector
from conformance.model.selectors import selects

_SELECTOR: Path = ("spec", "selector")
_MOVING_KEYS = ("helm.sh/chart", "chart", "app.kubernetes.io/version", "version", "controller-revision-hash", "pod-template-generation")
_VERSION = re.compile(r"v?\d+(\.\d+)+([-+.].*)?|v\d+")


@rule(
    "selector-overlap",
    "risk",
    title="two that select the same pods",
    says=(
        "spec.selector matches the pods of {other} in the same namespace: as long as each has its owner"
        " nothing happens, and a delete with --cascade=orphan hands them over, to be deleted where they are"
        " not wanted; give both a label of their own."
    ),
    claim="002-06",
    scenario="O03.two_daemonsets_share_a_daemon",
)
def selector_overlap(subject: Subject) -> Iterator[Hit]:
    """Ownership goes by reference, adoption by labels."""
    mine = subject.manifest
    selector = mine.record.spec.selector
    if not selector.match_labels and not selector.match_expressions:
        return
    others = [(other.thing, other.record.spec.template.metadata.labels) for other in subject.input.daemonsets if other is not mine]
    others += [(workload.thing, workload.labels) for workload in subject.input.workloads]
    for thing, labels in others:
        if thing.namespace == mine.thing.namespace and labels and selects(selector, labels):
            yield Hit(_SELECTOR, {"other": _called(thing)})


def _called(thing: Thing) -> str:
    return f"{thing.kind} {thing.label}"


@rule(
    "selector-version",
    "risk",
    title="a selector that the next release changes",
    says=(
        "spec.selector asks for {label}, and a selector cannot be changed: the next release that changes"
        " the label is refused, or has to delete and create again; select by labels that stay, such as"
        " app.kubernetes.io/name and instance."
    ),
    claim="002-22",
    scenario="V01.the_selector_is_immutable",
)
def selector_version(subject: Subject) -> Iterator[Hit]:
    """Keys that hold versions by convention, and values that look like one."""
    for key, value in subject.manifest.record.spec.selector.match_labels.items():
        if key in _MOVING_KEYS or _VERSION.fullmatch(value):
            yield Hit((*_SELECTOR, "matchLabels", key), {"label": f"{key}={value}"})


@rule(
    "selector-negative",
    "risk",
    title="a selector that only says what is not its own",
    says=(
        "spec.selector has nothing but {operators}, which every pod without those labels satisfies: pods"
        " that belong to nobody are adopted, and deleted where they are not wanted; add a matchLabels entry."
    ),
    claim="002-27",
    scenario="O01.a_bare_pod_with_matching_labels_is_adopted",
)
def selector_negative(subject: Subject) -> Iterator[Hit]:
    """NotIn and DoesNotExist alone."""
    selector = subject.manifest.record.spec.selector
    operators = sorted({each.operator for each in selector.match_expressions})
    if operators and not selector.match_labels and set(operators) <= {"NotIn", "DoesNotExist"}:
        yield Hit((*_SELECTOR, "matchExpressions"), {"operators": " and ".join(operators)})


@rule(
    "disruption-budget",
    "risk",
    title="a disruption budget that stops every eviction",
    says=(
        "PodDisruptionBudget {name} selects its pods with {field} {value}, and a DaemonSet has no number of"
        " replicas to take that of: every eviction is refused; write an integer minAvailable, or leave the"
        " budget out, since neither updates nor drains ask it for daemon pods."
    ),
    claim="D8-01",
    scenario="X07.a_budget_that_needs_a_number_of_replicas_stops_every_eviction",
)
def disruption_budget(subject: Subject) -> Iterator[Hit]:
    """Any maxUnavailable, and a percentage of minAvailable."""
    manifest = subject.manifest
    labels = manifest.record.spec.template.metadata.labels
    for thing, budget in subject.input.budgets:
        given = [("maxUnavailable", budget.max_unavailable), ("minAvailable", budget.min_available)]
        needs = [(f, v) for f, v in given if v is not None and (f == "maxUnavailable" or isinstance(v, str))]
        if thing.namespace == manifest.thing.namespace and needs and _any(budget.selector) and selects(budget.selector, labels):
            field, value = needs[0]
            yield Hit(("spec", "template", "metadata", "labels"), {"name": thing.label, "field": field, "value": str(value)})


def _any(selector: LabelSelector) -> bool:
    return bool(selector.match_labels or selector.match_expressions)
