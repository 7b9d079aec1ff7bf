"""What one run leaves behind for reports: plain data, written as JSON the moment it is known."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from conformance.claims.checks import Check
from conformance.guarantees.judge import Tally

#: The form of the files in `scenarios/` and of `run.json`; a reader that meets another refuses it (UsageError).
FORMAT = 2

#: passed     the scenario saw what the claims say
#: finding    the scenario saw, and proved, that Kubernetes does something else than a claim says
#: failed     a check did not hold, or a guarantee was violated
#: unknown    it passed, but a guarantee could not be decided (a gap in the trace)
#: error      the scenario, the suite or the cluster broke: nothing is known of the claims
#: left-out   the cluster lacks something that the scenario needs
Outcome = Literal["passed", "finding", "failed", "unknown", "error", "left-out"]
WORST_FIRST: tuple[Outcome, ...] = ("error", "failed", "unknown", "left-out", "finding", "passed")

#: lacks        the cluster has not the capabilities (`lacking`: capability to why), or not the nodes (`wanted`, `most`)
#: not-offered  the cluster refused something while the scenario ran; `text` is its own answer
#: version      the finding that the scenario proves (`text`: its id) does not cover this version
#: skipped      pytest left it out for a reason that is not of this suite: `text`
#: check        a check failed; `text` is its first line, `names` the kinds of the conditions that an expired wait was about
#: guarantee    guarantees (`names`) were violated while everything that the scenario itself looked at was right
#: undecided    guarantees (`names`) could not be decided; `text` is why
#: broke        something broke that is no evidence; `text` is the error's type and first line, `names` its type alone
Kind = Literal["lacks", "not-offered", "version", "skipped", "check", "guarantee", "undecided", "broke"]


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a scenario did not simply pass, as data; `report/reasons.py` has the words."""

    kind: Kind
    text: str = ""
    names: list[str] = []
    lacking: dict[str, str] = {}
    wanted: int = 0
    most: int = 0


class Function(msgspec.Struct, frozen=True, omit_defaults=True):
    """One scenario of the suite, as its source describes it: identity, family, first line of its docstring, what it may show."""

    id: str
    family: str
    title: str
    file: str = ""
    claims: list[str] = []
    findings: list[str] = []


class ScenarioResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pytest item: a case of the scenario `id` (`P06.a_node_…`), which is one function of the family `family` (`P06`).

    `claims` are those that it may show, `checks` those checks that ended. `trace` and `diagnostics` (files and folders, written when it
    failed) are relative to the report folder. `failure` is the text a reader needs; `seconds` is wall time. `finding` is the id of the
    deviation that was proved (empty: none). `foreign` scenarios are not of this suite, which says what conformance is.
    """

    id: str
    family: str
    node_id: str
    title: str
    outcome: Outcome
    seconds: float
    claims: list[str] = []
    checks: list[Check] = []
    reason: Reason | None = None
    failure: str = ""
    finding: str = ""
    foreign: bool = False
    tallies: list[Tally] = []
    trace: str = ""
    diagnostics: list[str] = []
    reproduce: str = ""
    look: str = ""
    parameters: dict[str, str] = {}
    delays: list[float] = []  # seconds from an entry's arrival to its judgement
    format: int = 0

    @property
    def as_expected(self) -> bool | None:
        """Whether the cluster behaved here as its version does; None: that was not seen. A known deviation is as expected."""
        return {"passed": True, "finding": True, "failed": False}.get(self.outcome)

    @property
    def shown(self) -> set[str]:
        """The claims that a check of it showed; what was decided before the scenario failed counts too."""
        return {claim for check in self.checks if check.held for claim in check.claims} - self.refuted

    @property
    def refuted(self) -> set[str]:
        """The claims that the failed check is about."""
        return {claim for check in self.checks if not check.held for claim in check.claims}


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the results of one run have in common.

    `kubernetes` is the server's own gitVersion; `started` is RFC 3339; `seconds` wall time; `scenarios` all scenarios of the suite,
    selected or not (empty: not known); `items` the pytest items that were selected, `deselected` how many were not; `stopped` the signal
    that ended the run early; `lost` why the run had no right to the cluster any more before it ended.
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
    scenarios: list[Function] = []
    items: list[str] = []
    deselected: int = 0
    stopped: str = ""
    lost: str = ""
    format: int = 0
