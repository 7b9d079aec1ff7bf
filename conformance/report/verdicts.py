"""From outcomes to verdicts: of claims by the scenarios that are their evidence, of guarantees by the sum of their tallies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.claims.registry import Claim
from conformance.guarantees.judge import Tally, Verdict
from conformance.report.results import WORST_FIRST, Outcome, Run, ScenarioResult

SAW = frozenset({"passed", "finding"})


@dataclass(frozen=True)
class Scenario:
    """All pytest items of one scenario id: the worst outcome of those that ran, the seconds added up; left out only if none of them ran."""

    id: str
    title: str
    outcome: Outcome
    seconds: float
    claims: tuple[str, ...]
    cases: tuple[ScenarioResult, ...]


@dataclass(frozen=True)
class ClaimVerdict:
    """What this run says of one claim: its verdict, the scenarios and guarantees it rests on, and the reason (always, unless it holds)."""

    claim: Claim
    verdict: Verdict
    evidence: tuple[str, ...] = ()
    reason: str = ""
    guarantees: tuple[str, ...] = ()


@dataclass(frozen=True)
class GuaranteeVerdict:
    """What this run says of one guarantee; `promise` and `source` are empty if it is not registered any more."""

    tally: Tally
    promise: str = ""
    source: str = ""

    @property
    def word(self) -> Literal["holds", "violated", "unknown", "vacuous"]:
        """The verdict, or `vacuous` when it holds only because nothing could have broken it."""
        return "vacuous" if self.tally.vacuous else self.tally.verdict


def merged(results: Iterable[ScenarioResult]) -> list[Scenario]:
    """The results by scenario id, in their order."""
    groups: dict[str, list[ScenarioResult]] = {}
    for result in results:
        groups.setdefault(result.id, []).append(result)
    return [
        Scenario(
            name,
            cases[0].title,
            min((case.outcome for case in cases if case.outcome != "left-out"), key=WORST_FIRST.index, default="left-out"),
            round(sum(case.seconds for case in cases), 3),
            tuple(dict.fromkeys(claim for case in cases for claim in case.claims)),
            tuple(cases),
        )
        for name, cases in groups.items()
    ]


def claim_verdict(
    claim: Claim, results: Sequence[ScenarioResult], run: Run, guarantees: Mapping[str, Tally] | None = None, known: Collection[str] = ()
) -> ClaimVerdict:
    """The verdict of one claim.

    A claim that is true (or version-bound, in its versions) holds if one of its scenarios passed and none failed; it is violated if one
    failed, a finding contradicts it, or one of its guarantees was violated. Where it has no scenario, a guarantee that held is evidence,
    unless it was vacuous. A claim that is known to be inaccurate is violated as soon as a scenario showed what happens instead. Without
    evidence a claim is unknown, with the reason. `guarantees` are the sums over the run by id, `known` the ids of all scenarios of the
    suite, if somebody knows them.
    """
    if claim.status == "opinion":
        return ClaimVerdict(claim, "unknown", reason="opinion: nothing to test")
    if not _covers(claim, run.kubernetes):
        return ClaimVerdict(claim, "unknown", reason=f"it speaks of Kubernetes {_versions(claim)}, and this is {run.kubernetes}")
    cases = [case for case in results if claim.id in case.claims]
    contradicting = [case for case in results if case.finding and claim.id in case.finding.contradicts]
    if claim.status == "inaccurate":
        found = _inaccurate(claim, cases, contradicting)
    else:
        found = _accurate(claim, cases, contradicting) or _guaranteed(claim, guarantees or {})
        broken = [name for name in claim.guarantees if guarantees and name in guarantees and guarantees[name].violated]
        if broken and (found is None or found.verdict != "violated"):
            found = ClaimVerdict(claim, "violated", _ids(cases), f"{', '.join(broken)} was violated", tuple(broken))
    return found or ClaimVerdict(claim, "unknown", _ids(cases), missing(claim, cases, {case.id for case in results}, known))


def _accurate(claim: Claim, cases: Sequence[ScenarioResult], contradicting: Sequence[ScenarioResult]) -> ClaimVerdict | None:
    for case in contradicting:
        if case.finding is not None:
            return ClaimVerdict(claim, "violated", _ids([*contradicting, *cases]), case.finding.text)
    if failed := [case for case in cases if case.outcome == "failed"]:
        return ClaimVerdict(claim, "violated", _ids(failed), f"{', '.join(_ids(failed))} failed")
    if saw := [case for case in cases if case.outcome in SAW]:
        return ClaimVerdict(claim, "holds", _ids(saw))
    return None


def _guaranteed(claim: Claim, guarantees: Mapping[str, Tally]) -> ClaimVerdict | None:
    tallies = [guarantees[name] for name in claim.guarantees if name in guarantees]
    if tallies and all(tally.verdict == "holds" and not tally.vacuous for tally in tallies):
        return ClaimVerdict(claim, "holds", guarantees=tuple(tally.id for tally in tallies))
    return None


def _inaccurate(claim: Claim, cases: Sequence[ScenarioResult], contradicting: Sequence[ScenarioResult]) -> ClaimVerdict | None:
    if saw := [*(case for case in cases if case.outcome in SAW), *contradicting]:
        return ClaimVerdict(claim, "violated", _ids(saw), claim.behaviour or "the documentation is known to be inaccurate here")
    if failed := [case for case in cases if case.outcome == "failed"]:
        reason = f"known to be inaccurate, but {', '.join(_ids(failed))} did not see what is known to happen instead ({claim.behaviour})"
        return ClaimVerdict(claim, "unknown", _ids(failed), reason)
    return None


def missing(claim: Claim, cases: Sequence[ScenarioResult], ran: Collection[str] = (), known: Collection[str] = ()) -> str:
    """Why there is no evidence."""
    for outcome, text in (("error", "broke off"), ("unknown", "could not be decided")):
        broken = [case for case in cases if case.outcome == outcome]
        if broken:
            detail = (
                broken[0].reason
                or next((reason for tally in broken[0].tallies for reason in tally.reasons), "")
                or _first_line(broken[0].failure)
            )
            return f"{', '.join(_ids(broken))} {text}" + (f": {detail}" if detail else "")
    left_out = [case for case in cases if case.outcome == "left-out"]
    if left_out:
        return (
            f"left out on this cluster: {left_out[0].reason.removeprefix('left out: ') or 'no reason given'} ({', '.join(_ids(left_out))})"
        )
    wanted = ", ".join(claim.scenarios)
    if not claim.scenarios:
        return f"no scenario yet: {claim.planned}" if claim.planned else "no scenario is named for it"
    if silent := [name for name in claim.scenarios if name in ran]:
        return f"{', '.join(silent)} ran, but does not assert it yet"
    if known and not set(claim.scenarios) & set(known):
        return f"its scenarios are not in this suite yet ({wanted})"
    return f"not run in this selection ({wanted})"


def guarantee_verdicts(results: Iterable[ScenarioResult], promises: Mapping[str, tuple[str, str]]) -> list[GuaranteeVerdict]:
    """The tallies of all results added up, also of guarantees that nobody tallied. `promises`: id to (promise, source)."""
    sums: dict[str, Tally] = {name: Tally(name) for name in promises}
    for result in results:
        for tally in result.tallies:
            sums[tally.id] = add(sums.get(tally.id, Tally(tally.id)), tally)
    ordered = sorted(sums.values(), key=lambda tally: (len(tally.id), tally.id))
    return [GuaranteeVerdict(tally, *promises.get(tally.id, ("", ""))) for tally in ordered]


def add(one: Tally, other: Tally) -> Tally:
    """Two tallies of the same guarantee as one."""
    return Tally(
        one.id,
        one.evaluated + other.evaluated,
        one.could_have_failed + other.could_have_failed,
        one.violated + other.violated,
        one.undecided + other.undecided,
        [*one.violations, *other.violations],
        list(dict.fromkeys([*one.reasons, *other.reasons])),
        one.known + other.known,
        {**one.deviations, **other.deviations},
    )


def _ids(cases: Iterable[ScenarioResult]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(case.id for case in cases))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _covers(claim: Claim, kubernetes: str) -> bool:
    minor = minor_of(kubernetes)
    if minor is None:
        return True
    since, until = minor_of(claim.since), minor_of(claim.until)
    return (since is None or minor >= since) and (until is None or minor < until)


def minor_of(version: str) -> tuple[int, int] | None:
    """The minor of a version such as `v1.37.1`, as something that can be compared; None if it is not of that kind."""
    major, _, rest = version.lstrip("v").partition(".")
    minor = rest.partition(".")[0].partition("-")[0].partition("+")[0]
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def _versions(claim: Claim) -> str:
    return " and ".join(
        part for part in (f"since {claim.since}" if claim.since else "", f"until {claim.until}" if claim.until else "") if part
    )
