"""A trace as a short text that somebody can read who does not know this suite: what happened when, to what, and who asked for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from conformance.faults import kubelet
from conformance.guarantees.judge import Broken, judge_trace
from conformance.printable import in_one_line
from conformance.report.beats import Beat
from conformance.report.collapsing import collapsed
from conformance.report.happened import arrows, beats
from conformance.trace import store
from conformance.trace.entries import Entry, Header
from conformance.trace.summary import summarise
from conformance.trace.timing import as_served

#: Fits a screen, and the patience of who reads an issue.
LINES = 30
#: Fewer could not hold the head, something that happened, and the end.
FEWEST = 8
#: So many names are told one by one; of more the first and the last.
NAMES = 4
#: So many letters has a line at most; one about a broken promise three times as many.
WIDTH = 220
_TEST = "conformance:scenario"


def told(file: Path, lines: int = LINES) -> list[str]:
    """The story of a trace file in at most `lines` lines (FEWEST at least), with the guarantees that are broken in it.

    Raises TraceError where the file is none, is cut, damaged or of another format.
    """
    header, entries = store.read(file)
    with store.understood(file):
        kept = list(entries)
        broken = [each for tally in judge_trace(header, kept) for each in tally.violations]
        return tell(header, kept, broken, lines)


def tell(header: Header, entries: Sequence[Entry], broken: Iterable[Broken] = (), lines: int = LINES) -> list[str]:
    """The same of what somebody has read already."""
    head = _head(header)
    happened = collapsed(list(beats(as_served(entries), broken)), max(lines, FEWEST) - len(head))
    first = happened[0].at if happened else 0.0
    return [*(_fit(line) for line in head), *(_fit(_line(beat, first), 3 if beat.what == "broken" else 1) for beat in happened)]


def _fit(text: str, times: int = 1) -> str:
    line = in_one_line(text)
    return line if len(line) <= times * WIDTH else f"{line[: times * WIDTH - 1]}…"


def _head(header: Header) -> list[str]:
    name = header.node_id.rpartition("::")[2].removeprefix("test_").replace("_", " ") or header.scenario
    where = {"embedded": "real control plane, simulated kubelets", "kind": "kind cluster"}.get(header.cluster, header.cluster)
    who = "in brackets who asked for it, from the audit log" if header.audited else "there was no audit log, so who asked is not known"
    return [
        f"{name} (Kubernetes {header.kubernetes}, {where}, {header.started or 'time not known'})",
        f"Seconds from the first event; {who}.",
    ]


def _line(beat: Beat, first: float) -> str:
    begin, end = beat.at - first, beat.until - first
    when = f"{begin:.2f}" if end - begin < 0.05 else f"{begin:.2f}-{end:.2f}"
    author = _author(beat.author)
    return f"{when:>13}  {_words(beat)}{f'  [{author}]' if author else ''}"


def _words(beat: Beat) -> str:
    who = _names(beat.subjects)
    lasted = beat.subjects[0] if beat.subjects else ""
    # Where there are as many nodes as pods their number has been told.
    where = f" on {_names(beat.places, counted=len(beat.places) != len(beat.subjects))}" if beat.places else ""
    about = f": {beat.text}" if beat.text else ""
    if beat.what == "status":
        return f"{who} status: {_counters(beat)}"
    if beat.what == "changed":
        return f"{who}{where}: {beat.text}"
    return {
        "action": f"THE TEST: {beat.text} {who}".rstrip(),
        "there": f"{who} there{where}{about}",
        "created": f"{who} created{where}{about}",
        "gone": f"{who}{where}: gone",
        "event": f"{who} Warning event: {beat.text}",
        "seen": f"(after {lasted}, as awaited: {beat.text})",
        "held": f"FOR {lasted} IT STAYED SO: {beat.text}",
        "in vain": f"WAITED {lasted} IN VAIN FOR: {beat.text}",
        "let go": f"AFTER {lasted} IT WAS NO LONGER SO: {beat.text}",
        "broken": f"BROKEN PROMISE: {beat.text}",
        "left out": f"… {beat.count} line{'s' if beat.count > 1 else ''} left out …",
    }.get(beat.what, beat.text)


def _counters(beat: Beat) -> str:
    assert beat.span is not None
    before, after = beat.span
    changes = arrows(summarise(before, after))
    times = f" (written {beat.count} times)" if beat.count > 1 else ""
    return (changes or "at last as before") + times


def _names(names: Sequence[str], *, counted: bool = True) -> str:
    """Names as a list, those of one resource behind its word and their number; of many the first and the last by name."""
    if len(names) <= 1:
        return "".join(names)
    resources = {name.partition("/")[0] for name in names if "/" in name}
    alike = len(resources) == 1 and all("/" in name for name in names)
    short = [name.partition("/")[2] if alike else name for name in names]
    if len(short) > NAMES:
        short = sorted(short, key=_natural)
        listed = f"{short[0]} … {short[-1]}"
    else:
        listed = ", ".join(short)
    count = f"{len(names)} {resources.pop() if alike else 'nodes'} " if counted else ""
    return f"{count}{listed}"


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _author(user: str) -> str:
    """The last part of a user's name, which people know it by."""
    if user == _TEST:
        return "the test"
    if user == kubelet.USER:
        return "kubelet"
    if user.startswith("system:node:"):
        return f"kubelet of {user.removeprefix('system:node:')}"
    return user.removeprefix("system:serviceaccount:kube-system:").removeprefix("system:")
