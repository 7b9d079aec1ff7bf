"""The run of the table, with a program in place of pytest that leaves what a run leaves; and the folder it can be resumed from."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from conformance.claims.checks import Check
from conformance.errors import ConformanceError, UsageError
from conformance.guarantees.judge import Broken, Tally
from conformance.mutate import command, page, planning, scoring
from conformance.mutate.asking import Asking, Setting
from conformance.mutate.explaining import Explanation, figures
from conformance.mutate.noticing import Notice, notices
from conformance.mutate.planning import Group
from conformance.mutate.planting import Mutant
from conformance.mutate.scoring import Score
from conformance.mutate.store import Asked, Basis, Ground, Outcome, Store, suite
from conformance.report.results import FORMAT, Reason, Run, ScenarioResult
from conformance.report.results import Outcome as Word

BASIS = Basis("v1.37.1", "key", "suite", 1.0)
FIRST, SECOND = Group("first", ["test_a.py::test_x"]), Group("second", ["test_b.py"], without=["test_b.py::test_y"])


def mutant(number: int, function: str = "Controller.sync") -> Mutant:
    return Mutant(number, f"{function}.drop.{number:06x}", "controller.go", number, function, "drop", "f(<x>)", "left out")


def result(outcome: Word, node: str = "scenarios/test_a.py::test_x", **more: object) -> ScenarioResult:
    return ScenarioResult("P01.test_x", "P01", node, "X.", outcome, 1.0, format=FORMAT, **more)  # type: ignore[arg-type]


PASSED = result("passed")
CHECK = result("failed", reason=Reason("check", text="no pod"), checks=[Check(["D1-02"], held=False)])
DIED = result("error", reason=Reason("broke", text="ComponentDied: it ended", names=["ComponentDied"]))
BROKE = result("error", reason=Reason("broke", text="ApiError: 500", names=["ApiError"]))
TALLY = Tally("INV-3", 5, 5, 1, violations=[Broken("INV-3", 7, 1.5, "two are down", ["ds/a"])])
GUARANTEE = result("failed", tallies=[TALLY], reason=Reason("guarantee", names=["INV-3"]))


@dataclass
class Stage:
    """What runs leave, by switch and group: results, the numbers that were come by, an exit code, or that they never end."""

    folder: Path
    plays: dict[tuple[str, str], list[ScenarioResult] | str] = field(default_factory=dict)
    reached: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def command(self, asking: Asking) -> list[str]:
        key = (asking.switch, asking.group.name)
        self.asked.append(key)
        play = self.plays.get(key, [PASSED])
        report = asking.folder / "report"
        for name in ("scenarios", "traces"):
            (report / name).mkdir(parents=True, exist_ok=True)
        numbers = self.reached.get(key, [int(asking.switch)] if asking.switch.isdigit() else [1, 2, 3])
        asking.program.with_name(f"{asking.program.name}.reached").write_text("".join(f"{number}\n" for number in numbers))
        if isinstance(play, str):
            return [sys.executable, "-c", play]
        (report / "run.json").write_bytes(msgspec.json.encode(Run("1", "v1.37.1", "embedded", format=FORMAT)))
        for at, each in enumerate(play):
            (report / "scenarios" / f"{at}.json").write_bytes(msgspec.json.encode(each))
        failed = any(each.outcome in ("failed", "error") for each in play)
        return [sys.executable, "-c", f"raise SystemExit({int(failed)})"]

    def score(self, workers: int = 2, groups: tuple[Group, ...] = (FIRST, SECOND)) -> Score:
        setting = Setting("kcm", self.folder / "kcm", "1.37", self.folder / "scenarios", self.folder / "out" / "work")
        return Score(setting, Store(self.folder / "out"), groups, workers, lambda _: None)

    def run(self, *mutants: Mutant) -> list[Outcome]:
        score = self.score()
        with score.store.opened(BASIS):
            score.ground()
            return score.run(mutants)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(tmp_path)
    (tmp_path / "scenarios").mkdir()
    monkeypatch.setattr(Asking, "command", lambda asking: stage.command(asking))  # noqa: PLW0108 - a method gets the run
    return stage


def test_each_kind_of_notice(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert notices([PASSED]) == []
    [check] = notices([CHECK])
    assert (check.kind, check.names, check.text) == ("check", ["D1-02"], "no pod")
    [guarantee] = notices([GUARANTEE])
    assert (guarantee.kind, guarantee.names, guarantee.text) == ("guarantee", ["INV-3"], "two are down")
    assert [notice.kind for notice in notices([DIED, BROKE])] == ["died", "broke"]


def test_the_first_group_that_notices_is_the_last_that_is_asked(stage: Stage) -> None:
    stage.plays = {("1", "first"): [PASSED, CHECK], ("2", "second"): [GUARANTEE]}
    one, two, three = stage.run(mutant(1), mutant(2), mutant(3))
    assert [each.verdict for each in (one, two, three)] == ["noticed", "noticed", "survived"]
    assert [[asked.group for asked in each.asked] for each in (one, two, three)] == [["first"], ["first", "second"], ["first", "second"]]
    assert ("1", "second") not in stage.asked


def test_only_groups_that_come_by_a_defect_are_asked(stage: Stage) -> None:
    stage.reached = {("all", "first"): [1], ("all", "second"): [2]}
    one, two, three = stage.run(mutant(1), mutant(2), mutant(3))
    assert [[asked.group for asked in each.asked] for each in (one, two, three)] == [["first"], ["second"], []]
    assert three.verdict == "unreached"


def test_what_is_known_is_not_asked_again(stage: Stage) -> None:
    before = stage.run(mutant(1), mutant(2))
    stage.asked.clear()
    assert stage.run(mutant(1), mutant(2)) == before
    assert stage.asked == []
    (stage.folder / "out" / "mutants" / f"{mutant(2).id}.json").write_text("{")  # the disk was full, or somebody wrote into it
    stage.run(mutant(1), mutant(2))
    assert {switch for switch, _ in stage.asked} == {"2"}


def test_a_death_or_a_breakage_is_asked_for_twice(stage: Stage) -> None:
    stage.plays = {("1", "first"): [DIED], ("2", "first"): [BROKE]}
    one, two = stage.run(mutant(1), mutant(2))
    assert [notice.kind for each in (one, two) for notice in each.notices] == ["died", "broke"]
    assert stage.asked.count(("1", "first")) == 2
    assert stage.asked.count(("2", "first")) == 2


def test_a_run_that_does_not_end_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "MORE", 0.5)
    stage.plays = {("1", "first"): "import signal; signal.pause()"}
    [one] = stage.run(mutant(1))
    assert [notice.kind for notice in one.notices] == ["hang"]
    assert one.asked[0].code is None


def test_a_run_that_does_not_hear_is_killed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "MORE", 0.5)
    monkeypatch.setattr("conformance.mutate.asking.GRACE", 0.5)
    stage.plays = {
        ("1", "first"): "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()\nwhile True: signal.pause()"
    }
    [one] = stage.run(mutant(1))
    assert [notice.kind for notice in one.notices] == ["hang"]


def test_the_ground_has_to_pass(stage: Stage) -> None:
    stage.plays = {("all", "first"): [CHECK]}
    with pytest.raises(ConformanceError, match="unchanged controller does not pass the group first"):
        stage.run(mutant(1))
    stage.plays = {}
    assert stage.run(mutant(1))[0].verdict == "survived"  # and is asked again the next time


def test_a_switch_that_does_not_reach_the_controller_is_no_score(stage: Stage) -> None:
    stage.reached = {("all", "first"): []}
    with pytest.raises(ConformanceError, match="does not reach it"):
        stage.run(mutant(1))


def test_an_exit_code_that_says_nothing_of_the_controller_ends_the_run(stage: Stage) -> None:
    stage.plays = {("1", "first"): "print('ERROR: no such option'); raise SystemExit(4)"}
    with pytest.raises(ConformanceError, match=r"exit code 4(.|\n)*no such option"):
        stage.run(mutant(1), mutant(2))
    assert list((stage.folder / "out" / "mutants").glob("*00001.json")) == []


def test_a_run_without_a_scenario_is_no_evidence(stage: Stage) -> None:
    stage.plays = {("1", "first"): "print('No space left on device'); raise SystemExit(1)"}
    with pytest.raises(ConformanceError, match=r"no scenario came to its end(.|\n)*No space left on device"):
        stage.run(mutant(1))
    assert stage.asked.count(("1", "first")) == 3  # twice, and for the command in the message
    stage.plays = {}
    assert stage.run(mutant(1))[0].verdict == "survived"


def test_runs_end_with_an_interrupt(stage: Stage) -> None:
    stage.plays = {("1", "first"): "import signal; signal.pause()"}
    score = stage.score()
    pids = []

    def told(text: str) -> None:
        if text.startswith("1/"):
            raise KeyboardInterrupt

    score.say = told
    with score.store.opened(BASIS):
        score.ground()
        begin = Asking.__post_init__

        def noted(asking: Asking) -> None:
            begin(asking)
            pids.append(asking.process.pid)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Asking, "__post_init__", noted)
            with pytest.raises(KeyboardInterrupt):
                score.run([mutant(1), mutant(2)])
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert [each.name for each in (stage.folder / "out" / "work").iterdir()] == ["2-second"]  # of the one that survived; it is kept


def test_a_folder_is_that_of_one_basis_and_of_one_run(tmp_path: Path) -> None:
    with (
        Store(tmp_path / "out").opened(BASIS),
        pytest.raises(UsageError, match="another run is at work"),
        Store(tmp_path / "out").opened(BASIS),
    ):
        pass
    other = msgspec.structs.replace(BASIS, key="other")
    with pytest.raises(UsageError, match=r"different: key"), Store(tmp_path / "out").opened(other):
        pass
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("")
    with pytest.raises(UsageError, match="holds no results of this command"), Store(tmp_path / "full").opened(BASIS):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="this is a file"), Store(tmp_path / "file").opened(BASIS):
        pass


def test_the_suite_is_another_when_a_scenario_changes(tmp_path: Path) -> None:
    (tmp_path / "mutate").mkdir()
    (tmp_path / "test_a.py").write_text("1")
    before = suite(tmp_path)
    (tmp_path / "mutate" / "explained.yaml").write_text("[]")
    assert suite(tmp_path) == before
    (tmp_path / "test_a.py").write_text("2")
    assert suite(tmp_path) != before


MUTANTS = [mutant(1), mutant(2), mutant(3, "sync"), mutant(4, "other")]


def test_defects_are_chosen_by_number_id_and_function() -> None:
    assert command.chosen(MUTANTS, "", 0, 1) == MUTANTS
    assert [each.number for each in command.chosen(MUTANTS, f"4, {mutant(1).id}", 0, 1)] == [1, 4]
    assert [each.number for each in command.chosen(MUTANTS, "sync", 0, 1)] == [1, 2, 3]
    assert command.chosen(MUTANTS, "", 2, 7) == command.chosen(MUTANTS, "", 2, 7)
    assert len(command.chosen(MUTANTS, "", 3, 7)) == 3
    with pytest.raises(UsageError, match=r"--only sink: .*no function of that name\. Did you mean sync\?.*--list"):
        command.chosen(MUTANTS, "sink", 0, 1)
    with pytest.raises(UsageError, match="--sample 5"):
        command.chosen(MUTANTS, "", 5, 1)


def test_groups_are_those_of_the_plan_and_every_file(tmp_path: Path) -> None:
    for name in ("test_surge.py", "test_new.py"):
        (tmp_path / name).write_text("")
    groups = planning.groups(tmp_path)
    assert [group.name for group in groups] == ["first", "second", "new", "surge"]
    assert groups[-1].without == [name for group in groups[:2] for name in group.scenarios if name.startswith("test_surge.py::")]
    assert [group.name for group in command.asked(groups, "surge,first")] == ["first", "surge"]
    with pytest.raises(UsageError, match="--groups third"):
        command.asked(groups, "third")


def test_the_command_line_of_a_run(tmp_path: Path) -> None:
    setting = Setting("kcm", tmp_path / "kcm", "1.36", tmp_path / "scenarios", tmp_path / "work", 2.0)
    asking = object.__new__(Asking)
    asking.setting, asking.switch, asking.group, asking.stop = setting, "17", SECOND, True
    line = asking.command()
    assert line[:3] == [sys.executable, "-m", "pytest"]
    assert "-x" in line
    assert line[line.index("--deselect") + 1] == "scenarios/test_b.py::test_y"
    assert line[line.index("--component") + 1] == f"kcm={tmp_path}/work/17-second/kcm-mutant-17"


NOTICED = Outcome("a", 1, reached=True, asked=[Asked("first", 2.0, 1)], notices=[Notice("check"), Notice("guarantee", ["INV-10", "INV-3"])])
SURVIVED = Outcome("b", 2, reached=True, asked=[Asked("first", 2.0, 0), Asked("second", 3.5, 0)])
UNREACHED = Outcome("c", 3)


def test_the_score_leaves_out_what_cannot_be_noticed() -> None:
    found = figures([NOTICED, SURVIVED, UNREACHED], {"b": Explanation("b", "equivalent", "the same")})
    assert (found.tried, found.noticed, found.equivalent, found.unexplained, found.unreached) == (3, 1, 1, 1, 1)
    assert found.score == 0.5
    assert found.by_kind == {"guarantee": 1}
    assert list(found.by_guarantee) == ["INV-3", "INV-10"]
    assert figures([SURVIVED], {"b": Explanation("b", "invisible", "unseen")}).score is None


def test_an_explanation_that_is_wrong_is_news() -> None:
    known = {"a": Explanation("a", "equivalent", "the same")}
    assert figures([NOTICED], known).contradicted == ["a"]
    assert figures([NOTICED], {"a": Explanation("a", "hole", "closed since")}).contradicted == []


def test_the_page_shows_the_table_and_loads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "explanations", lambda: {mutant(2).id: Explanation(mutant(2).id, "hole", "no scenario waits <so long>")})
    mutants = [mutant(1), mutant(2), mutant(3)]
    outcomes = [msgspec.structs.replace(each, mutant=one.id) for each, one in zip((NOTICED, SURVIVED, UNREACHED), mutants, strict=True)]
    page.write(tmp_path, BASIS, [*zip(mutants, outcomes, strict=True)][::-1], 888)
    text = (tmp_path / "index.html").read_text()
    for words in (
        "33.3 % noticed",
        "INV-3, INV-10",
        "no scenario waits &lt;so long&gt;",
        "f(&lt;x&gt;)",
        "reached by no scenario",
        "888 are built",
    ):
        assert words in text
    assert "<script" not in text
    data = msgspec.json.decode((tmp_path / "mutants.json").read_bytes())
    assert [each["verdict"] for each in data["mutants"]] == ["noticed", "survived", "unreached"]
    assert data["mutants"][1]["reading"] == "hole"
    assert data["built"] == 888


def test_what_killed_runs_left_is_removed(stage: Stage) -> None:
    stage.run(mutant(1))
    work = stage.folder / "out" / "work"
    (work / "7-first").mkdir()
    stage.run(mutant(1))
    assert [each.name for each in work.iterdir()] == ["1-second"]


def test_a_group_with_other_scenarios_is_no_part_of_the_same_table(stage: Stage) -> None:
    stage.run(mutant(1))
    score = stage.score(groups=(Group("first", ["test_c.py"]),))
    with score.store.opened(BASIS), pytest.raises(UsageError, match="the group first had other scenarios"):
        score.ground()


def test_ground_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.opened(BASIS):
        assert store.ground("first") is None
        store.put_ground(Ground("first", 2.5, [1, 2]))
        assert store.ground("first") == Ground("first", 2.5, [1, 2])
