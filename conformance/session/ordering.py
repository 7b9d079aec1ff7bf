"""Which scenario starts when, and whether the claims it names exist."""

from __future__ import annotations

import pytest

from conformance.claims import findings, registry
from conformance.session import suite

#: What a scenario takes that does not say how long.
USUAL = 5.0


def check_claims(items: list[pytest.Item]) -> None:
    """Raise UsageError if a scenario names a claim or a finding that there is not."""
    scenarios = [item for item in items if item.get_closest_marker("scenario") is not None]
    named = dict.fromkeys(claim for item in scenarios for claim in suite.claims_of(item))
    if named:
        registry.resolve(tuple(named))
    findings.resolve(name for item in scenarios for mark in item.iter_markers("finding") for name in mark.args)


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
