"""Any cluster that a kubeconfig reaches: borrowed nodes, namespaces of its own, and nothing changed that nobody allowed."""

from __future__ import annotations

from conformance.clusters.existing.provider import ExistingProvider

__all__ = ["ExistingProvider"]
