"""What the rules on updates ask of a strategy."""

from __future__ import annotations

from conformance.check.reading import Path
from conformance.check.results import Subject
from conformance.kube.records import RollingUpdate
from conformance.model.budgets import scaled

STRATEGY: Path = ("spec", "updateStrategy")
ROLLING: Path = (*STRATEGY, "rollingUpdate")
POD: Path = ("spec", "template", "spec")


def rolls(subject: Subject) -> bool:
    """Whether its strategy is RollingUpdate."""
    return subject.manifest.record.spec.update_strategy.type == "RollingUpdate"


def rolling(subject: Subject) -> RollingUpdate:
    """Its budget; without numbers where none are given."""
    return subject.manifest.record.spec.update_strategy.rolling_update or RollingUpdate()


def number(value: int | str | None) -> bool:
    """Whether the API takes it: left out, a number from 0, or a percentage up to 100%."""
    try:
        return value is None or (scaled(value, 100) >= 0 and (isinstance(value, int) or scaled(value, 100) <= 100))
    except ValueError:
        return False


def sound(subject: Subject) -> bool:
    """Whether it rolls, with numbers that the API takes."""
    budget = rolling(subject)
    return rolls(subject) and number(budget.max_unavailable) and number(budget.max_surge)
