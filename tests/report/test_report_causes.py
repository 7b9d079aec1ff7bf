"""What went wrong is told by cause: what says the same is one, and what only echoes another comes after it."""

from __future__ import annotations

from typing import Any

from conformance.guarantees.judge import Broken, Tally
from conformance.report.causes import Cause, causes, leading
from conformance.report.results import Reason, ScenarioResult
from tests.report import synthetic


def broken(guarantee: str, message: str, at: float = 1.0, known: str = "", kind: str = "a-kind") -> Broken:
    return Broken(guarantee, 7, at, message, known=known, kind=kind)


def failed(name: str, *violations: Broken, **more: Any) -> ScenarioResult:
    tallies = [Tally(each.guarantee, 1, 1, 0 if each.known else 1, violations=[each], known=1 if each.known else 0) for each in violations]
    return synthetic.result(name, "failed", "It fails.", tallies=tallies, checks=[], **more)


def told(*results: ScenarioResult) -> list[tuple[str, int]]:
    return [(cause.guarantee, len(cause.scenarios)) for cause in causes(results)]


def test_violations_of_one_kind_are_one_cause_whatever_they_name() -> None:
    one = failed("P01.a", broken("INV-6", "created for node-45, but its taint a is not tolerated.", kind="untolerated-taint"))
    other = failed("P02.b", broken("INV-6", "created for a node called Zwei, and so on.", kind="untolerated-taint"))

    assert told(one, other) == [("INV-6", 2)]


def test_another_kind_is_another_cause() -> None:
    one = failed("P01.a", broken("INV-6", "created", kind="untolerated-taint"))
    other = failed("P02.b", broken("INV-6", "created", kind="no-such-node"))

    assert told(one, other) == [("INV-6", 1), ("INV-6", 1)]


def test_the_cause_comes_before_its_echo_though_the_echo_was_first() -> None:
    both = failed("P01.a", broken("INV-9", "desired is 2, should be 1", at=1.0), broken("INV-6", "created", at=3.0))
    alone = [failed(f"P0{number}.x", broken("INV-9", f"desired is {number}, should be 1")) for number in (2, 3)]

    assert leading(both) == broken("INV-6", "created", at=3.0)
    assert told(both, *alone) == [("INV-6", 1), ("INV-9", 2)]
    assert causes([both])[0].echoes == ("INV-9",)


def test_a_known_deviation_is_no_cause() -> None:
    assert leading(failed("P01.a", broken("INV-3", "one too many", known="a-race"))) is None


def test_waits_for_the_same_kind_of_condition_are_one_cause() -> None:
    results = [
        failed("P01.a", reason=Reason("check", text="agent on a, b", names=["exactly-on"])),
        failed("P02.b", reason=Reason("check", text="late on c", names=["exactly-on"])),
        failed("P03.c", reason=Reason("check", text="late on c", names=["exactly-on", "status"])),
    ]

    first, other = causes(results)

    assert first == Cause("", "agent on a, b", (results[0], None), ("P01.a", "P02.b"), 2)
    assert other.scenarios == ("P03.c",)


def test_a_failed_assertion_is_a_cause_of_its_own_scenario() -> None:
    says = Reason("check", text="assert 1 == 0")
    assert told(failed("P01.a", reason=says), failed("P02.b", reason=says), failed("P02.b", reason=says)) == [("", 1), ("", 1)]


def test_what_passed_has_no_cause() -> None:
    assert causes([synthetic.result("P01.a", "passed", "It holds.")]) == []
