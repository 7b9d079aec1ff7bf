"""Where the API keeps things: resource names and the paths under which they are served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from conformance.errors import UsageError


@dataclass(frozen=True)
class Resource:
    """One resource: its plural name, its kind, its group and version, and whether it lives in a namespace."""

    name: str
    kind: str
    api_version: str
    namespaced: bool = True

    @property
    def prefix(self) -> str:
        """The path of its group and version."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"


RESOURCES: dict[str, Resource] = {
    resource.name: resource
    for resource in (
        Resource("pods", "Pod", "v1"),
        Resource("nodes", "Node", "v1", namespaced=False),
        Resource("events", "Event", "v1"),
        Resource("namespaces", "Namespace", "v1", namespaced=False),
        Resource("serviceaccounts", "ServiceAccount", "v1"),
        Resource("configmaps", "ConfigMap", "v1"),
        Resource("secrets", "Secret", "v1"),
        Resource("services", "Service", "v1"),
        Resource("resourcequotas", "ResourceQuota", "v1"),
        Resource("replicationcontrollers", "ReplicationController", "v1"),
        Resource("limitranges", "LimitRange", "v1"),
        Resource("daemonsets", "DaemonSet", "apps/v1"),
        Resource("controllerrevisions", "ControllerRevision", "apps/v1"),
        Resource("deployments", "Deployment", "apps/v1"),
        Resource("replicasets", "ReplicaSet", "apps/v1"),
        Resource("statefulsets", "StatefulSet", "apps/v1"),
        Resource("jobs", "Job", "batch/v1"),
        Resource("leases", "Lease", "coordination.k8s.io/v1"),
        Resource("poddisruptionbudgets", "PodDisruptionBudget", "policy/v1"),
        Resource("priorityclasses", "PriorityClass", "scheduling.k8s.io/v1", namespaced=False),
        Resource("roles", "Role", "rbac.authorization.k8s.io/v1"),
        Resource("rolebindings", "RoleBinding", "rbac.authorization.k8s.io/v1"),
        Resource("clusterroles", "ClusterRole", "rbac.authorization.k8s.io/v1", namespaced=False),
        Resource("clusterrolebindings", "ClusterRoleBinding", "rbac.authorization.k8s.io/v1", namespaced=False),
        Resource("validatingadmissionpolicies", "ValidatingAdmissionPolicy", "admissionregistration.k8s.io/v1", namespaced=False),
        Resource(
            "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", "admissionregistration.k8s.io/v1", namespaced=False
        ),
        Resource("stages", "Stage", "kwok.x-k8s.io/v1alpha1", namespaced=False),
    )
}
_BY_KIND = {(resource.api_version, resource.kind): resource for resource in RESOURCES.values()}


def resource_of(obj: Mapping[str, Any]) -> Resource:
    """The resource that a manifest's apiVersion and kind name. UsageError for one that is not known here."""
    kind = (str(obj.get("apiVersion", "")), str(obj.get("kind", "")))
    if kind not in _BY_KIND:
        raise UsageError(
            f"no resource is known for apiVersion {kind[0]!r} and kind {kind[1]!r}; "
            "mend the manifest, or add the resource to conformance/kube/resources.py"
        )
    return _BY_KIND[kind]


def path(resource: str, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The path of a collection, an object or a subresource; a collection without its namespace means all of them."""
    try:
        known = RESOURCES[resource]
    except KeyError:
        raise UsageError(f"resource {resource!r} is not known; known are {', '.join(sorted(RESOURCES))}") from None
    parts = [known.prefix]
    if known.namespaced and namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    parts += [resource]
    if name:
        if known.namespaced and not namespace:
            raise UsageError(f"{resource}/{name} lives in a namespace; say in which")
        parts += [quote(name, safe="")]
        if subresource:
            parts += [subresource]
    return "/".join(parts)
