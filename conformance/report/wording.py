"""Entries without an object, in words: what the scenario did, what it waited for, what may have been missed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.report.history import Moment
from conformance.trace.entries import Entry

#: Notes that only say that something announced before is over.
ENDINGS = ("wait ends", "window ends")


def moment(entry: Entry) -> Moment:
    """An action, note or gap as pictures and steps show it."""
    if entry.type == "action":
        return Moment(entry.at, doing(entry.detail), entry.seq, target(entry.detail))
    return Moment(entry.at, words(entry), entry.seq, ends=entry.type == "note" and entry.detail.get("text") in ENDINGS)


def words(entry: Entry) -> str:
    """An action, note or gap in one line."""
    detail = entry.detail
    if entry.type == "action":
        return moment(entry).words
    if entry.type == "gap":
        return f"gap in {entry.resource}: {detail.get('reason') or 'changes may have been missed'}"
    return note(detail)


def doing(detail: Mapping[str, Any]) -> str:
    """What an action does, without its target: the verb, and what tells it from others of that verb."""
    verb = str(detail.get("verb", ""))
    if verb == "label":
        patch = detail.get("patch") or {}
        labels = detail.get("labels") or patch.get("metadata", {}).get("labels") or {}
        return " ".join((verb, ",".join(f"{key}={value}" for key, value in labels.items()))).strip()
    if verb == "unlabel":
        return " ".join((verb, ",".join(detail.get("keys") or ()))).strip()
    if verb in ("taint", "untaint") and detail.get("key"):
        value, effect = detail.get("value"), detail.get("effect")
        return f"{verb} {detail['key']}{f'={value}' if value else ''}{f':{effect}' if effect else ''}"
    return verb


def target(detail: Mapping[str, Any]) -> str:
    """What an action is done to; kubectl's arguments say it themselves."""
    return "" if str(detail.get("verb", "")).startswith("kubectl ") else str(detail.get("target", ""))


def note(detail: Mapping[str, Any]) -> str:
    """A note, with what was waited for and for how long."""
    text = str(detail.get("text", ""))
    if text == "noted":
        return str(detail.get("said", ""))
    if text == "wait begins":
        return f"wait for: {detail.get('for', '')}"
    if text == "window begins":
        return f"window of {detail.get('seconds', '?')} s in which {detail.get('for', '')}"
    if text in ENDINGS and "after" in detail:
        return f"{text} after {detail['after']} s"
    return text
