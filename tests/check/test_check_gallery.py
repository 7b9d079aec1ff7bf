"""The gallery: each shape gets exactly the advice that it should, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.check.checking import check
from conformance.check.gathering import gathered
from conformance.check.nodes import default
from conformance.check.rules.catalogue import rules

HERE = Path(__file__).parent
EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "gallery.expected.yaml").read_text())


def test_every_manifest_is_expected_to_get_something() -> None:
    assert sorted(EXPECTED) == sorted(file.stem for file in (HERE / "gallery").glob("*.yaml"))
    known = {rule.id for rule in rules()}
    for shape in EXPECTED.values():
        for daemonset in shape["daemonsets"].values():
            assert {name for level in ("advice", "risk", "broken") for name in daemonset.get(level, [])} <= known


@pytest.mark.parametrize("shape", EXPECTED)
def test_each_shape_gets_what_it_must_get(shape: str) -> None:
    result = check(gathered([str(HERE / "gallery" / f"{shape}.yaml")]), default())
    found: dict[str, dict[str, Any]] = {}
    for checked in result.checked:
        of_it: dict[str, Any] = {"nodes": checked.expectation.desired}
        found[checked.manifest.thing.name] = of_it
        for each in checked.advice:
            of_it.setdefault(each.level, []).append(each.rule.id)
        if checked.lacking:
            of_it["lacking"] = [f"{each.kind} {each.name}" for each in checked.lacking]

    assert found == EXPECTED[shape]["daemonsets"]
    assert [f"{thing.kind} {thing.name}" for thing in result.input.left_alone] == EXPECTED[shape].get("left", [])


def test_the_documented_manifests_are_not_broken() -> None:
    """The pages' own manifests, as the scenarios run them: what is said of them is what the claims say."""
    folder = HERE.parents[1] / "manifests" / "documents"
    for file in sorted(folder.glob("*.yaml")):
        if file.name == "index.yaml" or file.name.endswith(".as-printed.yaml") or "kind: DaemonSet" not in file.read_text():
            continue
        result = check(gathered([str(file)]), default())
        assert not result.reaches("broken"), file.name
