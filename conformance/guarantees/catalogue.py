"""All guarantees there are."""

from __future__ import annotations

# Importing a module registers its guarantees.
import conformance.guarantees.arrival
import conformance.guarantees.binding
import conformance.guarantees.budget
import conformance.guarantees.calm
import conformance.guarantees.churn
import conformance.guarantees.creation
import conformance.guarantees.heap
import conformance.guarantees.history
import conformance.guarantees.ownership
import conformance.guarantees.presence
import conformance.guarantees.progress
import conformance.guarantees.removal
import conformance.guarantees.settling
import conformance.guarantees.status
import conformance.guarantees.template  # noqa: F401 - the last of them stands for all
from conformance.guarantees.promise import REGISTRY, Guarantee


def every() -> list[Guarantee]:
    """All of them, by number."""
    return sorted(REGISTRY.values(), key=lambda one: (len(one.id), one.id))
