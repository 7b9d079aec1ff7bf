"""One trace file read once, for everything the page shows of it: pictures and the story of its failure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from conformance.errors import TraceError
from conformance.kube.records import DaemonSet, Node
from conformance.model.eligibility import should_run
from conformance.report.builder import HistoryBuilder
from conformance.report.curve import curve, updating
from conformance.report.history import History
from conformance.report.results import ScenarioResult
from conformance.report.story import Line, Teller
from conformance.report.timeline import Break, timeline
from conformance.trace import store
from conformance.trace.entries import Header

#: Failed ones are explained event by event; the others by their pictures.
TOLD = frozenset({"failed", "error", "unknown"})


@dataclass(frozen=True)
class Replay:
    """What a trace shows. `problem` says why it is not all there (empty: it is)."""

    history: History
    story: tuple[Line, ...] = ()
    problem: str = ""
    header: Header | None = None


def replay(folder: Path, result: ScenarioResult) -> Replay | None:
    """Read the trace of a result; None if it has none. What can be read of a damaged trace is shown, with the problem."""
    if not result.trace:
        return None
    violations = [broken for tally in result.tallies for broken in tally.violations]
    first = min((broken.seq for broken in violations), default=None)
    teller = Teller(first) if result.outcome in TOLD else None
    builder = HistoryBuilder(wanted)
    problem = ""
    header = None
    try:
        header, entries = store.read(folder / result.trace)
        for entry in entries:
            before, after = builder.see(entry)
            if teller is not None:
                teller.see(entry, before, after)
    except (TraceError, OSError) as error:
        problem = str(error)
    except Exception as error:  # whatever a trace that somebody else made holds: the rest of the page is not its business
        problem = f"{result.trace} does not fit together ({type(error).__name__}: {error})"
    return Replay(builder.finish(), tuple(teller.lines()) if teller else (), problem, header)


def breaks(result: ScenarioResult) -> list[Break]:
    """The violations of a result as the timeline marks them."""
    return [
        Break(broken.at, tuple(broken.objects), f"{tally.id}: {broken.message}") for tally in result.tallies for broken in tally.violations
    ]


def pictures(replayed: Replay, result: ScenarioResult, *, key: str, standalone: bool = False) -> list[str]:
    """The timeline, and a budget curve for each DaemonSet that was updated (three at most)."""
    history = replayed.history
    if not history.lanes:
        return []
    drawn = [timeline(history, breaks(result), key=f"{key}-time", title=f"{result.id}: {result.title}", standalone=standalone)]
    drawn += [
        curve(history, workload, key=f"{key}-budget{index}", standalone=standalone) for index, workload in enumerate(updating(history)[:3])
    ]
    return drawn


def wanted(daemonset: DaemonSet, node: Node) -> bool:
    """Whether the DaemonSet belongs on the node: the model's answer, not the controller's."""
    return should_run(node, daemonset)
