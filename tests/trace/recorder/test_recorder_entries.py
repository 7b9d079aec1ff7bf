"""What the recorder writes down of a scripted API server: all of it, in the store's order, with its authors, up to its end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from api_standin import LIMIT, Json, Refusal, StandIn, event, gone, listing, obj
from recorded import HEADER, NODES, PODS, has, node, pod

from conformance.errors import ApiError, TraceError
from conformance.kube.api import Api
from conformance.kube.resources import path
from conformance.trace.conditions import When
from conformance.trace.entries import OBJECT_TYPES, Entry
from conformance.trace.recorder import Recorder
from conformance.trace.store import partial_of, read


def take_all(entries: Iterator[Entry], taken: list[Entry]) -> None:
    for entry in entries:
        taken.append(entry)  # noqa: PERF402 - extend() would lose what came before an error


def short(entries: list[Entry]) -> list[str]:
    names = []
    for entry in entries:
        what = entry.raw()["metadata"]["name"] if entry.type in OBJECT_TYPES else entry.detail.get("verb") or entry.detail.get("text", "")
        names.append(f"{entry.type} {what} {entry.rv or ''}".strip())
    return names


def changes(entries: list[Entry]) -> list[str]:
    return [text for text in short(entries) if not text.startswith(("note", "end"))]


def test_everything_is_recorded_in_the_stores_order(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("old", 4)))
    server.lists(NODES, listing(9, node("n", 3)))
    judged: list[Entry] = []
    recorder = make(on_entry=judged.append)
    assert list(recorder.live.pods) == [("ns", "old")]
    recorder.action("create", "pods/a", {"why": "to see"})
    # The streams are not in step: pods say 14 before nodes say 12.
    server.say(PODS, event("ADDED", pod("a", 14)))
    server.say(NODES, event("MODIFIED", node("n", 12, x="y")))
    recorder.until(has("a"), When("test", "label", lambda world: "x" in world.nodes["n"].metadata.labels))
    recording = recorder.stop()
    assert recording.late == 0
    assert changes(recording.entries) == ["listed n 3", "listed old 4", "action create", "modified n 12", "added a 14"]
    assert recording.entries[-1].type == "end"
    assert [entry.seq for entry in recording.entries] == list(range(1, len(recording.entries) + 1))
    assert judged == recording.entries
    assert len(recording.delays) == len(judged)
    assert all(0 <= delay < LIMIT for delay in recording.delays)
    header, stored = read(recording.file)
    assert header == HEADER
    assert list(stored) == recording.entries
    assert not partial_of(recording.file).exists()
    assert recorder.stop() is recording


def test_nothing_is_judged_before_all_is_listed(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("a", 4)))
    server.say(PODS, event("ADDED", pod("b", 11)))

    def slow_nodes(method: str, where: str, body: Json | None) -> tuple[int, Json] | None:
        if where != NODES:
            return None
        # The pods are not only listed by now, something has happened to them, too.
        while server.requests.get(timeout=LIMIT)[:2] != ("watch", PODS):
            pass
        return 200, listing(9, node("n", 3))

    server.handler = slow_nodes
    judged: list[Entry] = []
    recorder = make(on_entry=judged.append, window=0.0)
    recorder.until(has("b"))
    recording = recorder.stop()
    assert (changes(judged), recording.late) == (["listed n 3", "listed a 4", "added b 11"], 0)


def test_late_entries_are_counted_and_the_file_is_sorted(server: StandIn, make: Callable[..., Recorder]) -> None:
    judged: list[Entry] = []
    recorder = make(on_entry=judged.append, window=0.0)
    server.say(PODS, event("ADDED", pod("a", 14)))
    recorder.until(When("test", "judged", lambda world: any(entry.rv == 14 for entry in judged)), within=LIMIT)
    server.say(NODES, event("ADDED", node("n", 12)))
    recorder.until(When("test", "node", lambda world: "n" in world.nodes))
    recording = recorder.stop()
    assert recording.late == 1
    assert changes(judged) == ["added a 14", "added n 12"]
    assert changes(recording.entries) == ["added n 12", "added a 14"]
    assert list(read(recording.file)[1]) == recording.entries


def test_events_are_ordered_by_arrival(server: StandIn, make: Callable[..., Recorder]) -> None:
    recorder = make()
    server.say(PODS, event("ADDED", pod("a", 14)))
    recorder.until(has("a"))
    server.say(path("events", "ns"), event("ADDED", obj("e", 3, reason="Created")))
    recorder.until(When("test", "event", lambda world: ("ns", "e") in world.events))
    assert changes(recorder.stop().entries) == ["added a 14", "added e"]


def test_a_gap_is_recorded(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(PODS, listing(10, pod("old", 4)), listing(30, pod("new", 20)))
    server.watches(PODS, Refusal(410, gone()))
    recorder = make()
    recorder.until(has("new"))
    assert changes(recorder.stop().entries) == ["listed old 4", "gap  11", "listed new 20", "deleted old 30"]


def test_authors_stand_before_what_they_did(server: StandIn, make: Callable[..., Recorder], tmp_path: Path) -> None:
    log = tmp_path / "audit.log"

    def audit(user: str, rv: int) -> None:
        entry = {
            "stage": "ResponseComplete",
            "verb": "create",
            "user": {"username": user},
            "objectRef": {"resource": "pods", "namespace": "ns"},
            "responseStatus": {"code": 201},
            "responseObject": {"metadata": {"name": "x", "uid": "u", "resourceVersion": str(rv)}},
        }
        with log.open("a") as out:
            out.write(json.dumps(entry) + "\n")

    audit("long ago", 5)
    recorder = make(audit_log=log, window=0.2)
    server.say(PODS, event("ADDED", pod("a", 14)))
    recorder.until(has("a"))
    audit("controller", 14)
    server.say(PODS, event("ADDED", pod("b", 16)))
    recorder.until(has("b"))
    # The line of the last write comes only when the recording is about to end.
    threading.Timer(0.1, audit, ("scenario", 16)).start()
    recording = recorder.stop()
    told = [(entry.type, entry.rv, entry.detail.get("user")) for entry in recording.entries if entry.type in ("write", "added")]
    assert told == [("write", 14, "controller"), ("added", 14, None), ("write", 16, "scenario"), ("added", 16, None)]


def test_a_judge_that_breaks_is_not_silent(server: StandIn, make: Callable[..., Recorder]) -> None:
    def judge(entry: Entry) -> None:
        if entry.type == "added":
            raise LookupError("a bug in a guarantee")

    recorder = make(on_entry=judge)
    server.say(PODS, event("ADDED", pod("a", 11)))
    with pytest.raises(LookupError):
        recorder.until(When("test", "never", lambda world: False), within=LIMIT)
    with pytest.raises(LookupError):
        recorder.stop()
    assert changes(list(read(recorder._file)[1])) == ["added a 11"], "what was recorded is kept"


def test_a_resource_that_cannot_be_listed_ends_the_start(server: StandIn, tmp_path: Path) -> None:
    server.lists(PODS, Refusal(403, {"reason": "Forbidden", "message": "pods are not yours"}))
    api = Api.connect(server.kubeconfig(tmp_path), patience=0.1)
    recorder = Recorder(api, HEADER, tmp_path / "t.jsonl", audit_log=None, namespaces=("ns",))
    with pytest.raises(ApiError, match="pods are not yours"):
        recorder.start()
    assert [file.name for file in tmp_path.iterdir()] == ["kubeconfig"]
    api.close()


def test_stop_is_prompt(make: Callable[..., Recorder]) -> None:
    recorder = make()
    begin = time.monotonic()
    recorder.stop()
    assert time.monotonic() - begin < 1


def test_a_killed_run_leaves_what_it_saw(server: StandIn, make: Callable[..., Recorder]) -> None:
    judged: list[Entry] = []
    recorder = make(on_entry=judged.append)
    server.say(PODS, event("ADDED", pod("a", 11)))
    recorder.wrote(11)
    recorder.until(When("test", "written", lambda world: any(entry.rv == 11 for entry in judged)), within=LIMIT)
    _, entries = read(partial_of(recorder._file))
    seen: list[Entry] = []
    with pytest.raises(TraceError):
        take_all(entries, seen)
    assert "added a 11" in short(seen)


def test_so_far_is_sorted(server: StandIn, make: Callable[..., Recorder]) -> None:
    recorder = make(window=LIMIT)
    server.say(PODS, event("ADDED", pod("a", 14)))
    recorder.until(has("a"))
    server.say(NODES, event("ADDED", node("n", 12)))
    recorder.until(When("test", "node", lambda world: "n" in world.nodes))
    assert changes(recorder.so_far()) == ["added n 12", "added a 14"]


def test_without_an_audit_log_the_end_waits_for_what_a_list_shows(server: StandIn, make: Callable[..., Recorder]) -> None:
    server.lists(NODES, listing(9, node("n", 3)), listing(12, node("n", 12, x="y")))
    recorder = make(settle=True)
    ended: list[list[str]] = []
    end = threading.Thread(target=lambda: ended.append(changes(recorder.stop().entries)))
    end.start()
    while server.requests.get(timeout=LIMIT)[1:2] != (NODES,):  # the first list
        pass
    while server.requests.get(timeout=LIMIT)[:2] != ("list", NODES):  # the one at the end
        pass
    # Only now does the watch deliver what the list has shown.
    server.say(NODES, event("MODIFIED", node("n", 12, x="y")))
    end.join(LIMIT)
    assert ended == [["listed n 3", "modified n 12"]]


def test_of_a_node_nothing_is_kept_that_is_not_judged(server: StandIn, make: Callable[..., Recorder]) -> None:
    full = node("n", 3)
    full["metadata"]["annotations"] = {"csi.volume.kubernetes.io/nodeid": "secret-1"}
    full["spec"] = {"providerID": "aws:///secret-2", "podCIDR": "10.secret-3", "taints": [{"key": "a", "effect": "NoSchedule"}]}
    full["status"] = {
        "addresses": [{"type": "ExternalIP", "address": "secret-4"}],
        "images": [{"names": ["secret-5"]}],
        "nodeInfo": {"machineID": "secret-6", "kubeletVersion": "v1.37.1"},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    server.lists(NODES, listing(9, full))
    recorder = make()
    moved = json.loads(json.dumps(full).replace("secret-4", "secret-7"))
    moved["metadata"]["resourceVersion"] = "11"
    changed = json.loads(json.dumps(moved))
    changed["metadata"] |= {"resourceVersion": "12", "labels": {"x": "secret-no-more"}}
    server.say(NODES, event("MODIFIED", moved), event("MODIFIED", changed))
    recorder.until(When("test", "label", lambda world: "x" in world.nodes["n"].metadata.labels))
    recording = recorder.stop()
    assert changes(recording.entries) == ["listed n 3", "modified n 12"]
    text = recording.file.read_text()
    assert "secret-no-more" in text
    assert not [number for number in range(1, 8) if f"secret-{number}" in text]
    kept = recording.entries[0].raw()
    assert kept["spec"] == {"taints": full["spec"]["taints"]}
    assert kept["status"]["nodeInfo"] == {"kubeletVersion": "v1.37.1"}
    assert kept["status"]["conditions"] == full["status"]["conditions"]
