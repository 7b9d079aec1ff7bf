"""The marks of a scenario: which one it is, which claims it is evidence for, what it needs, what it found.

They are ordinary pytest marks under words of this project, so `-m`, `--collect-only` and other plugins see them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from conformance.clusters.protocol import Capability

F = TypeVar("F", bound=Callable[..., Any])


def scenario(family: str, *, seconds: float = 5.0) -> Callable[[F], F]:
    """Make a test function a scenario of this family, such as `P06`; the function is the scenario, and named by it.

    `seconds` is how long it takes on an idle machine, wall clock: long ones are started first, so that they end together.
    """
    return pytest.mark.scenario(family, seconds=seconds)


def claim(*ids: str) -> pytest.MarkDecorator:
    """Name the claims that a case may show, where they come from data: `pytest.param(case, marks=claim("D9-02"))`.

    The checks name them again as `shows(*case.claims)`. Where a check names its claims as text no mark is needed.
    """
    return pytest.mark.claim(*ids)


def needs(*capabilities: Capability, nodes: int = 1) -> pytest.MarkDecorator:
    """Say what the scenario needs of a cluster, and how many nodes at once; where that is lacking it is left out, with the reason.

    On a case (`pytest.param(case, marks=needs(nodes=6))`) it says how many nodes that case needs, whatever stands on the function.
    """
    return pytest.mark.needs(*capabilities, nodes=nodes)


def finding(id: str) -> Callable[[F], F]:  # noqa: A002 - the word of the registry
    """Say that the scenario proves a deviation from the documentation: the one of this id in `claims/findings.yaml`.

    On a version that it covers a scenario that succeeds is reported as `finding`; it fails as soon as the version stops deviating, which
    is news. On other versions it is left out.
    """
    return pytest.mark.finding(id)
