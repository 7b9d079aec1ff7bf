"""Runs side by side: which are shown, where they differ and why, and that page, statement and summary say so."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from conformance.claims.registry import Claim
from conformance.cli import main
from conformance.errors import UsageError
from conformance.report import folder as folders
from conformance.report.comparing import merge
from conformance.report.markdown import MOST, of_run, of_runs
from conformance.report.merged import schema
from conformance.report.results import FORMAT, Outcome, Reason, Run, ScenarioResult
from conformance.report.write import reported, write_merged, write_report
from tests.report import stories, synthetic
from tests.report.test_report_page import Page

CLAIMS = {
    "000-01": Claim("000-01", "one pod on every <node>", "a page", "true"),
    "000-02": Claim("000-02", "never two", "a page", "true", guarantees=("INV-1",)),
}


def run(path: Path, cluster: str = "embedded", kubernetes: str = "v1.37.1", *results: ScenarioResult, **more: Any) -> Path:
    """A report folder, with its page."""
    (path / "scenarios").mkdir(parents=True)
    made = Run(
        **{"suite": "0.1.0", "kubernetes": kubernetes, "cluster": cluster, "started": "2026-11-21T12:00:00+00:00", "format": FORMAT, **more}
    )
    (path / "run.json").write_bytes(msgspec.json.encode(made))
    for index, each in enumerate(results):
        (path / "scenarios" / f"{index}.json").write_bytes(msgspec.json.encode(each))
    write_report(path, claims=CLAIMS)
    return path


def p01(outcome: Outcome, **more: Any) -> ScenarioResult:
    return synthetic.result("P01.one", outcome, "Every node runs one pod.", **{"claims": ["000-01"], **more})


def p02(outcome: Outcome, **more: Any) -> ScenarioResult:
    return synthetic.result("P02.two", outcome, "Never two pods.", **{"claims": ["000-02"], **more})


FAILED = {"failure": "WaitExpired: 2 of 3 nodes have a pod", "reason": Reason("check", text="2 of 3 nodes have a pod")}


@pytest.fixture
def four(tmp_path: Path) -> list[Path]:
    """Two minors on two clusters: P01 fails on kind 1.37 only, P02 is left out on kind."""
    left_out = p02("left-out", reason=Reason("lacks", lacking={"audit-log": ""}))
    return [
        run(tmp_path / "k37", "kind", "v1.37.0", p01("failed", **FAILED), left_out),
        run(tmp_path / "e36", "embedded", "v1.36.4", p01("passed"), p02("passed")),
        run(tmp_path / "e37", "embedded", "v1.37.1", p01("passed"), p02("passed")),
        run(tmp_path / "k36", "kind", "v1.36.4", p01("passed"), left_out),
    ]


def test_columns_are_in_order_and_named(four: list[Path]) -> None:
    assert [column.name for column in merge(four, CLAIMS).columns] == ["1.37-embedded", "1.37-kind", "1.36-embedded", "1.36-kind"]


def test_a_claim_that_clusters_decide_differently_is_marked_with_the_reason(four: list[Path]) -> None:
    merged = merge(four, CLAIMS)
    assert {row.id: row.differences for row in merged.claims} == {"000-01": ("clusters", "versions"), "000-02": ("one-sided",)}
    clusters, versions = merged.claims[0].disagreements
    assert (clusters.kind, clusters.among, versions.kind, versions.among) == ("clusters", "1.37", "versions", "kind")
    assert [(part.labels, part.word, part.outcomes, part.reason) for part in clusters.parts] == [
        (("embedded",), "holds", (("P01.one", "passed"),), ""),
        (("kind",), "broken", (("P01.one", "failed"),), "its check in P01.one failed: 2 of 3 nodes have a pod"),
    ]
    assert [(part.labels, part.word) for part in versions.parts] == [(("1.37",), "broken"), (("1.36",), "holds")]
    assert [(row.id, claims) for row, claims in merged.causes] == [("P01.one", ["000-01"])]


def test_one_run_is_not_compared(tmp_path: Path) -> None:
    assert "One run: there is nothing to compare" in write_merged(tmp_path / "out", [run(tmp_path / "e", "embedded")])[1].read_text()


def test_runs_that_agree_have_no_difference(tmp_path: Path) -> None:
    folders_ = [run(tmp_path / name, name, "v1.37.1", p01("passed"), p02("failed")) for name in ("embedded", "kind", "existing")]
    merged = merge(folders_, CLAIMS)
    assert [row.differences for row in (*merged.claims, *merged.scenarios)] == [()] * 4
    assert merged.causes == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("passed", "finding", ("clusters",)),
        ("passed", "error", ("one-sided",)),
        ("left-out", "error", ()),
        ("failed", "failed", ()),
        ("passed", "", ("one-sided",)),
    ],
)
def test_outcomes_differ_only_where_both_are_decided(tmp_path: Path, one: Outcome, other: Outcome, expected: tuple[str, ...]) -> None:
    runs = [run(tmp_path / "e", "embedded", "v1.37.1", p01(one)), run(tmp_path / "k", "kind", "v1.37.1", *([p01(other)] if other else []))]
    assert merge(runs, CLAIMS).scenarios[0].differences == expected


def test_versions_and_clusters_with_nothing_in_common_still_differ(tmp_path: Path) -> None:
    runs = [run(tmp_path / "e", "embedded", "v1.37.1", p01("passed")), run(tmp_path / "k", "kind", "v1.36.4", p01("failed"))]
    row = merge(runs, CLAIMS).scenarios[0]
    assert row.differences == ("versions",)
    assert [part.labels for part in row.disagreements[0].parts] == [("1.37 embedded",), ("1.36 kind",)]


def test_a_claim_that_only_a_guarantee_decides_differently_has_its_cause(tmp_path: Path) -> None:
    broken = synthetic.tally("INV-1", violated=[synthetic.violation(stories.rolling_update(broken=True))])
    runs = [
        run(tmp_path / "e", "embedded", "v1.37.1", p02("passed", tallies=[synthetic.tally("INV-1")])),
        run(tmp_path / "k", "kind", "v1.37.1", p02("passed", tallies=[broken])),
    ]
    causes = {row.id: claims for row, claims in merge(runs, CLAIMS).causes}
    assert causes == {"INV-1": ["000-02"]}


def test_who_was_not_decided_does_not_disagree(tmp_path: Path) -> None:
    outcomes: dict[str, Outcome] = {"embedded": "passed", "kind": "failed", "existing": "left-out"}
    row = merge([run(tmp_path / name, name, "v1.37.1", p01(outcome)) for name, outcome in outcomes.items()], CLAIMS).scenarios[0]
    assert row.differences == ("clusters", "one-sided")
    assert [part.labels for part in row.disagreements[0].parts] == [("embedded",), ("kind",)]


@pytest.mark.parametrize("backwards", [False, True])
def test_of_two_runs_of_the_same_the_later_is_shown_and_it_is_said(tmp_path: Path, backwards: bool) -> None:
    old = run(tmp_path / "old", started="2026-11-20T12:00:00+00:00")
    new = run(tmp_path / "new", started="2026-11-21T12:00:00+00:00")
    merged = merge([new, old] if backwards else [old, new], CLAIMS)
    assert [column.report.folder for column in merged.columns] == [new]
    assert merged.problems == (f"{old} is not shown: {new} is a later run of the same version, cluster and components.",)


@pytest.mark.parametrize(
    ("cluster", "first", "second", "names"),
    [
        ("kind", {"kubernetes": "v1.37.0"}, {"kubernetes": "v1.37.1"}, ["1.37-kind-v1.37.0", "1.37-kind-v1.37.1"]),
        ("kind", {}, {"components": {"kwok": "/x"}}, ["1.37-kind-as-released", "1.37-kind-with-own-kwok"]),
        ("existing", {}, {}, ["1.37-existing-a", "1.37-existing-b"]),
        ("unknown", {"kubernetes": "unknown"}, {"kubernetes": "unknown"}, ["unknown-a", "unknown-b"]),
        ("unknown", {"kubernetes": "unknown"}, {}, ["1.37-unknown", "unknown-a"]),
    ],
)
def test_runs_that_are_not_the_same_are_told_apart(
    tmp_path: Path, cluster: str, first: Mapping[str, Any], second: Mapping[str, Any], names: list[str]
) -> None:
    runs = [run(tmp_path / name, cluster, **{"kubernetes": "v1.37.1", **facts}) for name, facts in (("a", first), ("b", second))]
    merged = merge([*runs, runs[0]], CLAIMS)
    assert [column.name for column in merged.columns] == names
    assert merged.superseded == ()


def test_other_suites_dead_runs_and_missing_pages_are_named(tmp_path: Path) -> None:
    other = run(tmp_path / "other", "kind", suite="0.0.9")
    dead = run(tmp_path / "dead", "embedded")
    (dead / "index.html").unlink()
    (dead / "scenarios" / "9.json").write_text("{")
    said = merge([other, dead], CLAIMS).problems
    assert [problem.partition(":")[0] for problem in said] == [
        "1.37 embedded",
        "1.37 kind was made by suite 0.0.9, and this is 0.1.0",
        "1.37 embedded has no page of its own",
    ]


def test_page_and_statement(four: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out" / "nightly"
    _, page = write_merged(out, four, claims=CLAIMS)
    text = page.read_text()
    seen = Page(text)
    assert seen.loads == seen.inline == []
    assert "default-src 'none'; style-src 'sha256-" in html.unescape(text)
    assert len(seen.ids) == len(set(seen.ids))
    assert seen.headings.count(1) == 1
    assert [each for each in seen.references if each.startswith("#") and each[1:] not in seen.ids] == []
    outside = [each for each in seen.references if not each.startswith("#")]
    assert {each.partition("#")[2] for each in outside} >= {"", "P01.one", "P02.two", "guarantee-INV-1"}
    for each in outside:
        assert not each.startswith("/")
        name, _, anchor = each.partition("#")
        linked = (out / name).read_text()
        assert not anchor or f'id="{anchor}"' in linked
    said = " ".join(" ".join(seen.text).split())
    for words in (
        "4 runs side by side. 1 claim was decided differently by embedded and kind clusters of one version.",
        "1 claim was decided differently by versions on one kind of cluster. 1 claim was decided on one kind of cluster only.",
        "1.37 embedded: passed; kind: failed, 2 of 3 nodes have a pod",
        "one pod on every <node>",
        "1.37 kind: broken",
        "only differences 1",
        "left out on this cluster (P02.two): this cluster lacks audit-log",
    ):
        assert words in said, words
    assert re.search(r'id="claim-000-01" data-difference="any clusters versions" open', text)
    written = json.loads((out / "merged.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(written)
    assert [each["folder"] for each in written["runs"]] == ["../../e37", "../../k37", "../../e36", "../../k36"]
    [disagreement, _] = written["claims"][0]["disagreements"]
    assert disagreement["runs"]["1.37-kind"] == {
        "word": "broken",
        "outcomes": {"P01.one": "failed"},
        "reason": "its check in P01.one failed: 2 of 3 nodes have a pod",
    }
    del written["claims"][0]["disagreements"]
    assert not jsonschema.Draft202012Validator(schema()).is_valid(written)


def test_the_whole_registry_and_every_outcome_fit(tmp_path: Path) -> None:
    one, other = synthetic.write_folder(tmp_path / "o" / "e"), synthetic.write_folder(tmp_path / "o" / "k")
    (other / "run.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(synthetic.RUN, cluster="kind")))
    for folder in (one, other):
        write_report(folder)
    merged, page = write_merged(tmp_path / "o", [one, other])
    Page(page.read_text())
    jsonschema.Draft202012Validator(schema()).validate(json.loads((tmp_path / "o" / "merged.json").read_text()))
    assert len(merged.claims) > 400
    assert write_merged(tmp_path / "o", [one, other])[1] == page  # again, into its own folder


def test_what_is_not_ours_is_not_overwritten(four: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="report of one run"):
        write_merged(four[0], four)
    with pytest.raises(UsageError, match="this is a file"):
        write_merged(four[0] / "run.json", four)
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("mine")
    with pytest.raises(UsageError, match="not overwritten"):
        write_merged(site, four)
    assert (site / "index.html").read_text() == "mine"


@pytest.mark.skipif(os.getuid() == 0, reason="root can write everywhere")
def test_a_folder_that_cannot_be_written_is_named(four: list[Path], tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot be written"):
        write_merged(tmp_path / "out", four)


def test_the_command(four: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, summary = tmp_path / "out", tmp_path / "summary.md"
    assert main(["report", "--merge", str(out), *map(str, four), "--summary", str(summary)]) == 0
    assert capsys.readouterr().out == f"{out / 'index.html'}\n"
    assert main(["report", str(four[0]), "--summary", str(summary)]) == 0
    assert [line for line in summary.read_text().splitlines() if line.startswith("## ")] == [
        "## Side by side",
        "## Kubernetes v1.37.0, kind",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--merge", "out"], "name the report folders"),
        (["--merge", "out", "one", "nowhere"], "nowhere is not a report folder"),
        (["--merge", "out", "one", "empty"], "empty is not a report folder"),
        (["one", "one"], "--merge OUT"),
        (["one", "--summary", "nowhere/summary.md"], "cannot be written"),
    ],
)
def test_wrong_usage_has_exit_code_4(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "one")
    (tmp_path / "empty").mkdir()
    assert main(["report", *arguments]) == 4
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_summaries_are_short_and_plain(four: list[Path], tmp_path: Path) -> None:
    merged, _ = write_merged(tmp_path / "out", four, claims=CLAIMS)
    text = of_runs(merged)
    assert "| 1.37 kind | \N{EN DASH} left-out 1, ✕ failed 1 |" in text
    assert "- **P01.one** Every node runs one pod: 1.37 (embedded: ✓ passed; kind: ✕ failed, 2 of 3 nodes have a pod)" in text
    title = "a *bold* <b>|</b>"
    many = [synthetic.result(f"P{index}.x", "failed", "It fails.") for index in range(10, 70)]
    report, _ = reported(run(tmp_path / "many", "kind", "v1.37.1", *many, synthetic.result("P01.one", "error", title)), claims=CLAIMS)
    said = of_run(report).splitlines()
    assert sum(line.startswith(("- ✕ failed", "- ! error")) for line in said) == MOST
    assert "- and 11 more: see the page" in said
    assert r"- ! error **P01.one** a \*bold\* \<b\>\|\</b\>" in said
    shutil.rmtree(tmp_path / "many" / "scenarios")
    assert folders.results(tmp_path / "many") == []
