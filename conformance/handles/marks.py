"""The marks of a scenario: which one it is, which claims it is evidence for, what it needs, what it found.

They are ordinary pytest marks under words of this project, so `-m`, `--collect-only` and other plugins see them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from conformance.clusters.protocol import Capability

F = TypeVar("F", bound=Callable[..., Any])


def scenario(id: str, *, seconds: float = 5.0) -> Callable[[F], F]:  # noqa: A002 - the word of the registry
    """Name a test function as a scenario, such as `P06`.

    `seconds` is how long it takes on an idle machine, wall clock: long ones are started first, so that they end together.
    """
    return pytest.mark.scenario(id, seconds=seconds)


def claim(*ids: str) -> Callable[[F], F]:
    """Name the claims that the scenario is evidence for; a test holds this list and the registry together."""
    return pytest.mark.claim(*ids)


def needs(*capabilities: Capability, nodes: int = 1) -> Callable[[F], F]:
    """Say what the scenario needs of a cluster, and how many nodes at once; where that is lacking it is left out, with the reason."""
    return pytest.mark.needs(*capabilities, nodes=nodes)


def finding(text: str, *, contradicts: tuple[str, ...], since: str = "", until: str = "", upstream: str = "") -> Callable[[F], F]:
    """Say that the scenario proves a deviation from the documentation.

    `since` is the first minor that deviates, `until` the first that no longer does (empty: as far as was seen). On a version inside the
    range a scenario that succeeds is reported as `finding`; it fails as soon as the version stops deviating, which is news.
    """
    return pytest.mark.finding(text, contradicts=contradicts, since=since, until=until, upstream=upstream)
