"""The result as text for a terminal. Names out of the input stay on their line."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from conformance.check.checking import Checked, Result
from conformance.check.expecting import Expectation
from conformance.check.input import Lacking, Thing
from conformance.check.results import LEVELS, Advice
from conformance.printable import in_one_line

_WIDTH = 110
_BLOCKS = {
    "creation": "no pod is created without",
    "scheduling": "no pod is scheduled without",
    "start": "no container starts without",
}


def told(result: Result, rehearsed: Mapping[Thing, Iterable[str]] = MappingProxyType({})) -> str:
    """All of it, ending in a line that counts. `rehearsed` is what a rehearsal has to say of each DaemonSet, in sentences."""
    lines: list[str] = []
    for checked in result.checked:
        lines += _of(checked, result.nodes.given)
        lines += [line for text in rehearsed.get(checked.manifest.thing, ()) for line in _wrapped(text, "  ")]
        lines.append("")
    if result.input.left_alone:
        names = ", ".join(in_one_line(f"{thing.kind} {thing.name}") for thing in result.input.left_alone)
        lines += [*_wrapped(f"Left alone, since no DaemonSet hangs on them: {names}.", ""), ""]
    return "\n".join([*lines, _count(result)]) + "\n"


def _of(checked: Checked, given: bool) -> Iterator[str]:
    thing = checked.manifest.thing
    yield in_one_line(f"DaemonSet {thing.label} ({thing.source}:{thing.line})")
    for each in checked.advice:
        yield ""
        yield from _advice(each)
    yield ""
    yield from _nodes(checked.expectation, given)
    yield from _update(checked)
    for blocks, words in _BLOCKS.items():
        if names := [_name(each) for each in checked.lacking if each.blocks == blocks]:
            yield from _wrapped(f"Not in the input, and {words}: {', '.join(names)}.", "  ")


def _name(lacking: Lacking) -> str:
    return in_one_line(f"{lacking.kind} {lacking.name}")


def _advice(each: Advice) -> Iterator[str]:
    yield in_one_line(f"  {each.level}  {each.rule.id}  {each.file}:{each.line}")
    yield from _wrapped(each.text, "    ")
    finding = f", finding {each.rule.finding}" if each.rule.finding else ""
    yield f"    stands on {each.rule.claim}{finding}; shown by {each.rule.scenario}"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        in_one_line(text), _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _nodes(expectation: Expectation, given: bool) -> Iterator[str]:
    total = sum(row.nodes for row in expectation.rows)
    which = "nodes" if given else "nodes of the default set (--nodes-from FILE: yours)"
    yield f"  Should run on {expectation.desired} of {total} {which}:"
    for row in expectation.rows:
        why = f": {row.why}" if row.why else ""
        yield in_one_line(f"    {'yes' if row.wanted else 'no ':3} {row.nodes:5}  {row.group}{why}")


def _update(checked: Checked) -> Iterator[str]:
    expectation = checked.expectation
    spec = checked.manifest.record.spec
    if spec.update_strategy.type == "OnDelete":
        yield "  An update takes nothing by itself (OnDelete)."
    elif expectation.waves:
        one = max(expectation.unavailable, expectation.surge)
        way = f"{expectation.surge} with a second pod" if expectation.surge else f"{expectation.unavailable} without a pod"
        least = f", at least {expectation.seconds} s for minReadySeconds {spec.min_ready_seconds}" if expectation.seconds else ""
        turns = f"{expectation.waves} turn{'' if expectation.waves == 1 else 's'} of {one} node{'' if one == 1 else 's'}"
        yield f"  An update has at most {way} at a time: {turns}{least}."


def _count(result: Result) -> str:
    levels = Counter(each.level for checked in result.checked for each in checked.advice)
    number = len(result.checked)
    said = ", ".join(f"{levels[level]} {level}" for level in reversed(LEVELS))
    return f"{number} DaemonSet{'' if number == 1 else 's'}: {said}"
