"""Which check shows which claim is read from the scenarios, and the table says it for every claim."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.claims import registry
from conformance.cli import main
from conformance.session import showing
from conformance.session.showing import Pair

SCENARIOS = '''
import pytest
from conformance import scenario, shows

CASES = [pytest.param("a", marks=pytest.mark.claim("D9-07")), pytest.param("b", marks=pytest.mark.claim("D9-15"))]


@scenario("P06")
def test_it_moves(cluster, trace, agent):
    """It moves."""
    trace.until(agent.gone(), shows=("D1-53", "D9-07"))
    with shows("D1-53"):
        assert agent.old == 1 | 2


@scenario("V03")
@pytest.mark.parametrize("case", CASES)
def test_it_is_refused(cluster, case):
    """It is refused."""
    with shows("D9-01", *case.claims):
        assert case
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_some.py").write_text(SCENARIOS)
    return tmp_path


def test_pairs_are_those_of_the_checks_and_of_the_cases(folder: Path) -> None:
    assert showing.pairs(folder) == [
        Pair("D1-53", "P06.it_moves", "trace.until(agent.gone())"),
        Pair("D9-07", "P06.it_moves", "trace.until(agent.gone())"),
        Pair("D1-53", "P06.it_moves", "assert agent.old == 1 | 2"),
        Pair("D9-01", "V03.it_is_refused", "assert case"),
        Pair("D9-07", "V03.it_is_refused", "assert case"),
        Pair("D9-15", "V03.it_is_refused", "assert case"),
    ]


def test_the_table_has_every_claim_and_the_other_wording_too(folder: Path) -> None:
    rows = [line for line in showing.table(folder, "1.37").splitlines() if line.startswith("| ") and not line.startswith("| claim")]

    assert list(dict.fromkeys(row.split()[1] for row in rows)) == list(registry.load())
    moved = "`P06.it_moves` | `trace.until(agent.gone())`<br>`assert agent.old == 1 \\| 2` |"
    assert [row.endswith(moved) for row in rows if row.startswith(("| 002-44 ", "| D1-53 ")) and "INV-" not in row] == [True, True]
    assert [row.split(" | ")[2:4] for row in rows if row.startswith("| D9-07 ")] == [
        ["holds", "`P06.it_moves`"],
        ["", "`V03.it_is_refused`"],
    ]
    assert "| 000-04 | DaemonSets are ideal when you want to run a system-level pod on every node. | nothing |  |  |" in rows
    assert [row.rpartition("| none: ")[2] for row in rows if row.startswith("| 002-39 ")] == [
        "nothing to run: the condition it speaks of cannot be had since 1.18 |"
    ]
    assert [row.split(" | ")[2:] for row in rows if row.startswith("| D9-19 ")] == [
        ["wrong", "INV-4", "judged at every event |"],
        ["", "INV-15", "judged at every event |"],
    ]


def test_the_command_writes_it(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "claims.md"

    assert main(["claims", "--scenarios", str(folder), "--write", str(written), "--kubernetes", "1.36"]) == 0
    assert main(["claims", "--scenarios", str(folder), "--kubernetes", "1.36"]) == 0

    assert written.read_text() == capsys.readouterr().out == showing.table(folder, "1.36")
    assert main(["claims", "--scenarios", str(tmp_path / "nowhere")]) == 4
    assert "is no folder of scenarios" in capsys.readouterr().err
