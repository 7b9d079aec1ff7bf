"""The judge itself: what it counts, how it treats gaps, authorship and errors."""

from __future__ import annotations

import pytest

from conformance.guarantees.judge import Judge, Tally, judge_trace
from conformance.guarantees.promise import REGISTRY, Guarantee, Mark, Step, Undecided, Violation
from conformance.trace.entries import Entry, Header
from tests.guarantees.beginnings import settled
from tests.guarantees.history import KUBELET, SCENARIO, History, judged, verdicts
from tests.guarantees.objects import bare, node


def _made(judge: object, on: tuple[str, ...] = ("pods",), reads: tuple[str, ...] = ()) -> Guarantee:
    return Guarantee("INV-0", "words", "nowhere", frozenset(on), judge, dict, frozenset(reads))  # type: ignore[arg-type]


def _run(h: History, guarantee: Guarantee) -> Tally:
    judge = Judge(audited=h.audited, guarantees=[guarantee])
    for entry in h.entries:
        judge.see(entry)
    return judge.finish()[0]


def _pods(count: int = 2) -> History:
    h = History()
    for number in range(count):
        h.add(bare(f"p{number}"))
    return h


def test_an_ordinary_rollout_breaks_no_promise() -> None:
    h = settled(3)
    h.template("2")
    for name in "abc":
        h.replace(name)
        h.status()
    h.wait(5)
    h.expect(6)
    h.end()
    assert verdicts(h) == {}


def test_every_promise_has_a_function_and_a_source() -> None:
    Judge(audited=True)
    assert {f"INV-{n}" for n in range(1, 19)} == set(REGISTRY)
    assert all(g.promise and g.source and g.judge.__doc__ for g in REGISTRY.values())


@pytest.mark.parametrize(
    ("said", "counts", "verdict"),
    [
        (None, (0, 0, 0, 0), "unknown"),
        (Mark.HELD, (2, 0, 0, 0), "holds"),
        (Mark.CHANCE, (2, 2, 0, 0), "holds"),
        (Violation("test", "bad."), (2, 2, 2, 0), "violated"),
        (Undecided("dark"), (2, 0, 0, 2), "unknown"),
        ([Violation("test", "bad."), Violation("test", "worse.")], (4, 4, 4, 0), "violated"),
        ([], (2, 2, 0, 0), "holds"),
    ],
)
def test_what_is_said_is_counted(said: object, counts: tuple[int, int, int, int], verdict: str) -> None:
    tally = _run(_pods(), _made(lambda step, memory: said))
    assert (tally.evaluated, tally.could_have_failed, tally.violated, tally.undecided) == counts
    assert tally.verdict == verdict
    assert tally.vacuous == (said is Mark.HELD)


def test_a_violation_is_what_was_seen_and_where() -> None:
    tally = _run(_pods(1), _made(lambda step, memory: Violation("test", "Something bad.", ("pods/p0",))))
    [broken] = tally.violations
    assert (broken.guarantee, broken.message, broken.known) == (tally.id, "Something bad.", "")
    assert (broken.seq, broken.objects) == (2, ["pods/p0"])


def test_violations_beyond_fifty_are_counted_and_not_kept() -> None:
    tally = _run(_pods(60), _made(lambda step, memory: Violation("test", "bad.")))
    assert (tally.violated, len(tally.violations)) == (60, 50)


@pytest.mark.parametrize(
    ("on", "reads", "verdict"), [(("pods",), (), "unknown"), (("nodes",), ("pods",), "unknown"), (("nodes",), (), "holds")]
)
def test_a_gap_leaves_undecided_who_looks_at_the_resource(on: tuple[str, ...], reads: tuple[str, ...], verdict: str) -> None:
    h = _pods()
    h.add(node("a"))
    h.gap("pods")
    tally = _run(h, _made(lambda step, memory: Mark.CHANCE, on, reads))
    assert tally.verdict == verdict
    if verdict == "unknown":
        assert "may have been missed" in tally.reasons[0]


def test_a_violation_wins_over_a_gap() -> None:
    h = _pods()
    h.gap("pods")
    assert _run(h, _made(lambda step, memory: Violation("test", "bad."))).verdict == "violated"


def test_what_a_list_shows_after_a_gap_is_no_violation() -> None:
    h = History()
    h.gap("pods")
    h.list(bare("p"))
    tally = _run(h, _made(lambda step, memory: Violation("test", "bad.")))
    assert (tally.violated, tally.undecided) == (0, 2)


def test_authorship_is_joined_by_resource_version() -> None:
    h = History()
    h.add(bare("p"), SCENARIO)
    h.change(bare("p"), KUBELET)
    h.change(bare("p"), "")
    seen: list[str] = []
    _run(h, _made(lambda step, memory: seen.append(step.author)))
    assert seen == [SCENARIO, KUBELET, ""]


def test_the_first_write_with_a_revision_made_it() -> None:
    h = History()
    h.rv += 1
    h.entry("write", "pods", rv=h.rv, user=SCENARIO)
    h.entry("write", "pods", rv=h.rv, user=KUBELET)
    h.entry("added", "pods", bare("p"), rv=h.rv)
    seen: list[str] = []
    _run(h, _made(lambda step, memory: seen.append(step.author)))
    assert seen == [SCENARIO]


def test_an_error_of_a_guarantee_is_an_error_of_the_suite_and_names_the_entry() -> None:
    def broken(step: Step, memory: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        _run(_pods(1), _made(broken))
    assert "INV-0 judged entry 2 (added pods" in caught.value.__notes__[0]


def test_each_trace_has_its_own_memory() -> None:
    def remember(step: Step, memory: dict[str, int]) -> Mark:
        assert not memory
        memory["seen"] = 1
        return Mark.HELD

    assert _run(_pods(1), _made(remember)).evaluated == 1
    assert _run(_pods(1), _made(remember)).evaluated == 1


def test_judge_trace_takes_a_whole_trace() -> None:
    h = settled(2)
    header = Header(format=1, scenario="s", node_id="n", kubernetes="v1.37.1", cluster="embedded", audited=True)
    assert judge_trace(header, h.entries) == [judged(h, t.id) for t in judge_trace(header, [])]


def test_a_daemonset_is_quiet_once_after_its_last_change() -> None:
    h = settled(2, quiet=False)
    quiet: list[float] = []

    def listen(step: Step, memory: object) -> None:
        assert step.quiet is not None
        quiet.append(step.entry.at)

    for _ in range(8):
        h.wait(1)
        h.note()
    assert _run(h, _made(listen, ("quiet",))).evaluated == 0
    assert len(quiet) == 1
    assert 2 < quiet[0] < 3.1


def test_entries_of_unknown_kind_of_author_do_not_stop_it() -> None:
    entry = Entry(1, 0.0, "write", "pods", None, detail={})
    assert Judge(audited=True).see(entry) == []
