"""The pictures of one pytest item, with everything that belongs to them: legend, list of actions, ids of what is linked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.report.bars import common_prefix
from conformance.report.counts import updating
from conformance.report.curve import curve
from conformance.report.markers import place
from conformance.report.picture import Key, Picture
from conformance.report.replay import Replay, breaks
from conformance.report.results import ScenarioResult
from conformance.report.timeline import Told, mark_of, row_of, timeline

#: More DaemonSets than these are not drawn a curve for.
CURVES = 3


@dataclass(frozen=True)
class Action:
    """One line of the list below the pictures: its number, time and words, its own id, and that of the mark that stands for it."""

    number: int
    at: float
    text: str
    id: str
    mark: str


@dataclass(frozen=True)
class Figure:
    """The pictures of one item, in pieces (names, chart), with a legend for all of them."""

    label: str
    strips: tuple[tuple[str, str], ...]
    keys: tuple[Key, ...]
    actions: tuple[Action, ...]


def words_of(result: ScenarioResult) -> str:
    """What an item is called where its scenario alone would not tell it from others: its function in words, and its parameters."""
    function, bracket, parameters = result.node_id.rpartition("::")[2].partition("[")
    return f"{function.removeprefix('test_').replace('_', ' ')}{f' [{parameters}' if bracket else ''}"


def pictures(replayed: Replay, result: ScenarioResult, *, key: str, links: bool = False) -> list[Picture]:
    """The timeline, and a budget curve for each DaemonSet that was updated (three at most); none if there was no node and no pod."""
    history, broken = replayed.history, breaks(replayed, result)
    if not history.lanes:
        return []
    name = f"{result.family}, {words_of(result)}"
    told = [Told(line.at, line.seq, line.object) for line in replayed.story]
    drawn = [timeline(history, broken, told, key=key, title=f"Timeline of {name}", links=links)]
    for index, workload in enumerate(updating(history)[:CURVES]):
        title = f"Update budget of {workload.name} in {name}"
        marks = [each.at for each in told]
        drawn.append(curve(history, workload, broken, key=f"{key}-budget{index}", title=title, marks=marks))
    return drawn


def figure(replayed: Replay, result: ScenarioResult, *, key: str) -> Figure | None:
    """All of it for the page; None if there is nothing to draw."""
    drawn = pictures(replayed, result, key=key, links=True)
    if not drawn:
        return None
    keys = {each.words: each for picture in drawn for each in picture.keys}
    what = "Timeline and update budget" if len(drawn) > 1 else "Timeline"
    return Figure(
        f"{what} of {result.family}, {words_of(result)}",
        tuple(picture.pieces() for picture in drawn),
        tuple(keys.values()),
        tuple(_actions(replayed, key, drawn[0])),
    )


def _actions(replayed: Replay, key: str, picture: Picture) -> Sequence[Action]:
    history = replayed.history
    prefix = common_prefix([lane.node for lane in history.lanes])
    marks: dict[int, int] = {}
    for label in place(history.actions, picture.frame, prefix):
        marks |= dict.fromkeys(range(label.first, label.last + 1), label.first)
    ordered = sorted(history.actions, key=lambda moment: moment.at)
    return [
        Action(number, moment.at, moment.words, row_of(key, "action", number), mark_of(key, "action", marks[number]))
        for number, moment in enumerate(ordered, 1)
    ]
