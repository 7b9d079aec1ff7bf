"""Why a defect that nobody noticed was not noticed: looked at by people, kept in `explained.yaml`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Literal

import msgspec
import yaml

from conformance.mutate.noticing import KINDS, Kind
from conformance.mutate.planning import HERE
from conformance.mutate.store import Outcome

Reading = Literal["equivalent", "invisible", "hole"]


class Explanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people found of one defect, and the argument."""

    mutant: str
    reading: Reading
    because: str


@cache
def explanations() -> dict[str, Explanation]:
    """All that were looked at, by the id of the defect. Of one defect there is one explanation."""
    listed = msgspec.convert(yaml.safe_load((HERE / "explained.yaml").read_text(encoding="utf-8")) or [], list[Explanation])
    known = {each.mutant: each for each in listed}
    assert len(known) == len(listed), "a defect is explained twice in explained.yaml"
    return known


class Figures(msgspec.Struct, frozen=True):
    """The table in numbers.

    `unexplained` were not noticed, and nobody has said why; `contradicted` were noticed, and are explained as if they could not be.
    """

    tried: int
    noticed: int
    equivalent: int
    invisible: int
    hole: int
    unexplained: int
    unreached: int
    contradicted: list[str]
    by_kind: dict[str, int]
    by_guarantee: dict[str, int]

    @property
    def score(self) -> float | None:
        """Which part of the defects that can be noticed was: from 0 to 1; None if there are none."""
        possible = self.tried - self.equivalent - self.invisible
        return self.noticed / possible if possible else None


def figures(outcomes: Iterable[Outcome], known: dict[str, Explanation]) -> Figures:
    """Count the table. What was noticed counts for the strongest of its notices, and for each guarantee that was violated."""
    outcomes = list(outcomes)
    noticed = [outcome for outcome in outcomes if outcome.notices]
    missed = [outcome for outcome in outcomes if not outcome.notices]
    readings = [known[outcome.mutant].reading if outcome.mutant in known else None for outcome in missed]
    kinds = [strongest(outcome) for outcome in noticed]
    guarantees = [name for outcome in noticed for name in named(outcome)]
    return Figures(
        tried=len(outcomes),
        noticed=len(noticed),
        equivalent=readings.count("equivalent"),
        invisible=readings.count("invisible"),
        hole=readings.count("hole"),
        unexplained=readings.count(None),
        unreached=sum(outcome.verdict == "unreached" for outcome in missed),
        # A hole that is closed is no contradiction.
        contradicted=[outcome.mutant for outcome in noticed if outcome.mutant in known and known[outcome.mutant].reading != "hole"],
        by_kind={kind: kinds.count(kind) for kind in KINDS if kind in kinds},
        by_guarantee={name: guarantees.count(name) for name in sorted(set(guarantees), key=_number)},
    )


def strongest(outcome: Outcome) -> Kind:
    """The kind of notice that a defect is counted for."""
    return min((notice.kind for notice in outcome.notices), key=KINDS.index)


def named(outcome: Outcome) -> list[str]:
    """The guarantees that a defect violated."""
    return sorted({name for notice in outcome.notices if notice.kind == "guarantee" for name in notice.names}, key=_number)


def _number(guarantee: str) -> tuple[int, str]:
    digits = guarantee.rpartition("-")[2]
    return (int(digits) if digits.isdigit() else 0, guarantee)
