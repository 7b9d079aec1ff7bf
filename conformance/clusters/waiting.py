"""Waiting for objects by watching them: one list, then the watch that follows it, no interval in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import urllib3

from conformance.errors import ApiError, ClusterError
from conformance.kube.api import Api

Objects = Mapping[str, Mapping[str, Any]]

#: How long (seconds) one read of a quiet watch lasts before `check` is asked whether the cluster is still whole.
_QUIET = 1.0


def until(
    api: Api,
    path: str,
    holds: Callable[[Objects], bool],
    *,
    within: float,
    what: str,
    check: Callable[[], None] = lambda: None,
    look: Callable[[], str] = lambda: "Look at the logs of the components.",
) -> Objects:
    """Return the objects of a collection, by name, as soon as `holds` is true of them; ClusterError after `within` seconds.

    `check` is called at least once a second and may raise; `look` says in the error what can be seen of the cause.
    """
    end = time.monotonic() + within
    collection = _Collection(api, path)
    while not holds(collection.objects):
        check()
        remaining = end - time.monotonic()
        if remaining <= 0:
            raise ClusterError(
                f"{what} did not come about within {within:.3g} s. A busy machine needs more time (--time-scale 3). {look()}"
            )
        for _ in collection.changes(min(_QUIET, remaining)):
            if holds(collection.objects):
                break
    return collection.objects


class _Collection:
    """The objects of one path, by name, as far as list and watch have told."""

    def __init__(self, api: Api, path: str) -> None:
        self._api = api
        self._path = path
        self._version = ""
        self.objects: dict[str, Mapping[str, Any]] = {}
        self._list()  # without it nothing would look like everything being gone

    def changes(self, quiet: float) -> Iterator[None]:
        """Bring `objects` up to date, step by step, until nothing has come for `quiet` seconds or the watch has broken off."""
        if not self._version:
            self._list()
            yield
        try:
            response = self._api.stream(self._path, read_timeout=quiet, watch="1", resourceVersion=self._version)
        except (ApiError, ClusterError):
            self._version = ""
            return
        try:
            for line in _lines(response):
                if not self._take(msgspec.json.decode(line)):
                    self._version = ""
                    return
                yield
        except (urllib3.exceptions.HTTPError, OSError):
            pass  # quiet, or broken off: the next watch goes on from the last version seen
        finally:
            response.close()

    def _list(self) -> None:
        listed = self._api.list(self._path)
        self.objects.clear()
        self.objects.update({item["metadata"]["name"]: item for item in listed.get("items") or ()})
        self._version = listed["metadata"]["resourceVersion"]

    def _take(self, event: Mapping[str, Any]) -> bool:
        """Apply one event; False when the watch cannot go on from here."""
        if event["type"] == "ERROR":
            return False
        item = event["object"]
        self._version = item["metadata"]["resourceVersion"]
        if event["type"] == "DELETED":
            self.objects.pop(item["metadata"]["name"], None)
        else:
            self.objects[item["metadata"]["name"]] = item
        return True


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    while chunk := response.read1():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
