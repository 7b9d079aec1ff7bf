"""The claims: every documented sentence that the suite knows, with what really happens.

The data lies in `documents/`, one file a document. It is read once a process and checked as it is read: a mistake in it is
a UsageError that names the file and the claim.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from conformance.errors import UsageError, did_you_mean

DOCUMENTS = Path(__file__).parent / "documents"
Status = Literal["true", "version-bound", "inaccurate", "opinion"]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STATUSES = ("true", "version-bound", "inaccurate", "opinion")
_SHARED = ("status", "since", "until", "needs")
_SUGGESTIONS = 3


@dataclass(frozen=True)
class Claim:
    """One documented sentence.

    `status` is `true`; `version-bound`, true only of the minors that `since` and `until` leave; `inaccurate`, `behaviour` says
    what really happens; or `opinion`, nothing to test. `since` is the first minor (`1.31`) for which that status holds, `until` the
    first for which it no longer does; empty: no limit. Which scenarios show it is written in the scenarios alone; `guarantees` are the
    ids of those that judge it at every event. `needs` are the capabilities without which nothing that happens is evidence (a simulated
    kubelet mounts no host path). `same_as` names the claim of which this one is another wording: what shows one shows both, and their
    status is the same. `place` says where in its document it stands. `planned` says in words what is missing to test it, `upstream`
    names issues and pull requests that explain it (`kubernetes/kubernetes#72129`), `unsure` why the judgement is doubtful, `contested`
    why somebody who judged it otherwise was not followed.
    """

    id: str
    quote: str
    source: str
    status: Status
    behaviour: str = ""
    since: str = ""
    until: str = ""
    guarantees: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    same_as: str = ""
    place: str = ""
    planned: str = ""
    upstream: tuple[str, ...] = ()
    unsure: str = ""
    contested: str = ""
    paraphrased: bool = False
    document: str = ""


def family(claim: Claim) -> str:
    """The id that all wordings of one sentence have in common."""
    return claim.same_as or claim.id


@dataclass(frozen=True)
class Document:
    """One source of claims: its title, its edition (date, version or revision) and the ids of its claims, in its order."""

    id: str
    title: str
    edition: str
    claims: tuple[str, ...] = ()


@functools.cache
def load(folder: Path = DOCUMENTS) -> dict[str, Claim]:
    """All claims by id, document by document; do not change the result, it is shared."""
    return _read(folder)[1]


@functools.cache
def documents(folder: Path = DOCUMENTS) -> dict[str, Document]:
    """All documents by id."""
    return _read(folder)[0]


def resolve(ids: Iterable[str]) -> tuple[Claim, ...]:
    """The claims with these ids, in their order; UsageError names the unknown ones and what they may have meant."""
    known = load()
    wanted = tuple(ids)
    unknown = [name for name in dict.fromkeys(wanted) if name not in known]
    if unknown:
        raise UsageError(_unknown(unknown, known))
    return tuple(known[name] for name in wanted)


def _unknown(names: list[str], known: Mapping[str, Claim]) -> str:
    said = []
    for name in names[:_SUGGESTIONS]:
        spelt = re.sub(r"(?<=-)\d$", r"0\g<0>", name.upper())
        meant = did_you_mean(spelt, [spelt] if spelt in known else known, cutoff=0.7)
        said.append(f"There is no claim {name!r}{meant}")
    if len(names) > _SUGGESTIONS:
        said.append(f"Nor are there {len(names) - _SUGGESTIONS} more that are named.")
    ranges = ", ".join(f"{document.claims[0]} to {document.claims[-1]}" for document in documents().values() if document.claims)
    return f"{' '.join(said)} The known ones are {ranges}."


@functools.cache
def _read(folder: Path) -> tuple[dict[str, Document], dict[str, Claim]]:
    found: dict[str, Document] = {}
    claims: dict[str, Claim] = {}
    for file in sorted(folder.glob("*.yaml")):
        document, its_claims = _document(file)
        if document.id in found:
            raise UsageError(f"{file}: document {document.id!r} is in another file too; give it an id of its own.")
        found[document.id] = document
        claims.update((claim.id, claim) for claim in its_claims)
    _agree(folder, claims)
    return found, claims


def _agree(folder: Path, claims: Mapping[str, Claim]) -> None:
    """Two wordings of one sentence cannot differ in what is said of them."""
    order = {name: place for place, name in enumerate(claims)}
    for claim in claims.values():
        if not claim.same_as:
            continue
        first = claims.get(claim.same_as)
        if first is None or first.same_as or order[first.id] > order[claim.id]:
            raise UsageError(
                f"{folder}: claim {claim.id} is the same as {claim.same_as}, which is no claim, the same as a third, or stands after it; "
                "name the first of them."
            )
        if differing := [name for name in _SHARED if getattr(first, name) != getattr(claim, name)]:
            raise UsageError(f"{folder}: claims {claim.id} and {first.id} are the same sentence, but differ in {', '.join(differing)}.")


def _document(file: Path) -> tuple[Document, list[Claim]]:
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader, in C
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{file} cannot be read as YAML, mend it: {error}") from error
    if not isinstance(data, dict) or set(data) != {"document", "title", "edition", "claims"} or not isinstance(data["claims"], list):
        raise UsageError(f"{file}: a document has document, title, edition and a list of claims, and nothing else.")
    name, title, edition = data["document"], data["title"], data["edition"]
    if not all(isinstance(text, str) and text for text in (name, title, edition)):
        raise UsageError(f"{file}: document, title and edition are text and not empty; quote what YAML takes for a number or a date.")
    claims = []
    ids: set[str] = set()
    for number, entry in enumerate(data["claims"], 1):
        label = entry.get("id") if isinstance(entry, dict) else None
        where = f"{file}: claim {label or f'number {number}'}"
        claims.append(_claim(entry, where, name, title))
        if claims[-1].id in ids:
            raise UsageError(f"{where} is there twice; ids are unique.")
        ids.add(claims[-1].id)
    return Document(name, title, edition, tuple(claim.id for claim in claims)), claims


_MINOR = re.compile(r"\d+\.\d+")
_LISTS = {
    "needs": re.compile(r"[a-z]+(-[a-z]+)*"),
    "guarantees": re.compile(r"INV-\d{1,2}"),
    "upstream": re.compile(r"[\w.-]+/[\w.-]+#\d+"),
}
_KEYS = {field.name for field in fields(Claim)} - {"paraphrased", "document"} | {"paraphrase"}
_RULES: tuple[tuple[str, Callable[[Claim], bool]], ...] = (
    ("needs a quote or a paraphrase", lambda c: bool(c.quote)),
    ("does not say in place where in its document it stands", lambda c: bool(c.place)),
    (f"has a status that is none of {', '.join(_STATUSES)}", lambda c: c.status in _STATUSES),
    ("does not say in behaviour what really happens", lambda c: c.status != "inaccurate" or bool(c.behaviour)),
    (
        "is version-bound, but has neither since nor until; what is half true is inaccurate, and behaviour says what really happens",
        lambda c: c.status != "version-bound" or bool(c.since or c.until),
    ),
    (
        "names guarantees, which judge only what should hold, but is not said to be true",
        lambda c: not c.guarantees or c.status in ("true", "version-bound"),
    ),
    (
        "has a since or until that is no minor such as '1.31'",
        lambda c: all(_MINOR.fullmatch(minor) for minor in (c.since, c.until) if minor),
    ),
    (
        "ends before it begins: until is the first minor for which it no longer holds",
        lambda c: not (c.since and c.until) or _number(c.since) < _number(c.until),
    ),
)


def _claim(entry: Any, where: str, document: str, title: str) -> Claim:
    if not isinstance(entry, dict):
        raise UsageError(f"{where} is no mapping.")
    unknown = sorted(str(key) for key in set(entry) - _KEYS)
    if unknown:
        raise UsageError(f"{where} has unknown fields {', '.join(unknown)}; the known ones are {', '.join(sorted(_KEYS))}.")
    values: dict[str, Any] = {key: _value(key, value, where) for key, value in entry.items()}
    if not re.fullmatch(rf"{re.escape(document)}-L?\d+", values.get("id", "")):
        raise UsageError(f"{where} needs an id that begins with its document's, {document}-, and ends in a number.")
    paraphrase = values.pop("paraphrase", "")
    if paraphrase and "quote" in values:
        raise UsageError(f"{where} has a quote and a paraphrase; keep one.")
    claim = Claim(**{"quote": paraphrase, "source": title, "status": "", **values}, paraphrased=bool(paraphrase), document=document)
    for broken, rule in _RULES:
        if not rule(claim):
            raise UsageError(f"{where} {broken}.")
    return claim


def _value(key: str, value: Any, where: str) -> str | tuple[str, ...]:
    if key not in _LISTS:
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{where}: {key} is text and not empty; quote what YAML takes for a number or a truth value.")
        return value
    if not isinstance(value, list) or not all(isinstance(item, str) and _LISTS[key].fullmatch(item) for item in value):
        raise UsageError(f"{where}: {key} is a list of ids of the form {_LISTS[key].pattern}, not {value!r}.")
    return tuple(value)


def _number(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split("."))
