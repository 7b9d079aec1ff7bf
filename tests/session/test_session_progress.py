"""How many items are left and how long they will take: from marks, from earlier runs, at the pace of this one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.session import ordering
from conformance.session.durations import Durations
from conformance.session.progress import Progress, about

SECONDS = {"a": 40.0, "b": 20.0, "c": 20.0, "d": 0.0}
SCENARIOS = """
@scenario("R02", seconds=60)
def test_an_update(cluster): ...

@conformance.scenario("P06")
def test_a_label(cluster): ...

def test_a_number(): ...
"""


def progress(*selected: str, workers: int = 1) -> Progress:
    made = Progress(SECONDS.__getitem__, str.upper)
    made.selected(selected)
    made.workers = workers
    return made


def test_what_is_left_is_shared_by_the_workers_but_no_item_is_split() -> None:
    assert progress("a", "b", "c").seconds_left(0) == 80
    assert progress("a", "b", "c", workers=2).seconds_left(0) == 40
    assert progress("a", "b", "c", workers=8).seconds_left(0) == 40, "the longest is as long as it is"


def test_what_runs_has_done_a_part() -> None:
    run = progress("a", "b", "c")
    run.begins("a", 0)
    assert run.seconds_left(30) == 50
    assert run.seconds_left(300) == 40, "what takes longer than expected may end at once"
    assert run.line(300) == "3 of 3 left, about 40 s; running: A 5m 00s"


def test_a_slow_machine_is_noticed_and_neither_cluster_nor_left_out_items_count_for_it() -> None:
    run = progress("a", "b", "c", "d")
    run.begins("a", 0)
    assert run.ends("a", 100, shared=0) == 100
    assert run.seconds_left(100) == pytest.approx(40 * 2)
    run = progress("a", "b", "c", "d")
    run.begins("a", 0)
    assert run.ends("a", 100, shared=60) == 40
    run.begins("b", 100)
    assert run.ends("b", 100, ran=False) == 0
    assert (run.seconds_left(100), run.left) == (20, 2)
    assert run.ends("b", 100) is None, "pytest-xdist says of a crashed worker's item that it ended, and nobody that it ended before"


def test_the_line_names_those_that_run_longest() -> None:
    SECONDS.update(dict.fromkeys("uvwxyz", 5.0))
    run = progress(*"uvwxyz", workers=6)
    for at, name in enumerate("uvwxyz"):
        run.begins(name, at)
    assert run.line(65) == "6 of 6 left, a few seconds; running: U 1m 05s, V 1m 04s, W 1m 03s, X 1m 02s, and 2 more"
    run.selected(["another"])
    assert run.total == 6, "a worker that is replaced collects again, and that is no news"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "a few seconds"), (8, "about 10 s"), (94, "about 90 s"), (95, "about 2 min"), (5340, "about 89 min"), (5400, "about 1 h 30 min")],
)
def test_an_estimate_is_no_more_exact_than_it_is(seconds: float, words: str) -> None:
    assert about(seconds) == words


@pytest.fixture
def known(tmp_path: Path) -> tuple[dict[str, Any], pytest.Config]:
    (tmp_path / "test_it.py").write_text(SCENARIOS)
    kept: dict[str, Any] = {}
    cache = SimpleNamespace(get=kept.get, set=kept.__setitem__)
    return kept, cast(pytest.Config, SimpleNamespace(rootpath=tmp_path, cache=cache))


def test_an_item_takes_what_it_took_or_what_its_mark_says(known: tuple[dict[str, Any], pytest.Config]) -> None:
    kept, config = known
    first = Durations(config, "embedded")
    assert [first.expected(f"test_it.py::{name}") for name in ("test_an_update[a::b]", "test_a_label", "test_a_number")] == [
        60,
        ordering.USUAL,
        0,
    ]
    assert first.expected("nowhere.py::test_x") == 0
    first.took("test_it.py::test_an_update[a::b]", 7.125)
    first.save()
    assert Durations(config, "embedded").expected("test_it.py::test_an_update[a::b]") == 7.12
    assert Durations(config, "kind").expected("test_it.py::test_an_update[a::b]") == 60, "another kind of cluster is another thing"
    kept["conformance/seconds-embedded"] = {"test_it.py::test_a_label": "soon", "test_it.py::test_an_update": True, "x": -1, "y": 1e999}
    assert Durations(config, "embedded").expected("test_it.py::test_a_label") == ordering.USUAL, "anybody may have written there"
    kept["conformance/seconds-embedded"] = ["no", "mapping"]
    assert Durations(config, "embedded").expected("test_it.py::test_an_update") == 60


def test_an_item_is_called_as_people_call_it(known: tuple[dict[str, Any], pytest.Config]) -> None:
    names = Durations(known[1], "embedded")
    assert names.name("test_it.py::test_an_update[a::b]") == "R02.an_update[a::b]"
    assert names.name("test_it.py::test_a_label") == "P06.a_label"
    assert names.name("test_it.py::test_a_number[1]") == "test_a_number[1]"
    assert names.name("test_it.py::TestIt::test_a_number") == "test_a_number"
