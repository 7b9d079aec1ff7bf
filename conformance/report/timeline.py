"""The timeline: nodes as rows, pods as bars whose height and colour say their state, actions and violations as marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.report.bars import MOST, Row, common_prefix, cross, draw, frame_of, legend
from conformance.report.drawing import Frame, Naming, axis, document, grid, number, tag, text, tooltip
from conformance.report.history import History, Lane
from conformance.report.markers import LEVEL, Label, place
from conformance.report.style import standalone as standalone_head


@dataclass(frozen=True)
class Break:
    """A violation as the picture shows it: when, on which objects (`pods/NAME`, `nodes/NAME` …), and the words."""

    at: float
    objects: tuple[str, ...]
    text: str


def timeline(
    history: History,
    breaks: Sequence[Break] = (),
    *,
    key: str = "timeline",
    title: str = "Timeline",
    most: int = MOST,
    standalone: bool = False,
) -> str:
    """The picture as SVG. More than `most` nodes are cut to the most eventful ones; the others share one row."""
    frame = frame_of(history, most)
    lanes, rest = _choose(history, breaks, most)
    prefix = common_prefix([lane.node for lane in history.lanes])
    labels = place(history.actions, frame, prefix)
    top = 10.0 + (1 + max((label.level for label in labels), default=0)) * LEVEL
    rows: list[Row] = []
    for lane in lanes:
        rows.append(Row.of(lane, rows[-1].bottom if rows else top + 4))
    end = rows[-1].bottom if rows else top + 4
    bottom = end + (44 if rest else 0)
    body = [grid(frame, top, bottom), tag("text", "node", class_="side", x=frame.left - 10, y=top - 6)]
    body += axis(frame, bottom)
    for row in rows:
        body += draw(row, frame, prefix)
    if rest:
        body += _rest(rest, frame, end + 6, bottom - 6)
    body += [_gap(gap.at, gap.text, frame, (top, bottom)) for gap in history.gaps]
    body += [_action(label, top, bottom) for label in labels]
    body += [_break(history, each, rows, frame, (top, bottom)) for each in breaks]
    key_parts, height = legend(history.lanes, frame, bottom + 40, broken=bool(breaks), gap=bool(history.gaps))
    body += key_parts
    naming = Naming(key, title, _describe(history, breaks))
    return document(body, frame, bottom + 30 + height, naming, head=standalone_head() if standalone else "")


def _choose(history: History, breaks: Sequence[Break], most: int) -> tuple[list[Lane], list[Lane]]:
    lanes = list(history.lanes)
    if len(lanes) <= most:
        return lanes, []
    broken = {name for each in breaks for name in _nodes_of(history, each)}
    eventful = sorted(lanes, key=lambda lane: (lane.node not in broken, bool(lane.node), -_events(lane)))
    chosen = {lane.node for lane in eventful[:most]}
    return [lane for lane in lanes if lane.node in chosen], [lane for lane in lanes if lane.node not in chosen]


def _events(lane: Lane) -> int:
    return len(lane.bands) + sum(len(bar.segments) for bar in lane.bars) + len(lane.present)


def _nodes_of(history: History, broken: Break) -> list[str]:
    found: list[str] = []
    for each in broken.objects:
        kind, _, name = each.partition("/")
        name = name.rpartition("/")[2]
        node = name if kind == "nodes" else history.node_of(name) if kind == "pods" else None
        if node is not None and node not in found:
            found.append(node)
    return found


def _rest(lanes: Sequence[Lane], frame: Frame, top: float, bottom: float) -> list[str]:
    """All other nodes in one row: how many of their pods were there at all, and how many of them ready, as two areas."""
    bars = [bar for lane in lanes for bar in lane.bars]
    parts = [
        tag("text", f"+{len(lanes)} nodes", class_="name", x=frame.left - 10, y=(top + bottom) / 2 + 4),
        tag("rect", class_="node", x=frame.left, y=top, width=frame.inner, height=bottom - top, rx="3"),
    ]
    for state in ("pending", "ready"):
        segments = [segment for bar in bars for segment in bar.segments if state in ("pending", segment.state)]
        changes = sorted(change for segment in segments for change in ((segment.start, 1), (segment.end, -1)))
        path, count, drawn = f"M{number(frame.left)} {number(bottom)}", 0, -9.0
        for index, (at, delta) in enumerate(changes):
            count += delta
            following = frame.x(changes[index + 1][0]) if index + 1 < len(changes) else frame.width
            if following - drawn < 1.5 or at >= frame.seconds:
                continue
            drawn = frame.x(at)
            path += f"H{number(drawn)}V{number(bottom - (bottom - top) * min(count / len(lanes), 1))}"
        words = tooltip(f"pods of {len(lanes)} more nodes: {'all' if state == 'pending' else 'the ready ones'}")
        parts.append(tag("path", words, class_=state, d=f"{path}H{number(frame.width - frame.right)}V{number(bottom)}Z"))
    return parts


def _gap(at: float, words: str, frame: Frame, span: tuple[float, float]) -> str:
    return tag("rect", tooltip(f"{at:.2f} s  {words}"), class_="gap", x=frame.x(at) - 2, y=span[0], width="4", height=span[1] - span[0])


def _action(label: Label, top: float, bottom: float) -> str:
    y = top - 6 - label.level * LEVEL
    line = tag("path", class_="line", d=f"M{number(label.x)} {number(y - 9)}V{number(bottom)}")
    anchor, x = ("end", label.x - 5) if label.flipped else ("start", label.x + 5)
    return tag("g", tooltip(label.tooltip) + line + tag("text", text(label.text), class_="action", text_anchor=anchor, x=x, y=y))


def _break(history: History, broken: Break, rows: Sequence[Row], frame: Frame, span: tuple[float, float]) -> str:
    x = frame.x(broken.at)
    nodes = _nodes_of(history, broken)
    marks = "".join(cross(x, row.middle + 1) for row in rows if row.lane.node in nodes) or cross(x, span[0])
    line = tag("path", class_="broken", d=f"M{number(x)} {number(span[0])}V{number(span[1])}")
    return tag("g", tooltip(f"{broken.at:.3f} s  {broken.text}") + line + marks)


def _describe(history: History, breaks: Sequence[Break]) -> str:
    pods = sum(len(lane.bars) for lane in history.lanes)
    nodes = sum(1 for lane in history.lanes if lane.node)
    doing = "; ".join(f"{moment.text} at {moment.at:.1f} s" for moment in history.actions[:12])
    broken = "; ".join(f"violation at {each.at:.1f} s: {each.text}" for each in breaks[:5])
    return f"{pods} pods on {nodes} nodes in {history.seconds:.1f} seconds. {doing}. {broken}".strip()
