"""A trace as it would have been if the DaemonSet controller had stopped doing anything at some time, and were still alive.

Its writes from then on are left out, and so is all that others did to the pods that it then did not create; a pod that it then did not
delete stays as it was. What others write to a DaemonSet carries the status of that time. The trace is as long as it was, and a minute more.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

import msgspec

from conformance.guarantees.authors import CONTROLLER
from conformance.trace.entries import OBJECT_TYPES, Entry

#: Seconds for which nothing happens at the end: longer than anything may be owed.
SILENCE = 60.0


def silenced(entries: Iterable[Entry], after: float) -> list[Entry]:
    """The entries without what the controller did later than `after` (seconds of the trace), and without what followed from it."""
    kept: list[Entry] = []
    authors: dict[int, str] = {}
    frozen: set[tuple[str, str]] = set()
    statuses: dict[str, Any] = {}
    for entry in entries:
        if entry.type == "write" and entry.rv is not None:
            authors.setdefault(entry.rv, str(entry.detail.get("user", "")))
        if entry.type not in OBJECT_TYPES:
            if entry.type not in ("expect", "end") and not (entry.type == "write" and entry.at > after and _is(entry, authors)):
                kept.append(entry)
            continue
        raw = json.loads(bytes(entry.object))
        meta = raw["metadata"]
        key = entry.resource, meta.get("uid", meta["name"])
        if entry.at > after and (_is(entry, authors) or key in frozen):
            if entry.resource != "daemonsets":
                frozen.add(key)
                continue
            if _is(entry, authors):
                continue
        if entry.resource == "daemonsets":
            if entry.at <= after:
                statuses[key[1]] = copy.deepcopy(raw.get("status", {}))
            else:
                raw["status"] = statuses.get(key[1], {})
                entry = msgspec.structs.replace(entry, object=msgspec.Raw(json.dumps(raw).encode()))  # noqa: PLW2901 - the same entry
        kept.append(entry)
    last = kept[-1] if kept else Entry(0, 0.0, "note")
    moments = [Entry(last.seq + number, last.at + number * SILENCE / 4, "note") for number in range(1, 5)]
    return [*kept, *moments, Entry(last.seq + 5, moments[-1].at, "end")]


def _is(entry: Entry, authors: dict[int, str]) -> bool:
    return entry.rv is not None and authors.get(entry.rv) == CONTROLLER
