"""Defects in a small Go program of the tests' own: it compiles with all of them in it, and each changes what it says when switched on."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.components import cache, toolchain
from conformance.components.plan import Module
from conformance.errors import BuildError, UsageError
from conformance.mutate import planting
from conformance.mutate.planning import Group, Plan, Target, plan
from conformance.mutate.planting import Mutant

HERE = Path(__file__).parent
SMALL = Plan("small", "k8s.io/kubernetes", [Target("pkg/small", ["small.go"])], [Group("first", [])])
#: With n at the limit, min(n, limit) is the same by either way.
EQUIVALENT = {"Limit.boundary"}


@dataclass
class Small:
    """The program, built with all defects."""

    program: Path
    mutants: list[Mutant]
    rewritten: str

    def says(self, switch: str) -> str:
        """What it prints under the name with that switch."""
        named = self.program.with_name(f"small-mutant-{switch}" if switch else "small")
        if not named.exists():
            named.symlink_to(self.program)
        run = subprocess.run([named], capture_output=True, text=True, check=False)
        return run.stdout if run.returncode == 0 else run.stderr

    def reached(self, switch: str) -> list[int]:
        file = self.program.with_name(f"small-mutant-{switch}.reached")
        return [int(line) for line in file.read_text().split()] if file.exists() else []


def _source(root: Path) -> Path:
    for folder, file in (("pkg/small", "small.go"), ("cmd/small", "main.go")):
        (root / folder).mkdir(parents=True)
        shutil.copy(HERE / file, root / folder / file)
    (root / "go.mod").write_text("module k8s.io/kubernetes\n\ngo 1.24\n")
    return root


def _module(folder: Path, more: str = "") -> Module:
    folder.mkdir()
    text = f"module small\n\ngo 1.24\n\nrequire k8s.io/kubernetes v0.0.0\n{more}"
    (folder / "go.mod").write_text(text)
    (folder / "go.sum").write_text("")
    return Module(folder, text, "", toolchain.find((1, 24), cache.root() / "go.json"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    here = tmp_path_factory.mktemp("small")
    root, work = _source(here / "src"), here / "work"
    work.mkdir()
    module = _module(here / "module", f"replace k8s.io/kubernetes => {work / 'source'}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planting, "plan", lambda: SMALL)
        mutants = planting.planted(module, root, work)
        overlay = planting.overlay(root, [root / "pkg/small", root / "cmd/small"], work, work)
    environment = toolchain.environment(module.go.path)
    (here / "bin").mkdir()
    for folder in ("cmd/small", "pkg/small", planting.DEFECTS):  # go vet goes there, and go build does not
        (work / "source" / folder).mkdir(parents=True)
    packages = ["k8s.io/kubernetes/cmd/small", "k8s.io/kubernetes/pkg/small"]
    for command in (["vet", *packages], ["build", "-o", str(here / "bin" / "built"), packages[0]]):
        arguments = [str(module.go.path), command[0], f"-overlay={overlay}", *command[1:]]
        run = subprocess.run(arguments, cwd=module.folder, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
    return Small(here / "bin" / "built", mutants, (work / "pkg/small/small.go").read_text())


def test_every_defect_changes_what_the_program_says(small: Small) -> None:
    usual = small.says("")
    same = {f"{each.function}.{each.operator}" for each in small.mutants if small.says(str(each.number)) == usual}
    assert same == EQUIVALENT


def test_all_operators_are_at_work(small: Small) -> None:
    found = {each.operator for each in small.mutants}
    assert found == {"negate", "skip", "operand", "boundary", "plus", "drop", "loop", "swap", "swallow"}


def test_a_defect_is_known_by_the_code_that_it_changes(small: Small) -> None:
    assert len({each.id for each in small.mutants}) == len(small.mutants)
    assert [each.number for each in small.mutants] == list(range(1, len(small.mutants) + 1))
    [swapped] = [each for each in small.mutants if each.operator == "swap"]
    assert (swapped.function, swapped.file, swapped.before, swapped.after) == ("Less", "small.go", "from, what of minus", "what, from")


def test_lines_and_comments_stay_where_they_were(small: Small) -> None:
    before, after = (HERE / "small.go").read_text().splitlines(), small.rewritten.splitlines()
    assert len(before) == len(after)
    assert next(line for line in after if "never above" in line).startswith("\t\tif !planted(")
    for each in small.mutants:
        assert f"({each.number}" in after[each.line - 1]


def test_the_unchanged_program_notes_what_it_comes_by(small: Small) -> None:
    assert small.says("all") == small.says("")
    assert sorted(small.reached("all")) == [each.number for each in small.mutants]
    assert small.says("1")
    assert set(small.reached("1")) == {1}
    assert small.reached("") == []


def test_a_switch_that_is_no_number_is_refused(small: Small) -> None:
    assert "is no number of a defect" in small.says("first")


def test_a_version_without_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Plan("small", "k8s.io/kubernetes", [Target("pkg/small", ["large.go"])], [])
    monkeypatch.setattr(planting, "plan", lambda: lost)
    (tmp_path / "work").mkdir()
    with pytest.raises(UsageError, match=r"has no pkg/small/large\.go"):
        planting.planted(_module(tmp_path / "module"), _source(tmp_path / "src"), tmp_path / "work")


def test_source_that_cannot_be_had_is_a_failed_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    with pytest.raises(BuildError, match="go mod"):
        planting.source(_module(tmp_path / "module"))


def test_another_set_of_defects_is_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = planting.fingerprint()
    shutil.copytree(planting.GOLANG, tmp_path / "golang")
    monkeypatch.setattr(planting, "GOLANG", tmp_path / "golang")
    assert planting.fingerprint() == before
    (tmp_path / "golang" / "defects" / "defects.go").write_text("package defects\n")
    assert planting.fingerprint() != before


def test_the_groups_name_scenarios_that_there_are() -> None:
    scenarios = HERE.parents[1] / "scenarios"
    for group in plan().groups:
        for name in group.scenarios:
            file, _, function = name.partition("::")
            assert f"\ndef {function.partition('[')[0]}(" in (scenarios / file).read_text(), name
