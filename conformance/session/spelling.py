"""Names in the source of scenarios that there are not: found before anything is imported, built or started, and said all at once.

A misspelt mark is no error to pytest, or one without a suggestion; a misspelt capability is an AttributeError somewhere in a module.
"""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest

import conformance
from conformance.clusters.protocol import Capability
from conformance.errors import UsageError, did_you_mean
from conformance.session import selection

#: So many mistakes are told; the rest is counted.
_MOST = 5


def check(config: pytest.Config) -> None:
    """Raise UsageError if the test files given to pytest, as far as they are about this suite, name marks or words that there are not."""
    marks = {line.partition(":")[0].partition("(")[0].strip() for line in config.getini("markers")}
    found = [mistake for file in selection.files(config) for mistake in mistakes(file, marks, config.rootpath)]
    if found:
        more = f" And {len(found) - _MOST} more of that kind." if len(found) > _MOST else ""
        raise UsageError(" ".join(found[:_MOST]) + more)


def mistakes(file: Path, marks: Collection[str], root: Path = Path()) -> list[str]:
    """What is misspelt in one file, a sentence each; nothing in a file that imports nothing of `conformance`, or cannot be read."""
    tree = selection.tree(file, "conformance")
    if tree is None or not any(_of_suite(node) for node in ast.walk(tree)):
        return []
    name = file.relative_to(root) if file.is_relative_to(root) else file
    return [f"{name}:{line}: {said}" for line, said in sorted(_mistakes(tree, marks))]


def _of_suite(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "conformance" and node.level == 0


def _mistakes(tree: ast.Module, marks: Collection[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _of_suite(node):
            rooms = (module.name for module in pkgutil.iter_modules(conformance.__path__))
            for alias in _unknown(node.names, {*conformance.__all__, *rooms, "__version__", "*"}):
                yield node.lineno, f"conformance has no {alias!r}{did_you_mean(alias, conformance.__all__)}"
        elif isinstance(node, ast.FunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Name) and mark.id in ("scenario", "needs", "finding", "claim"):
                    yield mark.lineno, f"@{mark.id} stands without its arguments: write @{mark.id}(…)."
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if owner == "pytest.mark" and node.attr not in marks:
                meant = did_you_mean(node.attr, marks)
                yield node.lineno, f"there is no mark {node.attr!r}{meant} Or is it your own? Name it in pytest's option `markers`."
            elif owner == "Capability" and node.attr not in dir(Capability):
                yield node.lineno, f"there is no capability {node.attr!r}{did_you_mean(node.attr, Capability.__members__)}"


def _unknown(names: Iterable[ast.alias], known: Collection[str]) -> list[str]:
    return [alias.name for alias in names if alias.name not in known]
