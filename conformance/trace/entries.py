"""The lines of a trace.

A trace is a sequence of entries in the store's own order: an entry that carries a resourceVersion stands at that revision of the store
(one etcd, so a total order over all resources), one that does not stands behind whatever had been seen when it arrived. The authorship of
a write stands directly before the change it explains.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from conformance.errors import TraceError
from conformance.kube.records import RECORDS, Object

#: listed    an object that was there when watching began (or began again after a gap)
#: added, modified, deleted   a change, as the API server reported it
#: write     who asked for the write that produced this resourceVersion (from the audit log)
#: gap       changes between two resourceVersions may have been missed for one resource
#: action    something the scenario did, or had done
#: expect    a number the scenario expects, judged at the end
#: note      something worth showing (a capability in use, the end of a wait)
#: end       the scenario is over
EntryType = Literal["listed", "added", "modified", "deleted", "write", "gap", "action", "expect", "note", "end"]
OBJECT_TYPES = frozenset({"listed", "added", "modified", "deleted"})

_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(kind) for name, kind in RECORDS.items()}
_ANY = msgspec.json.Decoder(dict[str, Any])
_NOTHING = msgspec.Raw(b"null")


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One line of a trace.

    `at` is seconds since the trace began (monotonic, on arrival); `rv` the resourceVersion it stands at; `object` the raw JSON of the
    object without managedFields; `detail` what the type needs beyond that:

    - write:  user, verb, resource, subresource, namespace, name, uid, code
    - gap:    since, until (resourceVersions), reason
    - action: verb, target, and whatever explains it
    - expect: name, uid (of the DaemonSet), count
    - deleted: inferred=true when only a later list showed that the object had gone
    """

    seq: int
    at: float
    type: EntryType
    resource: str = ""
    rv: int | None = None
    object: msgspec.Raw = _NOTHING
    detail: dict[str, Any] = {}

    def record(self) -> Object:
        """The narrow record of the object. Only for entries that carry one; TraceError if it is not what such objects are."""
        try:
            decoded: Object = _DECODERS[self.resource].decode(self.object)
        except KeyError as error:
            raise self._damaged(f"there is no record of {error}") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._damaged(str(error)) from error
        return decoded

    def raw(self) -> dict[str, Any]:
        """The whole object as plain JSON; TraceError if it is none."""
        try:
            return _ANY.decode(self.object)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, why: str) -> TraceError:
        return TraceError(f"entry {self.seq} of the trace is damaged ({why}); fetch the file again, or run the scenario again")


def order(entry: Entry, latest: int) -> tuple[int, int, int]:
    """The sort key of an entry; `latest` is the highest resourceVersion that had arrived before it.

    Authorship goes before the change it explains; what has no revision goes behind everything at that point.
    """
    if entry.rv is None:
        return latest, 2, entry.seq
    return entry.rv, 0 if entry.type in ("write", "gap") else 1, entry.seq


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line of a trace file: what was run where."""

    format: int
    scenario: str
    node_id: str
    kubernetes: str
    cluster: str
    capabilities: list[str] = []
    claims: list[str] = []
    started: str = ""
    audited: bool = False
    suite: str = ""
