"""Every error this library raises on purpose.

    ConformanceError
    ├── UsageError            the caller can mend it: unknown version, unusable path, port taken …  (pytest exit code 4)
    │   ├── ToolMissing       a program or extra has to be installed first
    │   ├── TraceError        a trace file is missing, truncated, damaged or of another format
    │   └── Unwritable        a trace or a report cannot be written: the disk is full, read-only, gone
    ├── BuildError            a component did not compile, or its cache is damaged
    ├── ClusterError          a cluster did not come up, or broke while in use
    │   ├── ComponentDied     one of its processes ended by itself
    │   └── LeaseLost         the run lost its right to a cluster that is not its own: it ends
    ├── ApiError              the API server answered with a Status that is a failure
    ├── NotOffered            a scenario asks for what this cluster cannot give: it is left out, with this reason
    └── WaitExpired           an outcome a scenario waited for never came (also an AssertionError)

Messages are one paragraph: what is wrong, and what to do about it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from conformance.printable import printable


class ConformanceError(Exception):
    """The base of all errors raised on purpose; its text is fit to be shown without a traceback, whatever a server said in it."""

    def __str__(self) -> str:
        return printable(super().__str__())


class UsageError(ConformanceError):
    """The request cannot be served as it stands; the message names the fix."""


class ToolMissing(UsageError):
    """Something has to be installed first; the message names the package."""


class BuildError(ConformanceError):
    """A component could not be built."""


class ClusterError(ConformanceError):
    """A cluster did not come up, or broke while in use."""


class ComponentDied(ClusterError):
    """A component of the cluster ended by itself; the message holds its last log lines."""


class LeaseLost(ClusterError):
    """The run has lost its right to a cluster that is not its own, and must not touch it any more."""


class TraceError(UsageError):
    """A trace file cannot be read to its end."""


class Unwritable(UsageError):
    """What a run leaves behind cannot be written where the user wants it."""


class ApiError(ConformanceError):
    """The API server refused a request.

    `code` is the HTTP status, `reason` the API's machine-readable word (`NotFound`, `Invalid`, `Conflict` …; empty if the answer was not a
    Status), `text` its message, `causes` the fields it names.
    """

    def __init__(self, code: int, reason: str, message: str, causes: list[dict[str, Any]] | None = None) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.text = message
        self.reason = reason
        self.causes = causes or []

    @property
    def fields(self) -> set[str]:
        """The field paths that the server names as causes."""
        return {cause["field"] for cause in self.causes if "field" in cause}


class NotOffered(ConformanceError):
    """The cluster cannot give what a scenario asks for; the scenario is left out, and the message is the reason."""


class WaitExpired(ConformanceError, AssertionError):
    """A wait ran out; the message says what was expected, what was last seen, and what happened in between.

    `unmet` are the descriptions of the conditions that did not hold (of a window that was left: of all of them), `kinds` their kinds.
    """

    def __init__(self, message: str, unmet: Iterable[str] = (), kinds: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.unmet = tuple(unmet)
        self.kinds = tuple(kinds)


def refused(error: OSError) -> str:
    """What the operating system said, and about which file if it named one."""
    said = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
    return f"{said}: {error.filename}" if error.filename else said


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """What follows the sentence that there is no such name: `; did you mean A or B?`, or a full stop where none is near (0 to 1)."""
    import difflib  # noqa: PLC0415 - only a mistake needs it

    nearest = difflib.get_close_matches(name, list(known), n=3, cutoff=cutoff)
    return f"; did you mean {' or '.join(nearest)}?" if nearest else "."


#: Characters of one line that people still read on a terminal; what is longer there is in a file as a whole.
LONGEST = 300


def shortened(line: str, most: int = LONGEST) -> str:
    """A line as a terminal shows it, with a sign that more was said."""
    return line if len(line) <= most else f"{line[: most - 2]} …"
