"""What noticed a defect: read from the results that a run of scenarios left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from conformance.report.results import ScenarioResult

#: guarantee  a guarantee was violated (`names`), at some event of the trace
#: check      something that the scenario itself looked at was not so; `names` are the claims that this refutes
#: died       a component ended by itself
#: hang       the run did not end in its time
#: broke      the scenario broke off with another error, twice: the run does not say that the cluster conforms, and not what is wrong
Kind = Literal["guarantee", "check", "died", "hang", "broke"]
#: The strongest first: what a table names a defect's finder by.
KINDS: tuple[Kind, ...] = ("guarantee", "check", "died", "hang", "broke")


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way in which a defect came to light: in which scenario (its node id; empty: in none), and the words that a user reads."""

    kind: Kind
    names: list[str] = []
    scenario: str = ""
    text: str = ""


def notices(results: Sequence[ScenarioResult]) -> list[Notice]:
    """All that came to light in these scenarios; empty if none of them has anything against the cluster."""
    return [notice for result in results for notice in _of(result)]


def _of(result: ScenarioResult) -> list[Notice]:
    found = []
    if broken := [tally for tally in result.tallies if tally.violated]:
        messages = [violation.message for tally in broken for violation in tally.violations if not violation.known]
        found.append(Notice("guarantee", [tally.id for tally in broken], result.node_id, messages[0] if messages else ""))
    if result.reason is not None and result.reason.kind == "check":
        found.append(Notice("check", sorted(result.refuted), result.node_id, result.reason.text))
    if result.reason is not None and result.reason.kind == "broke" and not found:
        kind: Kind = "died" if "ComponentDied" in result.reason.names else "broke"
        found.append(Notice(kind, [], result.node_id, result.reason.text))
    return found
