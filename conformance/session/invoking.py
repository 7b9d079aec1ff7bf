"""`conformance run`: pytest with the suite's own scenarios, wherever it is started and however the suite was installed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from conformance import shipped

#: Options of pytest that take a value in the next argument: what follows them is no path of a scenario.
_VALUED = frozenset(("-k", "-m", "-n", "-p", "-o", "-W", "-r"))


def run(arguments: Sequence[str]) -> int:
    """Run pytest; returns its exit code. Paths among the arguments may be scenarios' node ids, as reports and terminals name them."""
    return int(pytest.main([*_own(), *_given(arguments)]))


def by_this(config: pytest.Config) -> bool:
    """Whether pytest was started by `conformance run`."""
    return config.inipath == shipped.CONFIGURATION


def program(config: pytest.Config) -> list[str]:
    """The command that runs a scenario again, without its arguments."""
    return ["conformance", "run"] if by_this(config) else ["pytest"]


def command(config: pytest.Config) -> str:
    """What was typed."""
    given = [str(argument) for argument in config.invocation_params.args]
    if by_this(config):
        given = [each.removeprefix(f"{shipped.root()}/") for each in given[len(_own()) :] if each != str(shipped.scenarios())]
    return shlex.join([*program(config), *given])


def _own() -> list[str]:
    # pytest's cache would go into the installed package.
    cache = f"cache_dir={Path.cwd() / '.pytest_cache'}"
    return ["-c", str(shipped.CONFIGURATION), "--rootdir", str(shipped.root()), "-p", "conformance.plugin", "-o", cache]


def _given(arguments: Sequence[str]) -> list[str]:
    given = [_found(argument, before) for argument, before in zip(arguments, ["", *arguments], strict=False)]
    named = any(argument != before for argument, before in zip(given, arguments, strict=True))
    return given if named else [*given, str(shipped.scenarios())]


def _found(argument: str, before: str) -> str:
    path, colons, rest = argument.partition("::")
    file = shipped.root() / path
    if argument.startswith("-") or before in _VALUED or not path.startswith("scenarios") or not file.exists():
        return argument
    return f"{file}{colons}{rest}"
