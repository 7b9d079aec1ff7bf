"""What a list and a watch send, line by line: bytes of the stream, lines, objects, versions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from conformance.errors import ApiError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

Key = tuple[str, str]
EventType = Literal["added", "modified", "deleted", "bookmark"]


#: Takes out of an object, in place, what is not wanted of it.
Reduce = Callable[[dict[str, Any]], None]


class _Line(msgspec.Struct):
    type: str = ""
    object: dict[str, Any] = {}


class _List(msgspec.Struct):
    metadata: dict[str, Any] = {}
    items: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """One object as it was seen last, as JSON without managedFields."""

    uid: str
    rv: str
    object: bytes
    bare: bytes  # the object without its resourceVersion, to tell no-ops from changes


class Expired(Exception):
    """The version to go on from is no longer there."""


class Unreadable(Exception):
    """A line of the stream is not what a watch sends."""


_TYPES: dict[str, EventType] = {"ADDED": "added", "MODIFIED": "modified", "DELETED": "deleted", "BOOKMARK": "bookmark"}
_LINE = msgspec.json.Decoder(_Line)
_LIST = msgspec.json.Decoder(_List)
_ENCODER = msgspec.json.Encoder()


def read_list(data: bytes, *, keep_bare: bool, reduce: Reduce | None = None) -> tuple[dict[Key, Known], str]:
    """The objects of a list, and the version at which it was made; Unreadable if it is not one."""
    try:
        listed = _LIST.decode(data)
        return dict(_learn(item, keep_bare, reduce) for item in listed.items or ()), listed.metadata["resourceVersion"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise Unreadable(f"not a list ({error}): {data[:200]!r}") from error


def read_line(line: bytes, *, keep_bare: bool, reduce: Reduce | None = None) -> tuple[EventType, str, Key, Known]:
    """One event of a watch: its type, the version it leads to, and the object. A bookmark's object is a placeholder.

    Raises Expired for a version that is gone, ApiError for what else the server had to say, Unreadable for what is no event.
    """
    try:
        event = _LINE.decode(line)
    except msgspec.DecodeError as error:
        raise Unreadable(f"unreadable line in the watch: {error}") from error
    if event.type == "ERROR":
        code, message = event.object.get("code", 0), event.object.get("message", "")
        if code == 410 or event.object.get("reason") in ("Expired", "Gone"):
            raise Expired(f"ERROR event {code}: {message}")
        raise ApiError(code, event.object.get("reason", ""), message)
    try:
        version = event.object["metadata"]["resourceVersion"]
        if event.type == "BOOKMARK":
            return "bookmark", version, ("", ""), Known("", version, b"", b"")
        return _TYPES[event.type], version, *_learn(event.object, keep_bare, reduce)
    except (KeyError, TypeError) as error:
        raise Unreadable(f"a line of the watch lacks {error}") from error


def _learn(obj: dict[str, Any], keep_bare: bool, reduce: Reduce | None) -> tuple[Key, Known]:
    if reduce is not None:
        reduce(obj)
    meta = obj["metadata"]
    meta.pop("managedFields", None)
    version: str = meta["resourceVersion"]
    bare = b""
    if keep_bare:
        del meta["resourceVersion"]
        bare = _ENCODER.encode(obj)
        meta["resourceVersion"] = version
    key = (meta.get("namespace", ""), meta["name"])
    return key, Known(meta.get("uid", ""), version, _ENCODER.encode(obj), bare)


def lines(response: BaseHTTPResponse) -> Iterator[tuple[float, bytes]]:
    """The complete lines of a stream with the time they arrived; half a line at its end was cut off and comes again on resume."""
    rest = b""
    for chunk in _chunks(response):
        at = time.monotonic()
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield at, line


def _chunks(response: BaseHTTPResponse) -> Iterator[bytes]:
    if getattr(response, "chunked", False):
        yield from response.read_chunked(1 << 16)
    else:  # some proxies take the chunks away
        while chunk := response.read1(1 << 16):
            yield chunk


def number(version: str) -> int | None:
    """A version as a number, where it is one: etcd's are, and everything that sorts by them needs it."""
    return int(version) if version.isdecimal() else None
