"""What went wrong is told by cause: what says the same is one, and what only echoes another comes after it."""

from __future__ import annotations

from typing import Any

from conformance.guarantees.judge import Broken, Tally
from conformance.report.causes import Cause, causes, leading
from conformance.report.results import Reason, ScenarioResult
from tests.report import synthetic


def broken(guarantee: str, message: str, at: float = 1.0, known: str = "") -> Broken:
    return Broken(guarantee, 7, at, message, known=known)


def failed(name: str, *violations: Broken, **more: Any) -> ScenarioResult:
    tallies = [Tally(each.guarantee, 1, 1, 0 if each.known else 1, violations=[each], known=1 if each.known else 0) for each in violations]
    return synthetic.result(name, "failed", "It fails.", tallies=tallies, checks=[], **more)


TAINT = "{} of DaemonSet {} was created for node {}, but its taint {} is not tolerated."


def told(*results: ScenarioResult) -> list[tuple[str, int]]:
    return [(cause.guarantee, len(cause.scenarios)) for cause in causes(results)]


def test_messages_that_differ_in_names_and_numbers_are_one_cause() -> None:
    one = failed("P01.a", broken("INV-6", TAINT.format("agent-6th9x", "agent", "node-45", "node.kubernetes.io/not-ready:NoSchedule")))
    other = failed("P02.b", broken("INV-6", TAINT.format("late-ts7jn", "late", "node-2", "dedicated=gpu:NoExecute")))

    assert told(one, other) == [("INV-6", 2)]


def test_what_says_something_else_is_another_cause() -> None:
    one = failed("P01.a", broken("INV-6", TAINT.format("agent-1", "agent", "node-1", "a:NoSchedule")))
    other = failed("P02.b", broken("INV-6", "agent-2 of DaemonSet agent was created for node node-2, and there is no such node."))

    assert told(one, other) == [("INV-6", 1), ("INV-6", 1)]


def test_the_cause_comes_before_its_echo_though_the_echo_was_first() -> None:
    both = failed("P01.a", broken("INV-9", "desired is 2, should be 1", at=1.0), broken("INV-6", "created", at=3.0))
    alone = [failed(f"P0{number}.x", broken("INV-9", f"desired is {number}, should be 1")) for number in (2, 3)]

    assert leading(both) == broken("INV-6", "created", at=3.0)
    assert told(both, *alone) == [("INV-6", 1), ("INV-9", 2)]
    assert causes([both])[0].echoes == ("INV-9",)


def test_a_known_deviation_is_no_cause() -> None:
    assert leading(failed("P01.a", broken("INV-3", "one too many", known="a-race"))) is None


def test_a_failed_check_is_told_by_its_reason_and_its_claims() -> None:
    waited = Reason("check", text="waited 60 s, and this did not come about:")
    results = [failed(name, reason=waited) for name in ("P01.a", "P02.b")]

    [cause] = causes(results)

    assert cause == Cause("", waited.text, (results[0], None), ("P01.a", "P02.b"), 2)


def test_what_passed_has_no_cause() -> None:
    assert causes([synthetic.result("P01.a", "passed", "It holds.")]) == []
