"""Does the suite find planted defects, and nothing where there are none?"""

from __future__ import annotations

import pytest

from conformance.guarantees.judge import Judge
from tests.guarantees.history import History, verdicts
from tests.quality.controller import DEFECTS, Toy, play


def _chances(h: History) -> dict[str, int]:
    judge = Judge(audited=h.audited)
    for entry in h.entries:
        judge.see(entry)
    return {tally.id: tally.could_have_failed for tally in judge.finish()}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("way", ["RollingUpdate", "surge", "OnDelete"])
def test_a_sound_controller_breaks_nothing(way: str, seed: int) -> None:
    toy = Toy("", seed, way == "surge", "OnDelete" if way == "OnDelete" else "RollingUpdate")
    assert verdicts(toy.play()) == {}


def test_the_scenarios_leave_no_guarantee_without_a_chance() -> None:
    seen: dict[str, int] = {}
    for way in (Toy(), Toy(surge=True)):
        for id, count in _chances(way.play()).items():  # noqa: A001
            seen[id] = seen.get(id, 0) + count
    assert [id for id, count in seen.items() if not count] == []  # noqa: A001


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_is_noticed_by_its_guarantee(defect: str, seed: int) -> None:
    assert DEFECTS[defect] in verdicts(play(defect, seed))


def test_every_guarantee_has_a_defect() -> None:
    assert set(DEFECTS.values()) == {f"INV-{number}" for number in range(1, 19)}
