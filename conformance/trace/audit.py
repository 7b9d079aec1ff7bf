"""Who wrote what: the API server's audit log, read as far as it goes whenever somebody wants to know.

Nothing here waits or polls. A server writes the line of a request after it has answered it, so the line of a change may come a moment
after the change itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class Write(msgspec.Struct, frozen=True):
    """A successful write. `rv` is the resourceVersion that it answered with, None where the answer has none (a Status).

    `last_finalizer`: the answer is an object that is being deleted and has no finalizer left. `received` and `done` are when the API server
    got the request and had answered it, by its own clock (seconds since 1970; 0.0: not known).
    """

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    uid: str
    code: int
    rv: int | None
    last_finalizer: bool = False
    received: float = 0.0
    done: float = 0.0

    def detail(self) -> dict[str, Any]:
        """The detail of its trace entry."""
        fields = ("user", "verb", "resource", "subresource", "namespace", "name", "uid", "code", "received", "done")
        return {field: value for field in fields if (value := getattr(self, field))}


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None
    finalizers: list[str] = []


class _Item(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


class _Details(msgspec.Struct):
    name: str = ""
    uid: str = ""


class _Answer(msgspec.Struct):
    kind: str = ""
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    details: _Details | None = None
    items: list[_Item] | None = None


class _Reference(msgspec.Struct):
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class _User(msgspec.Struct):
    username: str = ""


class _Status(msgspec.Struct):
    code: int = 0


class _Event(msgspec.Struct, rename="camel"):
    stage: str = ""
    verb: str = ""
    request_uri: str = msgspec.field(default="", name="requestURI")
    user: _User = msgspec.field(default_factory=_User)
    object_ref: _Reference | None = None
    response_status: _Status | None = None
    response_object: _Answer | None = None
    request_received_timestamp: datetime | None = None
    stage_timestamp: datetime | None = None


_DECODER = msgspec.json.Decoder(_Event)


class AuditLog:
    """The writes in an audit log (JSON lines, level RequestResponse), from the place where it ended when this object was made."""

    def __init__(self, file: Path, *, from_start: bool = False) -> None:
        self.file = file
        self.unreadable = 0
        self._in: BinaryIO | None = None
        self._inode = 0
        self._rest = b""
        self._open(at_end=not from_start)

    def read(self) -> list[Write]:
        """What was written to the log since the last call; a line that is not yet complete waits for the next call."""
        data = self._read_more()
        if not data:
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [write for line in lines for write in self._writes(line)]

    def close(self) -> None:
        """Close the file."""
        if self._in is not None:
            self._in.close()
            self._in = None

    def _open(self, *, at_end: bool) -> None:
        try:
            self._in = self.file.open("rb", buffering=0)
        except OSError:
            return  # it does not exist before the first request; everything in it will be new
        self._inode = self.file.stat().st_ino
        if at_end:
            self._in.seek(0, 2)

    def _read_more(self) -> bytes:
        if self._in is None:
            self._open(at_end=False)
        if self._in is None:
            return b""
        data: bytes = self._in.read()
        try:
            stat = self.file.stat()
        except OSError:
            return data  # being rotated: the new file comes in a moment
        if stat.st_ino != self._inode:
            data += self._in.read()
            self.close()
            self._open(at_end=False)
            if self._in is not None:
                data += self._in.read()
        elif stat.st_size < self._in.tell():
            self._rest = b""
            self._in.seek(0)
            data = self._in.read()
        return data

    def _writes(self, line: bytes) -> Iterator[Write]:
        if not line.strip():
            return
        try:
            event = _DECODER.decode(line)
        except msgspec.DecodeError:
            self.unreadable += 1
            return
        where, status = event.object_ref, event.response_status
        if event.stage != "ResponseComplete" or event.verb not in _VERBS or where is None or status is None:
            return
        # A dry run answers like a write and writes nothing.
        if not 200 <= status.code < 300 or "dryRun=" in event.request_uri:
            return
        answer = event.response_object or _Answer()
        if answer.items is not None:
            for item in answer.items:
                yield _write(event, where, status.code, item.metadata)
            return
        meta = answer.metadata
        if answer.kind == "Status" and answer.details is not None:
            meta = _Meta(name=answer.details.name, uid=answer.details.uid)
        yield _write(event, where, status.code, meta)


def _write(event: _Event, where: _Reference, code: int, meta: _Meta) -> Write:
    return Write(
        user=event.user.username,
        verb=event.verb,
        resource=where.resource,
        subresource=where.subresource,
        namespace=where.namespace or meta.namespace,
        name=where.name or meta.name,
        uid=where.uid or meta.uid,
        received=event.request_received_timestamp.timestamp() if event.request_received_timestamp else 0.0,
        done=event.stage_timestamp.timestamp() if event.stage_timestamp else 0.0,
        code=code,
        rv=int(meta.resource_version) if meta.resource_version.isdecimal() else None,
        last_finalizer=event.verb in ("update", "patch") and meta.deletion_timestamp is not None and not meta.finalizers,
    )
