"""The last lines of a run on a terminal: plain text, one fact a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from conformance.claims import findings
from conformance.guarantees.judge import Tally
from conformance.report import reasons
from conformance.report.conformity import Conformity
from conformance.report.gather import promises as registered
from conformance.report.results import WORST_FIRST, Run, ScenarioResult
from conformance.report.tallies import guarantee_verdicts
from conformance.report.verdicts import merged
from conformance.trace.entries import Header


def lines(
    run: Run, results: Sequence[ScenarioResult], promises: dict[str, tuple[str, str]] | None = None, answer: Conformity | None = None
) -> list[str]:
    """The conformance answer, counts by outcome, guarantees that were violated, undecided or never put to the test, and the findings."""
    scenarios = merged(results)
    if not scenarios:
        return [f"DaemonSets on Kubernetes {run.kubernetes} ({run.cluster}): no scenario left a result"]
    counted = Counter(scenario.outcome for scenario in scenarios)
    counts = ", ".join(f"{counted[outcome]} {outcome}" for outcome in reversed(WORST_FIRST) if counted[outcome])
    left_out = sum(result.outcome == "left-out" for result in results)
    without = f", {left_out} of them left out" if left_out != counted["left-out"] else ""
    items = f" ({len(results)} pytest items{without})" if len(results) != len(scenarios) else ""
    found = [f"DaemonSets on Kubernetes {run.kubernetes} ({run.cluster}): {len(scenarios)} scenarios{items}: {counts}"]
    guarantees = guarantee_verdicts(results, registered() if promises is None else promises)
    if answer is not None:
        found.insert(0, f"conforms to Kubernetes {run.kubernetes}: {reasons.answer(answer)}")
        found[1:1] = [f"  {reasons.ground(each)}" for each in answer.grounds]
    evaluated = sum(each.tally.evaluated for each in guarantees)
    chances = sum(each.tally.could_have_failed for each in guarantees)
    found.append(f"guarantees: {len(guarantees)}, evaluated {evaluated} times; {chances} times they could have failed")
    for each in guarantees:
        if each.tally.violated:
            where = ", ".join(
                dict.fromkeys(result.id for result in results for tally in result.tallies if tally.id == each.tally.id and tally.violated)
            )
            quote = f': "{each.promise}"' if each.promise else ""
            found.append(f"violated: {each.tally.id} {each.tally.violated} time(s) in {where}{quote}")
    groups = {
        "not decided": [each.tally.id for each in guarantees if each.word == "unknown" and each.tally.evaluated],
        "never evaluated": [each.tally.id for each in guarantees if each.word == "unknown" and not each.tally.evaluated],
        "vacuous (held, but never could have failed)": [each.tally.id for each in guarantees if each.word == "vacuous"],
    }
    found += [f"{title}: {', '.join(names)}" for title, names in groups.items() if names]
    for name in dict.fromkeys(result.finding for result in results):
        if name in (known := findings.load()):
            found.append(f"finding {name}: {known[name].text} (against {', '.join(known[name].contradicts)})")
    return found


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
