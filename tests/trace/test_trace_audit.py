"""Reading the audit log, and joining it with the changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.trace.attribution import Attribution
from conformance.trace.audit import AuditLog, Write
from conformance.trace.entries import Entry, EntryType
from conformance.trace.world import World

CONTROLLER = "system:serviceaccount:kube-system:daemon-set-controller"


def line(
    verb: str = "create", *, user: str = CONTROLLER, code: int = 201, uri: str = "/x", stage: str = "ResponseComplete", **more: Any
) -> str:
    where = {"resource": "pods", "namespace": "ns", "name": "a", **more.pop("where", {})}
    answer = more.pop("answer", {"kind": "Pod", "metadata": {"name": "a", "uid": "u", "resourceVersion": "7"}})
    return json.dumps(
        {
            "stage": stage,
            "verb": verb,
            "requestURI": uri,
            "user": {"username": user},
            "objectRef": where,
            "responseStatus": {"code": code},
            "responseObject": answer,
        }
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def append(file: Path, *texts: str) -> None:
    with file.open("a") as out:
        out.write("".join(texts))


def test_tells_when_the_server_had_a_request_and_had_answered_it(file: Path) -> None:
    log = AuditLog(file)
    times = {"requestReceivedTimestamp": "2026-01-01T00:00:00.250000Z", "stageTimestamp": "2026-01-01T00:00:02.500000Z"}
    append(file, json.dumps(json.loads(line()) | times) + "\n", line() + "\n")

    timed, untimed = log.read()
    log.close()

    assert timed.detail()["done"] - timed.detail()["received"] == 2.25
    assert not {"received", "done"} & untimed.detail().keys()


def test_reads_only_what_is_new_and_complete(file: Path) -> None:
    append(file, line() + "\n")
    log = AuditLog(file)
    assert log.read() == []
    whole = line("patch", code=200, where={"subresource": "status"})
    append(file, whole[:30])
    assert log.read() == []
    append(file, whole[30:] + "\n" + line()[:10])
    [write] = log.read()
    assert write == Write(CONTROLLER, "patch", "pods", "status", "ns", "a", "u", 200, 7)
    assert write.detail()["subresource"] == "status"
    log.close()


@pytest.mark.parametrize(
    "text",
    [
        line("get"),
        line("list"),
        line(code=409),
        line(stage="RequestReceived"),
        line(uri="/api/v1/namespaces/ns/pods?dryRun=All"),
    ],
)
def test_what_wrote_nothing_is_left_out(file: Path, text: str) -> None:
    append(file, text + "\n")
    log = AuditLog(file, from_start=True)
    assert log.read() == []
    log.close()


def test_a_log_that_does_not_exist_yet_is_new_in_all_its_parts(file: Path) -> None:
    log = AuditLog(file)
    assert log.read() == []
    append(file, line() + "\n")
    assert len(log.read()) == 1
    log.close()


def test_rotation_and_truncation_lose_nothing_that_is_complete(file: Path) -> None:
    file.touch()
    log = AuditLog(file)
    append(file, line(user="before") + "\n")
    file.rename(file.with_suffix(".1"))
    assert [w.user for w in log.read()] == ["before"]
    append(file, line(user="after") + "\n")
    assert [w.user for w in log.read()] == ["after"]
    append(file, line(user="much longer than what comes next") + "\n")
    log.read()
    file.write_text(line(user="cut") + "\n")
    assert [w.user for w in log.read()] == ["cut"]
    append(file, "rubbish\n", line() + "\n")
    assert len(log.read()) == 1
    assert log.unreadable == 1
    log.close()


def test_deletecollection_is_one_write_an_object(file: Path) -> None:
    items = [{"metadata": {"name": name, "namespace": "ns", "resourceVersion": "3"}} for name in "ab"]
    append(file, line("deletecollection", code=200, where={"name": ""}, answer={"kind": "PodList", "items": items}) + "\n")
    log = AuditLog(file, from_start=True)
    assert [w.name for w in log.read()] == ["a", "b"]
    log.close()


class Joined:
    """A world, the attribution, and the pairs (revision, user) that came out."""

    def __init__(self, **options: Any) -> None:
        self.world = World()
        self.attribution = Attribution(["pods", "daemonsets"], **options)
        self.placed: list[tuple[int | None, str]] = []

    def change(self, kind: EntryType, rv: int, spec: dict[str, Any] | None = None, resource: str = "pods", **meta: Any) -> Joined:
        body = {"metadata": {"name": "a", "namespace": "ns", "uid": "u", **meta}, **(spec or {})}
        entry = Entry(rv, rv / 10, kind, resource, rv, msgspec.Raw(json.dumps(body).encode()))
        before, after = self.world.apply(entry)
        self._collect(self.attribution.change(entry, before, after))
        return self

    def write(self, verb: str, user: str, rv: int | None, *, resource: str = "pods", **more: Any) -> Joined:
        write = Write(
            user, verb, resource, more.pop("subresource", ""), more.pop("namespace", "ns"), "a", more.pop("uid", ""), 200, rv, **more
        )
        self._collect(self.attribution.write(write))
        return self

    def _collect(self, writes: Any) -> None:
        self.placed += [(write.rv, write.user) for write in writes]


ENDING: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def test_versions_join_exactly_and_once() -> None:
    joined = Joined().change("added", 5).write("create", "maker", 5)
    # Two that changed nothing, and answer with what they found.
    joined.write("patch", "idler", 5).write("update", "idler", 5)
    assert joined.placed == [(5, "maker")]


def test_history_other_namespaces_and_other_resources_are_left_out() -> None:
    joined = Joined(namespaces=("ns",))
    joined.attribution.listed("pods", 10)
    joined.write("patch", "x", 10).write("patch", "x", 11, namespace="other").write("patch", "x", 12, resource="leases")
    assert joined.placed == []
    assert joined.write("patch", "x", 13).placed == [(13, "x")]


@pytest.mark.parametrize("log_first", [True, False])
def test_a_binding_joins_where_the_pod_got_its_node(log_first: bool) -> None:
    joined = Joined().change("added", 5)
    if log_first:
        joined.write("create", "scheduler", None, subresource="binding")
    joined.change("modified", 6, {"status": {"phase": "Pending"}}).change("modified", 7, {"spec": {"nodeName": "n"}})
    if not log_first:
        joined.write("create", "scheduler", None, subresource="binding")
    assert joined.placed == [(7, "scheduler")]


@pytest.mark.parametrize("log_first", [True, False])
def test_a_delete_that_answers_with_a_status(log_first: bool) -> None:
    joined = Joined().change("added", 5)
    if log_first:
        joined.write("delete", "collector", None, uid="u")
    joined.change("deleted", 8)
    if not log_first:
        joined.write("delete", "other", None, uid="another").write("delete", "collector", None, uid="u")
    assert joined.placed == [(8, "collector")]


@pytest.mark.parametrize("log_first", [True, False])
def test_a_delete_without_grace_made_both_steps(log_first: bool) -> None:
    joined = Joined().change("added", 5)
    if log_first:
        joined.write("delete", "kubelet", 9)
    joined.change("modified", 8, **ENDING, deletionGracePeriodSeconds=0).change("deleted", 9)
    if not log_first:
        joined.write("delete", "kubelet", 9)
    assert sorted(joined.placed) == [(8, "kubelet"), (9, "kubelet")]


def test_a_delete_with_grace_and_the_kubelets_delete_are_two() -> None:
    joined = Joined().change("added", 5).change("modified", 6, **ENDING, deletionGracePeriodSeconds=30)
    joined.change("modified", 7, **ENDING, deletionGracePeriodSeconds=0).change("deleted", 8)
    joined.write("delete", "scenario", 6).write("delete", "kubelet", 8)
    assert joined.placed == [(6, "scenario"), (7, "kubelet"), (8, "kubelet")]


@pytest.mark.parametrize("kubelet", ["system:node:n", "conformance:kubelets"])
@pytest.mark.parametrize("order", ["log first", "kubelet's line first", "asker's line first"])
def test_a_kubelet_that_ends_a_delete_did_not_ask_for_it(order: str, kubelet: str) -> None:
    # A pod that has failed has no grace: the controller's delete marks it, and the kubelet's is done before the controller's second step.
    joined = Joined().change("added", 5).write("create", "controller", 5)
    if order == "log first":
        joined.write("delete", kubelet, 8).write("delete", "controller", None, uid="u")
    joined.change("modified", 6, **ENDING, deletionGracePeriodSeconds=0).change("deleted", 8)
    if order == "kubelet's line first":
        joined.write("delete", kubelet, 8)
        assert joined.attribution.unexplained(0.0), "somebody has asked for it"
        joined.write("delete", "controller", None, uid="u")
    elif order == "asker's line first":
        joined.write("delete", "controller", None, uid="u").write("delete", kubelet, 8)
    assert (6, "controller") in joined.placed
    assert (6, kubelet) not in joined.placed
    assert not joined.attribution.unexplained(0.0)


def test_a_kubelet_takes_the_copy_of_a_static_pod_away_by_itself() -> None:
    mirror: dict[str, Any] = {"ownerReferences": [{"kind": "Node", "name": "n", "uid": "x", "controller": True}]}
    joined = Joined().change("added", 5, **mirror).change("modified", 6, **ENDING, deletionGracePeriodSeconds=0, **mirror)
    joined.change("deleted", 8, **mirror).write("delete", "system:node:n", 8)
    assert joined.placed == [(6, "system:node:n"), (8, "system:node:n")]


def test_deletecollection_answers_with_versions_from_before() -> None:
    joined = Joined().change("added", 5).write("create", "maker", 5)
    joined.change("modified", 6, **ENDING, deletionGracePeriodSeconds=0).change("deleted", 7).write("deletecollection", "cleaner", 5)
    assert joined.placed == [(5, "maker"), (6, "cleaner"), (7, "cleaner")]


def test_an_eviction_marks_and_deletes() -> None:
    mark = {"status": {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]}}
    joined = Joined().change("added", 5).change("modified", 6, mark).change("modified", 7, mark, **ENDING, deletionGracePeriodSeconds=30)
    joined.write("create", "drainer", None, subresource="eviction")
    assert joined.placed == [(6, "drainer"), (7, "drainer")]


@pytest.mark.parametrize("log_first", [True, False])
def test_removing_the_last_finalizer_deletes(log_first: bool) -> None:
    joined = Joined().change("added", 5, resource="daemonsets").write("create", "maker", 5, resource="daemonsets")
    joined.change("modified", 6, resource="daemonsets", **ENDING, finalizers=["foregroundDeletion"], deletionGracePeriodSeconds=0)
    joined.write("delete", "scenario", 6, resource="daemonsets")
    if log_first:
        joined.write("patch", "collector", 6, resource="daemonsets", last_finalizer=True)
    joined.change("deleted", 9, resource="daemonsets", **ENDING)
    if not log_first:
        joined.write("patch", "collector", 6, resource="daemonsets", last_finalizer=True)
    assert joined.placed == [(5, "maker"), (6, "scenario"), (9, "collector")]


def test_a_patch_of_a_dying_pod_did_not_delete_it() -> None:
    joined = Joined().change("added", 5).change("modified", 6, **ENDING, deletionGracePeriodSeconds=30).write("delete", "scenario", 6)
    joined.write("patch", "idler", 6, last_finalizer=True).change("deleted", 9).write("delete", "kubelet", 9)
    assert joined.placed == [(6, "scenario"), (9, "kubelet")]


def test_a_second_delete_of_a_dying_pod_did_nothing() -> None:
    joined = Joined().change("added", 5).change("modified", 6, **ENDING, deletionGracePeriodSeconds=30).write("delete", "scenario", 6)
    joined.write("delete", "idler", 6).change("deleted", 9).write("delete", "kubelet", 9)
    assert joined.placed == [(6, "scenario"), (9, "kubelet")]


def test_unexplained_changes_are_known() -> None:
    joined = Joined().change("added", 5)
    assert not joined.attribution.unexplained(0.0), "nothing says that pods are audited at all"
    joined.write("create", "maker", 5).change("modified", 6)
    assert joined.attribution.unexplained(0.6)
    assert not joined.attribution.unexplained(0.7)
    joined.write("patch", "maker", 6)
    assert not joined.attribution.unexplained(0.0)
