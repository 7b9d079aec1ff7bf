"""What a long build shows: one line that is rewritten on a terminal, few lines in a log."""

from __future__ import annotations

import io

import pytest

from conformance.components import progress
from conformance.components.progress import Printer, Step


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def step(done: int, *, last: bool = False) -> Step:
    return Step("building kubernetes 1.37.1", "k8s.io/kubernetes/pkg/apis/core", done, 1650, float(done), last)


def test_a_step_says_what_how_much_and_how_long() -> None:
    wanted = "building kubernetes 1.37.1: 812/1650 packages (49 %), k8s.io/kubernetes/pkg/apis/core, 1m 32s"
    assert str(Step("building kubernetes 1.37.1", "k8s.io/kubernetes/pkg/apis/core", 812, 1650, 92.4)) == wanted
    assert str(Step("building etcd 3.6.14", "linking", elapsed=3)) == "building etcd 3.6.14: linking, 3s"


def test_a_log_gets_the_first_and_the_last_line_and_one_in_15_seconds(clock: Clock) -> None:
    stream = io.StringIO()
    show = Printer(stream)
    for second in range(31):
        show(step(second))
        clock.now += 1
    show(step(31, last=True))
    assert [line.split(": ")[1].split("/")[0] for line in stream.getvalue().splitlines()] == ["0", "15", "30", "31"]


def test_a_terminal_gets_one_line_that_fits(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    show = Printer(stream)
    for second in range(3):
        show(step(second))
        clock.now += 1
    show(step(3, last=True))
    states = stream.getvalue().split("\r\x1b[K")[1:]
    assert len(states) == 4
    assert max(map(len, states[:-1])) == 39
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("\n")
