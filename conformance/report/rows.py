"""One row of runs side by side: a word of each run, where the words differ, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from conformance.claims.registry import Claim
from conformance.report.columns import Column

#: clusters   two kinds of clusters of one minor were decided differently
#: versions   two versions (or builds) on one kind of cluster were decided differently
#: one-sided  of two kinds of clusters of one minor, only one was decided
Difference = Literal["clusters", "versions", "one-sided"]
#: What a difference is looked for among: everything else says that there is no evidence.
DECIDED = frozenset({"holds", "wrong", "outdated", "broken", "changed", "violated", "deviates", "passed", "finding", "failed"})


@dataclass(frozen=True)
class Side:
    """What one run says: its word, the outcomes that it rests on (scenario id to outcome), and the reason."""

    column: Column
    word: str
    outcomes: Mapping[str, str]
    reason: str = ""


@dataclass(frozen=True)
class Part:
    """Runs that say the same: their labels, the word, the scenarios that ran with their outcomes, and the reason."""

    labels: tuple[str, ...]
    word: str
    outcomes: tuple[tuple[str, str], ...]
    reason: str


@dataclass(frozen=True)
class Disagreement:
    """Runs decided differently: clusters of one minor, or versions on one kind of cluster; `among` is what they have in common."""

    kind: Literal["clusters", "versions"]
    among: str
    sides: tuple[Side, ...]

    @property
    def parts(self) -> list[Part]:
        """What they say, those together that say the same."""
        groups: dict[tuple[str, tuple[tuple[str, str], ...], str], list[str]] = {}
        for side in self.sides:
            ran = tuple((name, outcome) for name, outcome in side.outcomes.items() if outcome != "not run")
            groups.setdefault((side.word, ran, side.reason), []).append(side.column.label.removeprefix(self.among).strip())
        return [
            Part(tuple(label.removesuffix(self.among).strip() for label in labels), word, ran, reason)
            for (word, ran, reason), labels in groups.items()
        ]


@dataclass(frozen=True)
class Group:
    """Disagreements that are alike: their kind, what each is among, and what the parties say."""

    kind: Literal["clusters", "versions"]
    among: str
    parts: list[Part]


@dataclass(frozen=True)
class Row:
    """One claim, scenario or guarantee. `sides` holds the runs that have a word for it, by name; `evidence` the scenarios of a claim."""

    id: str
    text: str
    sides: Mapping[str, Side]
    differences: tuple[Difference, ...]
    claim: Claim | None = None
    evidence: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether two runs were decided differently."""
        return bool({"clusters", "versions"} & set(self.differences))

    @property
    def disagreements(self) -> list[Disagreement]:
        """Who was decided differently, clusters first."""
        decided = [side for side in self.sides.values() if side.word in DECIDED]
        found = [Disagreement("clusters", minor, tuple(sides)) for minor, sides in _by_minor(decided) if "clusters" in differences(sides)]
        if "versions" in self.differences:
            per_cluster = [(name, [side for side in decided if side.column.cluster == name]) for name in _clusters(decided)]
            alike = [(name, sides) for name, sides in per_cluster if len({side.word for side in sides}) > 1]
            found += [Disagreement("versions", name, tuple(sides)) for name, sides in alike or [("", decided)]]
        return found

    @property
    def grouped(self) -> list[Group]:
        """The same as `disagreements`, each said once: `1.34, 1.35` where two minors are at odds in the same way."""
        groups: dict[tuple[str, tuple[tuple[object, ...], ...]], list[Disagreement]] = {}
        for each in self.disagreements:
            parts = tuple((part.labels, part.word, part.outcomes, part.reason) for part in each.parts)
            groups.setdefault((each.kind, parts), []).append(each)
        return [Group(alike[0].kind, ", ".join(each.among for each in alike), alike[0].parts) for alike in groups.values()]

    @property
    def reasons(self) -> dict[str, list[str]]:
        """Every reason that was given, with the labels of the runs that gave it."""
        found: dict[str, list[str]] = {}
        for side in self.sides.values():
            if side.reason:
                found.setdefault(side.reason, []).append(side.column.label)
        return found


def differences(sides: Collection[Side]) -> tuple[Difference, ...]:
    """How the words of the sides differ."""
    found: set[Difference] = set()
    decided = [side for side in sides if side.word in DECIDED]
    for one, other in combinations(decided, 2):
        if one.word != other.word and one.column.cluster == other.column.cluster:
            found.add("versions")
        elif one.word != other.word and one.column.minor == other.column.minor:
            found.add("clusters")
    if not found and len({side.word for side in decided}) > 1:
        found.add("versions")  # neither cluster nor minor in common
    for _, together in _by_minor(sides):
        known = {side.column.cluster for side in together if side.word in DECIDED}
        if known and {side.column.cluster for side in together} - known:
            found.add("one-sided")
    order: tuple[Difference, ...] = ("clusters", "versions", "one-sided")
    return tuple(each for each in order if each in found)


def _by_minor(sides: Iterable[Side]) -> list[tuple[str, list[Side]]]:
    groups: dict[str, list[Side]] = {}
    for side in sides:
        groups.setdefault(side.column.minor, []).append(side)
    return list(groups.items())


def _clusters(sides: Iterable[Side]) -> list[str]:
    return list(dict.fromkeys(side.column.cluster for side in sides))


def row_of(id: str, text: str, sides: Mapping[str, Side], claim: Claim | None = None, evidence: tuple[str, ...] = ()) -> Row:  # noqa: A002
    """The row of one claim, scenario or guarantee, with how its words differ."""
    return Row(id, text, sides, differences(list(sides.values())), claim, evidence)
