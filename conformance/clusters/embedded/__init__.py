"""The embedded cluster: etcd, API server, controller manager and scheduler as local processes, kubelets simulated."""

from conformance.clusters.embedded.cluster import EmbeddedCluster
from conformance.clusters.embedded.provider import EmbeddedProvider

__all__ = ["EmbeddedCluster", "EmbeddedProvider"]
