"""Impersonation as a kubeconfig asks for it: who is asked to act for whom, as the headers of every request.

The official Python client passes these fields over, and a run would have all the rights that its user wanted to do
without. Source: reference page "Authenticating", section "User impersonation"; the fields are those of client-go's
`AuthInfo` (`as`, `as-uid`, `as-groups`, `as-user-extra`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from conformance.errors import UsageError

_FIELDS = ("as", "as-uid", "as-groups", "as-user-extra")
#: What a header's name may hold besides letters and digits (RFC 9110, token), less the percent sign, which stands for an escape here.
_PLAIN = "!#$&'*+-.^_`|~"


def headers(kubeconfig: Path, context: str | None = None) -> list[tuple[str, str]]:
    """The headers that the user of this context (the current one without a name) wants sent; empty if it impersonates nobody.

    Raises UsageError for fields that cannot be sent as they stand: nothing that limits a user is ever left out.
    """
    user = _user(kubeconfig, context)
    asked = {name: user[name] for name in _FIELDS if user.get(name)}
    if not asked:
        return []
    if "as" not in asked:
        raise UsageError(
            f"{kubeconfig}: its user has {', '.join(asked)} without `as`. Name the user to impersonate, or take the field out."
        )
    try:
        return [(name, _value(value)) for name, value in _sent(asked)]
    except (TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"{kubeconfig}: the impersonation of its user ({', '.join(asked)}) cannot be sent: {error}. "
            "Mend these fields: `as` and `as-uid` are words, `as-groups` a list of words, `as-user-extra` lists of words by key."
        ) from error


def _sent(asked: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "Impersonate-User", asked["as"]
    if "as-uid" in asked:
        yield "Impersonate-Uid", asked["as-uid"]
    for group in _words(asked.get("as-groups", [])):
        yield "Impersonate-Group", group
    for key, values in asked.get("as-user-extra", {}).items():
        for value in _words(values):
            yield f"Impersonate-Extra-{quote(_value(key), safe=_PLAIN)}", value


def _words(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _value(value: Any) -> str:
    """Fit for a header: UTF-8, as client-go sends it, in the Latin-1 letters that stand for its bytes."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no word")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise ValueError(f"{value!r} holds control characters")
    return value.encode().decode("latin-1")


def _user(kubeconfig: Path, context: str | None) -> Mapping[str, Any]:
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8")) or {}
    chosen = _named(config.get("contexts"), context or config.get("current-context")).get("context") or {}
    return _named(config.get("users"), chosen.get("user")).get("user") or {}


def _named(entries: Any, name: Any) -> Mapping[str, Any]:
    # What is missing or misshapen is the client's to complain of: it has read the same file.
    return next((entry for entry in entries or () if isinstance(entry, dict) and entry.get("name") == name), {})
