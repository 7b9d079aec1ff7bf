"""The page is one well-formed file that loads nothing, whose links lead somewhere, and that says what happened."""

from __future__ import annotations

import html
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from conformance.errors import UsageError
from conformance.report.rendering import gist, issue, upstream
from conformance.report.style import asset
from conformance.report.write import write_report
from conformance.trace import store
from tests.report import stories, synthetic

VOID = frozenset({"meta", "link", "br", "hr", "img", "input"})


class Page(HTMLParser):
    """Checks nesting as it goes, and collects what tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.loads: list[str] = []
        self.headings: list[int] = []
        self.text: list[str] = []
        self.inline: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self.open.append(tag)
        self._seen(tag, known)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._seen(tag, {name: value or "" for name, value in attrs})

    def _seen(self, tag: str, known: dict[str, str]) -> None:
        if "id" in known:
            self.ids.append(known["id"])
        if tag == "a":
            self.references.append(known["href"])
        self.references += [f"#{each}" for each in known.get("aria-labelledby", "").split()]
        self.loads += [known[name] for name in ("src", "srcset", "data", "action", "poster", "xlink:href") if name in known]
        self.loads += [known["href"]] if tag in ("link", "use", "image", "base") else []
        self.inline += [name for name in known if name.startswith("on") or name == "style"]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(synthetic.write_folder(tmp_path_factory.mktemp("page") / "report")).read_text()


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_it_loads_nothing(text: str, page: Page) -> None:
    assert page.loads == []
    assert page.inline == []
    assert "@import" not in text
    assert set(re.findall(r"url\(([^)]*)\)", text)) == {"#outdated", "#not-ready", "#tainted", "#gap", "#over", "#failed", "#gone"}
    assert "default-src 'none'; style-src 'sha256-" in html.unescape(text)


def test_every_anchor_resolves_and_ids_are_unique(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    known = set(page.ids)
    broken = [each for each in page.references if each.startswith("#") and each[1:] not in known]
    assert broken == []
    others = {each for each in page.references if not each.startswith(("#", "https://github.com/"))}
    traces = {f"traces/{name}.jsonl" for name in ("p03", "r02-2", "r02-x", "u01")}
    seen = {f"diagnostics/r02-x/{name}" for name in ("describe-pods.txt", "kind-export-logs")}
    assert others == {"statement.json", "findings/noschedule-taint-wakes-no-sync.md", *traces, *seen}


def test_every_picture_has_a_name_of_its_own_and_its_outcome(text: str) -> None:
    titles = re.findall(r'<title id="([^"]*)">([^<]*)</title>', text)
    assert len(titles) == 7
    assert len({words for _, words in titles}) == len(titles)
    assert all(re.search(rf'aria-labelledby="{key}"', text) for key, _ in titles)
    said = re.findall(r'<desc id="[^"]*">([^<]*)</desc>', text)
    assert any("agent: 6 pods replaced, at most 2 nodes without an available pod" in words for words in said)
    assert max(map(len, said)) < 400


def test_actions_and_events_lead_to_their_marks_and_back(text: str, page: Page) -> None:
    rows = {each for each in page.ids if each.endswith("-row")}
    there = [each for each in page.references if each.startswith("#") and each.endswith("-row")]
    assert set(page.references) >= {f"#{row.removesuffix('-row')}" for row in rows if "-e" in row}
    assert len(there) > 30
    assert {each[1:] for each in there} <= rows
    assert "set image daemonsets/agent" in text
    assert text.count('<div class="scroller" tabindex="0"') == 4


def test_headings_skip_no_level(page: Page) -> None:
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))


def test_it_says_what_happened(text: str, page: Page) -> None:
    said = " ".join(" ".join(page.text).split())
    for words in (
        "Kubernetes v1.37.1",
        "embedded cluster",
        "21 November 2026, 12:30 UTC",
        "pytest scenarios --cluster embedded --kubernetes 1.37 -n 2",
        "What needs attention",
        "wakes no sync",
        "since 1.33",
        "3 of 6 nodes are without an available pod, and 2 are allowed",
        "etcd ended & <by> itself",
        "The events around it",
        "✕ broken here:",
        "kube-system:daemon-set-controller",
        "this cluster lacks real-kubelet (nodes are simulated)",
        "vacuous",
        "nodes without an available pod",
        "surplus pods",
        "allowed 2",
    ):
        assert words in said, words
    assert "<allowed>" not in text


def test_the_failing_scenario_is_open_and_tells_about_twenty_events(text: str) -> None:
    assert re.search(r'<details class="scenario" id="R02.keeps_its_budget" data-outcome="failed"[^>]* open>', text)
    rows = re.search(r'<table class="events">.*?</table>', text, re.DOTALL)
    assert rows is not None
    assert 15 <= rows[0].count("<tr") - 1 <= 22
    assert rows[0].count("broken-here") == 1


@pytest.mark.parametrize("left", ["run.json", "nothing"])
def test_a_run_that_died_is_reported_as_such(tmp_path: Path, left: str) -> None:
    folder = synthetic.write_folder(tmp_path / "report")
    if left == "nothing":
        for file in (folder / "scenarios").glob("*"):
            file.unlink()
    (folder / "run.json").unlink()
    (folder / "scenarios" / "99.json").write_text('{"id": "P0')
    (folder / "traces" / "r09.jsonl.partial").write_text("{}")
    trace = folder / "traces" / "u01.jsonl"
    trace.write_bytes(trace.read_bytes()[:-200])
    said = write_report(folder).read_text()
    Page(said)
    assert "This report is not complete" in said
    assert "scenarios/99.json is damaged" in said
    assert "r09.jsonl was being recorded" in said
    assert ("The trace could not be read to its end" in said) == (left != "nothing")


def test_a_folder_that_is_no_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a report folder"):
        write_report(tmp_path)


def test_a_run_of_45_scenarios_is_fast_and_small(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "run.json").write_bytes(msgspec.json.encode(synthetic.RUN))
    entries = stories.rolling_update(nodes=40, budget=4)
    for index in range(45):
        store.write(folder / "traces" / f"{index}.jsonl", synthetic.header("R02"), entries)
        made = synthetic.result(f"R{index}", "passed", "An update keeps its budget.", f"traces/{index}.jsonl")
        (folder / "scenarios" / f"{index}.json").write_bytes(msgspec.json.encode(made))
    began = time.process_time()
    size = write_report(folder).stat().st_size
    assert time.process_time() - began < 3
    assert size < 6_000_000


def test_issues_become_links() -> None:
    assert upstream("kubernetes/kubernetes#72129") == "https://github.com/kubernetes/kubernetes/issues/72129"
    assert upstream("KEP-1591") == ""
    assert upstream("https://github.com/kubernetes/kubernetes/pull/130514").endswith("/pull/130514")
    assert issue("https://github.com/kubernetes/kubernetes/pull/130514") == "kubernetes/kubernetes#130514"


def test_the_gist_of_a_failure() -> None:
    assert gist("    def test():\n>       assert a == b\nE       assert 1 == 2\nE         more\n\nx.py:3") == "assert 1 == 2\nmore"
    assert gist("409 AlreadyExists") == ""


PAIRS = [
    ("ink", "ground"),
    ("ink", "paper"),
    ("soft", "ground"),
    ("soft", "paper"),
    ("accent", "paper"),
    ("accent", "ground"),
    ("budget", "paper"),
    ("good", "paper"),
    ("good", "good-soft"),
    ("bad", "paper"),
    ("bad", "bad-soft"),
    ("ink", "bad-soft"),
    ("soft", "bad-soft"),
    ("news", "news-soft"),
    ("ink", "news-soft"),
    ("quiet", "quiet-soft"),
    ("ink", "code"),
    ("paper", "ink"),
]


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_text_stands_out(front: str, back: str, dark: bool) -> None:
    found: dict[str, list[str]] = {}
    for name, colour in re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", asset("picture.css") + asset("page.css")):
        found.setdefault(name, []).append(colour)
    assert len(found[front]) == len(found[back]) == 2
    lighter, darker = sorted((luminance(found[front][dark]), luminance(found[back][dark])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
