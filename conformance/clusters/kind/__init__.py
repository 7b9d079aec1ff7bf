"""Clusters of kind: real kubelets and real containers, on nodes that are containers of Docker."""

from conformance.clusters.kind.provider import KindProvider

__all__ = ["KindProvider"]
