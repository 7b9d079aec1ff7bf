"""One trace file read once, for everything the page shows of it: pictures and the story of its failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conformance.errors import TraceError
from conformance.guarantees.judge import Broken
from conformance.kube.records import DaemonSet, Node
from conformance.model.eligibility import should_run
from conformance.report.builder import HistoryBuilder
from conformance.report.history import History
from conformance.report.results import ScenarioResult
from conformance.report.story import Line, Teller
from conformance.report.timeline import Break
from conformance.trace import store
from conformance.trace.entries import Entry, Header
from conformance.trace.timing import as_served, server_clock

#: Failed ones are explained event by event; the others by their pictures.
TOLD = frozenset({"failed", "error", "unknown"})


@dataclass(frozen=True)
class Replay:
    """What a trace shows. `problem` says why it is not all there (empty: it is); `times` are those of the entries that broke a promise."""

    history: History
    story: tuple[Line, ...] = ()
    problem: str = ""
    header: Header | None = None
    times: Mapping[int, float] = field(default_factory=dict)

    def at(self, broken: Broken) -> float:
        """The time of a violation as everything that is shown of this trace has it.

        The judge of a running scenario knows a violation by the arrival of its entry; where that entry stands was known only later.
        """
        return self.times.get(broken.seq, min(broken.at, self.history.seconds))


def replay(folder: Path, result: ScenarioResult) -> Replay | None:
    """Read the trace of a result; None if it has none. What can be read of a damaged trace is shown, with the problem."""
    if not result.trace:
        return None
    file = folder / result.trace
    entries: list[Entry] = []
    problem = ""
    header = None
    try:
        header, read = store.read(file)
        entries.extend(read)
    except (TraceError, OSError) as error:
        problem = str(error)
    try:
        with store.understood(file):
            return _shown(entries, result, problem, header)
    except TraceError as error:
        return Replay(HistoryBuilder(wanted).finish(), problem=problem or str(error), header=header)


def _shown(entries: Sequence[Entry], result: ScenarioResult, problem: str, header: Header | None) -> Replay:
    seqs = {broken.seq for tally in result.tallies for broken in tally.violations}
    teller = Teller(min(seqs, default=None)) if result.outcome in TOLD else None
    builder = HistoryBuilder(wanted, server_clock(entries))
    times: dict[int, float] = {}
    for entry in as_served(entries):
        before, after = builder.see(entry)
        if entry.seq in seqs:
            times[entry.seq] = entry.at
        if teller is not None:
            teller.see(entry, before, after)
    return Replay(builder.finish(), tuple(teller.lines()) if teller else (), problem, header, times)


def breaks(replayed: Replay, result: ScenarioResult) -> list[Break]:
    """The violations of a result as pictures mark them."""
    return [
        Break(
            replayed.at(broken),
            tuple(broken.objects),
            f"{broken.guarantee}: {broken.message}",
            broken.seq,
            broken.guarantee,
            known=bool(broken.known),
        )
        for tally in result.tallies
        for broken in tally.violations
    ]


def wanted(daemonset: DaemonSet, node: Node) -> bool:
    """Whether the DaemonSet belongs on the node: the model's answer, not the controller's."""
    return should_run(node, daemonset)
