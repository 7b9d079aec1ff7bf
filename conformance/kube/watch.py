"""List and watch one resource, and lose nothing without saying so.

    list ─▶ watch ─▶ clean end or cut ─▶ watch again from the last version seen
              │
              └─ 410 (as status or as event) ─▶ list again, report a gap and what changed meanwhile

The client's own Watch replays old events for ever, forgets the version it had reached or breaks on ERROR events;
evidence must not depend on it.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from conformance.errors import ApiError, ClusterError, ConformanceError
from conformance.kube.api import Api
from conformance.kube.resources import path
from conformance.kube.stream import Expired, Key, Known, Reduce, Unreadable, lines, number, read_line, read_list

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

#: listed, added, modified, deleted, gap   as in a trace
#: synced   the first list is complete; rv is the list's own
#: seen     the store moved to this revision, and nothing that is recorded changed
ChangeType = Literal["listed", "added", "modified", "deleted", "gap", "synced", "seen"]

#: The server ends a watch after a time between these (seconds); spread, so that watches do not all start again at once.
_SERVER_TIMEOUT = (180, 300)
#: How much longer than the server the client waits for a sign of life.
_PATIENCE = 30
_LIST_TIMEOUT = 60.0
_BACKOFF = (0.05, 1.0)
#: After so many unreadable lines from one version on, a fresh list is the only way forward.
_UNREADABLE_LIMIT = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to a resource. `at` is `time.monotonic()` on arrival; `object` is JSON without managedFields."""

    at: float
    type: ChangeType
    resource: str
    rv: int | None
    object: bytes = b"null"
    detail: dict[str, Any] = field(default_factory=dict)


_State = Literal["opening", "watching", "failing", "ended"]


class Watch:
    """The list + watch loop of one resource, in a thread of its own; `emit` is called from that thread.

    With `skip_noops`, changes of nothing but the resourceVersion (and managedFields) are reported as `seen`. `reduce` takes out of each
    object what is not to be known of it, before it is compared and emitted.
    """

    def __init__(
        self,
        api: Api,
        resource: str,
        emit: Callable[[Change], None],
        *,
        namespace: str = "",
        skip_noops: bool = False,
        reduce: Reduce | None = None,
    ) -> None:
        self.resource = resource
        self.namespace = namespace
        self.failure: ConformanceError | None = None
        self._api = api
        self.path = path(resource, namespace)
        self._receiver = emit
        self._skip_noops = skip_noops
        self._reduce = reduce
        self._known: dict[Key, Known] = {}
        self._version = ""
        self._listed = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._state: _State = "opening"
        self._response: BaseHTTPResponse | None = None
        name = f"watch {namespace}/{resource}" if namespace else f"watch {resource}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def wait_listed(self, timeout: float) -> None:
        """Return when the first list has been emitted. Raises what kept it from being made; `timeout` is seconds."""
        if not self._listed.wait(timeout):
            raise ClusterError(
                f"the API server did not list {self.resource} within {timeout:g} s; check that it runs and is not overloaded"
            )
        if self.failure is not None:
            raise self.failure

    def stop(self, timeout: float = 1.0) -> None:
        """End the loop by closing its socket; nothing is emitted after this returns.

        If the server could not be reached at this moment, what it would have said is a gap.
        """
        with self._settled:
            # One that is just being opened is given the moment it needs.
            self._settled.wait_for(lambda: self._state in ("watching", "failing", "ended"), timeout)
            cut_off = self._state not in ("watching", "ended") and self._listed.is_set() and not self._stopping.is_set()
            self._stopping.set()
            if self._response is not None:
                _shut(self._response)
        if cut_off:
            self._gap("not connected when the recording ended")
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:
            # Silence would look like a quiet cluster.
            self.failure = ClusterError(f"the watch of {self.resource} broke: {type(error).__name__}: {error}")
            self._gap(str(self.failure))
            raise
        finally:
            self._listed.set()
            self._become("ended")

    def _become(self, state: _State) -> None:
        with self._settled:
            self._state = state
            self._settled.notify_all()

    def _loop(self) -> None:
        try:
            self._relist(reason="")
        except ConformanceError as error:
            self.failure = error
        self._listed.set()
        failures = unreadable = 0
        expired = ""
        while self.failure is None and not self._stopping.is_set():
            before = self._version
            if failures <= 1:
                self._become("opening")
            try:
                if expired:
                    self._relist(expired)
                    expired = ""
                    continue
                self._watch()
            except Expired as reason:
                expired = str(reason)
            except Unreadable as reason:
                unreadable = unreadable + 1 if self._version == before else 1
                if unreadable >= _UNREADABLE_LIMIT:
                    unreadable, expired = 0, str(reason)
            except ConformanceError:
                # The server is away or refuses for now; what it missed to say comes when the watch resumes.
                self._become("failing")
            # A stream that ended without news is not asked for again at once: the server may be going down.
            failures = 0 if self._version != before else failures + 1
            if failures > (1 if expired else 0):
                self._stopping.wait(_backoff(failures))

    def _emit(self, change: Change) -> None:
        if not self._stopping.is_set():
            self._receiver(change)

    def _gap(self, reason: str, at: float | None = None, until: int | None = None) -> None:
        # It stands behind the last change that was seen, before all that may have been missed.
        since = number(self._version)
        detail = {"since": since, "until": until, "reason": reason}
        rv = None if since is None else since + 1
        self._receiver(Change(at or time.monotonic(), "gap", self.resource, rv, detail=detail))

    @contextlib.contextmanager
    def _open(self, read_timeout: float, **query: str) -> Iterator[BaseHTTPResponse]:
        """A response that stop() can reach."""
        response = self._api.stream(self.path, read_timeout=read_timeout, **query)
        try:
            with self._lock:
                self._response = response
                if self._stopping.is_set():
                    raise ClusterError("the watch is being stopped")
            yield response
        except Exception as error:
            if isinstance(error, (ConformanceError, Expired, Unreadable)):
                raise
            if not (_is_transport(error) or self._stopping.is_set()):
                raise
            raise ClusterError(f"the stream of {self.resource} broke off: {error}") from error
        finally:
            with self._lock:
                self._response = None
            response.close()

    def _watch(self) -> None:
        seconds = random.randint(*_SERVER_TIMEOUT)  # noqa: S311 - spreads load, guards nothing
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(seconds),
        }
        try:
            with self._open(seconds + _PATIENCE, **query) as response:
                self._become("watching")
                for at, line in lines(response):
                    self._line(at, line)
        except ApiError as error:
            if error.code == 410:
                raise Expired(f"HTTP {error}") from error
            raise

    def _line(self, at: float, line: bytes) -> None:
        kind, version, key, known = read_line(line, keep_bare=self._skip_noops, reduce=self._reduce)
        if kind == "bookmark":
            self._version = version
            return
        before = self._known.get(key)
        if kind == "deleted":
            self._known.pop(key, None)
        else:
            self._known[key] = known
        self._version = version
        if self._skip_noops and kind == "modified" and before is not None and before.bare == known.bare:
            self._emit(Change(at, "seen", self.resource, number(version)))
        else:
            self._emit(Change(at, kind, self.resource, number(version), known.object))

    def _relist(self, reason: str) -> None:
        """List everything; after a gap, say what the list shows to have changed."""
        with self._open(_LIST_TIMEOUT) as response:
            data = response.read()
        at = time.monotonic()
        try:
            now, version = read_list(data, keep_bare=self._skip_noops, reduce=self._reduce)
        except Unreadable as error:
            raise ClusterError(f"the list of {self.resource} is {error}") from error
        before, until = self._known, number(version)
        if reason and not self._stopping.is_set():
            self._gap(reason, at, until)
        self._known, self._version = now, version
        for key, known in now.items():
            old = before.get(key)
            rv = number(known.rv)
            if old is not None and old.uid != known.uid:
                self._emit(Change(at, "deleted", self.resource, rv, old.object, {"inferred": True}))
            if old is None or old.rv != known.rv:
                self._emit(Change(at, "listed", self.resource, rv, known.object))
        for key, old in before.items():
            if key not in now:
                self._emit(Change(at, "deleted", self.resource, until, old.object, {"inferred": True}))
        if not reason:
            self._emit(Change(at, "synced", self.resource, until))


def _shut(response: BaseHTTPResponse) -> None:
    # Not close(): that waits for the reader, and the reader waits for the server.
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        response.shutdown()


def _is_transport(error: Exception) -> bool:
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - only with a connection, which has loaded it

    return isinstance(error, (HTTPError, OSError))


def _backoff(failures: int) -> float:
    first, most = _BACKOFF
    length: float = min(first * 2 ** min(failures - 1, 10), most)
    return length * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing
