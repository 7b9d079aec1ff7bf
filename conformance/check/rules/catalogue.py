"""The catalogue of rules: each registers itself with what it stands on and how it is worded."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

from conformance.check.results import Level, Look, Rule

#: The modules that hold rules, in the order in which they are told.
MODULES = ("refused", "updates", "surging", "tolerating", "placement", "selecting", "hosts", "pods")

_RULES: dict[str, Rule] = {}


def rule(name: str, level: Level, *, title: str, says: str, scenario: str, claim: str = "", finding: str = "") -> Callable[[Look], Look]:
    """Register a function as a rule; see `Rule` for the fields."""

    def register(look: Look) -> Look:
        assert name not in _RULES, name
        _RULES[name] = Rule(name, level, title, says, scenario, look, claim, finding)
        return look

    return register


@functools.cache
def rules() -> tuple[Rule, ...]:
    """All rules, in their order."""
    for module in MODULES:
        importlib.import_module(f"conformance.check.rules.{module}")
    return tuple(_RULES.values())
