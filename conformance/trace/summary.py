"""What changed between two records, in a few words a human reads at a glance: `Ready False->True, phase Pending->Running`."""

from __future__ import annotations

from conformance.kube.records import ControllerRevision, DaemonSet, Event, Meta, Node, Object, Pod, PodSpec
from conformance.trace.entries import OBJECT_TYPES, Entry

#: Labels that say something else already said, or that change on their own.
_DULL_LABELS = frozenset({"controller-revision-hash", "pod-template-generation"})


def summarise(before: Object | None, after: Object | None) -> str:
    """What became different; empty if nothing that a record holds did."""
    if after is None:
        return "gone"
    new = _facts(after)
    if before is None:
        return ", ".join(f"{name} {value}" for name, value in new.items() if value)
    if isinstance(before, Event) and isinstance(after, Event):
        return _again(before, after)
    old = _facts(before)
    changes = []
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name, ""), new.get(name, "")
        if was != now:
            changes.append(f"{name} {was or '-'}->{now or '-'}")
    if after.metadata.uid != before.metadata.uid:
        changes.insert(0, "another object of that name")
    return ", ".join(changes)


def subject(record: Object) -> str:
    """The name of an object; an Event is called by what it is about."""
    if isinstance(record, Event):
        about = record.involved_object
        return f"{about.kind.lower()}/{about.name}"
    return record.metadata.name


def line(entry: Entry, before: Object | None = None, after: Object | None = None) -> str:
    """One line about an entry: time, resource, name, what happened, what changed. Records are decoded if they are not given."""
    return f"{entry.at:9.3f}  {_what(entry, before, after)}"


def _what(entry: Entry, before: Object | None, after: Object | None) -> str:
    if entry.type in OBJECT_TYPES:
        if before is None and after is None:
            after = entry.record()
        record = after or before
        assert record is not None
        verb = entry.type + (" (inferred)" if entry.detail.get("inferred") else "")
        if entry.type == "deleted":
            return f"{entry.resource}/{subject(record)} {verb}"
        return f"{entry.resource}/{subject(record)} {verb}: {summarise(before, after) or 'nothing that matters here'}"
    detail = entry.detail
    if entry.type == "write":
        target = "/".join(part for part in (entry.resource, detail.get("name"), detail.get("subresource")) if part)
        return f"{target} written ({detail.get('verb')}) by {detail.get('user')}"
    if entry.type == "gap":
        span = f"{detail.get('since')}..{detail.get('until') or ''}"
        return f"{entry.resource} gap: changes of {span} may have been missed ({detail.get('reason')})"
    if entry.type == "action":
        return f"scenario: {detail.get('verb')} {detail.get('target')}"
    rest = ", ".join(f"{key} {value}" for key, value in detail.items() if key not in ("text", "said"))
    return " ".join(part for part in (f"{entry.type}:", str(detail.get("said", detail.get("text", ""))), rest) if part)


def _facts(record: Object) -> dict[str, str]:
    """The facts by which two records of one object are compared, in the order in which they are told."""
    if isinstance(record, Pod):
        return _pod(record)
    if isinstance(record, Node):
        return _node(record)
    if isinstance(record, DaemonSet):
        return _daemonset(record)
    if isinstance(record, ControllerRevision):
        return {"revision": str(record.revision), **_meta(record.metadata)}
    return _event(record)


def _pod(pod: Pod) -> dict[str, str]:
    conditions = {c.type: c.status for c in pod.status.conditions}
    ready = conditions.get("Ready", "")
    return {
        "Ready": ready,
        "phase": pod.status.phase + (f" ({pod.status.reason})" if pod.status.reason else ""),
        "node": pod.spec.node_name or (f"{pod.target} (aimed at)" if pod.target else ""),
        "scheduled": "" if conditions.get("PodScheduled", "True") == "True" else "False",
        "restarts": str(sum(status.restart_count for status in pod.status.container_statuses) or ""),
        "hash": pod.hash,
        **_images(pod.spec),
        "owner": pod.metadata.controller.name if pod.metadata.controller else "",
        **_meta(pod.metadata),
    }


def _node(node: Node) -> dict[str, str]:
    conditions = {c.type: c.status for c in node.status.conditions}
    return {
        "Ready": conditions.pop("Ready", ""),
        **{kind: status for kind, status in conditions.items() if status != "False"},
        "taints": " ".join(sorted(f"{t.key}{'=' if t.value else ''}{t.value}:{t.effect}" for t in node.spec.taints)),
        "unschedulable": "true" if node.spec.unschedulable else "",
        **_meta(node.metadata),
    }


def _daemonset(daemonset: DaemonSet) -> dict[str, str]:
    status, spec = daemonset.status, daemonset.spec
    budget = spec.update_strategy.rolling_update
    return {
        "generation": str(daemonset.metadata.generation),
        "observed": str(status.observed_generation),
        "desired": str(status.desired_number_scheduled),
        "current": str(status.current_number_scheduled),
        "ready": str(status.number_ready),
        "available": str(status.number_available),
        "unavailable": str(status.number_unavailable),
        "updated": str(status.updated_number_scheduled),
        "misscheduled": str(status.number_misscheduled),
        "collisions": str(status.collision_count or ""),
        "strategy": spec.update_strategy.type,
        "maxUnavailable": "" if budget is None else str(budget.max_unavailable),
        "maxSurge": "" if budget is None or not budget.max_surge else str(budget.max_surge),
        **_images(spec.template.spec),
        **_meta(daemonset.metadata),
    }


def _again(before: Event, after: Event) -> str:
    """What is new about an Event that was reported before: that it happened again, not its message once more."""
    told = [f"{after.reason or 'event'} count {before.count or 1}->{after.count or 1}"] if (before.count or 1) != (after.count or 1) else []
    if after.reason != before.reason:
        told.append(f"{before.reason or '-'}->{after.reason}: {after.message}")
    elif after.message != before.message and not told:
        told.append(f"{after.reason or 'event'} {after.message}")
    return ", ".join(told)


def _event(event: Event) -> dict[str, str]:
    count = event.count or 1
    return {event.reason or "event": event.message, "count": str(count) if count > 1 else ""}


def _images(spec: PodSpec) -> dict[str, str]:
    return {f"image of {container.name}": container.image for container in spec.containers}


def _meta(meta: Meta) -> dict[str, str]:
    return {
        "deletion": "asked for" if meta.deletion_timestamp else "",
        "finalizers": " ".join(meta.finalizers),
        **{f"label {key}": value for key, value in sorted(meta.labels.items()) if key not in _DULL_LABELS},
    }
