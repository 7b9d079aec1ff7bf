"""The judge: replays the entries of a trace into a world and asks every guarantee that is concerned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from conformance.guarantees import catalogue
from conformance.guarantees.ledger import Ledger
from conformance.guarantees.promise import Guarantee, Mark, Step, Undecided, Violation
from conformance.trace.entries import OBJECT_TYPES, Entry, Header
from conformance.trace.timing import in_time
from conformance.trace.world import World

#: More than these are counted but not kept: the hundredth violation teaches nothing that the first fifty did not.
KEPT_VIOLATIONS = 50
KEPT_REASONS = 20

Verdict = Literal["holds", "violated", "unknown"]


class Broken(msgspec.Struct, frozen=True):
    """One violation, from the judge to the page: where in the trace (`seq`, `at` in seconds), what was seen, and on which objects.

    `kind` is its sort within the guarantee: what violations of one cause have in common, whatever they name.
    `message` is what was seen and nothing else; the promise is the guarantee's, and whoever shows it quotes it from the catalogue.
    `known` is the id of the finding that explains it (empty: nothing does).
    """

    guarantee: str
    seq: int
    at: float
    message: str
    objects: list[str] = []
    known: str = ""
    kind: str = ""


class Tally(msgspec.Struct, frozen=True):
    """What became of one guarantee in one trace.

    `evaluated` counts all evaluations, the undecided ones included; `could_have_failed` those in which a defect would have been seen (the
    violated ones included). `violated` counts violations that nothing explains, `known` those that a known deviation of Kubernetes does;
    `deviations` are the ids of the findings that explain them. `violations` holds both.
    """

    id: str
    evaluated: int = 0
    could_have_failed: int = 0
    violated: int = 0
    undecided: int = 0
    violations: list[Broken] = []
    reasons: list[str] = []
    known: int = 0
    deviations: list[str] = []

    @property
    def verdict(self) -> Verdict:
        """A violation wins; what could not be decided, or was never looked at, is unknown."""
        if self.violated or self.known:
            return "violated"
        if self.undecided or not self.evaluated:
            return "unknown"
        return "holds"

    @property
    def vacuous(self) -> bool:
        """Whether it holds only because it never could have failed."""
        return self.verdict == "holds" and not self.could_have_failed


class _Running:
    """The counts of one guarantee while the trace is read."""

    __slots__ = (
        "could_have_failed",
        "deviations",
        "evaluated",
        "guarantee",
        "known",
        "memory",
        "reasons",
        "undecided",
        "violated",
        "violations",
    )

    def __init__(self, guarantee: Guarantee) -> None:
        self.guarantee = guarantee
        self.memory: Any = guarantee.memory()
        self.evaluated = 0
        self.could_have_failed = 0
        self.violated = 0
        self.undecided = 0
        self.violations: list[Broken] = []
        self.reasons: list[str] = []
        self.known = 0
        self.deviations: list[str] = []

    def doubt(self, reason: str) -> None:
        self.evaluated += 1
        self.undecided += 1
        if reason not in self.reasons and len(self.reasons) < KEPT_REASONS:
            self.reasons.append(reason)

    def blame(self, entry: Entry, violation: Violation) -> Broken:
        self.evaluated += 1
        self.could_have_failed += 1
        if not violation.known:
            self.violated += 1
        else:
            self.known += 1
            if violation.known not in self.deviations:
                self.deviations.append(violation.known)
        broken = Broken(self.guarantee.id, entry.seq, entry.at, violation.message, list(violation.objects), violation.known, violation.kind)
        if len(self.violations) < KEPT_VIOLATIONS:
            self.violations.append(broken)
        return broken

    def tally(self) -> Tally:
        return Tally(
            self.guarantee.id,
            self.evaluated,
            self.could_have_failed,
            self.violated,
            self.undecided,
            self.violations,
            self.reasons,
            self.known,
            self.deviations,
        )


class Judge:
    """Judges one trace, entry by entry, in the trace's own order.

    `audited` says whether the trace has `write` entries at all; without them authorship is weaker, and guarantees that depend on it say so.
    A guarantee that raises is an error of this suite, not a verdict: the exception leaves `see` with the entry named in its notes.
    """

    def __init__(self, *, audited: bool, guarantees: Iterable[Guarantee] | None = None) -> None:
        self.audited = audited
        self.world = World()
        self.ledger = Ledger(self.world, audited=audited)
        self._running = [_Running(g) for g in (catalogue.every() if guarantees is None else guarantees)]
        self._concerned: dict[str, tuple[_Running, ...]] = {}
        self._authors: dict[int, tuple[str, float, float]] = {}
        self._relisting: set[str] = set()

    def see(self, entry: Entry) -> list[Broken]:
        """Judge the next entry; returns the violations it brought to light."""
        found: list[Broken] = []
        if entry.at >= self.ledger.review_at or entry.at >= self.ledger.silence.next or entry.type == "end":
            self._look(entry, found)
        author, received, done = "", 0.0, 0.0
        topic = entry.resource
        if entry.type in OBJECT_TYPES:
            if entry.rv is not None:
                author, received, done = self._author(entry.rv)
            if topic in self._relisting and entry.type in ("added", "modified"):
                self._relisting.discard(topic)
        else:
            topic = entry.type
            if topic == "write":
                if entry.rv is not None:
                    # The first one made the change; later ones with the same revision changed nothing.
                    known = entry.detail
                    times = float(known.get("received", 0.0)), float(known.get("done", 0.0))
                    self._authors.setdefault(entry.rv, (str(known.get("user", "")), *times))
                    self.ledger.served(entry.at, *times)
            elif topic == "gap":
                self._missed(entry)
        before, after = self.world.apply(entry)
        self.ledger.received, self.ledger.done = received, done
        further = self.ledger.record(entry, before, after, author)
        concerned = self._for(topic)
        for name in further:
            concerned += self._for(name)
        if concerned:
            self._ask(Step(entry, before, after, self.world, self.ledger, author, self.audited), concerned, found)
        return found

    def _look(self, entry: Entry, found: list[Broken]) -> None:
        """Ask about the time that has passed before an entry: who has become quiet, and what is overdue."""
        for watched in self.ledger.due(entry.at):
            if concerned := self._for("quiet"):
                self._ask(Step(entry, None, None, self.world, self.ledger, "", self.audited, watched), concerned, found)
        if entry.at >= self.ledger.review_at or entry.type == "end":
            concerned = self._for("review")
            for watched in self.ledger.review(entry.at):
                self._ask(Step(entry, None, None, self.world, self.ledger, "", self.audited, review=watched), concerned, found)

    def _for(self, topic: str) -> tuple[_Running, ...]:
        concerned = self._concerned.get(topic)
        if concerned is None:
            concerned = self._concerned[topic] = tuple(r for r in self._running if topic in r.guarantee.on)
        return concerned

    def _author(self, rv: int) -> tuple[str, float, float]:
        author = self._authors.pop(rv, ("", 0.0, 0.0))
        # Authorship stands directly before its change, so what is left belongs to writes that changed nothing.
        self._authors.clear()
        return author

    def _ask(self, step: Step, concerned: tuple[_Running, ...], found: list[Broken]) -> None:
        for running in concerned:
            try:
                said = running.guarantee.judge(step, running.memory)
                if said is None:
                    continue
                if said is Mark.CHANCE:
                    running.evaluated += 1
                    running.could_have_failed += 1
                elif said is Mark.HELD:
                    running.evaluated += 1
                else:
                    self._weigh(running, step.entry, said, found)
            except Exception as error:
                entry = step.entry
                what = f"entry {entry.seq} ({entry.type} {entry.resource} at {entry.at:.3f} s, rv {entry.rv})"
                error.add_note(f"while {running.guarantee.id} judged {what}")
                raise

    def finish(self) -> list[Tally]:
        """The tallies of all guarantees."""
        return [running.tally() for running in self._running]

    def _weigh(self, running: _Running, entry: Entry, said: Any, found: list[Broken]) -> None:
        if isinstance(said, Undecided):
            running.doubt(said.reason)
            return
        violations = [said] if isinstance(said, Violation) else list(said)
        if not violations:
            running.evaluated += 1
            running.could_have_failed += 1
        for violation in violations:
            # What a list after a gap shows happened in an order nobody saw.
            if entry.type in OBJECT_TYPES and (entry.resource in self._relisting or entry.detail.get("inferred")):
                running.doubt(f"seen only in a list after a gap: {violation.message}")
            else:
                found.append(running.blame(entry, violation))

    def _missed(self, entry: Entry) -> None:
        self._relisting.add(entry.resource)
        since, until = entry.detail.get("since", "?"), entry.detail.get("until", "?")
        for running in self._running:
            if entry.resource in running.guarantee.on or entry.resource in running.guarantee.reads:
                running.doubt(f"changes of {entry.resource} between {since} and {until} may have been missed")


def judge_trace(header: Header, entries: Iterable[Entry]) -> list[Tally]:
    """Judge a recorded trace from its beginning to its end."""
    judge = Judge(audited=header.audited)
    for entry in in_time(list(entries)):
        judge.see(entry)
    return judge.finish()
