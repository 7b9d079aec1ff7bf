"""What others see of a cluster that a run uses, to compare it before and after."""

from __future__ import annotations

from typing import Any

from conformance.clusters.existing import owning
from conformance.kube.api import Api
from conformance.kube.resources import path


def namespaces(api: Api) -> set[str]:
    return {item["metadata"]["name"] for item in api.list(path("namespaces"), labelSelector=owning.RUN)["items"]}


def states(api: Api) -> dict[str, Any]:
    """Of every node what a user sees: labels, annotations, taints, cordon."""
    return {
        node["metadata"]["name"]: (node["metadata"].get("labels"), node["metadata"].get("annotations"), node["spec"])
        for node in api.list(path("nodes"))["items"]
    }
