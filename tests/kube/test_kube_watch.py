"""The watch loop against every way in which a stream ends."""

from __future__ import annotations

import itertools
import json
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_standin import LIMIT, Refusal, StandIn, Stream, bookmark, event, gone, listing, obj

from conformance.errors import ApiError
from conformance.kube.api import Api
from conformance.kube.watch import Change, Watch

PODS = "/api/v1/pods"


@pytest.fixture
def server() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()


@pytest.fixture
def api(server: StandIn, tmp_path: Path) -> Iterator[Api]:
    api = Api.connect(server.kubeconfig(tmp_path), patience=0.5)
    yield api
    api.close()


class Observed:
    """A running watch and what it has emitted."""

    def __init__(self, api: Api, **options: Any) -> None:
        self.changes: queue.SimpleQueue[Change] = queue.SimpleQueue()
        self.watch = Watch(api, "pods", self.changes.put, **options)

    def take(self, count: int) -> list[Change]:
        return [self.changes.get(timeout=LIMIT) for _ in range(count)]

    def short(self, count: int) -> list[tuple[str, int | None]]:
        return [(change.type, change.rv) for change in self.take(count)]


@pytest.fixture
def observed(api: Api) -> Iterator[Observed]:
    observed = Observed(api)
    yield observed
    observed.watch.stop()


def next_watch(server: StandIn) -> dict[str, str]:
    while True:
        kind, _, query = server.requests.get(timeout=LIMIT)
        if kind == "watch":
            return query


def test_lists_then_watches_from_the_lists_version(server: StandIn, observed: Observed) -> None:
    server.lists(PODS, listing(7, obj("a", 3), obj("b", 5)))
    server.watches(PODS, Stream([event("MODIFIED", obj("a", 8)), event("ADDED", obj("c", 9)), event("DELETED", obj("b", 10))]))
    observed.watch.start()
    observed.watch.wait_listed(LIMIT)
    changes = observed.take(6)
    assert [(c.type, c.rv) for c in changes] == [
        ("listed", 3), ("listed", 5), ("synced", 7), ("modified", 8), ("added", 9), ("deleted", 10),
    ]  # fmt: skip
    query = next_watch(server)
    assert query["resourceVersion"] == "7"
    assert query["allowWatchBookmarks"] == "true"
    assert 60 <= int(query["timeoutSeconds"]) <= 600
    body = json.loads(changes[3].object)
    assert body["metadata"]["name"] == "a"
    assert "managedFields" not in body["metadata"]
    assert all(earlier.at <= later.at <= time.monotonic() for earlier, later in itertools.pairwise(changes))


@pytest.mark.parametrize("ending", ["clean", "cut"])
def test_goes_on_from_the_last_version_without_a_gap(server: StandIn, observed: Observed, ending: str) -> None:
    server.watches(PODS, Stream([event("ADDED", obj("a", 5))], ending), Stream([event("MODIFIED", obj("a", 6))]))
    observed.watch.start()
    assert observed.short(3) == [("synced", 1), ("added", 5), ("modified", 6)]
    assert [next_watch(server)["resourceVersion"] for _ in range(2)] == ["1", "5"]


def test_half_a_line_at_a_clean_end_is_not_taken_for_an_event(server: StandIn, observed: Observed) -> None:
    whole = event("ADDED", obj("a", 5))
    server.watches(PODS, Stream([whole[: len(whole) // 2]], "clean"), Stream([whole[:10], whole[10:]]))
    observed.watch.start()
    assert observed.short(2) == [("synced", 1), ("added", 5)]
    assert [next_watch(server)["resourceVersion"] for _ in range(2)] == ["1", "1"]


def test_a_bookmark_moves_the_version_and_is_no_change(server: StandIn, observed: Observed) -> None:
    server.watches(PODS, Stream([bookmark(40)], "clean"), Stream([event("ADDED", obj("a", 41))]))
    observed.watch.start()
    assert observed.short(2) == [("synced", 1), ("added", 41)]
    assert [next_watch(server)["resourceVersion"] for _ in range(2)] == ["1", "40"]


@pytest.mark.parametrize(
    ("expiry", "form"),
    [(Refusal(410, gone()), "HTTP 410"), (Stream([event("ERROR", gone())], "clean"), "ERROR event 410")],
    ids=["status", "event"],
)
def test_410_in_either_form_is_a_gap_and_a_fresh_list(server: StandIn, observed: Observed, expiry: Refusal | Stream, form: str) -> None:
    server.lists(
        PODS,
        listing(10, obj("same", 3), obj("changed", 4), obj("vanished", 5), obj("again", 6, uid="first")),
        listing(20, obj("same", 3), obj("changed", 14), obj("new", 15), obj("again", 16, uid="second")),
    )
    server.watches(PODS, expiry, Stream([event("ADDED", obj("z", 21))]))
    observed.watch.start()
    observed.take(5)
    changes = observed.take(7)
    gap, *rest = changes
    assert (gap.type, gap.rv) == ("gap", 11)
    assert gap.detail["since"] == 10
    assert gap.detail["until"] == 20
    assert gap.detail["reason"].startswith(form)
    assert "too old" in gap.detail["reason"]
    told = [(c.type, c.rv, json.loads(c.object)["metadata"]["name"], c.detail) for c in rest]
    assert told == [
        ("listed", 14, "changed", {}),
        ("listed", 15, "new", {}),
        ("deleted", 16, "again", {"inferred": True}),
        ("listed", 16, "again", {}),
        ("deleted", 20, "vanished", {"inferred": True}),
        ("added", 21, "z", {}),
    ]
    assert json.loads(rest[2].object)["metadata"]["uid"] == "first"


def test_a_broken_line_is_a_cut(server: StandIn, observed: Observed) -> None:
    server.watches(PODS, Stream([event("ADDED", obj("a", 5)), b'{"type": "ADD\n']), Stream([event("ADDED", obj("b", 6))]))
    observed.watch.start()
    assert observed.short(3) == [("synced", 1), ("added", 5), ("added", 6)]
    assert [next_watch(server)["resourceVersion"] for _ in range(2)] == ["1", "5"]


def test_a_line_that_stays_broken_is_a_gap(server: StandIn, observed: Observed) -> None:
    server.lists(PODS, listing(1), listing(9))
    server.watches(PODS, *(Stream([b"rubbish\n"]) for _ in range(3)))
    observed.watch.start()
    assert observed.short(2) == [("synced", 1), ("gap", 2)]
    assert next_watch(server)["resourceVersion"] == "1"


def test_other_errors_are_tried_again_from_the_same_version(server: StandIn, observed: Observed) -> None:
    server.watches(
        PODS,
        Refusal(503, {"reason": "ServiceUnavailable"}),
        Refusal(403, {"reason": "Forbidden"}),
        Stream([event("ERROR", {"code": 500, "message": "etcd is away"})]),
        Stream([event("ADDED", obj("a", 5))]),
    )
    observed.watch.start()
    assert observed.short(2) == [("synced", 1), ("added", 5)]
    assert [next_watch(server)["resourceVersion"] for _ in range(4)] == ["1"] * 4


def test_a_first_list_that_is_refused_is_told(server: StandIn, observed: Observed) -> None:
    server.lists(PODS, Refusal(403, {"reason": "Forbidden", "message": "no"}))
    observed.watch.start()
    with pytest.raises(ApiError, match="403 Forbidden: no"):
        observed.watch.wait_listed(LIMIT)


def test_stop_is_prompt_on_a_silent_stream(server: StandIn, observed: Observed) -> None:
    server.watches(PODS, Stream([event("ADDED", obj("a", 5))]))
    observed.watch.start()
    observed.take(2)
    begin = time.monotonic()
    observed.watch.stop(timeout=LIMIT)
    assert time.monotonic() - begin < 1
    assert observed.changes.empty(), "a stream that was open to its end has no gap"


def test_stop_while_the_server_is_away_is_prompt_and_a_gap(server: StandIn, observed: Observed) -> None:
    server.watches(PODS, *(Refusal(503, {}) for _ in range(1000)))
    observed.watch.start()
    assert observed.short(1) == [("synced", 1)]
    for _ in range(3):
        next_watch(server)
    begin = time.monotonic()
    observed.watch.stop(timeout=LIMIT)
    assert time.monotonic() - begin < 1
    [gap] = observed.take(1)
    assert (gap.type, gap.detail["since"], gap.detail["until"]) == ("gap", 1, None)


def test_comes_back_after_the_server_was_away(server: StandIn, tmp_path: Path, observed: Observed) -> None:
    server.watches(PODS, *(Stream([], "cut") for _ in range(4)), Stream([event("ADDED", obj("a", 2))]))
    observed.watch.start()
    assert observed.short(2) == [("synced", 1), ("added", 2)]


def test_noops_are_seen_and_not_told(server: StandIn, api: Api) -> None:
    observed = Observed(api, skip_noops=True)
    server.lists(PODS, listing(7, obj("a", 3, spec={"x": 1})))
    server.watches(PODS, Stream([event("MODIFIED", obj("a", 8, spec={"x": 1})), event("MODIFIED", obj("a", 9, spec={"x": 2}))]))
    observed.watch.start()
    assert observed.short(4) == [("listed", 3), ("synced", 7), ("seen", 8), ("modified", 9)]
    observed.watch.stop()


def test_a_watch_that_breaks_says_so(server: StandIn, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.excepthook", lambda args: None)
    changes: queue.SimpleQueue[Change] = queue.SimpleQueue()

    def receive(change: Change) -> None:
        if change.type == "added":
            raise RuntimeError("a bug")
        changes.put(change)

    watch = Watch(api, "pods", receive)
    server.watches(PODS, Stream([event("ADDED", obj("a", 5))]))
    watch.start()
    assert changes.get(timeout=LIMIT).type == "synced"
    assert changes.get(timeout=LIMIT).type == "gap"
    watch.stop()
    assert "a bug" in str(watch.failure)
