"""Histories that tests begin with: a settled DaemonSet, and one whose template has just changed."""

from __future__ import annotations

import string
from typing import Any

from tests.guarantees.history import History
from tests.guarantees.objects import daemonset, node


def settled(count: int = 3, *, audited: bool = True, quiet: bool = True, **ds: Any) -> History:
    """Nodes a, b, c …, each with a ready pod of DaemonSet agent, and nothing has happened for a while."""
    h = History(audited=audited)
    for name in string.ascii_lowercase[:count]:
        h.list(node(name))
    h.add(daemonset(**ds))
    h.write_revision()
    for name in string.ascii_lowercase[:count]:
        h.create(name)
        h.ready(name)
    h.status()
    if quiet:
        h.wait(15)
        h.note()
    return h


def updating(count: int = 10, **ds: Any) -> History:
    h = settled(count, **ds)
    h.template("2")
    return h
