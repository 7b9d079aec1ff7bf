"""Results as data: a rule, what it found, and how bad that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from conformance.check.input import Input, Manifest, Thing
from conformance.check.nodes import Nodes
from conformance.check.reading import Path, spelled
from conformance.kube.records import Node
from conformance.model.eligibility import should_run

Level = Literal["advice", "risk", "broken"]
LEVELS: tuple[Level, ...] = ("advice", "risk", "broken")


@dataclass(frozen=True)
class Subject:
    """What a rule looks at: one DaemonSet, all of the input, and the nodes at hand."""

    manifest: Manifest
    input: Input
    nodes: Nodes

    @cached_property
    def wanted(self) -> tuple[tuple[str, Node], ...]:
        """The nodes that should run it, each with its group."""
        return tuple((group, node) for group, node in self.nodes.grouped if should_run(node, self.manifest.record))


class Hit(NamedTuple):
    """Where a rule applies: the path of the field, what its sentence needs, and the level if it is not the rule's own."""

    path: Path
    facts: Mapping[str, str | int] = {}
    level: Level | None = None


Look = Callable[[Subject], Iterator[Hit]]


@dataclass(frozen=True)
class Rule:
    """One thing that is looked for.

    `title` says what in a few words, `says` in one sentence with the facts of a hit, the field and the way out. It stands on a `claim`, or
    on a `finding` where the documentation is wrong; `scenario` shows it live.
    """

    id: str
    level: Level
    title: str
    says: str
    scenario: str
    look: Look = field(compare=False)
    claim: str = ""
    finding: str = ""


class Advice(NamedTuple):
    """One hit of one rule, ready to be told: `file` and `line` are those of the field, or of the nearest that is there."""

    rule: Rule
    level: Level
    thing: Thing
    path: str
    file: str
    line: int
    facts: Mapping[str, str | int]

    @property
    def text(self) -> str:
        """The sentence."""
        return self.rule.says.format(**self.facts)


def advice(rule: Rule, subject: Subject) -> Iterator[Advice]:
    """What one rule finds."""
    manifest = subject.manifest
    for hit in rule.look(subject):
        line = manifest.line(hit.path)
        yield Advice(rule, hit.level or rule.level, manifest.thing, spelled(hit.path), manifest.thing.source, line, hit.facts)
