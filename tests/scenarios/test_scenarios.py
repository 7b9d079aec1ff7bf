"""Every scenario says what it is and what it is evidence for, and is written as scenarios are: no branch, no sleep, no private door."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import conformance
from conformance.claims import registry

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "scenarios").glob("test_*.py"))
#: What a scenario may import besides `conformance` and pytest: types, and a reader for what it got as text.
STANDARD = {"collections.abc", "json", "typing"}
ID = re.compile(r"[PTLRUHODVX]\d\d")


def _load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"scenarios_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def _functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for file in FILES:
        for name, function in inspect.getmembers(_load(file), inspect.isfunction):
            if name.startswith("test"):
                yield f"{file.stem}::{name}", function


FUNCTIONS = dict(_functions())


def _marks(function: Callable[..., Any], name: str) -> list[pytest.Mark]:
    """The marks of this name on a function, those on single parameters among them."""
    own: list[pytest.Mark] = list(getattr(function, "pytestmark", []))
    cases = [case for mark in own if mark.name == "parametrize" for case in mark.args[1]]
    there = [*own, *(mark for case in cases for mark in getattr(case, "marks", ()))]
    return [getattr(mark, "mark", mark) for mark in there if mark.name == name]


def _scenario(function: Callable[..., Any]) -> str:
    [mark] = _marks(function, "scenario")
    return str(mark.args[0])


def _claims(function: Callable[..., Any]) -> set[str]:
    return {claim for mark in _marks(function, "claim") for claim in mark.args}


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 9
    assert len(FUNCTIONS) >= 50


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_it_says_what_it_is(function: Callable[..., Any]) -> None:
    assert ID.fullmatch(_scenario(function))
    assert (inspect.getdoc(function) or "").rstrip().endswith(".")
    assert "cluster" in inspect.signature(function).parameters
    [seconds] = [mark.kwargs["seconds"] for mark in _marks(function, "scenario")]
    assert seconds > 0


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_it_names_claims_that_name_it(function: Callable[..., Any]) -> None:
    named = _claims(function)
    assert named, "a scenario is evidence for something"
    strangers = {claim.id: claim.scenarios for claim in registry.resolve(named) if _scenario(function) not in claim.scenarios}
    assert not strangers, f"add {_scenario(function)} to the scenarios of these claims in the registry, or do not name them here"


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_a_finding_contradicts_is_claimed(function: Callable[..., Any]) -> None:
    for mark in _marks(function, "finding"):
        assert mark.args[0].endswith(".")
        assert mark.kwargs["contradicts"]
        assert set(mark.kwargs["contradicts"]) <= _claims(function)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_no_claim_is_an_opinion(function: Callable[..., Any]) -> None:
    assert not [claim.id for claim in registry.resolve(_claims(function)) if claim.status == "opinion"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_imports_the_public_names_only(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {name.name for name in node.names} <= STANDARD | {"pytest"}
        if isinstance(node, ast.ImportFrom):
            assert node.module in STANDARD | {"conformance"}
            if node.module == "conformance":
                assert {name.name for name in node.names} <= set(conformance.__all__)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_neither_branches_nor_sleeps_nor_polls(file: Path) -> None:
    forbidden = (ast.If, ast.IfExp, ast.While, ast.Match, ast.Try)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        line = getattr(node, "lineno", 0)
        assert not isinstance(node, forbidden), f"{file.name}:{line}: a scenario goes one way; differences are data"
        assert not (isinstance(node, ast.Attribute) and node.attr in {"sleep", "so_far", "live"}), (
            f"{file.name}:{line}: {ast.unparse(node)}"
        )


def test_every_public_name_is_there() -> None:
    assert list(conformance.__all__) == sorted(conformance.__all__)
    for name in conformance.__all__:
        assert getattr(conformance, name) is not None


def test_data_is_read_from_the_manifests() -> None:
    assert "000-log-agent" in [case.id for case in conformance.documents("resources", "grace")]
    assert [case.id for case in conformance.documents("applied")] == ["001-fluentd"]
    assert all(case.patches for case in _values(conformance.printed_fragments()))
    assert all(case.as_printed for case in _values(conformance.printed_documents()))
    assert all(case.fields for case in _values(conformance.invalid_manifests("V01")))
    assert {case.scenario for case in _values(conformance.kubectl_refusals("V04"))} == {"V04"}
    assert {case.api for case in _values([*conformance.lenient_api("V02"), *conformance.lenient_api("V04")])} == {201}


def _values(cases: list[Any]) -> list[Any]:
    return [case.values[0] for case in cases]


def test_the_matrix_is_whole() -> None:
    refused, accepted = conformance.update_matrix(refused=True), conformance.update_matrix(refused=False)
    no, yes = ([case for group in _values(groups) for case in group.cases] for groups in (refused, accepted))
    assert not {case.name for case in no} & {case.name for case in yes}
    assert all(case.fields for case in no)
    assert all(case.stored for case in yes)
    assert len(no) > len(yes) > 10


def test_every_finding_stands_in_the_documentation() -> None:
    """docs/findings.md has a row with the claims and the scenario of each."""
    rows = [line.split(" | ") for line in (ROOT / "docs" / "findings.md").read_text().splitlines() if line.startswith("| ")]
    listed = {(row[1], row[-1].removesuffix(" |")) for row in rows}
    found = {
        (", ".join(mark.kwargs["contradicts"]), _scenario(function))
        for function in FUNCTIONS.values()
        for mark in _marks(function, "finding")
    }
    assert len(found) > 3
    assert found - listed == set()
