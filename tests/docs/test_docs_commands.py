"""What the documents tell to type is what the programs take, and what the programs take is told by the README."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
#: A command line in a document: in a block of code, or between backquotes.
_FENCED = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+)")
#: What ends the arguments of a command within its line.
_END = re.compile(r"\s(?:#|\||&&|--\s|>)")


def lines(page: Path) -> set[str]:
    """The command lines of a page, each from its program on."""
    text = page.read_text(encoding="utf-8")
    blocks = [line for block in _FENCED.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    told = [*blocks, *(inline.replace("\\|", "|") for inline in _INLINE.findall(_FENCED.sub("", text)))]
    found = (re.search(r"(?:^|[\s/;&-])((?:conformance|pytest)\s.*)", f" {line}") for line in told)
    return {match[1].strip() for match in found if match is not None}


@functools.cache
def help_of_pytest() -> str:
    return subprocess.run([sys.executable, "-m", "pytest", "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def commands(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return re.findall(r"^    ([a-z]+)\s", help_of("", capsys), re.MULTILINE)


def suites_options() -> list[str]:
    """The options that the suite adds to pytest's."""
    [group] = re.findall(r"^DaemonSet conformance:\n(.*?)^\S", help_of_pytest(), re.DOTALL | re.MULTILINE)
    return re.findall(r"^  (--[a-z-]+)", group, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_exists_with_all_its_options(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = commands(capsys)
    for line in sorted(lines(page)):
        program, *rest = (line if (cut := _END.search(line)) is None else line[: cut.start()]).split()
        command = rest[0].strip("[].,;:") if rest else ""
        if program == "conformance" and command != "run":
            if not re.fullmatch(r"[a-z]+", command):
                continue  # its name in a sentence
            assert command in known, f"{page.name}: {line}"
            there = help_of(command, capsys)
        else:
            there = help_of_pytest()
        for option in _OPTION.findall(line if cut is None else line[: cut.start()]):
            assert re.search(rf"{option}\b", there), f"{page.name}: {line}: there is no {option}"


def test_the_readme_names_every_command_and_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [command for command in commands(capsys) if f"conformance {command}" not in readme] == []
    assert [option for option in suites_options() if option not in readme] == []
    assert len(suites_options()) >= 10, "or this test looks at nothing"


def test_the_documents_say_what_to_type() -> None:
    assert len({line for page in PAGES for line in lines(page)}) > 40, "or this test looks at nothing"
