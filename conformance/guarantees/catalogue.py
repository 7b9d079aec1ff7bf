"""All guarantees there are."""

from __future__ import annotations

# Importing a module registers its guarantees.
from conformance.guarantees import budget, calm, churn, creation, history, ownership, presence, status, template  # noqa: F401
from conformance.guarantees.promise import REGISTRY, Guarantee


def every() -> list[Guarantee]:
    """All of them, by number."""
    return sorted(REGISTRY.values(), key=lambda one: (len(one.id), one.id))
