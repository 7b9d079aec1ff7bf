"""Guarantees over a whole run: the sum of their tallies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from conformance.guarantees.judge import Tally
from conformance.report.results import ScenarioResult


@dataclass(frozen=True)
class GuaranteeVerdict:
    """What this run says of one guarantee; `promise` and `source` are empty if it is not registered any more."""

    tally: Tally
    promise: str = ""
    source: str = ""

    @property
    def word(self) -> Literal["holds", "violated", "deviates", "unknown", "vacuous"]:
        """The verdict; `deviates` if only known findings broke it, `vacuous` when it holds only because nothing could have."""
        if self.tally.known and not self.tally.violated:
            return "deviates"
        return "vacuous" if self.tally.vacuous else self.tally.verdict


def guarantee_verdicts(results: Iterable[ScenarioResult], promises: Mapping[str, tuple[str, str]]) -> list[GuaranteeVerdict]:
    """The tallies of all results added up, also of guarantees that nobody tallied. `promises`: id to (promise, source)."""
    sums: dict[str, Tally] = {name: Tally(name) for name in promises}
    for result in results:
        for tally in result.tallies:
            sums[tally.id] = add(sums.get(tally.id, Tally(tally.id)), tally)
    ordered = sorted(sums.values(), key=lambda tally: (len(tally.id), tally.id))
    return [GuaranteeVerdict(tally, *promises.get(tally.id, ("", ""))) for tally in ordered]


def add(one: Tally, other: Tally) -> Tally:
    """Two tallies of the same guarantee as one."""
    return Tally(
        one.id,
        one.evaluated + other.evaluated,
        one.could_have_failed + other.could_have_failed,
        one.violated + other.violated,
        one.undecided + other.undecided,
        [*one.violations, *other.violations],
        list(dict.fromkeys([*one.reasons, *other.reasons])),
        one.known + other.known,
        list(dict.fromkeys([*one.deviations, *other.deviations])),
    )
