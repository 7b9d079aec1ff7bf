"""Selectors: label selectors of a DaemonSet, node selectors and required node affinity of its template.

Source: API reference, LabelSelector and NodeSelectorTerm; documentation "Labels and Selectors" and "Assigning Pods to Nodes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from conformance.kube.records import LabelSelector, Node, NodeSelector, NodeSelectorTerm, PodSpec, SelectorRequirement

_INTEGER = re.compile(r"[+-]?[0-9]+")
_INT64 = range(-(2**63), 2**63)


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches these labels. An empty selector matches everything (a DaemonSet cannot have one)."""
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    return all(satisfies(requirement, labels) for requirement in selector.match_expressions)


def satisfies(requirement: SelectorRequirement, labels: Mapping[str, str]) -> bool:
    """Whether the labels satisfy one requirement. A label that is not there satisfies NotIn, as the documentation says."""
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return len(requirement.values) == 1 and compares(value, requirement.operator, requirement.values[0])
    return False


def compares(value: str | None, operator: str, limit: str) -> bool:
    """Whether both spell integers, and the value is greater (`Gt`) or less (`Lt`) than the limit."""
    here, there = _integer(value), _integer(limit)
    if here is None or there is None:
        return False
    return here > there if operator == "Gt" else here < there


def _integer(text: str | None) -> int | None:
    """The 64-bit integer that a label or taint value spells, or None."""
    if text is None or not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if number in _INT64 else None


def _term_matches(term: NodeSelectorTerm, node: Node) -> bool:
    # "A null or empty node selector term matches no objects" (API reference).
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": node.metadata.name}
    return all(satisfies(requirement, node.metadata.labels) for requirement in term.match_expressions) and all(
        requirement.key == "metadata.name" and requirement.operator in ("In", "NotIn") and satisfies(requirement, fields)
        for requirement in term.match_fields
    )


def node_selected(selector: NodeSelector, node: Node) -> bool:
    """Whether one of the ORed terms matches the node."""
    return any(_term_matches(term, node) for term in selector.node_selector_terms)


def node_fits(spec: PodSpec, node: Node) -> bool:
    """Whether nodeSelector and the required node affinity of a pod both match the node; preferred terms do not count."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in spec.node_selector.items()):
        return False
    affinity = spec.affinity and spec.affinity.node_affinity
    required = affinity and affinity.required_during_scheduling_ignored_during_execution
    return node_selected(required, node) if required else True
