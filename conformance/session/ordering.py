"""Which scenario starts when."""

from __future__ import annotations

import pytest

#: What a scenario takes that does not say how long.
USUAL = 5.0


def long_ones_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Scenarios by falling duration, everything else before them and in its own order.

    pytest-xdist deals at least two items to each worker before anything has run, so each of the first long ones is followed by one of
    the shortest: otherwise two of the longest would queue on one worker.
    """
    others = [item for item in items if item.get_closest_marker("scenario") is None]
    scenarios = sorted((item for item in items if item.get_closest_marker("scenario") is not None), key=seconds, reverse=True)
    head = min(workers, len(scenarios) // 2) if workers > 1 else 0
    tail = scenarios[len(scenarios) - head :]
    dealt = [item for pair in zip(scenarios[:head], tail, strict=True) for item in pair]
    return others + dealt + scenarios[head : len(scenarios) - head]


def seconds(item: pytest.Item) -> float:
    """How long a scenario says it takes."""
    mark = item.get_closest_marker("scenario")
    return float(mark.kwargs.get("seconds", USUAL)) if mark else 0.0
