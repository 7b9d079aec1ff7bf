"""Parts of sentences that several rules need."""

from __future__ import annotations

from collections.abc import Iterable


def some(names: Iterable[str], most: int = 6) -> str:
    """A few of several names, each once."""
    found = list(dict.fromkeys(names))
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")
