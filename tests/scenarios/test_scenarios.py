"""Every scenario says what it is and what it is evidence for, and is written as scenarios are: no branch, no sleep, no private door."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import conformance
from conformance.claims import families, findings, registry
from conformance.claims.registry import family
from conformance.components import versions
from conformance.report.results import Function
from conformance.session import showing, suite

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "scenarios").glob("test_*.py"))
#: What a scenario may import besides `conformance` and pytest: types, and a reader for what it got as text.
STANDARD = {"collections.abc", "json", "typing"}


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


#: What the suite itself reads of them.
READ = suite.functions(ROOT / "scenarios")
#: The sentences, whatever their wording, that a check shows.
SHOWN = {family(claim) for function in READ for claim in registry.resolve(function.claims)}
TESTABLE = [claim for claim in registry.load().values() if claim.status != "opinion"]


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 9
    assert len(FUNCTIONS) >= 50


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_it_says_what_it_is(function: Callable[..., Any]) -> None:
    assert _scenario(function) in families.load()
    assert (inspect.getdoc(function) or "").rstrip().endswith(".")
    assert "cluster" in inspect.signature(function).parameters
    [seconds] = [mark.kwargs["seconds"] for mark in _marks(function, "scenario")]
    assert seconds > 0


def test_the_suite_reads_every_scenario() -> None:
    names = [function.id.partition(".")[2] for function in READ]
    assert sorted(names) == sorted(name.partition("::test_")[2] for name in FUNCTIONS)
    assert len(set(names)) == len(names), "a scenario is named by its function, so no two have one name"


def test_every_family_has_a_title_and_a_scenario() -> None:
    assert {function.family for function in READ} == families.load().keys()


@pytest.mark.parametrize("function", READ, ids=lambda function: function.id)
def test_its_checks_show_claims_that_can_be_shown(function: Function) -> None:
    assert function.claims, "a scenario is evidence for something"
    assert not [claim.id for claim in registry.resolve(function.claims) if claim.status == "opinion"]


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_its_claims_are_named_at_its_checks(function: Callable[..., Any]) -> None:
    """Only cases are marked with claims, and then a check takes them from the case."""
    assert not [mark for mark in getattr(function, "pytestmark", []) if mark.name == "claim"], "name them at the check that shows them"
    [node] = [node for _, node in suite.definitions(Path(inspect.getfile(function))) if node.name == function.__name__]
    assert any(shown.of_cases for shown in suite.checks(node)) == bool(_marks(function, "claim"))


@pytest.mark.parametrize("function", [each for each in READ if each.findings], ids=lambda function: function.id)
def test_a_finding_is_shown_by_a_check_of_what_it_contradicts(function: Function) -> None:
    shown = {family(claim) for claim in registry.resolve(function.claims)}
    for finding in findings.resolve(function.findings):
        assert {family(claim) for claim in registry.resolve(finding.contradicts)} <= shown


def test_every_finding_has_a_scenario() -> None:
    """A race that a run may miss is recognised by a guarantee instead."""
    proved = {name for function in READ for name in function.findings}
    assert proved == {finding.id for finding in findings.load().values() if not finding.sometimes}


@pytest.mark.parametrize("claim", TESTABLE, ids=lambda claim: claim.id)
def test_what_can_be_tested_is_shown(claim: registry.Claim) -> None:
    """By a check, or a guarantee that judges it at every event; or the data say what is missing, and then nothing shows it."""
    wordings = [other for other in registry.load().values() if family(other) == family(claim)]
    guaranteed = any(other.guarantees for other in wordings)
    if any(other.planned for other in wordings):
        assert family(claim) not in SHOWN, "it is shown: drop what is planned"
    else:
        assert family(claim) in SHOWN or guaranteed, "no check shows it"


def test_the_table_of_claims_and_checks_is_up_to_date() -> None:
    written = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    table = showing.table(ROOT / "scenarios", versions.resolve(versions.DEFAULT).minor)
    assert written == table, "write it again: conformance claims --write docs/claims.md"


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
    assert [case.id for case in conformance.documents("namespace")] == ["000-log-agent", "001-fluentd"]
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
