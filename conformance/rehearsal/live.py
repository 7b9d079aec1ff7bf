"""`conformance check --live`: the advice, and behind it what the rehearsal showed, as text or JSON.

Exit codes are those of the advice, and 1 also where it did not land as derived or a guarantee was violated.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from conformance.check import command, outputs, told
from conformance.check.command import Answer
from conformance.check.gathering import gathered
from conformance.components import versions
from conformance.errors import UsageError
from conformance.rehearsal.rehearsing import rehearse
from conformance.rehearsal.results import Broken, Landing, Rehearsal, Update
from conformance.report.terminal import plural


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> Answer:
    """Check and rehearse the manifests that the command line names; `say` takes a line on what is going on."""
    if arguments.format == "sarif":
        raise UsageError("--format sarif has lines of manifests in it, and a rehearsal has none: leave out --live, or take text or json.")
    result = command.checked(arguments)
    old = gathered([str(arguments.old)]) if arguments.old else None
    minor = versions.resolve(arguments.kubernetes or versions.DEFAULT)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as scratch:
        report: Path = arguments.report or Path(scratch)
        found = rehearse(result, old=old, minor=minor, report=report, ready_after=arguments.ready_after, overrides={}, say=say)
    if arguments.format == "json":
        text = outputs.as_json(result, {thing: {"rehearsal": as_data(each)} for thing, each in found.items()})
    else:
        text = told.told(result, {thing: list(sentences(each)) for thing, each in found.items()})
    failed = result.reaches(arguments.fail_on) or not all(each.as_promised for each in found.values())
    return Answer(text, 1 if failed else 0)


def as_data(rehearsal: Rehearsal) -> dict[str, Any]:
    """As the schema has it."""
    acts = ("landing", "update", "broken", "judged")
    whole = rehearsal._asdict()
    return {**whole, **{act: whole[act] and whole[act]._asdict() for act in acts}}


def sentences(rehearsal: Rehearsal) -> Iterator[str]:
    """One sentence for each act."""
    virtual = f"; {rehearsal.virtual} that no kubelet serves were left out" if rehearsal.virtual else ""
    made = f"; made bare for it: {', '.join(rehearsal.made)}" if rehearsal.made else ""
    yield f"Rehearsed on Kubernetes {rehearsal.kubernetes} with {rehearsal.nodes} simulated nodes{virtual}{made}."
    if rehearsal.landing:
        yield _landing(rehearsal.landing)
    if rehearsal.update:
        yield _update(rehearsal.update)
    if rehearsal.broken:
        yield _broken(rehearsal.broken)
    if rehearsal.left_out:
        yield f"No more: {rehearsal.left_out}."
    if rehearsal.judged:
        judged = rehearsal.judged
        violated = f"violated: {', '.join(judged.violated)}" if judged.violated else "none violated"
        undecided = f", undecided: {', '.join(judged.undecided)}" if judged.undecided else ""
        yield f"Judged at every event: {judged.held} guarantees held, {violated}{undecided}."


def _nodes(number: int) -> str:
    return plural(number, "node")


def _landing(landing: Landing) -> str:
    if landing.as_derived:
        return f"It landed as derived: available on {_nodes(landing.wanted)} after {landing.seconds:.0f} s, and nowhere else."
    missing = "; ".join(f"{node}{f' ({why})' if why else ''}" for node, why in landing.missing[:5])
    lacks = f" {len(landing.missing)} of {_nodes(landing.wanted)} without an available pod: {missing}." if missing else ""
    more = f" {_nodes(len(landing.surplus))} with one that should have none: {', '.join(landing.surplus[:5])}." if landing.surplus else ""
    return f"It did not land as derived.{lacks}{more}"


def _update(update: Update) -> str:
    if update.refused:
        return f"The update was refused: {update.refused}"
    surplus = f", and {_nodes(update.surplus)} with a second one" if update.surplus else ""
    ended = "ended" if update.state == "done" else f"did not end within its time ({update.state})"
    if update.state == "on-delete":
        ended = "waits for somebody to delete pods"
    return f"The update {ended} after {update.seconds:.0f} s; at most {_nodes(update.most)} without a ready pod at once{surplus}."


def _broken(broken: Broken) -> str:
    stood = "and then stood still" if broken.stood else "and had not stood still when it was undone"
    undone = f"{broken.undone:.0f} s after the undo all had one again" if broken.undone is not None else "the undo did not bring all back"
    return f"A version that never becomes ready took the agent from {_nodes(broken.lost)}, {stood}; {undone}."
