"""The run of the whole table: first the ground, then each defect, group by group, until something notices it; several at a time."""

from __future__ import annotations

import functools
import os
import selectors
import shlex
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from conformance.errors import ConformanceError, UsageError
from conformance.mutate.asking import Asking, Setting
from conformance.mutate.noticing import Notice
from conformance.mutate.planning import Group
from conformance.mutate.planting import Mutant
from conformance.mutate.store import Asked, Ground, Outcome, Store

#: A run with a defect may take so many times as long as the unchanged controller, and so many seconds more, for waits that expire.
TIMES, MORE = 3.0, 180.0
#: Seconds that the unchanged controller may take for a group.
GROUND_LIMIT = 1800.0
#: pytest's exit codes that say something of the cluster: all passed, some failed, nothing was selected.
_TELLING = (0, 1, 5)

Say = Callable[[str], None]


def together(askings: Iterable[Callable[[], Asking]], workers: int) -> Iterator[Asking]:
    """Run several at a time and give each when it has ended; those under way are ended when the caller stops early."""
    waiting = deque(askings) if not isinstance(askings, deque) else askings
    running: dict[int, Asking] = {}
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    asking = waiting.popleft()()
                    watch = os.pidfd_open(asking.process.pid)
                    running[watch] = asking
                    selector.register(watch, selectors.EVENT_READ)
                first = min(running.values(), key=lambda asking: asking.due)
                ended = [key.fd for key, _ in selector.select(max(0.0, first.due - first.started - first.seconds))]
                for watch in ended:
                    asking = running.pop(watch)
                    selector.unregister(watch)
                    os.close(watch)
                    asking.process.wait()
                    yield asking
                if not ended:
                    first.hurry()
        finally:
            for asking in running.values():
                asking.process.terminate()
            for watch, asking in running.items():
                os.close(watch)
                asking.finish()


@dataclass
class _Course:
    """One defect on its way through the groups."""

    mutant: Mutant
    outcome: Outcome
    groups: deque[Group]
    doubted: bool = False


@dataclass
class Score:
    """The run of a table; results go to the store as they come."""

    setting: Setting
    store: Store
    groups: Sequence[Group]
    workers: int
    say: Say
    grounds: dict[str, Ground] = field(default_factory=dict)

    def ground(self) -> None:
        """Show that the unchanged controller passes, and learn which defects' places each group comes by.

        ConformanceError if it does not pass.
        """
        missing: deque[Callable[[], Asking]] = deque()
        for group in self.groups:
            known = self.store.ground(group.name)
            if known is not None and known.scenarios not in ([], group.scenarios):
                raise UsageError(
                    f"--out {self.store.folder}: the group {group.name} had other scenarios when it was asked there. Name another folder, "
                    "or remove this one."
                )
            if known is None or known.failures:
                missing.append(functools.partial(Asking, self.setting, "all", group, GROUND_LIMIT, stop=False))
            else:
                self.grounds[group.name] = known
        for asking in together(missing, self.workers):
            self._require_told(asking)
            failures = sorted({notice.scenario or notice.text for notice in asking.notices()})
            ground = Ground(asking.group.name, asking.seconds, asking.reached(), failures, asking.group.scenarios)
            self.store.put_ground(ground)
            if failures:
                raise ConformanceError(
                    f"the unchanged controller does not pass the group {ground.group} ({', '.join(failures[:3])}), so that a defect could "
                    f"not be told from it. See {asking.folder / 'output'}; on a busy machine give more time with --time-scale, or name "
                    "other groups."
                )
            if not ground.reached:
                raise ConformanceError(
                    f"the unchanged controller noted no defect's place in the group {ground.group}: the name that switches defects does "
                    f"not reach it. See {asking.folder / 'output'}."
                )
            self.grounds[ground.group] = ground
            self.say(f"ground {ground.group}: passes in {ground.seconds:.0f} s and comes by {len(ground.reached)} places")
            asking.forget()

    def run(self, mutants: Sequence[Mutant]) -> list[Outcome]:
        """Ask about each of the defects, as far as that has not been done yet."""
        self._sweep(mutants)
        done: dict[str, Outcome] = {}
        waiting: deque[Callable[[], Asking]] = deque()
        courses: dict[str, _Course] = {}
        for mutant in mutants:
            known = self.store.outcome(mutant.id) or Outcome(mutant.id, mutant.number)
            asked = {each.group for each in known.asked}
            reaching = [group for group in self.groups if mutant.number in self.grounds[group.name].reached and group.name not in asked]
            if known.notices or not reaching:
                self.store.put(known)
                done[mutant.id] = known
                continue
            courses[str(mutant.number)] = _Course(mutant, known, deque(reaching))
            waiting.append(functools.partial(self._next, courses[str(mutant.number)]))
        total = len(courses)
        for asking in together(waiting, self.workers):
            course = courses[asking.switch]
            self._require_told(asking)
            if self._told(course, asking):
                done[course.mutant.id] = course.outcome
                self.say(f"{len(done) - len(mutants) + total}/{total} {line(course.mutant, course.outcome)}")
            else:
                waiting.appendleft(functools.partial(self._next, course))
        return [done[mutant.id] for mutant in mutants]

    def _sweep(self, mutants: Sequence[Mutant]) -> None:
        """Remove what runs left that were killed; the last run of a defect that nobody noticed is kept, to be looked at."""
        missed = [outcome for mutant in mutants if (outcome := self.store.outcome(mutant.id)) and outcome.asked and not outcome.notices]
        kept = {f"{outcome.number}-{outcome.asked[-1].group}" for outcome in missed}
        for folder in self.setting.work.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _next(self, course: _Course) -> Asking:
        group = course.groups[0]
        return Asking(self.setting, str(course.mutant.number), group, TIMES * self.grounds[group.name].seconds + MORE)

    def _told(self, course: _Course, asking: Asking) -> bool:
        """Take the answer of a run; whether nothing more is to be asked."""
        notices, reached = asking.notices(), bool(asking.reached())
        asked = Asked(asking.group.name, asking.seconds, None if asking.overdue else asking.process.returncode)
        if notices and all(notice.kind in ("broke", "died") for notice in notices) and not course.doubted:
            course.doubted = True  # the machine may have been the cause: once more
            return False
        if any(notice.kind == "broke" and not notice.scenario for notice in notices):
            raise ConformanceError(self._repeated(asking, "no scenario came to its end, which says nothing of the controller"))
        before = course.outcome
        course.outcome = Outcome(before.mutant, before.number, before.reached or reached, [*before.asked, asked], notices)
        course.groups.popleft()
        course.doubted = False
        ended = bool(notices) or not course.groups
        self.store.put(course.outcome)
        if notices or not ended:
            asking.forget()
        return ended

    def _require_told(self, asking: Asking) -> None:
        code = asking.process.returncode
        if asking.overdue or code in _TELLING:
            return
        raise ConformanceError(self._repeated(asking, f"pytest ended with exit code {code}, which says nothing of the controller"))

    def _repeated(self, asking: Asking, problem: str) -> str:
        command = f"cd {asking.setting.scenarios.parent} && {shlex.join(asking.command())}"
        return f"{problem}, in the group {asking.group.name}. To repeat it: {command}\nThe end of its output:\n{asking.said(10)}"


def line(mutant: Mutant, outcome: Outcome) -> str:
    """One defect in a line."""
    by = ", ".join(dict.fromkeys(_by(notice) for notice in outcome.notices)) or outcome.verdict
    return f"{mutant.number} {mutant.id}: {by} ({outcome.seconds:.0f} s)"


def _by(notice: Notice) -> str:
    return " ".join([notice.kind, *notice.names])
