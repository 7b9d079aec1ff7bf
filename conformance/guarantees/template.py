"""INV-8: a created pod is what its template says, plus what the controller has to add, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec

from conformance.guarantees.likeness import differences
from conformance.guarantees.promise import Evaluation, Mark, Step, Undecided, Violation, guarantee
from conformance.guarantees.watched import Watched
from conformance.kube.records import Pod, PodTemplate, Toleration
from conformance.model import revisions
from conformance.model.tolerations import of_daemon_pod

#: Judged on their own, or filled in by the API server's own admission.
_APART = frozenset({"affinity", "tolerations", "nodeName", "serviceAccount", "serviceAccountName", "priority", "preemptionPolicy"})
#: What nobody but the template has a reason to ask for.
_ONLY_BY_TEMPLATE = ("hostNetwork", "hostPID", "hostIPC", "nodeSelector")


@guarantee(
    "INV-8",
    promise="The .spec.template is a pod template. It has exactly the same schema as a Pod, except it is nested and does not have an "
    "apiVersion or kind; the DaemonSet controller automatically adds a set of tolerations to DaemonSet Pods.",
    source="documentation, DaemonSet",
    on=("creation",),
    reads=("daemonsets", "controllerrevisions"),
)
def as_the_template_says(step: Step, _: object) -> Evaluation:
    """Every pod the controller creates has the injected matchFields term, exactly the template's and the automatic tolerations, the
    template's labels plus controller-revision-hash and pod-template-generation, a controllerRef, and otherwise all that the template of its
    hash says.

    Further list items (containers, volumes) and labels may come from mutating admission, so they leave it undecided; changed values do not.
    """
    watched, pod = step.ledger.subject, step.after
    if watched is None or not isinstance(pod, Pod) or watched.record is None:
        return None
    template = _template(step, watched, pod)
    raw = step.entry.raw()
    spec = raw.get("spec") or {}
    differs, extra = differences(template.get("spec") or {}, spec, "spec", skip=_APART)
    differs += [f"spec.{key} is set" for key in _ONLY_BY_TEMPLATE if spec.get(key) and not (template.get("spec") or {}).get(key)]
    record = msgspec.convert(template, PodTemplate)
    parts = {
        "spec": differs,
        "affinity": _affinity(template, spec),
        "tolerations": _tolerations(of_daemon_pod(record.spec), pod.spec.tolerations),
        "node-name": [f"spec.nodeName is {pod.spec.node_name!r} at creation"] if pod.spec.node_name != record.spec.node_name else [],
        "metadata": _metadata(watched, record, pod, extra),
        "owner": _owner(watched, raw),
    }
    wrong = [each for found in parts.values() for each in found]
    if wrong:
        return Violation(
            f"not-as-its-template-in-{'+'.join(part for part, found in parts.items() if found)}",
            f"{pod.metadata.name} of DaemonSet {watched.name} was not created as its template says: {'; '.join(wrong[:8])}.",
            (f"daemonsets/{watched.name}", f"pods/{pod.metadata.name}"),
        )
    if extra:
        return Undecided(f"mutating admission may have added to pods: {'; '.join(sorted(extra)[:4])}")
    return Mark.CHANCE


def _template(step: Step, watched: Watched, pod: Pod) -> dict[str, Any]:
    for revision in step.world.revisions_of(watched.record) if watched.record else ():
        if pod.hash and revisions.hash_of(revision) == pod.hash:
            return revisions.template(revision.data)
    return revisions.template(watched.document)


def _affinity(template: dict[str, Any], spec: dict[str, Any]) -> list[str]:
    has = dict(spec.get("affinity") or {})
    should = dict((template.get("spec") or {}).get("affinity") or {})
    here = dict(has.pop("nodeAffinity", None) or {})
    there = dict(should.pop("nodeAffinity", None) or {})
    terms = (here.pop("requiredDuringSchedulingIgnoredDuringExecution", None) or {}).get("nodeSelectorTerms") or []
    there.pop("requiredDuringSchedulingIgnoredDuringExecution", None)
    wrong = []
    fields = terms[0].get("matchFields") or [] if len(terms) == 1 else []
    pinned = (
        len(fields) == 1
        and fields[0].get("key") == "metadata.name"
        and fields[0].get("operator") == "In"
        and len(fields[0].get("values") or []) == 1
    )
    if not pinned or terms[0].get("matchExpressions"):
        wrong.append(f"its required node affinity is {terms}, not one matchFields term that names one node")
    if here != there:
        wrong.append(f"its preferred node affinity is {here}, the template's {there}")
    if has != should:
        wrong.append(f"its pod affinity is {has}, the template's {should}")
    return wrong


def _tolerations(should: tuple[Toleration, ...], has: tuple[Toleration, ...]) -> list[str]:
    missing = list(should)
    extra = []
    for toleration in has:
        if toleration in missing:
            missing.remove(toleration)
        else:
            extra.append(toleration)
    return [f"toleration {_plain(t)} is missing" for t in missing] + [
        f"toleration {_plain(t)} is not the template's nor an automatic one" for t in extra
    ]


def _plain(toleration: Toleration) -> str:
    value = f"={toleration.value}" if toleration.value else ""
    seconds = f" for {toleration.toleration_seconds} s" if toleration.toleration_seconds is not None else ""
    return f"{toleration.key or '(any key)'}{value}:{toleration.effect or '(any effect)'} {toleration.operator or 'Equal'}{seconds}"


def _metadata(watched: Watched, template: PodTemplate, pod: Pod, extra: set[str]) -> list[str]:
    ds = watched.specs.now if watched.specs else None
    meta = ds.metadata if ds else template.metadata
    labels = pod.metadata.labels
    wrong = [
        f"label {key} is {labels.get(key)!r}, the template's {value!r}"
        for key, value in template.metadata.labels.items()
        if labels.get(key) != value
    ]
    notes = pod.metadata.annotations
    wrong += [f"annotation {key} is missing" for key, value in template.metadata.annotations.items() if notes.get(key) != value]
    wrong += [f"finalizer {name} is missing" for name in template.metadata.finalizers if name not in pod.metadata.finalizers]
    if not pod.hash:
        wrong.append(f"label {revisions.HASH} is missing")
    if revisions.TEMPLATE_GENERATION in meta.annotations and not labels.get(revisions.GENERATION, "").isdigit():
        wrong.append(f"label {revisions.GENERATION} is {labels.get(revisions.GENERATION)!r}")
    for key in labels.keys() - template.metadata.labels.keys() - {revisions.HASH, revisions.GENERATION}:
        if meta.labels.get(key) == labels[key]:
            wrong.append(f"label {key} is the DaemonSet's own, not the template's")
        else:
            extra.add(f"label {key}")
    if meta.name and pod.metadata.generate_name != f"{meta.name}-":
        wrong.append(f"generateName is {pod.metadata.generate_name!r}")
    if pod.metadata.namespace != meta.namespace:
        wrong.append(f"its namespace is {pod.metadata.namespace}")
    return wrong


def _owner(watched: Watched, raw: dict[str, Any]) -> list[str]:
    owners = [o for o in raw["metadata"].get("ownerReferences") or () if o.get("uid") == watched.uid]
    wanted = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "name": watched.name,
        "uid": watched.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return [] if owners == [wanted] else [f"its controllerRef is {owners}"]
