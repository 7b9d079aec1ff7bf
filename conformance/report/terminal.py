"""The last lines of a run on a terminal: plain text, one fact a line, nothing that is longer than people read there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from conformance.claims import findings
from conformance.guarantees.judge import Tally
from conformance.report import reasons
from conformance.report.conformity import Conformity
from conformance.report.gather import promises as registered
from conformance.report.results import WORST_FIRST, Outcome, Run, ScenarioResult
from conformance.report.tallies import guarantee_verdicts
from conformance.report.verdicts import merged
from conformance.trace.entries import Header

#: Where a reader finds what a guarantee's id stands for.
WHERE = "docs/guarantees.md, and the page"

#: What a line or a letter means, in the words of the page's colours: as expected, not expected, a finding, of no weight.
Tone = Literal["good", "bad", "news", "quiet", ""]
#: The tones as pytest's terminal takes them; it decides whether there are colours at all (`--color`, NO_COLOR).
MARKUP: Mapping[Tone, Mapping[str, bool]] = {
    "good": {"green": True},
    "bad": {"red": True},
    "news": {"yellow": True},
    "quiet": {"light": True},
    "": {},
}
#: Outcomes that are an ordinary pass to pytest and not to a reader: their letters in its progress, and their tones.
LETTERS: Mapping[Outcome, tuple[str, Tone]] = {"finding": ("d", "news"), "unknown": ("u", "quiet")}


class Line(NamedTuple):
    """One line of the summary, and what it means for the reader."""

    text: str
    tone: Tone = ""


def lines(
    run: Run, results: Sequence[ScenarioResult], promises: dict[str, tuple[str, str]] | None = None, answer: Conformity | None = None
) -> list[Line]:
    """The conformance answer, counts by outcome, guarantees that were violated, undecided or never put to the test, and the findings."""
    scenarios = merged(results)
    if not scenarios:
        return [Line(f"DaemonSets on Kubernetes {run.kubernetes} ({run.cluster}): no scenario left a result", "bad")]
    counted = Counter(scenario.outcome for scenario in scenarios)
    counts = ", ".join(_outcomes(outcome, counted[outcome]) for outcome in reversed(WORST_FIRST) if counted[outcome])
    left_out = sum(result.outcome == "left-out" for result in results)
    without = f", {left_out} of them left out" if left_out != counted["left-out"] else ""
    items = f" ({plural(len(results), 'pytest item')}{without})" if len(results) != len(scenarios) else ""
    found = [Line(f"DaemonSets on Kubernetes {run.kubernetes} ({run.cluster}): {plural(len(scenarios), 'scenario')}{items}: {counts}")]
    guarantees = guarantee_verdicts(results, registered() if promises is None else promises)
    if answer is not None:
        tone: Tone = "" if answer.conforms is None else "good" if answer.conforms else "bad"
        found.insert(0, Line(f"conforms to Kubernetes {run.kubernetes}: {reasons.answer(answer)}", tone))
        found[1:1] = [Line(f"  {reasons.ground(each)}", tone) for each in answer.grounds]
    evaluated = sum(each.tally.evaluated for each in guarantees)
    chances = sum(each.tally.could_have_failed for each in guarantees)
    asked = f"guarantees: {len(guarantees)}, evaluated {plural(evaluated, 'time')}; {plural(chances, 'time')} they could have failed"
    found.append(Line(asked))
    for each in guarantees:
        if each.tally.violated:
            where = ", ".join(
                dict.fromkeys(result.id for result in results for tally in result.tallies if tally.id == each.tally.id and tally.violated)
            )
            quote = f': "{each.promise}"' if each.promise else ""
            found.append(Line(f"violated: {each.tally.id} {plural(each.tally.violated, 'time')} in {where}{quote}", "bad"))
    groups = {
        "guarantees not decided": [each.tally.id for each in guarantees if each.word == "unknown" and each.tally.evaluated],
        "guarantees never evaluated": [each.tally.id for each in guarantees if each.word == "unknown" and not each.tally.evaluated],
        "guarantees that held, but never could have failed": [each.tally.id for each in guarantees if each.word == "vacuous"],
    }
    told = [f"{title}: {', '.join(names)}" for title, names in groups.items() if names and evaluated]
    found += [Line(f"{line} (what each promises: {WHERE})" if line is told[0] else line, "quiet") for line in told]
    left = Counter(reasons.words(result.reason) for result in results if result.outcome == "left-out")
    found += [Line(f"left out, {plural(count, 'pytest item')}: {reason}", "quiet") for reason, count in left.most_common()]
    for name in dict.fromkeys(result.finding for result in results):
        if name in (known := findings.load()):
            found.append(Line(f"finding {name} (against {', '.join(known[name].contradicts)}): {known[name].text}", "news"))
    return found


def plural(count: int, thing: str) -> str:
    """`1 scenario`, `2 scenarios`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _outcomes(outcome: Outcome, count: int) -> str:
    said = plural(count, outcome) if outcome in ("finding", "error") else f"{count} {outcome}"
    return f"{said} ({LETTERS[outcome][0]} in pytest's progress)" if outcome in LETTERS else said


def judged(header: Header, tallies: Sequence[Tally]) -> list[str]:
    """What a trace that was judged again shows: a line for each guarantee, and below it what was seen."""
    found = [f"{header.scenario} on Kubernetes {header.kubernetes} ({header.cluster}), {header.started}".rstrip(", ")]
    width = max((len(tally.id) for tally in tallies), default=0)
    for tally in tallies:
        verdict = "vacuous" if tally.vacuous else tally.verdict
        counts = f"evaluated {tally.evaluated}, could have failed {tally.could_have_failed}, violated {tally.violated}"
        found.append(f"{tally.id:<{width}}  {verdict:<8}  {counts}" + (f", undecided {tally.undecided}" if tally.undecided else ""))
        found += [f"    {broken.at:.3f} s, entry {broken.seq}: {broken.message}" for broken in tally.violations]
        found += [f"    undecided: {reason}" for reason in tally.reasons]
    return found
