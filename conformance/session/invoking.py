"""`conformance run`: pytest with the suite's own scenarios, wherever it is started and however the suite was installed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from conformance import shipped


def run(arguments: Sequence[str]) -> int:
    """Run pytest; returns its exit code. Paths among the arguments may be scenarios' node ids, as reports and terminals name them."""
    return int(pytest.main([*_own(), *arguments]))


def by_this(config: pytest.Config) -> bool:
    """Whether pytest was started by `conformance run`."""
    return config.inipath == shipped.CONFIGURATION


def choose(config: pytest.Config) -> None:
    """Let pytest collect the suite, or what of it was named; told once pytest knows which arguments are paths."""
    if not by_this(config):
        return
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    config.args = [_found(argument) for argument in config.args] if named else [str(shipped.scenarios())]
    if config.option.ignore:
        config.option.ignore = [_found(path) for path in config.option.ignore]


def program(config: pytest.Config) -> list[str]:
    """The command that runs a scenario again, without its arguments."""
    return ["conformance", "run"] if by_this(config) else ["pytest"]


def command(config: pytest.Config) -> str:
    """What was typed."""
    given = [str(argument) for argument in config.invocation_params.args]
    return shlex.join([*program(config), *(given[len(_own()) :] if by_this(config) else given)])


def _own() -> list[str]:
    # pytest's cache would go into the installed package.
    cache = f"cache_dir={Path.cwd() / '.pytest_cache'}"
    return ["-c", str(shipped.CONFIGURATION), "--rootdir", str(shipped.root()), "-p", "conformance.plugin", "-o", cache]


def _found(argument: str) -> str:
    """A path or node id, of the suite if it has such a file; else as it is."""
    path, colons, rest = argument.partition("::")
    file = shipped.root() / path
    return f"{file}{colons}{rest}" if Path(path).parts[:1] == ("scenarios",) and file.exists() else argument
