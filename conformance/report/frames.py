"""The frame of all pictures of one trace: room for its names, and its silences folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from conformance.report.bars import common_prefix, label_of
from conformance.report.counts import points, updating
from conformance.report.crowd import MOST
from conformance.report.history import History
from conformance.report.scale import Frame, folding


def frame_of(history: History, marks: Iterable[float] = (), most: int = MOST) -> Frame:
    """The frame; `marks` are moments that are drawn beside those of the history."""
    prefix = common_prefix([lane.node for lane in history.lanes])
    longest = max((len(label_of(lane, prefix)) for lane in history.lanes), default=0)
    left = max(84.0 if len(history.lanes) > most else 62.0, 22 + longest * 6.4)
    marks = list(marks)
    begin = min([history.begin, *marks])
    return Frame(begin, history.seconds, folding([*marks, *_moments(history)], begin, history.seconds), left)


def _moments(history: History) -> Iterator[float]:
    for lane in history.lanes:
        for span in (*lane.present, *lane.bands, *(segment for bar in lane.bars for segment in bar.segments)):
            yield from (span.start, span.end)
    for moment in (*history.actions, *history.gaps):
        yield moment.at
    for workload in history.workloads:
        yield from (at for at, _ in workload.specs)
    for workload in updating(history):
        yield from (point.at for point in points(history, workload))
