"""What a scenario may ask of the past, over small written records."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from conformance.handles.daemonset import Agent
from conformance.handles.past import Past
from conformance.handles.trace import Trace
from conformance.kube.records import RECORDS, Pod
from conformance.trace.entries import Entry, EntryType
from conformance.trace.recorder import Recorder

OWNER = [{"kind": "DaemonSet", "name": "agent", "uid": "ds", "controller": True}]
AGENT = cast(Agent, SimpleNamespace(uid="ds", name="agent"))


class Record:
    """Entries, a second apart unless a time is given."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def so_far(self) -> list[Entry]:
        return self.entries

    def pod(
        self,
        type: EntryType,  # noqa: A002
        name: str,
        *,
        at: float,
        owned: bool = True,
        deleted: bool = False,
        spec: dict[str, Any] | None = None,
        **status: Any,
    ) -> None:
        meta = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "ownerReferences": OWNER if owned else []}
        obj = {"metadata": {**meta, **({"deletionTimestamp": "2026"} if deleted else {})}, "spec": spec or {}, "status": status}
        raw = msgspec.Raw(msgspec.json.encode(obj))
        self.entries.append(Entry(len(self.entries) + 1, at, type, "pods", 100 + len(self.entries), raw))


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def past(record: Record) -> Past:
    return Past(cast(Recorder, record))


def test_the_end_is_timed_from_the_first_wish(record: Record, past: Past) -> None:
    record.pod("added", "a", at=0.0, phase="Running")
    record.pod("modified", "a", at=2.0, deleted=True, phase="Running")
    record.pod("modified", "a", at=3.0, deleted=True, phase="Running", reason="still there")
    record.pod("modified", "a", at=7.5, deleted=True, phase="Succeeded")
    record.pod("deleted", "a", at=9.0, deleted=True, phase="Succeeded")
    assert past.seconds_to_end("a") == 5.5


def test_pauses_are_between_creations_of_this_daemonset(record: Record, past: Past) -> None:
    record.pod("added", "a", at=0.0)
    record.pod("added", "stranger", at=0.5, owned=False)
    record.pod("modified", "a", at=0.7, phase="Failed")
    record.pod("added", "b", at=1.0)
    record.pod("added", "c", at=3.0)
    assert past.seconds_between_creations(AGENT) == [1.0, 2.0]


def test_pauses_are_told_by_the_clock_of_the_api_server_where_it_is_known(record: Record, past: Past) -> None:
    """Seen on a starved machine: the news of three creations arrived together, and the third pause looked half a second too short."""
    for number, received in enumerate((50.0, 51.0, 53.0)):
        record.pod("added", f"pod-{number}", at=9.0)
        rv = record.entries[-1].rv
        record.entries.append(Entry(len(record.entries) + 1, 9.0, "write", "pods", rv, detail={"received": received}))
        record.entries.append(Entry(len(record.entries) + 1, 9.0, "write", "pods", rv, detail={"received": received + 7}))
    assert past.seconds_between_creations(AGENT) == [1.0, 2.0]

    record.pod("added", "of which the log says nothing yet", at=12.0)
    assert past.seconds_between_creations(AGENT) == [0.0, 0.0, 3.0]


def test_every_failure_counts_once(record: Record, past: Past) -> None:
    record.pod("added", "a", at=0.0, phase="Pending")
    record.pod("modified", "a", at=0.1, phase="Failed", reason="OutOfcpu")
    record.pod("modified", "a", at=0.2, phase="Failed", reason="OutOfcpu", deleted=True)
    record.pod("added", "stranger", at=0.3, owned=False, phase="Failed", reason="Evicted")
    record.pod("added", "b", at=0.4, phase="Failed", reason="NodeAffinity")
    assert past.failures(AGENT) == ["OutOfcpu", "NodeAffinity"]


def test_a_pod_is_bound_once(record: Record, past: Past) -> None:
    record.pod("added", "a", at=0.0)
    record.pod("modified", "a", at=1.0, spec={"nodeName": "n"})
    record.pod("modified", "a", at=2.0, spec={"nodeName": "n"}, phase="Running")
    assert past.binding_of_pod("uid-a") == 101


def test_a_life_is_timed_from_the_binding(record: Record, past: Past) -> None:
    record.pod("added", "a", at=0.0)
    record.pod("added", "b", at=0.5, spec={"nodeName": "n"})
    record.pod("modified", "a", at=1.0, spec={"nodeName": "n"})
    record.pod("modified", "a", at=2.0, spec={"nodeName": "n"}, phase="Running")
    record.pod("modified", "a", at=4.5, spec={"nodeName": "n"}, phase="Running", deleted=True)
    record.pod("deleted", "a", at=9.0, spec={"nodeName": "n"}, phase="Running", deleted=True)
    assert past.seconds_alive("a") == 3.5


def test_what_a_pod_says_of_itself() -> None:
    status = {
        "containerStatuses": [{"name": "a", "restartCount": 2}, {"name": "b", "restartCount": 1}],
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "no free ports"}],
    }
    pod: Pod = msgspec.convert({"status": status}, RECORDS["pods"])
    assert (pod.restarts, pod.why_unscheduled) == (3, "no free ports")
    assert Pod().why_unscheduled == ""


def test_counters_are_those_of_every_state(record: Record, past: Past) -> None:
    for number, (ready, available) in enumerate(((0, 0), (1, 0), (1, 1))):
        status = {"numberReady": ready, "numberAvailable": available}
        raw = msgspec.Raw(msgspec.json.encode({"metadata": {"name": "agent", "namespace": "ns", "uid": "ds"}, "status": status}))
        type: EntryType = "modified" if number else "added"  # noqa: A001
        record.entries.append(Entry(number + 1, float(number), type, "daemonsets", 100 + number, raw))

    assert past.counters(AGENT, "number_ready", "number_available") == {(0, 0), (1, 0), (1, 1)}
    assert past.counters(AGENT, "number_ready") == {(0,), (1,)}


READY = [{"type": "Ready", "status": "True"}]


def _updated(record: Record) -> None:
    """Two nodes with a ready pod each, and a DaemonSet whose spec has just been changed."""
    for name in "ab":
        record.pod("added", name, at=0.0, spec={"nodeName": f"node-{name}"}, conditions=READY)
    raw = msgspec.Raw(msgspec.json.encode({"metadata": {"name": "agent", "namespace": "ns", "uid": "ds", "generation": 2}}))
    record.entries.append(Entry(3, 1.0, "added", "daemonsets", 103, raw))


def test_a_node_without_a_ready_pod_counts_where_a_deletion_took_it(record: Record, past: Past) -> None:
    _updated(record)
    record.pod("modified", "a", at=2.0, spec={"nodeName": "node-a"}, deleted=True, conditions=READY)
    assert past.most_unavailable(AGENT) == 1
    record.pod("modified", "b", at=2.5, spec={"nodeName": "node-b"}, deleted=True, conditions=READY)
    record.pod("deleted", "a", at=3.0, spec={"nodeName": "node-a"}, deleted=True)
    assert past.most_unavailable(AGENT) == 2


def test_a_pod_that_stops_being_ready_by_itself_is_not_the_updates(record: Record, past: Past) -> None:
    _updated(record)
    record.pod("modified", "a", at=2.0, spec={"nodeName": "node-a"})
    record.pod("modified", "a", at=3.0, spec={"nodeName": "node-a"}, deleted=True)
    assert past.most_unavailable(AGENT) == 0
    record.pod("deleted", "b", at=4.0, spec={"nodeName": "node-b"}, conditions=READY)
    assert past.most_unavailable(AGENT) == 1


def test_seconds_between_two_changes_are_told_by_their_versions(record: Record, past: Past) -> None:
    record.pod("added", "a", at=1.0)
    record.pod("deleted", "a", at=2.5, deleted=True)
    record.entries.append(Entry(3, 9.0, "write", "pods", 101, detail={"received": 9.0}))
    record.pod("added", "b", at=3.0)
    assert past.seconds_from(past.end_of_pod("a"), past.creation_of_pod("uid-b")) == 0.5


def test_seconds_between_two_changes_are_those_of_the_api_server_where_it_tells_of_both(record: Record, past: Past) -> None:
    for name, received in (("a", 50.0), ("b", 53.5)):
        record.pod("added", name, at=9.0)  # the news of both arrived together
        record.entries.append(Entry(len(record.entries) + 1, 9.0, "write", "pods", record.entries[-1].rv, detail={"received": received}))
    assert past.seconds_from(past.creation_of_pod("uid-a"), past.creation_of_pod("uid-b")) == 3.5
    with pytest.raises(AssertionError, match="no change at resourceVersion 7 was seen"):
        past.seconds_from(7, past.creation_of_pod("uid-b"))


@pytest.mark.parametrize(
    ("within", "at_least", "holds"),
    [(5, 0, True), (2, 0, True), (5, 2, True), (1.9, 0, False), (5, 2.1, False)],
    ids=["in time", "just", "not too soon", "too late", "too soon"],
)
def test_an_effect_follows_its_cause(record: Record, within: float, at_least: float, holds: bool) -> None:
    record.pod("added", "a", at=1.0)
    record.pod("added", "b", at=3.0)
    trace = Trace(cast(Recorder, record), 1.0)
    told = contextlib.nullcontext() if holds else pytest.raises(AssertionError, match=r"from resourceVersion 100 to 101 it took 2.000 s")
    with told:
        trace.follows(101, after=100, within=within, at_least=at_least)
    with pytest.raises(AssertionError, match="stands before its cause"):
        trace.follows(100, after=101, within=within, at_least=at_least)


def test_a_slow_machine_has_more_time(record: Record) -> None:
    record.pod("added", "a", at=1.0)
    record.pod("added", "b", at=3.0)
    Trace(cast(Recorder, record), 3.0).follows(101, after=100, within=1)


def test_pods_are_counted_for_their_node(record: Record, past: Past) -> None:
    assert past.pods_per_node(AGENT) == {}
    assert past.most_pods(AGENT, "n1") == 0
    on = {"nodeName": "n1"}
    record.pod("added", "a", at=0.0, spec=on, phase="Running")
    record.pod("modified", "a", at=1.0, spec=on, phase="Failed")
    record.pod("added", "b", at=2.0, spec=on, phase="Running")
    record.pod("added", "c", at=2.0, spec={"nodeName": "n2"}, phase="Running")
    record.pod("added", "stranger", at=2.0, spec=on, owned=False, phase="Failed")
    record.pod("deleted", "a", at=3.0, spec=on, phase="Failed")
    record.pod("modified", "b", at=4.0, spec=on, phase="Failed")
    assert past.pods_per_node(AGENT) == {"n1": 2, "n2": 1}
    assert [past.most_pods(AGENT, node) for node in ("n1", "n2", "n3")] == [2, 1, 0]
    assert [past.most_pods(AGENT, "n1", phase=phase) for phase in ("Failed", "Running", "Pending")] == [1, 1, 0]


def test_a_node_is_changed_by_labels_taints_and_cordon_and_not_by_heartbeats(record: Record, past: Past) -> None:
    def node(labels: dict[str, str], *, taint: str = "", status: str = "True") -> None:
        taints = [{"key": taint, "effect": "NoSchedule"}] if taint else []
        conditions = [{"type": "Ready", "status": status}]
        body = {"metadata": {"name": "n1", "labels": labels}, "spec": {"taints": taints}, "status": {"conditions": conditions}}
        type: EntryType = "modified" if record.entries else "added"  # noqa: A001
        raw = msgspec.Raw(msgspec.json.encode(body))
        record.entries.append(Entry(len(record.entries) + 1, 1.0, type, "nodes", 100 + len(record.entries), raw))

    node({})
    with pytest.raises(AssertionError, match="nodes/n1 has not been changed"):
        past.change_of_node("n1")
    node({"disktype": "ssd"})
    node({"disktype": "ssd"}, status="False")
    assert past.change_of_node("n1") == 101
    node({"disktype": "ssd"}, taint="dedicated")
    assert past.change_of_node("n1") == 103


def test_what_has_not_happened_is_an_assertion(past: Past) -> None:
    questions: list[Callable[[], object]] = [
        lambda: past.end_of_pod("agent-1"),
        lambda: past.binding_of_pod("uid"),
        lambda: past.seconds_to_end("agent-1"),
        lambda: past.seconds_alive("agent-1"),
        lambda: past.creation_of_pod("uid"),
        lambda: past.last_removal_of_pod(AGENT),
        lambda: past.removal_of(AGENT),
        lambda: past.last_state(AGENT),
        lambda: past.numbering_of(AGENT, 1),
        lambda: past.ready_to_next_deletion(AGENT),
    ]
    for question in questions:
        with pytest.raises(AssertionError, match=r"agent|uid"):
            question()
