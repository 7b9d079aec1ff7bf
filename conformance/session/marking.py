"""Whether the marks of what was collected make sense: claims, findings and capabilities that there are, and none that was forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from conformance.claims import findings, registry
from conformance.clusters.protocol import Capability
from conformance.errors import UsageError, did_you_mean
from conformance.session import suite

#: What only a scenario can have, by the fixture that all of it rests on.
FIXTURE = "scenario_run"
_MOST = 5


def check(items: Sequence[pytest.Item]) -> None:
    """Raise UsageError for what items name and there is not, and for marks that they lack."""
    scenarios = [item for item in items if item.get_closest_marker("scenario") is not None]
    said = list(dict.fromkeys([*_forgotten(items), *_capabilities(scenarios)]))
    if said:
        more = f" And {len(said) - _MOST} more of that kind." if len(said) > _MOST else ""
        raise UsageError(" ".join(said[:_MOST]) + more)
    named = dict.fromkeys(claim for item in scenarios for claim in suite.claims_of(item))
    if named:
        registry.resolve(tuple(named))
    findings.resolve(name for item in scenarios for mark in item.iter_markers("finding") for name in mark.args)


def _forgotten(items: Sequence[pytest.Item]) -> Iterator[str]:
    for item in items:
        name = item.nodeid.partition("[")[0]
        uses = FIXTURE in getattr(item, "fixturenames", ())
        if item.get_closest_marker("scenario") is not None:
            if not uses:
                yield f"{name} is marked with @scenario and uses no cluster: let it take the fixture `cluster`, or drop the mark."
            continue
        if uses:
            yield f'{name} uses the fixture `cluster` and is no scenario: mark it with @scenario("P01"), the family that it belongs to.'
        elif others := [mark for mark in ("needs", "claim", "finding") if item.get_closest_marker(mark) is not None]:
            yield f"{name} is marked with @{others[0]}, which means nothing without @scenario: add it, or drop the mark."


def _capabilities(scenarios: Sequence[pytest.Item]) -> Iterator[str]:
    known = {str(capability) for capability in Capability}
    for item in scenarios:
        for mark in item.iter_markers("needs"):
            for wanted in mark.args:
                if str(wanted) not in known:
                    yield f"{item.nodeid.partition('[')[0]}: there is no capability {str(wanted)!r}{did_you_mean(str(wanted), known)}"
