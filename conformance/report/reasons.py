"""The words of reasons: why a scenario did not pass, and why a claim has its verdict. The only place where they are made."""

from __future__ import annotations

from conformance.claims import findings
from conformance.report.conformity import Cause as GroundCause
from conformance.report.conformity import Conformity, Ground
from conformance.report.results import Reason
from conformance.report.verdicts import Cause, ClaimVerdict


def words(reason: Reason | None) -> str:
    """A reason in one line, for people; empty if there is none."""
    if reason is None:
        return ""
    names = ", ".join(reason.names)
    match reason.kind:
        case "lacks":
            lacking = [f"{name} ({why})" if why else name for name, why in reason.lacking.items()]
            nodes = [f"{reason.wanted} nodes (at most {reason.most})"] if reason.wanted else []
            return f"this cluster lacks {', '.join([*lacking, *nodes])}"
        case "version":
            return f"the finding {reason.text} is not there on this version"
        case "guarantee":
            return f"{names} {'was' if len(reason.names) == 1 else 'were'} violated while it ran"
        case "undecided":
            return f"{names} could not be decided" + (f": {reason.text}" if reason.text else "")
        case "not-offered" | "skipped" | "check" | "broke":
            return reason.text


#: What is said of a claim, by cause. `behaviour`, `later`, `finding` and `no-check` have more to say and are not here.
_SAID: dict[Cause, str] = {
    "opinion": "an opinion: there is nothing to test",
    "needs": "what happens here is no evidence for it: this cluster has no {names}",
    "check": "its check in {scenarios} failed{detail}",
    "guarantee": "violated: {names}",
    "unproven": "known not to be true here ({names}), but that was not shown in this run",
    "failed": "{scenarios} failed, and not by a check of this claim{detail}",
    "broke": "{scenarios} broke off{detail}",
    "undecided": "{scenarios} could not be decided{detail}",
    "left-out": "left out on this cluster ({scenarios}){detail}",
    "unreached": "{scenarios} ran without coming to a check of it",
    "not-run": "not run ({scenarios}): not selected, or the run ended before",
}


def because(verdict: ClaimVerdict, version: str = "") -> str:
    """Why a claim has its verdict, in one line; empty if it holds."""
    why, claim = verdict.because, verdict.claim
    if why is None:
        return ""
    if why.cause == "behaviour":
        return claim.behaviour or (f"true until {claim.until}" if claim.until else "the document is known to be inaccurate here")
    if why.cause == "finding":
        return " ".join(findings.load()[name].text for name in why.names if name in findings.load())
    if why.cause == "later":
        return f"it speaks of Kubernetes {claim.since} and later" + (f", and this is {version}" if version else "")
    if why.cause == "no-check":
        return "no check shows it yet" + (f": {claim.planned}" if claim.planned else "")
    detail = f": {words(why.reason)}" if why.reason is not None else ""
    return _SAID[why.cause].format(scenarios=", ".join(why.scenarios), names=", ".join(why.names), detail=detail)


_GROUNDS: dict[GroundCause, str] = {
    "guarantee": "guarantees violated: {names}",
    "failed": "failed: {names}",
    "claims": "claims decided otherwise than is expected of this version: {names}",
    "nothing": "no scenario ran to an end",
    "broke": "broke off: {names}",
    "undecided": "could not be decided: {names}",
    "lost": "another run may have used the cluster meanwhile{text}",
    "ended": "the run ended after {count} of {of} selected pytest items{text}",
    "damaged": "{count} things are missing from the report",
    "cases": "{count} cases of scenarios were not selected",
    "skipped": "skipped by themselves or by pytest: {names}",
    "unlisted": "what ran is no part of the suite that says what conformance is",
    "selection": "{count} of the {of} scenarios of the suite were selected",
}
_ANSWERS = {True: "yes", False: "no", None: "unknown"}
_MOST = 6


def answer(conformity: Conformity) -> str:
    """The conformance answer as one word."""
    return _ANSWERS[conformity.conforms]


def ground(one: Ground) -> str:
    """One reason for the conformance answer, in one line; of many names the first ones."""
    shown = [*one.names[:_MOST], *([f"and {len(one.names) - _MOST} more"] if len(one.names) > _MOST else [])]
    text = f" ({one.text})" if one.text else ""
    return _GROUNDS[one.cause].format(names=", ".join(shown), count=one.count, of=one.of, text=text)
