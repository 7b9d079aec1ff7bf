"""Checking: every rule on every DaemonSet of the input, and what follows for the nodes at hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from conformance.check.expecting import Expectation, expected
from conformance.check.input import Input, Lacking, Manifest
from conformance.check.nodes import Nodes
from conformance.check.results import LEVELS, Advice, Level, Subject, advice
from conformance.check.rules.catalogue import rules


class Checked(NamedTuple):
    """What was found of one DaemonSet: the worst first, then by line."""

    manifest: Manifest
    advice: tuple[Advice, ...]
    expectation: Expectation
    lacking: tuple[Lacking, ...]


class Result(NamedTuple):
    """What was found of the input."""

    input: Input
    nodes: Nodes
    checked: tuple[Checked, ...]

    def reaches(self, level: Level) -> bool:
        """Whether anything is as bad as this level, or worse."""
        return any(LEVELS.index(each.level) >= LEVELS.index(level) for checked in self.checked for each in checked.advice)


def check(found: Input, nodes: Nodes, ignored: Collection[str] = ()) -> Result:
    """Advice and expectation for each DaemonSet, without the rules of the ids `ignored`; nothing is asked of a cluster."""
    return Result(found, nodes, tuple(_checked(manifest, found, nodes, ignored) for manifest in found.daemonsets))


def _checked(manifest: Manifest, found: Input, nodes: Nodes, ignored: Collection[str]) -> Checked:
    subject = Subject(manifest, found, nodes)
    all_of_it: Iterable[Advice] = (each for rule in rules() if rule.id not in ignored for each in advice(rule, subject))
    ordered = sorted(all_of_it, key=lambda each: (-LEVELS.index(each.level), each.line, each.rule.id))
    return Checked(manifest, tuple(ordered), expected(manifest, nodes), tuple(found.lacking(manifest)))
