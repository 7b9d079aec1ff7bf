"""The conformance answer: does this cluster behave as Kubernetes of this version does?

It is another question than whether a document's sentence is true. A cluster on which a sentence that is known to be wrong was shown to be
wrong conforms; one on which a true sentence was broken, or a known deviation did not happen, does not.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.report.results import Run, ScenarioResult
from conformance.report.tallies import GuaranteeVerdict
from conformance.report.verdicts import UNEXPECTED, ClaimVerdict

#: does not conform
#:   guarantee    these guarantees were violated, and no known finding explains it
#:   failed       these scenarios failed
#:   claims       these claims were decided otherwise than is expected of this version
#: is not known
#:   nothing      no scenario ran to an end
#:   broke        these scenarios broke off
#:   undecided    these scenarios passed, but a guarantee could not be decided
#:   lost         another run may have used the cluster meanwhile
#:   ended        the run ended before all selected scenarios had run
#:   damaged      something is missing from the report
#:   selection    only some scenarios of the suite were selected
#:   cases        some cases of scenarios were not selected
#:   skipped      these scenarios were skipped for a reason that is not this suite's
#:   unlisted     what ran is no part of the suite, or the run did not say what the suite has
Cause = Literal[
    "guarantee",
    "failed",
    "claims",
    "nothing",
    "broke",
    "undecided",
    "lost",
    "ended",
    "damaged",
    "selection",
    "cases",
    "unlisted",
    "skipped",
]
AGAINST: frozenset[str] = frozenset({"guarantee", "failed", "claims"})


@dataclass(frozen=True)
class Ground:
    """One reason for the answer: the names of what it is about, or how many of how many."""

    cause: Cause
    names: tuple[str, ...] = ()
    count: int = 0
    of: int = 0
    text: str = ""


@dataclass(frozen=True)
class Conformity:
    """`conforms` is True, False, or None: not known. `grounds` are empty exactly if it is True."""

    conforms: bool | None
    grounds: tuple[Ground, ...] = ()


def conformity(
    run: Run,
    results: Sequence[ScenarioResult],
    claims: Sequence[ClaimVerdict],
    guarantees: Sequence[GuaranteeVerdict],
    problems: Collection[str] = (),
) -> Conformity:
    """The answer of one run, and all grounds for it: those against come first."""
    found = [*_against(results, claims, guarantees), *_open(run, results, problems)]
    if any(ground.cause in AGAINST for ground in found):
        return Conformity(False, tuple(found))
    return Conformity(None if found else True, tuple(found))


def _against(results: Sequence[ScenarioResult], claims: Sequence[ClaimVerdict], guarantees: Sequence[GuaranteeVerdict]) -> list[Ground]:
    names = {
        "guarantee": tuple(each.tally.id for each in guarantees if each.tally.violated),
        "failed": _with([result for result in results if not result.foreign], "failed"),
        "claims": tuple(verdict.claim.id for verdict in claims if verdict.verdict in UNEXPECTED),
    }
    return [
        *([Ground("guarantee", names["guarantee"])] if names["guarantee"] else []),
        *([Ground("failed", names["failed"])] if names["failed"] else []),
        *([Ground("claims", names["claims"])] if names["claims"] else []),
    ]


def _open(run: Run, results: Sequence[ScenarioResult], problems: Collection[str]) -> list[Ground]:
    found = []
    if not any(result.outcome not in ("left-out", "error") for result in results):
        found.append(Ground("nothing"))
    if broke := _with(results, "error"):
        found.append(Ground("broke", broke))
    if undecided := _with(results, "unknown"):
        found.append(Ground("undecided", undecided))
    if run.lost:
        found.append(Ground("lost", text=run.lost))
    there = {result.node_id for result in results}
    if missing := [item for item in run.items if item not in there]:
        found.append(Ground("ended", count=len(run.items) - len(missing), of=len(run.items), text=run.stopped))
    if problems:
        found.append(Ground("damaged", count=len(problems)))
    ran = {result.id for result in results if not result.foreign}
    known = {function.id for function in run.scenarios}
    if not known & ran:
        found.append(Ground("unlisted"))
    elif known - ran:
        found.append(Ground("selection", count=len(known & ran), of=len(known)))
    elif run.deselected:
        found.append(Ground("cases", count=run.deselected))
    if skipped := tuple(dict.fromkeys(each.id for each in results if each.reason is not None and each.reason.kind == "skipped")):
        found.append(Ground("skipped", skipped))
    return found


def _with(results: Sequence[ScenarioResult], outcome: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(result.id for result in results if result.outcome == outcome))
