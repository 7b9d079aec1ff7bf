"""Cases from data: a field that is dropped is found by its path, and a case is marked with the claims that it names."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.errors import UsageError
from conformance.handles import data


@pytest.fixture
def case() -> data.Refused:
    return data.Refused("replicas", "V04", "invalid/replicas.yaml", "unknown field", drops=("spec.replicas", "spec.template.kind"))


def test_fields_that_are_still_there_are_named(case: data.Refused) -> None:
    assert case.kept_in({"spec": {"replicas": 3, "template": {"spec": {}}}}) == ["spec.replicas"]
    assert case.kept_in({"spec": {"replicas": None, "template": {"kind": "Pod"}}}) == ["spec.replicas", "spec.template.kind"]


def test_fields_that_were_dropped_are_not(case: data.Refused) -> None:
    assert case.kept_in({"spec": {"template": {"spec": {"replicas": 3}}}}) == []
    assert case.kept_in({}) == []


def test_a_case_has_the_claims_that_it_names() -> None:
    marked = {case.id: [claim for mark in case.marks for claim in mark.args] for case in data.invalid_manifests("V01")}
    assert marked["spec-missing"] == ["002-12", "D1-08"]
    assert all(marked.values())


def test_groups_of_strategies_have_the_claims_of_their_rule() -> None:
    groups: dict[Any, Any] = {case.id: case.values[0] for case in data.update_matrix(refused=False)}
    assert groups["OnDelete with a budget"].claims == ("D9-02",)
    assert {strategy.about for strategy in groups["OnDelete with a budget"].cases} == {"OnDelete with a budget"}


def test_a_claim_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="D1-7"):
        data._case("value", "name", ["D1-7"])
