"""The families of scenarios, such as `P06`: what all scenarios of one family have in common, in a few words.

The data lies in `families.yaml` beside this module. It is read once a process and checked as it is read: a mistake in it is a
UsageError that names the file and the family.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from conformance.errors import UsageError

FILE = Path(__file__).parent / "families.yaml"
_LONGEST = 60
_LETTER = re.compile(r"[A-Z]")
_FAMILY = re.compile(r"[A-Z]\d\d")


@dataclass(frozen=True)
class Family:
    """One family: its id, its title, and what its letter stands for."""

    id: str
    title: str
    subject: str


@functools.cache
def load(file: Path = FILE) -> dict[str, Family]:
    """All families by id, in the order of the file; do not change the result, it is shared."""
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{file} cannot be read as YAML, mend it: {error}") from error
    if not isinstance(data, dict) or set(data) != {"letters", "families"}:
        raise UsageError(f"{file} has letters and families, each with its title, and nothing else.")
    subjects = _titles(file, "letter", data["letters"], _LETTER)
    titles = _titles(file, "family", data["families"], _FAMILY)
    if strange := [name for name in titles if name[0] not in subjects]:
        raise UsageError(f"{file}: the letter of {', '.join(strange)} is not among the letters; say what it stands for.")
    if idle := subjects.keys() - {name[0] for name in titles}:
        raise UsageError(f"{file}: no family has the letter {', '.join(sorted(idle))}; take it out.")
    return {name: Family(name, title, subjects[name[0]]) for name, title in titles.items()}


def _titles(file: Path, kind: str, data: object, form: re.Pattern[str]) -> Mapping[str, str]:
    """The titles of one half of the file, by id; no two are the same."""
    if not isinstance(data, dict):
        raise UsageError(f"{file}: a {kind} has an id and a title, as a mapping.")
    found: dict[str, str] = {}
    for name, title in data.items():
        if not isinstance(name, str) or not form.fullmatch(name):
            raise UsageError(f"{file}: {kind} {name!r} is not of the form {form.pattern}.")
        if not isinstance(title, str) or not 0 < len(title.strip()) <= _LONGEST:
            raise UsageError(f"{file}: {kind} {name} has a title that is no text of 1 to {_LONGEST} characters.")
        if title in found.values():
            raise UsageError(f"{file}: {kind} {name} has the title of another; what is the same is one {kind}.")
        found[name] = title
    return found
