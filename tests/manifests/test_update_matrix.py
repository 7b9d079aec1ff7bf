"""The observed answers to every pair of maxSurge and maxUnavailable follow from the documented rules, computed here anew."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.claims import registry

MATRIX = yaml.safe_load((Path(__file__).parents[2] / "manifests" / "matrix.yaml").read_text())
SURGE = "spec.updateStrategy.rollingUpdate.maxSurge"
UNAVAILABLE = "spec.updateStrategy.rollingUpdate.maxUnavailable"
VALUES: tuple[Any, ...] = (None, 0, 1, "0%", "50%", "101%", -1, "x")


def is_amount(value: int | str) -> bool:
    return isinstance(value, int) or (value.endswith("%") and value[:-1].isdigit())


def number(value: int | str) -> int:
    """What the API server compares: a value that is no amount counts as zero."""
    if isinstance(value, int):
        return value
    return int(value[:-1]) if is_amount(value) else 0


def well_formed(value: int | str) -> bool:
    return is_amount(value) and number(value) >= 0 and (isinstance(value, int) or number(value) <= 100)


def refused(surge: int | str, unavailable: int | str) -> set[str]:
    fields = {field for field, value in ((SURGE, surge), (UNAVAILABLE, unavailable)) if not well_formed(value)}
    if number(surge) != 0 and number(unavailable) != 0:
        fields.add(SURGE)
    if number(surge) == 0 and number(unavailable) == 0:
        fields.add(UNAVAILABLE)
    return fields


def test_every_pair_is_there_once() -> None:
    pairs = [(case["rolling_update"].get("maxSurge"), case["rolling_update"].get("maxUnavailable")) for case in MATRIX["rolling_update"]]
    assert pairs == list(itertools.product(VALUES, VALUES))
    assert len({case["name"] for case in MATRIX["rolling_update"]}) == len(VALUES) ** 2


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in MATRIX["rolling_update"]])
def test_answers_follow_from_the_rules(case: dict[str, Any]) -> None:
    """maxUnavailable defaults to 1 whatever maxSurge is, so that maxSurge alone is refused."""
    wanted = case["rolling_update"]
    assert set(case["fields"]) == refused(wanted.get("maxSurge", 0), wanted.get("maxUnavailable", 1))
    assert case["fields"] == sorted(set(case["fields"]))


def test_exactly_one_of_the_two_is_other_than_zero() -> None:
    accepted = [case["rolling_update"] for case in MATRIX["rolling_update"] if not case["fields"]]
    assert len(accepted) == 13
    for wanted in accepted:
        assert (number(wanted.get("maxSurge", 0)) == 0) != (number(wanted.get("maxUnavailable", 1)) == 0)


def test_strategies() -> None:
    outcomes = {case["name"]: (case["fields"], case.get("stored")) for case in MATRIX["strategies"]}
    assert [name for name, (fields, _) in outcomes.items() if fields] == ["unknown type"]
    defaults = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    assert outcomes["no strategy"][1] == outcomes["empty type"][1] == defaults


def test_every_rule_that_decides_is_known_and_decides_one_way() -> None:
    rules: dict[str, set[bool]] = {}
    for case in (*MATRIX["rolling_update"], *MATRIX["strategies"]):
        rules.setdefault(case["about"], set()).add(bool(case["fields"]))
    assert set(rules) == set(MATRIX["claims"])
    assert all(len(ways) == 1 for ways in rules.values())
    registry.resolve(claim for claims in MATRIX["claims"].values() for claim in claims)
