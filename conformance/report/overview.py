"""What a reader sees first of a run: the conformance answer, what it rests on, and what the documents are worth here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from conformance.report.gather import Report
from conformance.report.reasons import ground
from conformance.report.terminal import plural
from conformance.report.verdicts import Cause

#: The causes of an unknown claim, as a reader sorts them.
_KINDS: dict[Cause, str] = {
    "opinion": "opinions",
    "later": "about other versions",
    "needs": "not on this cluster",
    "left-out": "not on this cluster",
    "unproven": "not on this cluster",
    "not-run": "not run",
    "no-check": "no check yet",
    "unreached": "no check yet",
    "failed": "scenario failed",
    "broke": "scenario failed",
    "undecided": "undecided",
}


@dataclass(frozen=True)
class Figure:
    """One number with its words; `tone` is good, quiet, news or bad."""

    count: int
    words: str
    tone: str


@dataclass(frozen=True)
class Overview:
    """The head of the page: the answer, one sentence for it, one about the documents, and the figures of both."""

    title: str
    tone: str
    sentence: str
    documents: str
    grounds: tuple[str, ...]
    behaviour: tuple[Figure, ...]
    sentences: tuple[Figure, ...]
    unknown: tuple[tuple[str, int], ...]


def overview(report: Report) -> Overview:
    """The head of one run's page."""
    answer = report.conformity
    version = subject(report)
    titles = {True: f"Conforms to {version}", False: f"Does not conform to {version}", None: f"Not known whether it conforms to {version}"}
    return Overview(
        titles[answer.conforms],
        {True: "good", False: "bad", None: "quiet"}[answer.conforms],
        _sentence(report),
        _documents(report),
        tuple(ground(each) for each in answer.grounds),
        _behaviour(report),
        _sentences(report),
        _unknown(report),
    )


def subject(report: Report) -> str:
    """What was tested, as a title names it: a replaced component is no released Kubernetes."""
    own = ", ".join(sorted(report.run.components))
    return f"Kubernetes {report.run.kubernetes}" + (f" (with another {own})" if own else "")


def _sentence(report: Report) -> str:
    ran = plural(sum(scenario.outcome not in ("left-out", "error") for scenario in report.scenarios), "scenario")
    if not report.scenarios:
        return "Nothing ran: there is no result to report."
    if report.conformity.conforms:
        return f"Nothing unexpected: {ran}, judged at every event, behaved as this version does."
    if report.conformity.conforms is None:
        return f"Nothing unexpected was seen in {ran}, but that does not settle it:"
    return "Something happened that nobody expected of this version:"


def _documents(report: Report) -> str:
    counts = report.verdicts
    wrong = counts["wrong"] + counts.get("outdated", 0)
    return (
        f"Of the documentation's sentences {counts['holds']} were shown to be true here. {wrong} are known to be wrong or outdated on this "
        "version, and were shown to be: that is about the documents, not about this cluster."
    )


def _behaviour(report: Report) -> tuple[Figure, ...]:
    counts = report.outcomes
    expected = counts.get("passed", 0) + counts.get("finding", 0)
    return (
        Figure(expected, "as expected", "good"),
        Figure(counts.get("failed", 0), "not as expected", "bad"),
        *_some(counts.get("error", 0), "broke off", "bad"),
        *_some(counts.get("unknown", 0), "undecided", "quiet"),
        *_some(counts.get("left-out", 0), "left out here", "quiet"),
    )


def _sentences(report: Report) -> tuple[Figure, ...]:
    counts = report.verdicts
    return (
        Figure(counts["holds"], "true here", "good"),
        *_some(counts.get("broken", 0), "broken here", "bad"),
        *_some(counts.get("changed", 0), "otherwise than known", "bad"),
        Figure(counts["wrong"] + counts.get("outdated", 0), "document wrong or outdated", "document"),
        Figure(counts["unknown"], "not shown here", "quiet"),
    )


def _unknown(report: Report) -> tuple[tuple[str, int], ...]:
    counted = Counter(
        _KINDS.get(verdict.because.cause, "other") for verdict in report.claims if verdict.verdict == "unknown" and verdict.because
    )
    return tuple(counted.most_common())


def _some(count: int, words: str, tone: str) -> tuple[Figure, ...]:
    return (Figure(count, words, tone),) if count else ()
