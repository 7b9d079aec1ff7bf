"""What a report says of findings: the data that pages are made of, and the files to forward."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.claims import registry, sources
from conformance.claims.registry import Claim
from conformance.guarantees.judge import Broken, Tally
from conformance.report.findings import FindingView, finding_views, write_findings
from conformance.report.gather import gather
from conformance.report.results import FORMAT, Function, Run, ScenarioResult
from conformance.report.write import reported
from conformance.trace import store
from tests.report.stories import rolling_update
from tests.report.story import Story
from tests.report.synthetic import header, result

STALE, SURGE, RACE = "noschedule-taint-wakes-no-sync", "surge-stalls-within-min-ready-seconds", "rolling-update-exceeds-max-unavailable"
RUN = Run(
    suite="0.1.0",
    kubernetes="v1.37.1",
    cluster="embedded",
    started="2026-11-21T12:30:00+00:00",
    scenarios=[Function("T03.stale", "T03", "Stale counters.", claims=["D9-33"], findings=[STALE])],
    format=FORMAT,
)


def stale() -> Story:
    story = Story("t03")
    story.node("a")
    story.daemonset("v1", generation=1)
    story.wait(1).action("taint", "nodes/t03-a")
    about: dict[str, Any] = {"for": "the counters are as they were", "seconds": 10.0}
    story.entry("note", text="window begins", **about)
    story.wait(10).entry("note", text="window ends", **about)
    story.action("annotate", "daemonsets/agent")
    over: dict[str, Any] = {"for": "they are right", "after": 0.25}
    story.wait(0.25).entry("note", text="wait ends", **over)
    return story


def folder_of(folder: Path, results: list[ScenarioResult], run: Run = RUN) -> Path:
    for name in ("scenarios", "traces"):
        (folder / name).mkdir(parents=True)
    story = stale()
    store.write(folder / "traces" / "stale.jsonl", header("T03"), story.end())
    store.write(folder / "traces" / "race.jsonl", header("R02"), rolling_update(4, 1))
    (folder / "run.json").write_bytes(msgspec.json.encode(run))
    for index, each in enumerate(results):
        (folder / "scenarios" / f"{index:02d}.json").write_bytes(msgspec.json.encode(each))
    (folder / ".daemonset-conformance").write_text("")
    return folder


def racing() -> ScenarioResult:
    entries = rolling_update(4, 1)
    taken = next(entry for entry in entries if entry.type == "modified" and b"deletionTimestamp" in bytes(entry.object))
    broken = Broken("INV-3", taken.seq, taken.at, "one too many", known=RACE)
    tally = Tally("INV-3", 40, 12, 0, 0, [broken], [], 1, [RACE])
    return result("R02.budget", "finding", "An update keeps its budget.", "traces/race.jsonl", finding=RACE, tallies=[tally])


RESULTS = [
    result("T03.stale", "finding", "Stale counters.", "traces/stale.jsonl", finding=STALE, claims=["D9-33"]),
    result("T03.stale", "left-out", "Stale counters.", node_id="scenarios/test_x.py::test_stale[two]"),
    racing(),
    result("R03.calm", "passed", "A calm update.", tallies=[Tally("INV-3", 30, 9)]),
    result("R04.other", "passed", "Another update.", tallies=[Tally("INV-3", 30, 0)]),
]


def views_of(folder: Path, results: list[ScenarioResult], run: Run = RUN) -> dict[str, FindingView]:
    return {view.finding.id: view for view in finding_views(gather(folder_of(folder, results, run)))}


def test_what_a_run_saw_of_a_finding(tmp_path: Path) -> None:
    views = views_of(tmp_path / "report", RESULTS)
    view = views[STALE]
    assert list(views)[:2] == [STALE, RACE], "those that were seen come first"
    assert (view.kubernetes, view.cluster, view.looked, view.file) == ("v1.37.1", "embedded", 1, f"findings/{STALE}.md")
    assert [(sentence.id, sentence.url) for sentence in view.sentences] == [
        (name, "https://github.com/kubernetes/kubernetes/blob/v1.37.1/staging/src/k8s.io/api/apps/v1/types.go")
        for name in ("D9-33", "D9-34")
    ]
    [sighting] = view.sightings
    assert (sighting.scenario, sighting.trace) == ("T03.stale", "traces/stale.jsonl")
    assert sighting.lasted is not None
    assert (sighting.lasted.cause, sighting.lasted.end, sighting.lasted.watched) == ("taint nodes/t03-a", "annotate daemonsets/agent", 10.0)
    assert view.lasted == (10.25, 10.25)
    assert view.command == f"conformance reproduce {STALE} | bash"
    assert any("THE TEST: taint nodes/t03-a" in line for line in sighting.story)


def test_a_race_was_looked_for_wherever_its_guarantee_could_have_failed(tmp_path: Path) -> None:
    view = views_of(tmp_path / "report", RESULTS)[RACE]
    assert (view.looked, len(view.sightings), view.lasted) == (2, 1, (0.67, 0.67))
    assert view.command == "", "nothing shows it without this suite"


def test_what_is_known_for_the_version_and_was_not_seen_is_there_too(tmp_path: Path) -> None:
    views = views_of(tmp_path / "report", RESULTS)
    assert (views[SURGE].sightings, views[SURGE].file, views[SURGE].lasted) == ((), "", None)
    old = views_of(tmp_path / "old", [], msgspec.structs.replace(RUN, kubernetes="v1.32.1"))
    assert SURGE in old
    assert STALE not in old
    assert views_of(tmp_path / "unknown", [], msgspec.structs.replace(RUN, kubernetes="unknown")) == {}


def test_a_trace_that_is_missing_or_damaged_is_told_as_such(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "report", RESULTS[:1])
    (folder / "traces" / "stale.jsonl").write_text("{")
    [sighting] = finding_views(gather(folder))[0].sightings
    assert sighting.lasted is None
    assert "is not the header of a trace" in sighting.story[0]
    (folder / "traces" / "stale.jsonl").unlink()
    [path] = write_findings(gather(folder))
    assert "cannot be opened" in path.read_text()


def test_the_file_says_all_that_a_maintainer_asks(tmp_path: Path) -> None:
    report, _ = reported(folder_of(tmp_path / "report", RESULTS))
    text = (report.folder / "findings" / f"{STALE}.md").read_text()
    for part in (
        f"# {STALE}\n",
        "Seen on Kubernetes v1.37.1 (embedded). Known since 1.33. Shown before on 1.34, 1.35, 1.36, 1.37. See https://github.com/kubernetes/kubernetes/pull/130514.",
        "> The number of nodes that are running the daemon pod, but are not supposed to run the daemon pod.\n",
        "types.go, DaemonSetStatus](https://github.com/kubernetes/kubernetes/blob/v1.37.1/",
        "Severity low: The counters of a DaemonSet",
        "- Seen in 1 of 1 item of this run that could have seen it.",
        "- It stood for 10.25 s from “taint nodes/t03-a” until “annotate daemonsets/agent” ended it within 0.25 s; nothing else had; 10.0",
        f"<code>conformance reproduce {STALE} | bash</code>",
        "```bash\n#!/usr/bin/env bash\n",
        "```text\nt03 (Kubernetes v1.37.1",
    ):
        assert part in text, part
    race = (report.folder / "findings" / f"{RACE}.md").read_text()
    assert "- Seen in 1 of 2 items of this run that could have seen it." in race
    assert "until agent-005x was ready there." in race
    assert "There is none: It is a race" in race
    assert len(list((report.folder / "findings").iterdir())) == 2


def test_what_was_not_seen_this_time_has_no_file_left(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "report", RESULTS[2:])
    (folder / "findings").mkdir()
    (folder / "findings" / f"{STALE}.md").write_text("of the run before")
    assert [path.name for path in write_findings(gather(folder))] == [f"{RACE}.md"]
    assert [path.name for path in (folder / "findings").iterdir()] == [f"{RACE}.md"]


def test_nothing_that_a_cluster_says_ends_a_block_of_code(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "report", RESULTS[:1])
    story = stale()
    story.entry("note", text="```\n# Heading </details>")
    store.write(folder / "traces" / "stale.jsonl", header("T03"), story.end())
    text = write_findings(gather(folder))[0].read_text()
    assert "\n````text\n" in text
    assert re.search(r"\n +11\.\d\d  ```\\n# Heading </details>\n", text)


@pytest.mark.parametrize("claim", [pytest.param(claim, id=claim.id) for claim in registry.load().values() if claim.document[0] == "D"])
def test_every_sentence_of_kubernetes_has_a_page(claim: Claim) -> None:
    page = r"https://kubernetes\.io/docs/[a-z0-9/_-]+/|https://k8s\.io/examples/[\w/.-]+\.yaml"
    assert re.fullmatch(rf"{page}|https://github\.com/kubernetes/kubernetes/blob/v1\.37\.1/[\w/.-]+\.go", sources.url(claim, "v1.37.1"))


def test_other_sources_have_none() -> None:
    assert sources.url(registry.load()["001-22"]) == ""
