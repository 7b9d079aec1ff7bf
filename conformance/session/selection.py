"""Whether scenarios are going to run: known from the text of the test files, before anything is collected.

Components are built and the Lease of a cluster is taken before pytest-xdist starts its workers, and its controller collects nothing.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest


def has_scenarios(config: pytest.Config) -> bool:
    """Whether a test file among the paths given to pytest marks a function with `@scenario`."""
    return any(_marks_scenario(file) for file in files(config))


def files(config: pytest.Config) -> Iterator[Path]:
    """The test files among the paths given to pytest."""
    given = (config.invocation_params.dir / str(argument).partition("::")[0] for argument in config.args)
    return _files(given, config.getini("python_files"), config.getini("norecursedirs"))


def tree(file: Path, word: str) -> ast.Module | None:
    """The source of a file that has this word in it; None: it has not, or cannot be read, and pytest says what is wrong with it."""
    try:
        text = file.read_text(encoding="utf-8")
        return ast.parse(text) if word in text else None
    except (OSError, ValueError, SyntaxError):
        return None


def _files(given: Iterable[Path], names: Sequence[str], never: Sequence[str]) -> Iterator[Path]:
    for path in given:
        if path.is_file():
            yield path
        for parent, folders, files in os.walk(path):
            folders[:] = [name for name in folders if not _passed_over(Path(parent) / name, never)]
            yield from (Path(parent) / name for name in files if any(fnmatch(name, one) for one in names))


def _passed_over(folder: Path, never: Sequence[str]) -> bool:
    """Whether pytest does not look into it; a virtual environment is one by its content."""
    return any(fnmatch(folder.name, one) for one in never) or (folder / "pyvenv.cfg").exists()


def _marks_scenario(file: Path) -> bool:
    read = tree(file, "scenario")
    if read is None:
        return False
    return any(_is_scenario(mark) for node in ast.walk(read) if isinstance(node, ast.FunctionDef) for mark in node.decorator_list)


def _is_scenario(mark: ast.expr) -> bool:
    """`@scenario(...)`, under whatever module it is written."""
    called = mark.func if isinstance(mark, ast.Call) else mark
    return (called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else "") == "scenario"
