"""What follows from a manifest and nodes, by the model: where it should run, where not and why, and what an update may take."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from conformance.check.input import Manifest
from conformance.check.nodes import Nodes
from conformance.kube.records import DaemonSet
from conformance.model.budgets import budget
from conformance.model.eligibility import obstacle


class Row(NamedTuple):
    """Nodes of one group with one answer. `obstacle` is the kind of reason, `why` the model's words for it; both empty if it is wanted."""

    group: str
    nodes: int
    obstacle: str
    why: str

    @property
    def wanted(self) -> bool:
        """Whether it should run there."""
        return not self.obstacle


class Expectation(NamedTuple):
    """Numbers are nodes. `waves` is how often an update takes as many as it may; `seconds` the least that minReadySeconds makes of it.

    With OnDelete `unavailable`, `surge`, `waves` and `seconds` are 0: nothing is taken.
    """

    rows: tuple[Row, ...]
    desired: int
    unavailable: int
    surge: int
    waves: int
    seconds: int


def expected(manifest: Manifest, nodes: Nodes) -> Expectation:
    """What to expect of a DaemonSet on these nodes; of a budget that is no number nothing follows."""
    record = manifest.record
    counted: Counter[tuple[str, str, str]] = Counter()
    for group, node in nodes.grouped:
        found = obstacle(node, record)
        counted[group, found.kind if found else "", found.why if found else ""] += 1
    rows = tuple(Row(group, number, kind, why) for (group, kind, why), number in counted.items())
    desired = sum(row.nodes for row in rows if row.wanted)
    return Expectation(rows, desired, *_update(record, desired))


def _update(record: DaemonSet, desired: int) -> tuple[int, int, int, int]:
    if record.spec.update_strategy.type == "OnDelete":
        return 0, 0, 0, 0
    try:
        unavailable, surge = budget(record, desired)
    except ValueError:
        return 0, 0, 0, 0
    if min(unavailable, surge) < 0:  # which the API refuses
        return 0, 0, 0, 0
    waves = -(-desired // max(unavailable, surge, 1))
    return unavailable, surge, waves, waves * max(record.spec.min_ready_seconds, 0)


def telling(manifests: list[Manifest]) -> set[str]:
    """The keys of the node labels that these DaemonSets ask for."""
    keys: set[str] = set()
    for manifest in manifests:
        spec = manifest.record.spec.template.spec
        keys |= set(spec.node_selector)
        affinity = spec.affinity and spec.affinity.node_affinity
        required = affinity and affinity.required_during_scheduling_ignored_during_execution
        keys |= {each.key for term in (required.node_selector_terms if required else ()) for each in term.match_expressions}
    return keys
