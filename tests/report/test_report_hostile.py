"""Reports of others are read as what they are: files of strangers. They reach neither other files, nor the reader's terminal or browser."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from conformance import whole
from conformance.cli import main
from conformance.report import folder as folders
from conformance.trace import store
from conformance.trace.entries import Entry, Header
from tests.report import synthetic

ESCAPES = "\x1b[2J\x1b]52;c;cm0gLXJm\x07\u202egnp\x9b31m"
MARKUP = '"/><meta http-equiv="refresh" content="0;url=http://x.example"><script>alert(6)</script><img src=x onerror=alert(1)>'
DEEP = "[" * 100_000


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return synthetic.write_folder(tmp_path / "received")


def changed(report: Path, **fields: Any) -> None:
    """A result of the folder, with other fields."""
    file = report / "scenarios" / "03.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def shown(report: Path, *more: str) -> str:
    """The page, written anew; the exit code says whether it misses something."""
    code = main(["report", str(report), *more])
    text = (report / "index.html").read_text()
    assert code == (1 if "not complete" in text else 0)
    return text


class Live(HTMLParser):
    """The elements and links of a page as a browser has them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def page(report: Path) -> Live:
    return Live((report / "index.html").read_text())


@pytest.mark.parametrize(
    "field",
    ["id", "family", "title", "node_id", "reason", "failure", "look", "parameters", "claims", "checks", "tallies", "finding", "trace"],
)
def test_no_word_of_a_result_becomes_markup(report: Path, tmp_path: Path, field: str, capsys: pytest.CaptureFixture[str]) -> None:
    clean = tmp_path / "clean"
    synthetic.write_folder(clean)
    assert main(["report", str(clean)]) == 0
    evil = f"{MARKUP}{ESCAPES}"
    words: dict[str, Any] = {
        "parameters": {evil: evil},
        "claims": [evil],
        "reason": {"kind": "check", "text": evil, "names": [evil]},
        "checks": [{"claims": [evil], "held": False, "text": evil}],
        "tallies": [
            {"id": "G3", "violated": 1, "reasons": [evil]}
            | {"violations": [{"guarantee": "G3", "seq": 1, "at": 0.1, "message": evil, "objects": [evil]}]}
        ],
    }
    changed(report, **{field: words.get(field, evil)})
    shown(report, "--summary", str(tmp_path / "summary.md"))
    for tag in ("meta", "script", "img", "iframe", "base", "object", "form"):
        assert len(page(report).tags(tag)) == len(page(clean).tags(tag)), tag
    for attributes in page(report).found:
        assert not [name for name in attributes[1] if name.startswith("on")]
    links = [str(link.get("href")) for link in page(report).tags("a")]
    assert not [
        link
        for link in links
        if not link.startswith(("#", "https://github.com/", "traces/", "diagnostics/", "findings/", "statement.json"))
    ]
    assert_quiet(capsys, tmp_path / "summary.md")


def assert_quiet(capsys: pytest.CaptureFixture[str], summary: Path) -> None:
    said = capsys.readouterr()
    for text in (said.out, said.err, summary.read_text()):
        assert not set(text) & set("\x1b\x07\x9b\u202e")
        assert "Traceback" not in text
    lines = summary.read_text().splitlines()
    assert sum(line.startswith("#") for line in lines) == 1
    assert "<script" not in summary.read_text().replace("\\<script", "")
    assert not [line for line in lines if "http://x.example" in line]


def test_no_word_of_a_run_becomes_markup(report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = f"v1.37.1 {MARKUP}\n\n# INJECTED\n\n| a | b |\n|---|---|\n\n[c](javascript:alert(1)) www.x.example {ESCAPES}"
    run = json.loads((report / "run.json").read_text())
    for name in ("suite", "kubernetes", "cluster", "command", "started"):
        run[name] = evil
    run |= {"components": {evil: evil}, "lacking": {evil: evil}, "capabilities": [evil], "platform": {evil: evil}, "stopped": evil}
    run |= {"scenarios": [{"id": evil, "family": evil, "title": evil, "file": evil, "claims": [evil], "findings": [evil]}], "lost": evil}
    (report / "run.json").write_text(json.dumps(run))
    other = synthetic.write_folder(tmp_path / "other")
    for command in (["report", str(report)], ["report", "--merge", str(tmp_path / "out"), str(report), str(other)]):
        summary = tmp_path / f"{len(command)}.md"
        assert main([*command, "--summary", str(summary)]) == 0
        assert_quiet(capsys, summary)
        assert sum(line.startswith(("|---", "| ---")) for line in summary.read_text().splitlines()) == 1
        assert "[c](" not in summary.read_text()
    for text in ((report / "index.html").read_text(), (tmp_path / "out" / "index.html").read_text()):
        assert len(Live(text).tags("script")) <= 1
        assert not [meta for meta in Live(text).tags("meta") if meta.get("http-equiv") == "refresh"]


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "/dev/zero", "traces/link", "traces/\0", "traces/" + "x" * 5000])
@pytest.mark.parametrize("field", ["trace", "diagnostics"])
def test_no_file_outside_of_the_folder_is_opened_or_linked(
    report: Path, field: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.jsonl"
    store.write(secret, Header(1, "SECRET", "x", "v1", "embedded"), [Entry(1, 0.0, "end")])
    (report / "traces" / "link").symlink_to(secret)
    changed(report, **{field: [name] if field == "diagnostics" else name})
    seen: list[Path] = []
    read = store.read

    def noted(file: Path) -> tuple[Header, Iterator[Entry]]:
        seen.append(file)
        return read(file)

    monkeypatch.setattr(store, "read", noted)
    text = shown(report)
    assert "SECRET" not in text
    assert "outside of the report" in text
    assert [file.name for file in seen] == ["p03.jsonl", "r02-2.jsonl", *([] if field == "trace" else ["r02-x.jsonl"]), "u01.jsonl"]


def fifo(report: Path, name: str) -> None:
    (report / name).unlink(missing_ok=True)
    os.mkfifo(report / name)


def deep(report: Path, name: str) -> None:
    (report / name).write_text(DEEP)


def device(report: Path, name: str) -> None:
    (report / name).unlink(missing_ok=True)
    (report / name).symlink_to("/dev/zero")


def folder(report: Path, name: str) -> None:
    (report / name).unlink(missing_ok=True)
    (report / name).mkdir()


def long(report: Path, name: str) -> None:
    with (report / name).open("wb") as out:
        out.truncate(1 << 40)  # it takes no place, and would take all memory


def binary(report: Path, name: str) -> None:
    (report / name).write_bytes(bytes(range(256)) * 10)


@pytest.mark.parametrize("name", ["run.json", "scenarios/03.json", "scenarios/new.json", "traces/r02-x.jsonl"])
@pytest.mark.parametrize("what", [fifo, deep, device, folder, long, binary])
def test_files_that_are_none_end_no_report(
    report: Path, tmp_path: Path, what: Callable[[Path, str], None], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    what(report, name)
    assert "not complete" in shown(report) or name.startswith("traces/")
    good = synthetic.write_folder(tmp_path / "good")
    assert main(["report", "--merge", str(tmp_path / "out"), str(report), str(good)]) == 0
    assert (tmp_path / "out" / "merged.json").is_file()
    if name.startswith("traces/"):
        said_there = "outside of the report" if what is device else "The trace could not be read to its end"
        assert said_there in (report / "index.html").read_text()
        capsys.readouterr()
        assert main(["judge", str(report / name)]) == 4
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "Traceback" not in said


STRANGE = {
    "a resource nobody knows": {"seq": 1, "at": 0.1, "type": "added", "resource": "gods", "rv": 1, "object": {}},
    "an object that is none": {"seq": 1, "at": 0.1, "type": "added", "resource": "pods", "rv": 1, "object": 7},
    "no object": {"seq": 1, "at": 0.1, "type": "added", "resource": "pods", "rv": 1},
    "another shape": {"seq": 1, "at": 0.1, "type": "added", "resource": "daemonsets", "rv": 1, "object": {"spec": [1]}},
    "a write of nobody": {"seq": 1, "at": 0.1, "type": "write", "resource": "pods", "rv": 1, "detail": {}},
    "an expectation of nothing": {"seq": 1, "at": 0.1, "type": "expect", "detail": {"count": "many", "uid": 3}},
    "a gap of nothing": {"seq": 1, "at": 1e300, "type": "gap", "resource": "pods", "rv": -(10**30), "detail": {}},
}


@pytest.mark.parametrize("entry", STRANGE.values(), ids=list(STRANGE))
def test_a_trace_that_makes_no_sense_ends_nothing(report: Path, entry: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    file = report / "traces" / "r02-x.jsonl"
    head, *rest = file.read_text().splitlines()
    rest[-1] = json.dumps({"entries": len(rest)})
    file.write_text("\n".join([head, json.dumps(entry), *rest]) + "\n")
    assert main(["report", str(report)]) == 0
    assert main(["judge", str(file)]) in (0, 1, 4)
    assert "Traceback" not in capsys.readouterr().err


def test_a_deep_object_in_a_trace_ends_nothing(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = report / "traces" / "r02-x.jsonl"
    head, *_ = file.read_text().splitlines()
    entry = '{"seq":1,"at":0.1,"type":"added","resource":"daemonsets","rv":1,"object":{"status":' + DEEP + "]" * len(DEEP) + "}}"
    file.write_text(f'{head}\n{entry}\n{{"entries":1}}\n')
    assert main(["report", str(report)]) == 0
    assert main(["judge", str(file)]) == 4
    assert "Traceback" not in capsys.readouterr().err


def test_a_header_moves_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / f"trace{ESCAPES}.jsonl"
    store.write(file, Header(1, ESCAPES, ESCAPES, ESCAPES, ESCAPES, started=ESCAPES), [Entry(1, 0.0, "end")])
    assert main(["judge", str(file)]) == 0
    assert main(["judge", f"{file}-nowhere"]) == 4
    said = capsys.readouterr()
    assert not set(said.out + said.err) & set("\x1b\x07\x9b\u202e")
    assert "\\x1b[2J" in said.out


# -- what is written ----------------------------------------------------------------------------------------------------------------------


def test_links_in_a_received_folder_are_not_written_through(report: Path, tmp_path: Path) -> None:
    victims = {name: tmp_path / f"victim-{index}" for index, name in enumerate(("index.html", "statement.json"))}
    for name, victim in victims.items():
        victim.write_text("mine")
        (report / name).symlink_to(victim)
    assert main(["report", str(report)]) == 0
    out = synthetic.write_folder(tmp_path / "again")
    assert main(["report", str(out)]) == 0
    for name, victim in victims.items():
        assert victim.read_text() == "mine"
        assert not (report / name).is_symlink()
        assert (report / name).is_file()

    merged = tmp_path / "merged"
    merged.mkdir()
    more = [".daemonset-conformance", "index.html", "merged.json"]
    for name in more:
        (tmp_path / f"victim-{name}").write_text("mine")
        (merged / name).symlink_to(tmp_path / f"victim-{name}")
    assert main(["report", "--merge", str(merged), str(report)]) == 0
    assert [(tmp_path / f"victim-{name}").read_text() for name in more] == ["mine"] * 3
    assert not [name for name in more if (merged / name).is_symlink()]

    (tmp_path / "old").mkdir()
    (tmp_path / "old" / ".daemonset-conformance").symlink_to(tmp_path / "victim-index.html")
    folders.prepare(tmp_path / "old")
    assert (tmp_path / "victim-index.html").read_text() == "mine"


@pytest.fixture
def no_room() -> Iterator[None]:
    """No file can become longer than this: what is written fails in its middle, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_room_the_old_files_stay_whole(report: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    merged = tmp_path / "merged"
    assert main(["report", str(report)]) == 0
    assert main(["report", "--merge", str(merged), str(report)]) == 0
    before = {file: file.read_bytes() for home in (report, merged) for file in home.iterdir() if file.is_file()}
    changed(report, title="another " * 1000)
    request.getfixturevalue("no_room")
    assert main(["report", str(report)]) == 4
    assert main(["report", "--merge", str(merged), str(report)]) == 4
    assert {file: file.read_bytes() for home in (report, merged) for file in home.iterdir() if file.is_file()} == before


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, no_room: None) -> None:
    with pytest.raises(OSError, match="File too large"):
        whole.write(tmp_path / "new", "x" * 5000)
    assert list(tmp_path.iterdir()) == []
    whole.write(tmp_path / "new", "x")
    assert (tmp_path / "new").read_text() == "x"
