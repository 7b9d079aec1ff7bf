"""The command `conformance mutate`: which defects, asked of whom, and what is said of it."""

from __future__ import annotations

import argparse
import difflib
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import conformance
from conformance import shipped
from conformance.components import versions
from conformance.components.build import ensure
from conformance.errors import UsageError
from conformance.mutate import building, page, planning
from conformance.mutate.asking import Setting
from conformance.mutate.explaining import Figures
from conformance.mutate.planning import Group
from conformance.mutate.planting import Mutant
from conformance.mutate.scoring import Score
from conformance.mutate.store import Basis, Store, suite
from conformance.session.ending import Ending
from conformance.session.settings import SCALES
from conformance.session.worker import COMPONENTS

Say = Callable[[str], None]


def run(arguments: argparse.Namespace, say: Say) -> int:
    """Do what was asked; 1 if a defect was not noticed and nobody has said why, or one was that cannot be."""
    minor = versions.resolve(arguments.kubernetes or versions.DEFAULT)
    if arguments.fixed and arguments.only:
        raise UsageError("--fixed and --only both say which defects are meant; leave one of them out.")
    wanted = ",".join(planning.plan().fixed) if arguments.fixed else arguments.only
    if arguments.list:
        for each in chosen(building.listed(minor.minor), wanted, arguments.sample, arguments.seed):
            say(f"{each.number}\t{each.id}\t{each.file}:{each.line}\t{each.before} → {each.after}")
        return 0
    scenarios = (arguments.scenarios or shipped.scenarios()).absolute()
    if not scenarios.is_dir():
        raise UsageError(f"{scenarios} is no folder of scenarios; say with --scenarios where they are.")
    if arguments.workers < 1:
        raise UsageError(f"--workers {arguments.workers}: at least one cluster is needed.")
    if not SCALES[0] <= arguments.time_scale <= SCALES[1]:
        raise UsageError(f"--time-scale {arguments.time_scale:g}: give a number from {SCALES[0]:g} to {SCALES[1]:g}.")
    groups = asked(planning.groups(scenarios), arguments.groups)
    planted = building.build(minor.minor)
    mutants = chosen(planted.mutants, wanted, arguments.sample, arguments.seed)
    ensure([name for name in COMPONENTS if name != planning.plan().component], minor=minor.minor)
    out = arguments.out.absolute()
    basis = Basis(planted.kubernetes, planted.key, suite(scenarios, Path(conformance.__file__).parent), arguments.time_scale)
    store = Store(out)

    def at_once(text: str) -> None:  # a line may be minutes before the next
        say(text)
        sys.stdout.flush()

    with Ending().listening(), store.opened(basis):
        setting = Setting(planning.plan().component, planted.program, minor.minor, scenarios, out / "work", arguments.time_scale)
        score = Score(setting, store, groups, arguments.workers, at_once)
        score.ground()
        try:
            score.run(mutants)
        finally:  # of a run that is ended early there is a table, too
            known = [(mutant, outcome) for mutant in mutants if (outcome := store.outcome(mutant.id)) is not None]
            found = page.write(out, basis, known, len(planted.mutants))
    say(told(found, len(planted.mutants)))
    say(str(out / "index.html"))
    return 1 if found.unexplained or found.contradicted else 0


def chosen(mutants: Sequence[Mutant], only: str, sample: int, seed: int) -> list[Mutant]:
    """The defects that were asked for, in their order or that of the lot. UsageError for what this version has not."""
    wanted = list(mutants)
    if only:
        known: dict[str, list[Mutant]] = {}
        for mutant in mutants:
            for name in {str(mutant.number), mutant.id, mutant.function, mutant.function.rpartition(".")[2]}:
                known.setdefault(name, []).append(mutant)
        names = [name.strip() for name in only.split(",") if name.strip()]
        if lost := [name for name in names if name not in known]:
            close = difflib.get_close_matches(lost[0], known, 3, 0.5)
            meant = f" Did you mean {', '.join(close)}?" if close else ""
            raise UsageError(
                f"--only {lost[0]}: this version has no defect of that number or id, and no function of that name.{meant} "
                "`conformance mutate --list` prints those that there are, with --kubernetes those of another version."
            )
        numbers = {mutant.number for name in names for mutant in known[name]}
        wanted = [mutant for mutant in mutants if mutant.number in numbers]
    if sample:
        if not 0 < sample <= len(wanted):
            raise UsageError(f"--sample {sample}: there are {len(wanted)} defects to draw from.")
        # In the order of the lot: what a run has asked about when it is ended early is a smaller sample, and no part of the file.
        by_id = sorted(wanted, key=lambda mutant: mutant.id)
        wanted = random.Random(seed).sample(by_id, sample)  # noqa: S311 - a lot that can be drawn again
    return wanted


def asked(groups: Sequence[Group], names: str) -> list[Group]:
    """The groups that were asked for, in their order. UsageError for those that are not there."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if lost := [name for name in wanted if name not in {group.name for group in groups}]:
        raise UsageError(f"--groups {lost[0]}: there is no such group. Groups: {', '.join(group.name for group in groups)}.")
    return [group for group in groups if not wanted or group.name in wanted]


def told(found: Figures, built: int) -> str:
    """The table in a few lines."""
    score = "no score" if found.score is None else f"score {100 * found.score:.1f} %"
    kinds = ", ".join(f"{page.WORDS[kind]} {count}" for kind, count in found.by_kind.items())
    missed = f"{found.equivalent} equivalent, {found.invisible} invisible, {found.hole} holes, {found.unexplained} not explained"
    return "\n".join(
        (
            f"{score}: {found.noticed} noticed of {found.tried} tried ({built} built)",
            f"noticed by: {kinds or 'nothing'}",
            f"not noticed: {missed}; {found.unreached} of them are reached by no scenario",
        )
    )
