"""Record everything that happens to a scenario's objects, and let the scenario wait for it.

five watches ─┐                    ┌─▶ live world ─▶ waits            (order of arrival, at once)
scenario ─────┼─▶ queue ─▶ thread ─┤
audit log ────┘                    └─▶ sorted ─▶ on_entry, trace file (order of the store, a moment later)
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from conformance.errors import ConformanceError
from conformance.kube.api import Api
from conformance.kube.watch import Change, Watch
from conformance.trace.arrivals import Arrivals
from conformance.trace.attribution import Attribution
from conformance.trace.audit import AuditLog
from conformance.trace.conditions import Condition
from conformance.trace.entries import OBJECT_TYPES, Entry, EntryType, Header
from conformance.trace.reducing import reduce_node
from conformance.trace.sequence import WINDOW, Sequencer
from conformance.trace.store import Writer, write
from conformance.trace.waits import Access

RESOURCES = ("nodes", "daemonsets", "pods", "controllerrevisions", "events")
_CLUSTER_WIDE = frozenset({"nodes"})
_LIST_LIMIT = 120.0
#: How long the end waits for the audit log's last lines, and how often it looks (seconds).
_AUDIT_LIMIT = 1.0
_AUDIT_STEP = 0.02
#: How long the end waits for watches that are behind what a list shows (seconds).
_SETTLE_LIMIT = 5.0


@dataclass(frozen=True)
class Recording:
    """What a recorder leaves behind. `entries` is completely sorted.

    `late` counts entries that `on_entry` got too late to be in order (0: it saw exactly `entries`); `delays` are the seconds from
    arrival to `on_entry`.
    """

    header: Header
    entries: list[Entry]
    file: Path
    late: int = 0
    delays: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Remark:
    at: float
    type: EntryType
    detail: dict[str, Any]


class _Stop:
    pass


class Recorder:
    """The recorder of one scenario. `live` is the world in order of arrival; read it under `lock`."""

    def __init__(
        self,
        api: Api,
        header: Header,
        file: Path,
        *,
        audit_log: Path | None,
        namespaces: tuple[str, ...] = (),
        on_entry: Callable[[Entry], object] | None = None,
        alive: Callable[[], None] | None = None,
        window: float = WINDOW,
        settle: bool = False,
        access: Access | None = None,
    ) -> None:
        """`access` is how readers of messages reach the cluster (default: by the kubeconfig that `api` was made from).

        With `settle` the end lists what is there, and waits for the changes that the watches have not delivered yet.

        An audit log tells better what is still to come; this is for clusters without one.
        """
        self._arrivals = Arrivals(note=self.note, check=self._check, alive=alive, access=access or Access(api.kubeconfig))
        self.live = self._arrivals.world
        self.lock = self._arrivals.lock
        self._changed = self._arrivals.changed
        self._header = header
        self._file = file
        self._on_entry = on_entry
        self._api = api
        self._settle = settle
        self._queue: queue.SimpleQueue[Change | _Remark | _Stop] = queue.SimpleQueue()
        self._order = Sequencer(window)
        self._audit = AuditLog(audit_log) if audit_log is not None else None
        self._attribution = Attribution([name for name in RESOURCES if name != "events"], namespaces)
        self._watches = [
            Watch(
                api,
                resource,
                self._queue.put,
                namespace=namespace,
                skip_noops=resource == "nodes",
                reduce=reduce_node if resource == "nodes" else None,
            )
            for resource in RESOURCES
            for namespace in ((namespaces or ("",)) if resource not in _CLUSTER_WIDE else ("",))
        ]
        self._unsynced = len(self._watches)
        self._begin = time.monotonic()
        self._delays: list[float] = []
        #: resourceVersions that the audit log says were written; a watch that lags may not have delivered them yet
        self._promised: set[int] = set()
        self._crash: Exception | None = None
        self._writer: Writer | None = None
        self._recording: Recording | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to record; returns when all five resources have been listed. Raises what kept them from it."""
        self._begin = time.monotonic()
        self._writer = Writer(self._file, self._header)
        self._thread.start()
        for watch in self._watches:
            watch.start()
        try:
            deadline = time.monotonic() + _LIST_LIMIT
            for watch in self._watches:
                watch.wait_listed(max(0.0, deadline - time.monotonic()))
            with self._changed:
                self._changed.wait_for(lambda: self._unsynced == 0 or self._crash is not None)
            self._check()
        except BaseException:
            self._end_threads()
            self._writer.discard()
            raise

    def stop(self) -> Recording:
        """End the recording and write the trace file; calling it again returns the same recording."""
        if self._recording is not None:
            return self._recording
        self._await_authors()
        self._await_changes()
        for watch in self._watches:
            watch.stop()
        self._queue.put(_Remark(time.monotonic(), "end", {}))
        self._end_threads()
        assert self._writer is not None, "a recorder that was never started cannot be stopped"
        entries = self._order.entries()
        if self._order.late or self._crash is not None:
            self._writer.discard()
            write(self._file, self._header, entries)
        else:
            self._writer.finish()
        self._recording = Recording(self._header, entries, self._file, self._order.late, self._delays)
        self._check()
        return self._recording

    def _end_threads(self) -> None:
        for watch in self._watches:
            watch.stop()
        self._queue.put(_Stop())
        self._thread.join()
        if self._audit is not None:
            self._audit.close()

    def so_far(self) -> list[Entry]:
        """Everything that has arrived until now, in the store's order."""
        with self.lock:
            return self._order.entries()

    # -- what the scenario says --------------------------------------------------------------------------------------

    def action(self, verb: str, target: str, detail: Mapping[str, Any] | None = None) -> None:
        """Record something that the scenario does, or has done."""
        self._remark("action", {"verb": verb, "target": target, **(detail or {})})

    def expect(self, detail: Mapping[str, Any]) -> None:
        """Record a number that the scenario expects; judged at the end."""
        self._remark("expect", dict(detail))

    def note(self, text: str, detail: Mapping[str, Any] | None = None) -> None:
        """Record something worth showing."""
        self._remark("note", {"text": text, **(detail or {})})

    def _remark(self, kind: EntryType, detail: dict[str, Any]) -> None:
        self._queue.put(_Remark(time.monotonic(), kind, detail))

    def wrote(self, rv: int) -> None:
        """The scenario has written, or read, an object at this resourceVersion: what it waits for from now on is not looked for before."""
        self._arrivals.wrote(rv)

    def until(self, *conditions: Condition, within: float = 30.0, scale: float = 1.0) -> None:
        """Wait for all conditions to hold at the same time: see Arrivals.until."""
        self._arrivals.until(*conditions, within=within, scale=scale)

    def stays(self, *conditions: Condition, seconds: float, scale: float = 1.0) -> None:
        """Hold a window open, at every event of which all conditions must hold: see Arrivals.stays."""
        self._arrivals.stays(*conditions, seconds=seconds, scale=scale)

    def _check(self) -> None:
        if self._crash is not None:
            raise self._crash
        for watch in self._watches:
            if watch.failure is not None:
                raise watch.failure

    # -- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:
            with self._changed:
                self._crash = error
                self._changed.notify_all()

    def _loop(self) -> None:
        stopping = False
        while not stopping:
            due = None if self._unsynced else self._order.next_due()
            timeout = None if due is None else max(0.0, due - time.monotonic())
            try:
                item = self._queue.get(timeout=timeout)
            except queue.Empty:
                pass
            else:
                with self._changed:
                    stopping = self._take(item)
                    # All that is there: live must not wait for the judge.
                    while not stopping and not self._queue.empty():
                        stopping = self._take(self._queue.get())
                    self._changed.notify_all()
            self._read_audit()
            self._release(None if stopping else time.monotonic())

    def _take(self, item: Change | _Remark | _Stop) -> bool:
        if isinstance(item, _Stop):
            return True
        if isinstance(item, _Remark):
            self._arrive(Entry(0, item.at - self._begin, item.type, detail=item.detail), item.at)
        elif item.type == "synced":
            self._unsynced -= 1
            if item.rv is not None:
                self._attribution.listed(item.resource, item.rv)
        elif item.type == "seen":
            if item.rv is not None:
                self._arrivals.seen.add(item.rv)
        else:
            # Events may live in another etcd: their versions say nothing about the others'.
            rv = None if item.resource == "events" else item.rv
            at = item.at - self._begin
            self._arrive(Entry(0, at, item.type, item.resource, rv, msgspec.Raw(item.object), item.detail), item.at)
        return False

    def _arrive(self, entry: Entry, at: float) -> None:
        entry = self._order.arrive(entry, at)
        before, after = self._arrivals.take(entry)
        if self._audit is not None:
            for placed in self._attribution.change(entry, before, after):
                self._arrive_write(placed)
        self._arrivals.look_at_all()

    def _read_audit(self) -> None:
        if self._audit is None:
            return
        with self.lock:
            for written in self._audit.read():
                for placed in self._attribution.write(written):
                    self._arrive_write(placed)

    def _arrive_write(self, placed: Any) -> None:
        at = time.monotonic()
        if placed.rv is not None:
            self._promised.add(placed.rv)
        self._order.arrive(Entry(0, at - self._begin, "write", placed.resource, placed.rv, detail=placed.detail()), at)

    def _release(self, now: float | None) -> None:
        if self._unsynced and now is not None:
            return
        assert self._writer is not None
        with self.lock:
            released = self._order.release(now)
        if not released:
            return
        for at, entry in released:
            self._writer.append(entry)
            if self._on_entry is not None and self._crash is None:
                self._on_entry(entry)
            self._delays.append(time.monotonic() - at)
        self._writer.flush()
        self._arrivals.released(entry.rv for _, entry in released if entry.rv is not None and entry.type in OBJECT_TYPES)

    def _await_changes(self) -> None:
        """Give the watches until they have delivered the state that a list shows now."""
        if not self._settle or not self._thread.is_alive():
            return
        versions: set[int] = set()
        with contextlib.suppress(ConformanceError):
            for watch in self._watches:
                if watch.resource != "events":
                    versions |= {int(item["metadata"]["resourceVersion"]) for item in self._api.list(watch.path)["items"]}
        with self._changed:
            self._changed.wait_for(lambda: versions <= self._arrivals.seen or self._crash is not None, _SETTLE_LIMIT)

    def _await_authors(self) -> None:
        """Give the audit log until it explains what was seen last: its line comes after the answer, the change may come before both."""
        if self._audit is None or not self._thread.is_alive():
            return
        deadline = time.monotonic() + _AUDIT_LIMIT
        recent = deadline - 2 * _AUDIT_LIMIT - self._begin
        with self._changed:
            while time.monotonic() < deadline and (self._attribution.unexplained(recent) or self._promised - self._arrivals.seen):
                self._changed.wait(_AUDIT_STEP)
                self._read_audit()
