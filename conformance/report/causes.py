"""What went wrong, by cause: one line for twenty violations that say the same, and the cause before its echo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.guarantees.judge import Broken
from conformance.report.reasons import words
from conformance.report.results import ScenarioResult

#: The guarantee about what the controller says of its own work: where another is broken too, this one only repeats it.
ECHO = "INV-9"


@dataclass(frozen=True)
class Cause:
    """One likely cause: scenarios that broke in the same way.

    `guarantee` is the one that was violated first in each (empty: a check failed, or something broke off), `what` what was seen or said
    first, `first` the result and the violation (None without one) that it is quoted from, `scenarios` the ids, `count` how often it was
    seen in all, `echoes` the guarantees that were violated in its wake, `refuted` the claims whose checks failed.
    """

    guarantee: str
    what: str
    first: tuple[ScenarioResult, Broken | None]
    scenarios: tuple[str, ...]
    count: int
    echoes: tuple[str, ...] = ()
    refuted: tuple[str, ...] = ()


def causes(results: Iterable[ScenarioResult]) -> list[Cause]:
    """The causes of all failures and errors of a run: those of the most scenarios first."""
    groups: dict[tuple[str, ...], list[tuple[ScenarioResult, Broken | None]]] = {}
    for result in results:
        if result.outcome in ("failed", "error"):
            broken = leading(result)
            groups.setdefault(_sort(result, broken), []).append((result, broken))
    found = [_cause(members) for members in groups.values()]
    return sorted(found, key=lambda cause: (cause.guarantee == ECHO, -len(cause.scenarios), not cause.guarantee))


def leading(result: ScenarioResult) -> Broken | None:
    """The violation that came first and that no finding explains; what only echoes another comes after it. None: there is none."""
    broken = [each for tally in result.tallies for each in tally.violations if not each.known]
    return min(broken, key=lambda each: (each.guarantee == ECHO, each.at, each.seq), default=None)


def _sort(result: ScenarioResult, broken: Broken | None) -> tuple[str, ...]:
    """What failures of one cause have in common; a failed assertion has that with other cases of its scenario alone."""
    if broken is not None:
        return broken.guarantee, "" if broken.guarantee == ECHO else broken.kind
    names = result.reason.names if result.reason is not None else []
    return (result.outcome, *(sorted(set(names)) or [result.id]))


def _cause(members: Sequence[tuple[ScenarioResult, Broken | None]]) -> Cause:
    result, broken = members[0]
    guarantee = broken.guarantee if broken is not None else ""
    others = [tally.id for each, _ in members for tally in each.tallies if tally.violated and tally.id != guarantee]
    return Cause(
        guarantee,
        broken.message if broken is not None else words(result.reason),
        (result, broken),
        tuple(dict.fromkeys(each.id for each, _ in members)),
        sum(tally.violated for each, _ in members for tally in each.tallies if tally.id == guarantee) if guarantee else len(members),
        tuple(dict.fromkeys(others)),
        tuple(dict.fromkeys(claim for each, _ in members for claim in sorted(each.refuted))),
    )
