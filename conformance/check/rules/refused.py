"""What the API server or kubectl refuses, or drops without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from conformance.check.reading import Path
from conformance.check.results import Hit, Subject
from conformance.check.rules.catalogue import rule
from conformance.model.selectors import selects

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_POD: Path = ("spec", "template", "spec")
#: Where a field belongs that stands where a DaemonSet has none, if it belongs anywhere.
_HOME = {
    "replicas": "a DaemonSet has as many pods as there are nodes for it",
    "volumeClaimTemplates": "use a hostPath volume, or a StatefulSet",
    "strategy": "the field of a DaemonSet is spec.updateStrategy",
    "minReadySeconds": "it belongs to spec",
    "maxUnavailable": "it belongs to spec.updateStrategy.rollingUpdate",
    "maxSurge": "it belongs to spec.updateStrategy.rollingUpdate",
    "tolerations": "it belongs to spec.template.spec",
    "nodeSelector": "it belongs to spec.template.spec",
    "affinity": "it belongs to spec.template.spec",
    "priorityClassName": "it belongs to spec.template.spec",
    "apiVersion": "a template has no kind of its own",
    "kind": "a template has no kind of its own",
}
_KNOWN: tuple[tuple[Path, frozenset[str]], ...] = (
    ((), frozenset(("apiVersion", "kind", "metadata", "spec", "status"))),
    (("spec",), frozenset(("selector", "template", "updateStrategy", "minReadySeconds", "revisionHistoryLimit"))),
    (("spec", "updateStrategy"), frozenset(("type", "rollingUpdate"))),
    (("spec", "updateStrategy", "rollingUpdate"), frozenset(("maxUnavailable", "maxSurge"))),
    (("spec", "template"), frozenset(("metadata", "spec"))),
)


def _at(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    for step in path:
        found = raw.get(str(step))
        raw = found if isinstance(found, dict) else {}
    return raw


@rule(
    "api-version",
    "broken",
    title="an apiVersion that is not served any more",
    says="apiVersion is {version}, which no server since 1.16 has; write apps/v1.",
    claim="000-12",
    scenario="V04.defaults_and_what_a_daemonset_has_not",
)
def api_version(subject: Subject) -> Iterator[Hit]:
    """Only apps/v1 is served."""
    version = str(subject.manifest.raw.get("apiVersion"))
    if version != "apps/v1":
        yield Hit(("apiVersion",), {"version": version})


@rule(
    "name",
    "broken",
    title="a name that the API refuses, or that no revision can have",
    says="metadata.name {reason}; choose another name.",
    claim="D1-07",
    scenario="V01.a_name_may_be_too_long_to_run",
)
def name(subject: Subject) -> Iterator[Hit]:
    """A DNS subdomain, and room for the hash in the names of its revisions."""
    text = subject.manifest.record.metadata.name
    if text and (not _SUBDOMAIN.fullmatch(text) or len(text) > 253):
        yield Hit(("metadata", "name"), {"reason": "is no DNS subdomain: lower case letters, digits, - and ."})
    elif len(text) > 242:
        yield Hit(("metadata", "name"), {"reason": f"has {len(text)} characters, which leaves no room for the names of its revisions"})


@rule(
    "selector-missing",
    "broken",
    title="no selector",
    says=("spec.selector is missing or empty and is not made up for a DaemonSet; give it matchLabels that the template's labels have."),
    claim="002-20",
    scenario="V01.a_daemonset_needs_a_selector_that_matches_its_template",
)
def selector_missing(subject: Subject) -> Iterator[Hit]:
    """An empty selector is refused, and so is none."""
    selector = subject.manifest.record.spec.selector
    if not selector.match_labels and not selector.match_expressions:
        yield Hit(("spec", "selector"))


@rule(
    "selector-mismatch",
    "broken",
    title="a selector that does not select the template's own labels",
    says=("spec.selector does not match spec.template.metadata.labels, so the API refuses the DaemonSet; give both the same labels."),
    claim="002-68",
    scenario="V01.a_daemonset_needs_a_selector_that_matches_its_template",
)
def selector_mismatch(subject: Subject) -> Iterator[Hit]:
    """The template's labels have to satisfy the selector."""
    spec = subject.manifest.record.spec
    there = spec.selector.match_labels or spec.selector.match_expressions
    if there and not selects(spec.selector, spec.template.metadata.labels):
        yield Hit(("spec", "template", "metadata", "labels"))


@rule(
    "no-containers",
    "broken",
    title="a template without containers",
    says=("spec.template.spec.containers is missing or empty; a DaemonSet needs a template with at least one container."),
    claim="002-13",
    scenario="V01.a_daemonset_needs_a_selector_that_matches_its_template",
)
def no_containers(subject: Subject) -> Iterator[Hit]:
    """A template is required, and in it containers."""
    if not subject.manifest.pod.containers:
        yield Hit((*_POD, "containers"))


@rule(
    "restart-policy",
    "broken",
    title="pods that are meant to end",
    says="{field} is refused in a DaemonSet, whose pods run for ever; leave it out, or make a Job.",
    claim="002-17",
    scenario="V02.what_a_template_may_not_say",
)
def restart_policy(subject: Subject) -> Iterator[Hit]:
    """restartPolicy is Always, and there is no activeDeadlineSeconds."""
    pod = subject.manifest.pod
    if pod.restart_policy != "Always":
        yield Hit((*_POD, "restartPolicy"), {"field": f"spec.template.spec.restartPolicy {pod.restart_policy}"})
    if pod.active_deadline_seconds is not None:
        yield Hit((*_POD, "activeDeadlineSeconds"), {"field": "spec.template.spec.activeDeadlineSeconds"})


@rule(
    "negative-number",
    "broken",
    title="a number below zero",
    says="{field} is {number}, and the API takes no negative number there; write 0 or more.",
    claim="D9-31",
    scenario="V02.what_a_template_may_not_say",
)
def negative_number(subject: Subject) -> Iterator[Hit]:
    """Of minReadySeconds and revisionHistoryLimit."""
    spec = subject.manifest.record.spec
    for field, number in (("minReadySeconds", spec.min_ready_seconds), ("revisionHistoryLimit", spec.revision_history_limit or 0)):
        if number < 0:
            yield Hit(("spec", field), {"field": f"spec.{field}", "number": number})


@rule(
    "unknown-field",
    "broken",
    title="a field that a DaemonSet has not",
    says="{field} is no field of a DaemonSet: kubectl refuses it and the API server drops it; {home}.",
    claim="000-11",
    scenario="V04.fields_that_a_daemonset_has_not",
)
def unknown_field(subject: Subject) -> Iterator[Hit]:
    """Where fields of Deployments and StatefulSets are put by habit, and where fields of the template stand too high up."""
    raw = subject.manifest.raw
    for path, known in _KNOWN:
        for field in _at(raw, path):
            if field not in known:
                home = _HOME.get(field, "take it out, or put it where it belongs")
                yield Hit((*path, field), {"field": ".".join(str(step) for step in (*path, field)), "home": home})
