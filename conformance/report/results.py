"""What one run leaves behind for reports: plain data, written as JSON the moment it is known."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from conformance.guarantees.judge import Tally

#: passed     the scenario saw what the claims say
#: finding    the scenario saw, and proved, that Kubernetes does something else than a claim says
#: failed     it did not see it, or a guarantee was violated
#: unknown    it passed, but a guarantee could not be decided (a gap in the trace)
#: error      the suite or the cluster broke
#: left-out   the cluster lacks a capability the scenario needs
Outcome = Literal["passed", "finding", "failed", "unknown", "error", "left-out"]
WORST_FIRST: tuple[Outcome, ...] = ("error", "failed", "unknown", "left-out", "finding", "passed")


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A deviation from the documentation: what really happens, which claims it contradicts, and in which versions (minors)."""

    text: str
    contradicts: list[str] = []
    since: str = ""
    until: str = ""
    upstream: str = ""


class ScenarioResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pytest item. `trace` and `diagnostics` (files and folders, written when it failed) are relative to the report folder.

    `failure` is the text a reader needs; `seconds` is wall time.
    """

    id: str
    node_id: str
    title: str
    outcome: Outcome
    seconds: float
    claims: list[str] = []
    reason: str = ""
    failure: str = ""
    finding: Finding | None = None
    tallies: list[Tally] = []
    trace: str = ""
    diagnostics: list[str] = []
    reproduce: str = ""
    look: str = ""
    parameters: dict[str, str] = {}
    delays: list[float] = []  # seconds from an entry's arrival to its judgement


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the results of one run have in common.

    `kubernetes` is the server's own gitVersion; `started` is RFC 3339; `seconds` wall time; `scenarios` the ids of all scenarios of the
    suite, selected or not (empty: not known); `items` the pytest items that were selected; `stopped` the signal that ended the run early.
    """

    suite: str
    kubernetes: str
    cluster: str
    capabilities: list[str] = []
    lacking: dict[str, str] = {}
    started: str = ""
    seconds: float = 0.0
    command: str = ""
    components: dict[str, str] = {}
    platform: dict[str, Any] = {}
    scenarios: list[str] = []
    items: list[str] = []
    stopped: str = ""
