"""The findings: where Kubernetes is known to do something else than its documentation says, as data.

They lie in `findings.yaml`. A scenario proves one (`@finding`), or a guarantee recognises it when a race brings it about. The file is
read once a process and checked as it is read: a mistake in it is a UsageError that names the file and the finding.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from conformance.claims import registry
from conformance.errors import UsageError, did_you_mean

FILE = Path(__file__).parent / "findings.yaml"
REPRODUCERS = Path(__file__).parent / "reproducers"
Severity = Literal["low", "medium", "high"]

_SEVERITIES = ("low", "medium", "high")
_SUGGESTIONS = 3


@dataclass(frozen=True)
class Reproduction:
    """A run of a reproducer: on which version, whether the deviation was seen, in how many seconds with the cluster's making."""

    kubernetes: str
    seen: bool
    seconds: int


@dataclass(frozen=True)
class Finding:
    """One deviation from the documentation.

    `text` says what really happens, `contradicts` are the ids of the claims that say otherwise. `since` is the first minor (`1.33`) that
    deviates, `until` the first that no longer does; empty: as far as was seen. `upstream` names issues and pull requests that explain it
    (`kubernetes/kubernetes#72129`, or a URL). `impact` says in one sentence what it does to a user, and `severity` how bad the worst of
    that is: `low`, a figure or a file is not what it should be; `medium`, something stands still or is missing, and shows it; `high`,
    something is taken away or is wrong while everything looks well. A scenario that proves it names it; `guarantees` are those that
    recognise it when it comes, and `shown` are the minors on which they have. `reproducer` is the file of `reproducers/` with the steps
    that show it without this suite, or `unreproduced` says why there is none; `reproduced` are the times that it was run.
    `sometimes` says that it is a race, which a run may miss: then the sentence is expected to hold, and its breach is no news.
    """

    id: str
    text: str
    contradicts: tuple[str, ...]
    severity: Severity
    impact: str
    since: str = ""
    until: str = ""
    upstream: tuple[str, ...] = ()
    reproducer: str = ""
    unreproduced: str = ""
    reproduced: tuple[Reproduction, ...] = ()
    sometimes: bool = False
    guarantees: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    def covers(self, minor: str) -> bool:
        """Whether it is there on this minor, such as `1.37`; a leading `v` and what follows the minor do not matter."""
        number = _number(minor)
        return (not self.since or number >= _number(self.since)) and (not self.until or number < _number(self.until))


@functools.cache
def load(file: Path = FILE) -> dict[str, Finding]:
    """All findings by id, in the order of the file; do not change the result, it is shared."""
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{file} cannot be read as YAML, mend it: {error}") from error
    if not isinstance(data, list):
        raise UsageError(f"{file} is no list of findings.")
    found: dict[str, Finding] = {}
    for number, entry in enumerate(data, 1):
        label = entry.get("id") if isinstance(entry, dict) else None
        where = f"{file}: finding {label or f'number {number}'}"
        finding = _finding(entry, where)
        if finding.id in found:
            raise UsageError(f"{where} is there twice; ids are unique.")
        found[finding.id] = finding
    return found


def covering(minor: str) -> list[Finding]:
    """The findings that are there on this minor, such as `1.37`."""
    return [finding for finding in load().values() if finding.covers(minor)]


def resolve(ids: Iterable[str]) -> tuple[Finding, ...]:
    """The findings with these ids, in their order; UsageError names the unknown ones and what they may have meant."""
    known = load()
    wanted = tuple(ids)
    unknown = [name for name in dict.fromkeys(wanted) if name not in known]
    if unknown:
        said = [f"There is no finding {name!r}{did_you_mean(name.lower(), known, cutoff=0.5)}" for name in unknown[:_SUGGESTIONS]]
        if len(unknown) > _SUGGESTIONS:
            said.append(f"Nor are there {len(unknown) - _SUGGESTIONS} more that are named.")
        raise UsageError(f"{' '.join(said)} The known ones are {', '.join(known)}.")
    return tuple(known[name] for name in wanted)


_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MINOR = re.compile(r"\d+\.\d+")
_UPSTREAM = re.compile(r"[\w.-]+/[\w.-]+#\d+|https://\S+")
_LISTS = ("contradicts", "upstream", "guarantees", "shown")
_KEYS = {field.name for field in fields(Finding)}
_NEEDED = [field.name for field in fields(Finding) if field.default is MISSING]
_RULES: tuple[tuple[str, Callable[[Finding], bool]], ...] = (
    ("needs an id in lower case with hyphens, such as noschedule-taint-wakes-no-sync", lambda f: bool(_SLUG.fullmatch(f.id))),
    ("contradicts no claim", lambda f: bool(f.contradicts)),
    (f"has a severity that is none of {', '.join(_SEVERITIES)}", lambda f: f.severity in _SEVERITIES),
    (
        "has a since, an until or a minor in shown that is none such as '1.31'",
        lambda f: all(_MINOR.fullmatch(minor) for minor in (f.since, f.until, *f.shown) if minor),
    ),
    (
        "ends before it begins: until is the first minor that no longer deviates",
        lambda f: not (f.since and f.until) or _number(f.since) < _number(f.until),
    ),
    (
        "needs either a reproducer or, in unreproduced, the reason why there is none",
        lambda f: bool(f.reproducer) != bool(f.unreproduced),
    ),
    ("has a reproducer that is no file in reproducers/", lambda f: not f.reproducer or (REPRODUCERS / f.reproducer).is_file()),
    (
        "has an upstream that is neither of the form owner/repository#number nor a URL",
        lambda f: all(_UPSTREAM.fullmatch(name) for name in f.upstream),
    ),
)


def _finding(entry: Any, where: str) -> Finding:
    if not isinstance(entry, dict):
        raise UsageError(f"{where} is no mapping.")
    unknown = sorted(str(key) for key in set(entry) - _KEYS)
    if unknown:
        raise UsageError(f"{where} has unknown fields {', '.join(unknown)}; the known ones are {', '.join(sorted(_KEYS))}.")
    missing = [name for name in _NEEDED if name not in entry]
    if missing:
        raise UsageError(f"{where} lacks {', '.join(missing)}.")
    finding = Finding(**{key: _value(key, value, where) for key, value in entry.items()})
    for broken, rule in _RULES:
        if not rule(finding):
            raise UsageError(f"{where} {broken}.")
    try:
        registry.resolve(finding.contradicts)
    except UsageError as error:
        raise UsageError(f"{where} contradicts what is no claim. {error}") from error
    return finding


def _value(key: str, value: Any, where: str) -> Any:
    if key in _LISTS:
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise UsageError(f"{where}: {key} is a list of text, not {value!r}.")
        return tuple(value)
    if key == "reproduced":
        return _runs(value, where)
    if key == "sometimes":
        if value is not True:
            raise UsageError(f"{where}: sometimes is true, or left out.")
        return value
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: {key} is text and not empty; quote what YAML takes for a number or a truth value.")
    return value


def _runs(value: Any, where: str) -> tuple[Reproduction, ...]:
    kinds = {"kubernetes": str, "seen": bool, "seconds": int}
    for run in value if isinstance(value, list) else [None]:
        if not isinstance(run, dict) or {name: type(each) for name, each in run.items()} != kinds:
            raise UsageError(
                f"{where}: reproduced is a list of runs, each with kubernetes (text), seen (true or false) and seconds (a number)."
            )
    return tuple(Reproduction(**run) for run in value)


def _number(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.removeprefix("v").split(".")[:2])
