"""The timeline: nodes as rows, pods as bars whose height and colour say their state, actions and violations as marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.report import crowd, legend
from conformance.report.bars import Row, common_prefix, draw, name
from conformance.report.descriptions import describe
from conformance.report.drawing import number, tag, text, tooltip
from conformance.report.frames import frame_of
from conformance.report.history import History
from conformance.report.markers import LEVEL, Label, place
from conformance.report.picture import Naming, Picture, linked
from conformance.report.scale import Frame, axis, folds, grid

Kind = Literal["action", "event"]


@dataclass(frozen=True)
class Break:
    """A violation as the picture shows it: when (by the entry `seq`), on which objects (`pods/NAME`, `nodes/NAME` …), and the words.

    `known`: it is a deviation of Kubernetes that is known already.
    """

    at: float
    objects: tuple[str, ...]
    text: str
    seq: int = 0
    guarantee: str = ""
    known: bool = False


@dataclass(frozen=True)
class Told:
    """An event that a table below the picture tells of."""

    at: float
    seq: int
    object: str


def timeline(
    history: History,
    breaks: Sequence[Break] = (),
    told: Sequence[Told] = (),
    *,
    key: str = "timeline",
    title: str = "Timeline",
    most: int = crowd.MOST,
    links: bool = False,
) -> Picture:
    """The picture; with `links` its marks lead to the rows of the page that tell of them, and back (`mark_of`, `row_of`).

    More than `most` nodes are cut to the broken ones and one of each history; all others share one row.
    """
    frame = frame_of(history, [*(each.at for each in breaks), *(each.at for each in told)], most)
    broken = {node for each in breaks for node in history.nodes_of(each.objects)}
    lanes, rest = crowd.choose(history.lanes, broken, most)
    prefix = common_prefix([lane.node for lane in history.lanes])
    labels = place(history.actions, frame, prefix)
    top = 10.0 + (1 + max((label.level for label in labels), default=0)) * LEVEL
    rows: list[Row] = []
    for lane, alike in lanes:
        rows.append(Row.of(lane, rows[-1].bottom if rows else top + 4, frame, alike))
    end = rows[-1].bottom if rows else top + 4
    bottom = end + (crowd.HEIGHT + 12 if rest else 0)
    span = (top, bottom)
    side = [tag("text", "node", class_="side", x=frame.left - 10, y=top - 6)]
    side.append(tag("text", "time", class_="side", x=frame.left - 10, y=bottom + 15))
    body = [grid(frame, top, bottom), *axis(frame, bottom)]
    for row in rows:
        side += name(row, prefix)
        body += draw(row)
    if rest:
        side += crowd.name(rest, frame, end + 6)
        body += crowd.band(rest, frame, end + 6)
    body += folds(frame, top, bottom)
    body += [_gap(gap.at, gap.text, frame, span) for gap in history.gaps]
    linking = key if links else ""
    seqs = {each.seq for each in told}
    above = [_action(label, span, linking) for label in labels]
    above += [_told(history, each, rows, frame, span, linking) for each in told if each.seq not in {one.seq for one in breaks}]
    marked: set[int] = set()
    for each in breaks:
        above.append(_break(history, each, rows, frame, span, linking if each.seq in seqs - marked else ""))
        marked.add(each.seq)
    shown = legend.keys(
        history.lanes,
        actions=bool(history.actions),
        broken=any(not each.known for each in breaks),
        known=any(each.known for each in breaks),
        gap=bool(history.gaps),
        told=bool(told),
        folded=bool(frame.folds),
    )
    naming = Naming(key, title, describe(history, [(each.at, each.text) for each in breaks if not each.known]))
    return Picture(naming, frame, bottom + 22, side, body, above, shown)


def mark_of(key: str, kind: Kind, number: int) -> str:
    """The id of a mark of the picture `key`: of an action (by its number in order of time), or of an event (by its entry)."""
    return f"{key}-{kind[0]}{number}"


def row_of(key: str, kind: Kind, number: int) -> str:
    """The id of the row of the page that tells of such a mark."""
    return f"{mark_of(key, kind, number)}-row"


def _gap(at: float, words: str, frame: Frame, span: tuple[float, float]) -> str:
    return tag("rect", tooltip(f"{at:.3f} s  {words}"), class_="gap", x=frame.x(at) - 2, y=span[0], width="4", height=span[1] - span[0])


def _action(label: Label, span: tuple[float, float], key: str) -> str:
    y = span[0] - 6 - label.level * LEVEL
    line = tag("path", class_="line", d=f"M{number(label.x)} {number(y - 9)}V{number(span[1])}")
    anchor, x = ("end", label.x - 5) if label.flipped else ("start", label.x + 5)
    body = tooltip(label.tooltip) + line + tag("text", text(label.text), class_="action", text_anchor=anchor, x=x, y=y)
    return _link(key, "action", label.first, body)


def _told(history: History, told: Told, rows: Sequence[Row], frame: Frame, span: tuple[float, float], key: str) -> str:
    nodes = history.nodes_of((told.object,))
    row = next((row for row in rows if row.lane.node in nodes), None)
    x, y = (frame.x(told.at), span[1]) if row is None else (row.x(told.at, told.seq), row.bottom - 6)
    words = f"{told.object} at {told.at:.3f} s"
    return _link(key, "event", told.seq, tooltip(words) + legend.pin(x, y), words)


def _break(history: History, broken: Break, rows: Sequence[Row], frame: Frame, span: tuple[float, float], key: str) -> str:
    nodes = history.nodes_of(broken.objects)
    hurt = [row for row in rows if row.lane.node in nodes]
    # One line through all rows, at the place that the entry has in the row it is about.
    x = hurt[0].x(broken.at, broken.seq) if hurt else frame.x(broken.at)
    places = [(row.x(broken.at, broken.seq), row.middle + 1) for row in hurt] or [(x, span[0])]
    marks = "".join(legend.cross(*place, known=broken.known) for place in places)
    line = tag("path", class_="broken known" if broken.known else "broken", d=f"M{number(x)} {number(span[0])}V{number(span[1])}")
    body = tooltip(f"{broken.at:.3f} s  {broken.text}") + line + marks
    return _link(key, "event", broken.seq, body, f"{'known deviation' if broken.known else 'violation'} at {broken.at:.3f} s")


def _link(key: str, kind: Kind, number: int, body: str, words: str = "") -> str:
    if not key:
        return linked("", body)
    return linked(row_of(key, kind, number), body, id_=mark_of(key, kind, number), words=words)
