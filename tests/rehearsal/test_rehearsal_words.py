"""What a rehearsal showed, in sentences."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from conformance.kube.records import DaemonSet
from conformance.rehearsal.live import sentences
from conformance.rehearsal.rehearsing import names_nodes
from conformance.rehearsal.results import Broken, Judged, Landing, Rehearsal, Update
from tests.check.cases import REQUIRED, changed, pod


def required(term: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term]}}}


WHOLE = Rehearsal("v1.37.1", 5, 0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, False),
        (pod(nodeName="n1"), True),
        (pod(nodeSelector={"kubernetes.io/hostname": "n1"}), True),
        (pod(affinity=required({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]})), True),
        (pod(affinity=required({"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]})), True),
        (pod(affinity=required({"matchExpressions": [{"key": "disk", "operator": "Exists"}]})), False),
    ],
)
def test_who_names_nodes_is_not_rehearsed(change: dict[str, Any], named: bool) -> None:
    assert names_nodes(msgspec.convert(changed(change), DaemonSet)) == named


@pytest.mark.parametrize(
    ("rehearsal", "promised", "words"),
    [
        (WHOLE, True, "on Kubernetes v1.37.1 with 5 simulated nodes."),
        (
            WHOLE._replace(virtual=2, made=("ServiceAccount a",)),
            True,
            "2 that no kubelet serves were left out; made bare for it: ServiceAccount a.",
        ),
        (WHOLE._replace(landing=Landing(3, 1.2)), True, "It landed as derived: available on 3 nodes after 1 s, and nowhere else."),
        (
            WHOLE._replace(landing=Landing(3, 60, (("n1", "Insufficient cpu"), ("n2", "")))),
            False,
            "It did not land as derived. 2 of 3 nodes without an available pod: n1 (Insufficient cpu); n2.",
        ),
        (
            WHOLE._replace(landing=Landing(3, 60, (), ("n9",))),
            False,
            "It did not land as derived. 1 node with one that should have none: n9.",
        ),
        (
            WHOLE._replace(update=Update("done", 8.4, 2, 1)),
            True,
            "The update ended after 8 s; at most 2 nodes without a ready pod at once, and 1 node with a second one.",
        ),
        (
            WHOLE._replace(update=Update("held-up", 99, 1)),
            True,
            "The update did not end within its time (held-up) after 99 s; at most 1 node",
        ),
        (WHOLE._replace(update=Update("on-delete", 5)), True, "The update waits for somebody to delete pods"),
        (WHOLE._replace(update=Update(refused="field is immutable")), True, "The update was refused: field is immutable"),
        (
            WHOLE._replace(broken=Broken(1, True, 2.0)),
            True,
            "A version that never becomes ready took the agent from 1 node, and then stood still; 2 s after the undo all had one again.",
        ),
        (
            WHOLE._replace(broken=Broken(7, False, None)),
            True,
            "from 7 nodes, and had not stood still when it was undone; the undo did not bring all",
        ),
        (WHOLE._replace(left_out="no node should run it"), True, "No more: no node should run it."),
        (WHOLE._replace(judged=Judged(9)), True, "Judged at every event: 9 guarantees held, none violated."),
        (WHOLE._replace(judged=Judged(8, ("INV-3",), ("INV-8",))), False, "8 guarantees held, violated: INV-3, undecided: INV-8."),
    ],
)
def test_each_act_has_a_sentence(rehearsal: Rehearsal, promised: bool, words: str) -> None:
    assert words in " ".join(sentences(rehearsal))
    assert rehearsal.as_promised == promised
