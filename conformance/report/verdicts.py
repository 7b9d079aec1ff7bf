"""From outcomes to verdicts: of claims by the checks that are their evidence, of guarantees by the sum of their tallies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.claims import findings
from conformance.claims.expecting import Expected, against, expected
from conformance.claims.registry import Claim, family
from conformance.guarantees.judge import Tally
from conformance.report.results import WORST_FIRST, Function, Outcome, Reason, Run, ScenarioResult

SAW = frozenset({"passed", "finding"})

#: holds     the sentence is true here, and was shown to be
#: wrong     the sentence is known to be wrong here, and was shown to be: the document is wrong, not the cluster
#: outdated  the sentence spoke of earlier versions, and something else was shown
#: broken    the sentence is true of this version, and was shown not to be here: nobody expected that
#: changed   what is known to happen instead of the sentence did not happen: nobody expected that either
#: unknown   nothing was shown; the reason says why
Verdict = Literal["holds", "wrong", "outdated", "broken", "changed", "unknown"]
VERDICTS: tuple[Verdict, ...] = ("holds", "wrong", "outdated", "broken", "changed", "unknown")
#: The verdicts that nobody expected, the only ones in red.
UNEXPECTED: frozenset[str] = frozenset({"broken", "changed"})
SHOWN: dict[Expected, Verdict] = {"holds": "holds", "wrong": "wrong", "outdated": "outdated"}

#: opinion    there is nothing to test
#: later      the sentence speaks of later versions
#: needs      this cluster lacks what makes it evidence (`names`: capabilities)
#: check      its check failed in these scenarios
#: guarantee  these guarantees (`names`) were violated
#: behaviour  what really happens is written with the claim
#: finding    these findings (`names`) contradict it
#: unproven   these findings are known to contradict it, and were not shown here
#: failed     these scenarios failed, and not by a check of this claim
#: broke      these scenarios broke off
#: undecided  these scenarios passed, and a guarantee could not be decided
#: left-out   these scenarios were left out on this cluster
#: unreached  these scenarios ran without coming to its check
#: not-run    these scenarios show it and were not selected
#: no-check   nothing in the suite shows it
Cause = Literal[
    "opinion",
    "later",
    "needs",
    "check",
    "guarantee",
    "behaviour",
    "finding",
    "unproven",
    "failed",
    "broke",
    "undecided",
    "left-out",
    "unreached",
    "not-run",
    "no-check",
]


@dataclass(frozen=True)
class Because:
    """Why a claim has its verdict, as data: scenarios, names, and the reason that one of them gave; `report/reasons.py` has the words."""

    cause: Cause
    scenarios: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    reason: Reason | None = None


@dataclass(frozen=True)
class Scenario:
    """All pytest items of one scenario: the worst outcome of those that ran, the seconds added up; left out only if none of them ran."""

    id: str
    family: str
    title: str
    outcome: Outcome
    seconds: float
    claims: tuple[str, ...]
    cases: tuple[ScenarioResult, ...]


@dataclass(frozen=True)
class ClaimVerdict:
    """What this run says of one claim: what was expected and what was shown, the scenarios and guarantees it rests on, and why.

    `because` is None exactly if it holds.
    """

    claim: Claim
    verdict: Verdict
    expected: Expected = "holds"
    evidence: tuple[str, ...] = ()
    because: Because | None = None
    guarantees: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """The results of a run by the sentence that they may show (all its wordings together), and the scenarios that would."""

    wordings: Mapping[str, frozenset[str]]
    cases: Mapping[str, Sequence[ScenarioResult]]
    functions: Mapping[str, Sequence[Function]]


def merged(results: Iterable[ScenarioResult]) -> list[Scenario]:
    """The results by scenario, in their order."""
    groups: dict[str, list[ScenarioResult]] = {}
    for result in results:
        groups.setdefault(result.id, []).append(result)
    return [
        Scenario(
            name,
            cases[0].family,
            cases[0].title,
            min((case.outcome for case in cases if case.outcome != "left-out"), key=WORST_FIRST.index, default="left-out"),
            round(sum(case.seconds for case in cases), 3),
            tuple(dict.fromkeys(claim for case in cases for claim in case.claims)),
            tuple(cases),
        )
        for name, cases in groups.items()
    ]


def evidence(claims: Mapping[str, Claim], results: Iterable[ScenarioResult], run: Run) -> Evidence:
    """The results and scenarios by the sentence they are about."""

    def sentences(names: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(family(claims[name]) for name in names if name in claims))

    cases: dict[str, list[ScenarioResult]] = {}
    for result in results:
        contradicted = [claim for name in _proved(result) if name in findings.load() for claim in findings.load()[name].contradicts]
        for sentence in sentences([*result.claims, *contradicted]):
            cases.setdefault(sentence, []).append(result)
    functions: dict[str, list[Function]] = {}
    for function in run.scenarios:
        for sentence in sentences(function.claims):
            functions.setdefault(sentence, []).append(function)
    wordings: dict[str, frozenset[str]] = {}
    for claim in claims.values():
        wordings[family(claim)] = wordings.get(family(claim), frozenset()) | {claim.id}
    return Evidence(wordings, cases, functions)


def claim_verdict(claim: Claim, found: Evidence, run: Run, guarantees: Mapping[str, Tally]) -> ClaimVerdict:
    """The verdict of one claim; `guarantees` are the sums over the run by id.

    What decides, in this order: a failed check that names it, a violated guarantee that judges it, a finding that contradicts it, a
    scenario of its own that failed or broke off (then nothing is known of it), a check that showed it, a guarantee that held and could
    have failed.
    """
    asked = _Asked(
        claim,
        found.wordings.get(family(claim), frozenset({claim.id})),
        expected(claim, run.kubernetes),
        found.cases.get(family(claim), ()),
        found.functions.get(family(claim), ()),
        run,
        [guarantees[name] for name in claim.guarantees if name in guarantees],
    )
    return _decided(asked) or asked.unknown(_missing(asked.cases, asked.functions))


@dataclass(frozen=True)
class _Asked:
    """One claim, and all that its verdict can rest on; `names` are the ids of all wordings of its sentence."""

    claim: Claim
    names: frozenset[str]
    expected: Expected
    cases: Sequence[ScenarioResult]
    functions: Sequence[Function]
    run: Run
    tallies: Sequence[Tally]

    def unknown(self, because: Because) -> ClaimVerdict:
        return ClaimVerdict(self.claim, "unknown", self.expected, _ids(self.cases), because)


def _decided(asked: _Asked) -> ClaimVerdict | None:
    rules = (_opinion, _refuted, _contradicted, _unsettled, _no_evidence_here, _shown, _guaranteed)
    return next((verdict for rule in rules if (verdict := rule(asked)) is not None), None)


def _opinion(asked: _Asked) -> ClaimVerdict | None:
    return asked.unknown(Because("opinion")) if asked.expected == "nothing" else None


def _refuted(asked: _Asked) -> ClaimVerdict | None:
    """A failed check of this claim, or a violated guarantee that judges it; the second only where the sentence should hold."""
    if refuting := [case for case in asked.cases if case.outcome == "failed" and asked.names & case.refuted]:
        verdict: Verdict = "changed" if _deviated(asked, refuting) else "broken"
        because = Because("check", _ids(refuting), reason=refuting[0].reason)
        return ClaimVerdict(asked.claim, verdict, asked.expected, _ids(refuting), because)
    broken = tuple(tally.id for tally in asked.tallies if tally.violated)
    if broken and asked.expected == "holds":
        because = Because("guarantee", names=broken)
        return ClaimVerdict(asked.claim, "broken", asked.expected, _ids(asked.cases), because, broken)
    return None


def _deviated(asked: _Asked, refuting: Sequence[ScenarioResult]) -> bool:
    """Whether the failed check was there to show that the sentence is not true: of an inaccurate or outdated one, or of a finding."""
    if asked.claim.status == "inaccurate" or asked.expected == "outdated":
        return True
    proving = {each.id for each in asked.functions if any(_contradicts(name, asked.names) for name in each.findings)}
    return asked.expected == "wrong" and all(case.id in proving for case in refuting)


def _contradicted(asked: _Asked) -> ClaimVerdict | None:
    """A finding that contradicts it was proved, or recognised when a race brought it about."""
    proved = {name: case for case in asked.cases for name in _proved(case) if _contradicts(name, asked.names)}
    if not proved:
        return None
    because = Because("finding", _ids(proved.values()), tuple(proved))
    return ClaimVerdict(asked.claim, "wrong", asked.expected, _ids([*proved.values(), *asked.cases]), because)


def _unsettled(asked: _Asked) -> ClaimVerdict | None:
    """A scenario of the claim failed otherwise, or broke off: what it would have shown is not known."""
    if failed := [case for case in asked.cases if case.outcome == "failed"]:
        return asked.unknown(Because("failed", _ids(failed), reason=failed[0].reason))
    if broke := [case for case in asked.cases if case.outcome == "error"]:
        return asked.unknown(Because("broke", _ids(broke), reason=broke[0].reason))
    return None


def _no_evidence_here(asked: _Asked) -> ClaimVerdict | None:
    """What happens on this cluster or version says nothing of the claim."""
    if lacking := tuple(name for name in asked.claim.needs if name not in asked.run.capabilities):
        return asked.unknown(Because("needs", names=lacking))
    if asked.expected == "later":
        return asked.unknown(Because("later"))
    if asked.expected == "wrong" and asked.claim.status != "inaccurate":
        known = tuple(finding.id for finding in against(asked.claim, asked.run.kubernetes))
        return asked.unknown(Because("unproven", names=known))
    return None


def _shown(asked: _Asked) -> ClaimVerdict | None:
    saw = [case for case in asked.cases if case.outcome in SAW and asked.names & case.shown]
    if not saw:
        return None
    because = None if asked.expected == "holds" else Because("behaviour", _ids(saw))
    return ClaimVerdict(asked.claim, SHOWN[asked.expected], asked.expected, _ids(saw), because)


def _guaranteed(asked: _Asked) -> ClaimVerdict | None:
    if asked.expected != "holds" or not asked.tallies:
        return None
    if not all(tally.verdict == "holds" and not tally.vacuous for tally in asked.tallies):
        return None
    return ClaimVerdict(asked.claim, "holds", asked.expected, guarantees=tuple(tally.id for tally in asked.tallies))


def _proved(case: ScenarioResult) -> list[str]:
    recognised = [name for tally in case.tallies for name in tally.deviations]
    return list(dict.fromkeys([*([case.finding] if case.finding else []), *recognised]))


def _contradicts(name: str, names: frozenset[str]) -> bool:
    finding = findings.load().get(name)
    return finding is not None and bool(names & set(finding.contradicts))


def _missing(cases: Sequence[ScenarioResult], functions: Sequence[Function]) -> Because:
    if undecided := [case for case in cases if case.outcome == "unknown"]:
        return Because("undecided", _ids(undecided), reason=undecided[0].reason)
    if ran := [case for case in cases if case.outcome in SAW]:
        return Because("unreached", _ids(ran))
    if left_out := [case for case in cases if case.outcome == "left-out"]:
        return Because("left-out", _ids(left_out), reason=left_out[0].reason)
    if functions:
        return Because("not-run", tuple(function.id for function in functions))
    return Because("no-check")


def _ids(cases: Iterable[ScenarioResult]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(case.id for case in cases))
