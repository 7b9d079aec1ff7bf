"""What a timeline shows, in words: the outcome first, for those who do not see the picture."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.report.counts import began, points
from conformance.report.history import History, Workload

#: More DaemonSets and violations than these are counted.
MOST = 3


def describe(history: History, breaks: Sequence[tuple[float, str]] = ()) -> str:
    """The outcome in a few sentences; `breaks` are the violations, with their times."""
    pods = sum(len(lane.bars) for lane in history.lanes)
    nodes = sum(1 for lane in history.lanes if lane.node)
    said = [f"{count(pods, 'pod')} on {count(nodes, 'node')} in {history.seconds:.1f} seconds."]
    said += [_workload(history, workload) for workload in history.workloads[:MOST]]
    if len(history.workloads) > MOST:
        said.append(f"{len(history.workloads) - MOST} more DaemonSets.")
    said += [f"Violation at {at:.3f} s: {text}" for at, text in breaks[:MOST]]
    if len(breaks) > MOST:
        said.append(f"{count(len(breaks) - MOST, 'more violation')}.")
    return " ".join(said)


def _workload(history: History, workload: Workload) -> str:
    known = points(history, workload)
    replaced, deleted = _gone(history, workload)
    since = began(history, workload)
    facts = [f"{count(replaced, 'pod')} replaced"] if replaced else []
    if deleted:
        facts.append(f"{count(deleted, 'pod')} deleted")
    if since is not None:
        during = [point for point in known if point.at >= since]
        facts.append(f"at most {count(max((point.unavailable for point in during), default=0), 'node')} without an available pod")
        if surplus := max((point.surge for point in during), default=0):
            facts.append(f"at most {count(surplus, 'surplus pod')}")
    if workload.end < history.seconds:
        facts.append("itself deleted")
    elif known:
        last = known[-1]
        facts.append(f"at the end {last.desired - last.unavailable} of {count(last.desired, 'node')} with an available pod")
    return f"{workload.name}: {', '.join(facts) or 'nothing happened'}."


def _gone(history: History, workload: Workload) -> tuple[int, int]:
    """How many of its pods were followed by another one on their node, and how many went without."""
    replaced = deleted = 0
    for lane in history.lanes:
        mine = [bar for bar in lane.bars if bar.owner_uid == workload.uid]
        for bar in mine:
            if bar.gone and any((other.start, other.first) > (bar.start, bar.first) for other in mine):
                replaced += 1
            elif bar.gone:
                deleted += 1
    return replaced, deleted


def count(number: int, thing: str) -> str:
    """`1 pod`, `2 pods`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
