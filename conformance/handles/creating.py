"""The fixture `daemonset`: a DaemonSet from a manifest, as a scenario wants it, made and handed out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.handles.cluster import ScenarioCluster
from conformance.handles.daemonset import Agent
from conformance.kube.manifests import merge, merge_template


class Create:
    """Creates DaemonSets in the scenario's namespace; the type of the fixture `daemonset`."""

    def __init__(self, cluster: ScenarioCluster) -> None:
        self._cluster = cluster

    def __call__(
        self,
        manifest: str,
        *,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        node_selector: Mapping[str, str] | None = None,
        spec: Mapping[str, Any] | None = None,
        template: Mapping[str, Any] | None = None,
    ) -> Agent:
        """Create the DaemonSet of a file below manifests/; an ApiError says why the API server refuses it.

        `name` is another name. `labels` are what it selects its pods by, and what they carry in place of the labels that the file selects
        by: two DaemonSets of one file would match each other's pods otherwise. `node_selector`, `spec` and `template` (the pod template)
        are merged into it as JSON merge patches; containers without an image change those of the same name.
        """
        return self._cluster.apply(
            described(self._cluster.manifest(manifest), name=name, labels=labels, node_selector=node_selector, spec=spec, template=template)
        )


def described(
    body: Mapping[str, Any],
    *,
    name: str = "",
    labels: Mapping[str, str] | None = None,
    node_selector: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
    template: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The manifest of a DaemonSet with all that `Create` can be told; it is not changed itself."""
    changed = merge(body, {"metadata": {"name": name}} if name else {})
    if labels is not None:
        changed = _selecting(changed, labels)
    if node_selector is not None:
        changed = merge(changed, {"spec": {"template": {"spec": {"nodeSelector": dict(node_selector)}}}})
    changed = merge(changed, {"spec": dict(spec or {})})
    changed["spec"]["template"] = merge_template(changed["spec"]["template"], template or {})
    return changed


def _selecting(body: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    spec = body["spec"]
    selector = spec.get("selector") or {}
    old = {*(selector.get("matchLabels") or {}), *(expression["key"] for expression in selector.get("matchExpressions") or ())}
    carried = (spec["template"].get("metadata") or {}).get("labels") or {}
    kept = {key: value for key, value in carried.items() if key not in old}
    template = {**spec["template"], "metadata": {**(spec["template"].get("metadata") or {}), "labels": {**kept, **labels}}}
    return {**body, "spec": {**spec, "selector": {"matchLabels": dict(labels)}, "template": template}}
