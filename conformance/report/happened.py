"""From the entries of a trace to what happened.

Left out is what no reader needs: heartbeats, labels that somebody adds to every node, Events that only repeat an object's change, waits
that were short, nodes that no pod was on and nobody did anything to.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from conformance.guarantees import catalogue
from conformance.guarantees.judge import Broken
from conformance.kube.records import DaemonSet, Event, Node, Object, Pod
from conformance.report.beats import Beat, Weight, What
from conformance.report.drawing import shorten
from conformance.report.story import describe, name_of
from conformance.report.wording import doing, target
from conformance.trace.entries import OBJECT_TYPES, Entry
from conformance.trace.summary import summarise
from conformance.trace.world import World

#: A wait that took less is not told: what it waited for is.
LONG = 1.0
#: So many letters of what explains an action are told.
LONGEST = 120
#: So many of what was seen when a promise broke: the promise itself is quoted behind it.
LONGEST_MESSAGE = 320
_NOTES: dict[str, What | None] = {
    "wait begins": None,
    "window begins": None,
    "wait ends": "seen",
    "window ends": "held",
    "wait expired": "in vain",
    "window broken": "let go",
}
_DULL_LABELS = ("beta.kubernetes.io/", "kubernetes.io/", "conformance.daemonset/")


def beats(entries: Iterable[Entry], broken: Iterable[Broken] = ()) -> Iterator[Beat]:
    """What happened, in the trace's order. The times of the entries must not fall (see `as_served`)."""
    entries = list(entries)
    said: dict[int, list[Broken]] = {}
    for each in broken:
        said.setdefault(each.seq, []).append(each)
    concerned = _nodes_concerned(entries)
    world = World()
    author: tuple[int | None, str] = (None, "")
    for entry in entries:
        before, after = world.apply(entry)
        found: Iterator[Beat] = iter(())
        if entry.type == "write":
            # The first one made the change; later ones with the same revision changed nothing.
            author = author if author[0] == entry.rv is not None else (entry.rv, str(entry.detail.get("user", "")))
        elif entry.type in OBJECT_TYPES:
            record = after or before
            if not isinstance(record, Node) or record.metadata.name in concerned:
                found = _object(entry, before, after, author[1] if author[0] == entry.rv is not None else "")
        else:
            found = _remark(entry)
        if entry.seq not in said:
            yield from found
            continue
        # What broke it is told for itself.
        yield from (dataclasses.replace(beat, weight=Weight.LANDMARK) for beat in found)
        yield from (Beat(entry.at, entry.at, "broken", text=_quoted(each), weight=Weight.LANDMARK) for each in said[entry.seq])


def _quoted(broken: Broken) -> str:
    promised = [f" The promise ({each.source}): “{each.promise}”" for each in catalogue.every() if each.id == broken.guarantee]
    return shorten(broken.message, LONGEST_MESSAGE) + "".join(promised)


def _object(entry: Entry, before: Object | None, after: Object | None, author: str) -> Iterator[Beat]:
    record = after or before
    subject = (name_of(entry, before, after),)
    if isinstance(record, Event):
        if record.type == "Warning" and after is not None:
            about = record.involved_object
            yield Beat(entry.at, entry.at, "event", (f"{about.kind.lower()}s/{about.name}",), text=f"{record.reason}: {record.message}")
        return
    places = (record.target,) if isinstance(record, Pod) and record.target else ()
    if after is None:
        weight = Weight.DETAIL if before is not None and before.metadata.deletion_timestamp else Weight.PLAIN
        yield Beat(entry.at, entry.at, "gone", subject, places, author=author, weight=weight)
    elif before is None:
        yield _new(entry, after, subject, places, author)
    elif isinstance(before, DaemonSet) and isinstance(after, DaemonSet):
        # What somebody asked for and what the controller counts are two things, also where one write brings both.
        if text := _difference(_asked(before), _asked(after)):
            yield Beat(entry.at, entry.at, "changed", subject, text=text, author=author)
        counted = msgspec.structs.replace(before, status=after.status)
        if summarise(before, counted):
            yield Beat(entry.at, entry.at, "status", subject, author=author, weight=Weight.DETAIL, span=(before, counted))
    else:
        yield from _changed(entry, before, after, subject, places, author)


def _new(entry: Entry, after: Object, subject: tuple[str, ...], places: tuple[str, ...], author: str) -> Beat:
    what: What = "created" if entry.type == "added" else "there"
    text, weight = "", Weight.DETAIL
    if isinstance(after, Pod):
        text, weight = f"template {after.hash}" if after.hash else "", Weight.PLAIN
    elif isinstance(after, DaemonSet):
        text, weight = ", ".join(f"{name} {value}" for name, value in _asked(after).items() if value), Weight.PLAIN
    else:
        text = arrows(summarise(None, _bare(after)))
    return Beat(entry.at, entry.at, what, subject, places, text, author, weight)


def _changed(entry: Entry, before: Object, after: Object, subject: tuple[str, ...], places: tuple[str, ...], author: str) -> Iterator[Beat]:
    text, weight = arrows(summarise(_bare(before), _bare(after))), Weight.PLAIN
    if isinstance(before, Pod) and isinstance(after, Pod):
        text, weight = _pod(before, after, text)
    if text:
        yield Beat(entry.at, entry.at, "changed", subject, places, text, author, weight)


def _asked(daemonset: DaemonSet) -> dict[str, str]:
    """What was asked for of a DaemonSet, as far as it tells one from another."""
    spec, pod, meta = daemonset.spec, daemonset.spec.template.spec, daemonset.metadata
    budget = spec.update_strategy.rolling_update
    return {
        "generation": str(meta.generation),
        **{f"image of {container.name}": container.image for container in pod.containers},
        "updateStrategy": spec.update_strategy.type,
        "maxUnavailable": "" if budget is None else str(budget.max_unavailable),
        "maxSurge": "" if budget is None or not budget.max_surge else str(budget.max_surge),
        "minReadySeconds": str(spec.min_ready_seconds or ""),
        "nodeSelector": ",".join(f"{key}={value}" for key, value in pod.node_selector.items()),
        "tolerations": " ".join(f"{each.key or 'all'}{':' if each.effect else ''}{each.effect}" for each in pod.tolerations),
        "deletion": "asked for" if meta.deletion_timestamp else "",
        "finalizers": " ".join(meta.finalizers),
    }


def _difference(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name, "") != new.get(name, "")]
    return ", ".join(f"{name} {old.get(name) or '-'} → {new.get(name) or '-'}" for name in names)


def _pod(before: Pod, after: Pod, otherwise: str) -> tuple[str, Weight]:
    """What became of a pod, in the usual words where they say it all."""
    news = ["deletion asked for"] if after.terminating and not before.terminating else []
    if after.status.phase != before.status.phase and after.terminal:
        news.append(after.status.phase + (f" ({after.status.reason})" if after.status.reason else ""))
    if after.ready != before.ready:
        news.append("ready" if after.ready else "no longer ready")
    if news:
        return ", ".join(news), Weight.PLAIN
    if after.spec.node_name and not before.spec.node_name:
        return "bound", Weight.DETAIL
    same_phase = msgspec.structs.replace(after, status=msgspec.structs.replace(before.status, phase=after.status.phase))
    return otherwise, Weight.DETAIL if summarise(same_phase, after) == "" else Weight.PLAIN


def _remark(entry: Entry) -> Iterator[Beat]:
    detail, at = entry.detail, entry.at
    if entry.type == "action":
        words = " ".join(part for part in (doing(detail), _more(detail)) if part)
        yield Beat(at, at, "action", (target(detail),) if target(detail) else (), text=words, weight=Weight.LANDMARK)
    elif entry.type in ("gap", "end"):
        yield Beat(at, at, "gap" if entry.type == "gap" else "end", text=describe(entry, None, None), weight=Weight.LANDMARK)
    elif entry.type == "note" and (what := _NOTES.get(str(detail.get("text", "")), "note")):
        if what == "note":
            weight = Weight.LANDMARK if "said" in detail else Weight.PLAIN  # the author of the scenario found it worth saying
            yield Beat(at, at, what, text=describe(entry, None, None), weight=weight)
            return
        seconds = detail.get("after", detail.get("seconds", detail.get("within")))
        if what == "seen" and isinstance(seconds, int | float) and seconds < LONG:
            return
        lasted = f"{seconds:g} s" if isinstance(seconds, int | float) else "some time"
        weight = Weight.DETAIL if what == "seen" else Weight.LANDMARK
        yield Beat(at, at, what, (lasted,), text=str(detail.get("for", "")), weight=weight)


def _more(detail: Mapping[str, Any]) -> str:
    """What an action's verb and target leave unsaid."""
    verb = detail.get("verb")
    said = {"verb", "target", "namespace", "key", "value", "effect", "keys", "propagationPolicy"}
    said |= {"labels", "patch"} if verb == "label" else {"ready"} if verb == "join" and detail.get("ready") is True else set()
    more = {key: json.dumps(value, default=str) for key, value in detail.items() if key not in said and value not in ("", [], {}, None)}
    # A long patch is told by what became of the object.
    return " ".join(f"{key}={value}" for key, value in more.items() if len(value) <= LONGEST)


def arrows(text: str) -> str:
    """What `summarise` tells, with signs for people."""
    return text.replace(" -->", ": ").replace("->", " → ")


def _bare(record: Object) -> Object:
    """Without the labels that every node gets."""
    labels = {key: value for key, value in record.metadata.labels.items() if not key.startswith(_DULL_LABELS)}
    return msgspec.structs.replace(record, metadata=msgspec.structs.replace(record.metadata, labels=labels))


def _nodes_concerned(entries: Iterable[Entry]) -> set[str]:
    """The nodes that a pod was on or aimed at, or that somebody did something to."""
    found = {str(entry.detail.get("target", "")).removeprefix("nodes/") for entry in entries if entry.type == "action"}
    for entry in entries:
        if entry.resource == "pods" and entry.type in OBJECT_TYPES and isinstance(pod := entry.record(), Pod):
            found.add(pod.target)
    return found
