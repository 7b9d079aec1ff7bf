"""How long pytest items take: as in earlier runs, else as `@scenario(seconds=...)` says.

What earlier runs took lies in pytest's own cache, one file a kind of cluster. Nothing but the estimate of what is left depends on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.session import ordering, suite


class Durations:
    """What each item is expected to take, and what it took."""

    def __init__(self, config: pytest.Config, cluster: str) -> None:
        self._root = config.rootpath
        self._cache: pytest.Cache | None = getattr(config, "cache", None)  # it may be switched off
        self._key = f"conformance/seconds-{cluster}"
        self._known = _numbers(self._cache.get(self._key, None) if self._cache is not None else None)
        self._files: dict[str, dict[str, suite.Listed]] = {}

    def expected(self, node_id: str) -> float:
        """Seconds, wall clock."""
        if node_id in self._known:
            return self._known[node_id]
        listed = self._listed(node_id)
        return 0.0 if listed is None else ordering.USUAL if listed.seconds is None else listed.seconds

    def name(self, node_id: str) -> str:
        """What people call the item: the scenario with its case, such as `P06.a_node_leaves[two]`; else what pytest calls it."""
        last = node_id.rpartition("::")[2] if "[" not in node_id else "::".join(node_id.split("::")[1:])
        listed = self._listed(node_id)
        return last if listed is None else f"{listed.id}{last[len(_function(node_id)) :]}"

    def took(self, node_id: str, seconds: float) -> None:
        """Remember it for later runs."""
        self._known[node_id] = round(seconds, 2)

    def save(self) -> None:
        """Write down what is remembered; a cache that cannot be written costs nothing but the estimate."""
        if self._cache is not None:
            self._cache.set(self._key, self._known)

    def _listed(self, node_id: str) -> suite.Listed | None:
        file = node_id.partition("::")[0]
        if file not in self._files:
            self._files[file] = suite.listed(self._root / Path(file))
        return self._files[file].get(_function(node_id))


def _function(node_id: str) -> str:
    """The name of an item's function, without its case; a case may hold any characters, `::` among them."""
    return node_id.partition("[")[0].rpartition("::")[2]


def _numbers(data: Any) -> dict[str, float]:
    """What can be used of a file that anybody may have written."""
    if not isinstance(data, dict):
        return {}
    return {name: float(value) for name, value in data.items() if type(value) in (int, float) and 0 <= value < 1e6}
