"""What is planted where, and which scenarios are asked first: `plan.yaml`, read once and typed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import yaml

HERE = Path(__file__).parent


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files of one Go package, by the folder of the module that holds it."""

    folder: str
    files: list[str]


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scenarios that run together on one cluster, by pytest's node ids below the folder of scenarios.

    `without` are left to other groups.
    """

    name: str
    scenarios: list[str]
    without: list[str] = []


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The component that gets the defects, the Go module that its source is of, the files, and the groups that come first.

    `fixed` are the ids of defects that have to be noticed on every change of the suite.
    """

    component: str
    module: str
    targets: list[Target]
    groups: list[Group]
    fixed: list[str] = []


@cache
def plan() -> Plan:
    """The plan as it is stored."""
    return msgspec.convert(yaml.safe_load((HERE / "plan.yaml").read_text(encoding="utf-8")), Plan)


def groups(scenarios: Path) -> list[Group]:
    """All groups of a folder of scenarios in their order: those of the plan, then each file less what they hold."""
    first = plan().groups
    named = [scenario for group in first for scenario in group.scenarios]
    rest = [
        Group(file.stem.removeprefix("test_"), [file.name], [name for name in named if name.partition("::")[0] == file.name])
        for file in sorted(scenarios.glob("test_*.py"))
    ]
    return [*first, *rest]
