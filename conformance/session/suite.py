"""The scenarios of a suite, read from their source: which functions there are, what they need, and which checks show which claims.

This is the only place where the relation between claims and scenarios is read, and the scenarios are the only place where it is written.
It is read from the text, because a pytest-xdist worker collects only what it was given, and a claim of a scenario that is left out, or
breaks off before its check, must be known all the same.
"""

from __future__ import annotations

import ast
import importlib.util
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from conformance.report.results import Function

_LONGEST = 160


@dataclass(frozen=True)
class Shown:
    """One check in the source of a scenario: its line, the claims it names, and the check as it is written.

    `of_cases` says that it shows claims of its case too, which come from data.
    """

    line: int
    claims: tuple[str, ...]
    text: str
    of_cases: bool = False


class Listed(NamedTuple):
    """A scenario as its mark has it: what it is called, and how many seconds it says it takes; None: it does not say."""

    id: str
    seconds: float | None


def identity(family: str, name: str) -> str:
    """What a scenario is called: `P06.a_node_that_loses_the_label_loses_its_pod`, from its family and the name of its function."""
    return f"{family}.{name.removeprefix('test_')}"


def claims_of(item: pytest.Item) -> list[str]:
    """The claims that an item may show: those that its checks name, and those that its case was given, in this order."""
    function = getattr(item, "function", None)
    marked = [claim for mark in item.iter_markers("claim") for claim in mark.args]
    node = _definition(Path(item.path), function.__name__) if function is not None else None
    named = [claim for shown in checks(node) for claim in shown.claims] if node is not None else []
    return list(dict.fromkeys([*named, *marked]))


def functions(folder: Path) -> list[Function]:
    """All scenarios in the files of a folder, by file and line. What cannot be read is left to pytest, which says why."""
    files = sorted(folder.glob("**/test_*.py"))
    return [_function(file, node) for file in files for _, node in definitions(file)]


def listed(file: Path) -> dict[str, Listed]:
    """The scenarios of a file by the name of their function; none if it cannot be read."""
    return {node.name: Listed(name, _seconds(node)) for name, node in definitions(file)}


def checks(node: ast.FunctionDef) -> list[Shown]:
    """The checks of a function that show claims, in the order in which they stand."""
    return sorted(_checks(node), key=lambda shown: shown.line)


def definitions(file: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The scenarios of a file: identity and definition."""
    tree = _tree(file)
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.FunctionDef) and (family := _family(node)):
            yield identity(family, node.name), node


def _checks(node: ast.FunctionDef) -> Iterator[Shown]:
    blocks = {id(item.context_expr): each for each in ast.walk(node) if isinstance(each, ast.With) for item in each.items}
    for call in ast.walk(node):
        if not isinstance(call, ast.Call):
            continue
        if isinstance(call.func, ast.Name) and call.func.id == "shows":
            body = blocks.get(id(call))
            text = "; ".join(ast.unparse(line) for line in body.body) if body is not None else ast.unparse(call)
            yield Shown(call.lineno, tuple(_texts(call.args)), _short(text), _of_cases(call.args))
            continue
        for keyword in call.keywords:
            if keyword.arg == "shows":
                plain = ast.Call(call.func, call.args, [other for other in call.keywords if other is not keyword])
                text = ast.unparse(ast.fix_missing_locations(plain))
                yield Shown(call.lineno, tuple(_texts([keyword.value])), _short(text), _of_cases([keyword.value]))


def _texts(values: Iterable[ast.expr]) -> Iterator[str]:
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
        elif isinstance(value, ast.Tuple | ast.List):
            yield from _texts(value.elts)


def _of_cases(values: Iterable[ast.expr]) -> bool:
    """Whether something among the values of `shows` is no text."""
    return any(
        _of_cases(value.elts) if isinstance(value, ast.Tuple | ast.List) else not isinstance(value, ast.Constant) for value in values
    )


def _short(text: str) -> str:
    return textwrap.shorten(text, _LONGEST, placeholder=" …")


def _function(file: Path, node: ast.FunctionDef) -> Function:
    family = _family(node)
    named = [claim for shown in checks(node) for claim in shown.claims]
    return Function(
        id=identity(family, node.name),
        family=family,
        title=title_of(ast.get_docstring(node) or node.name),
        file=file.name,
        claims=list(dict.fromkeys([*named, *_claims_of_cases(file, node.name)])),
        findings=[text for mark in _marks(node, "finding") for text in _texts(mark.args)],
    )


def _claims_of_cases(file: Path, name: str) -> list[str]:
    """The claims that the cases of a function are marked with; only running the module's data tells them."""
    module = _module(file)
    marks = getattr(getattr(module, name, None), "pytestmark", [])
    cases = [case for mark in marks if mark.name == "parametrize" for case in mark.args[1]]
    there = [*marks, *(mark for case in cases for mark in getattr(case, "marks", ()))]
    return [claim for mark in there if mark.name == "claim" for claim in mark.args]


def title_of(docstring: str) -> str:
    """The first line of a scenario's docstring."""
    return docstring.strip().splitlines()[0]


def _family(node: ast.FunctionDef) -> str:
    return next((text for mark in _marks(node, "scenario") for text in _texts(mark.args)), "")


def _seconds(node: ast.FunctionDef) -> float | None:
    given = (keyword.value for mark in _marks(node, "scenario") for keyword in mark.keywords if keyword.arg == "seconds")
    return next((float(one.value) for one in given if isinstance(one, ast.Constant) and isinstance(one.value, int | float)), None)


def _marks(node: ast.FunctionDef, name: str) -> Iterator[ast.Call]:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func).rpartition(".")[2] == name:
            yield mark


def _definition(file: Path, name: str) -> ast.FunctionDef | None:
    tree = _tree(file)
    found = (node for node in (tree.body if tree is not None else ()) if isinstance(node, ast.FunctionDef) and node.name == name)
    return next(found, None)


_TREES: dict[tuple[Path, int], ast.Module | None] = {}
_MODULES: dict[Path, ModuleType | None] = {}


def _tree(file: Path) -> ast.Module | None:
    try:
        key = (file, file.stat().st_mtime_ns)
        if key not in _TREES:
            _TREES[key] = ast.parse(file.read_text(encoding="utf-8"))
        return _TREES[key]
    except (OSError, SyntaxError, ValueError):
        return None


def _module(file: Path) -> Any:
    if file not in _MODULES:
        spec = importlib.util.spec_from_file_location(f"_conformance_read_{file.stem}", file)
        module = importlib.util.module_from_spec(spec) if spec is not None else None
        try:
            if spec is not None and spec.loader is not None and module is not None:
                spec.loader.exec_module(module)
        except Exception:  # whatever is wrong with it, pytest's own collection says it
            module = None
        _MODULES[file] = module
    return _MODULES[file]
