"""What Allure is told, read from the results that allure-pytest writes in a pytest of its own."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.claims import findings
from conformance.report import allure, allure_run, folder
from conformance.report.results import Outcome, Run, ScenarioResult
from tests.report import synthetic

pytest_plugins = ("pytester",)

FINDING = findings.load()["noschedule-taint-wakes-no-sync"]
#: The session's own order, with results that are made up: what allure-pytest does before and after is real.
CONFTEST = """
import pytest
from pathlib import Path
from conformance.report import allure, folder
HOME = Path({home!r})
RESULTS = {{result.id: result for result in folder.results(HOME)}}
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    result = RESULTS[item.get_closest_marker("told").args[0]]
    if report.when == "setup":
        allure.identify(result, {minor!r}, "embedded")
    elif report.when == "call":
        allure.attach(result, HOME)
    else:
        allure.conclude(result)
    return report
def pytest_configure(config):
    config.addinivalue_line("markers", "told(id)")
"""
TEST = """
import pytest
@pytest.mark.told({id!r})
def test_{name}():
    {body}
"""
#: What a test does that comes to such an outcome.
BODY: dict[Outcome, str] = {"failed": "assert False", "error": "1 / 0", "left-out": "pytest.skip('left out')"}


def told(pytester: pytest.Pytester, results: list[ScenarioResult], minor: str = "1.37", out: str = "out") -> list[dict[str, Any]]:
    """What Allure has of these results, in their order."""
    home = synthetic.write_folder(pytester.path / f"report-{out}")
    for file in (home / "scenarios").iterdir():
        file.unlink()
    for index, each in enumerate(results):
        (home / "scenarios" / f"{index}.json").write_bytes(msgspec.json.encode(each))
    pytester.makeconftest(CONFTEST.format(home=str(home), minor=minor))
    pytester.makepyfile(
        "".join(TEST.format(id=each.id, name=f"case_{index}", body=BODY.get(each.outcome, "pass")) for index, each in enumerate(results))
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", f"--alluredir={out}")
    assert "INTERNALERROR" not in done.stdout.str() + done.stderr.str()
    found = [json.loads(file.read_text()) for file in (pytester.path / out).glob("*-result.json")]
    return sorted(found, key=lambda each: str(each["fullName"]))


def labels(said: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for label in said["labels"]:
        found.setdefault(label["name"], []).append(label["value"])
    return found


def test_without_allure_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allure, "listening", lambda: False)
    monkeypatch.setattr(allure, "replay", lambda *_: pytest.fail("the trace was read"))
    made = synthetic.write_folder(tmp_path / "report")
    for result in folder.results(made):
        allure.identify(result, "1.37", "embedded")
        allure.attach(result, made)
        allure.conclude(result)


def test_allure_is_not_imported_for_nothing(pytester: pytest.Pytester) -> None:
    code = "import sys, conformance.report.allure as a; assert not a.listening(); assert 'allure' not in sys.modules"
    assert pytester.run(sys.executable, "-c", code).ret == 0


def test_steps_and_attachments_are_those_of_the_trace(pytester: pytest.Pytester) -> None:
    made = synthetic.write_folder(pytester.path / "made")
    failed = next(result for result in folder.results(made) if result.outcome == "failed")
    [said] = told(pytester, [failed])
    assert [each["name"] for each in said["attachments"]] == ["run it again, look for yourself", "trace", "timeline", "update budget"]
    steps = [each["name"] for each in said["steps"]]
    assert steps[0] == "join nodes/r02-9d01aa-0"
    assert steps[-1] == "set image daemonsets/agent"
    assert said["steps"][-1]["start"] - said["steps"][0]["start"] > 1500
    for each in said["attachments"]:
        assert (pytester.path / "out" / each["source"]).stat().st_size > 0


def test_a_case_is_told_by_family_document_claims_and_parameters(pytester: pytest.Pytester) -> None:
    made = synthetic.result(
        "P06.it_moves",
        "passed",
        "It moves.",
        claims=["D1-53", "D9-07"],
        node_id="x.py::test_it_moves[one two]",
        parameters={"case": "Case(name='one two')"},
    )
    [said] = told(pytester, [made])
    assert said["name"] == "P06.it_moves[one two] It moves."
    assert {each["name"]: each["value"] for each in said["parameters"]} == {"kubernetes": "1.37", "cluster": "embedded", "case": "one two"}
    found = labels(said)
    assert found["epic"] == found["suite"] == ["Placement"]
    assert found["feature"] == found["subSuite"] == ["P06 Node labels and nodeSelector"]
    assert (found["story"], found["parentSuite"]) == (["It moves."], ["Kubernetes 1.37 (embedded)"])
    assert (found["claim"], found["outcome"], found["as-expected"]) == (["D1-53", "D9-07"], ["passed"], ["yes"])
    assert len(found["document"]) == 2
    assert {each["name"] for each in said["links"]} == {"D1-53", "D9-07"}
    assert all(each["url"].startswith("https://") and each["url"] in said["description"] for each in said["links"])
    assert "claim D1-53" in said["description"]


def test_a_finding_is_no_ordinary_pass_and_what_is_not_known_is_none(pytester: pytest.Pytester) -> None:
    outcomes: list[Outcome] = ["passed", "finding", "failed", "unknown", "error", "left-out"]
    some = [
        synthetic.result(f"T12.{outcome}", outcome, "x", claims=["D9-33"], finding=FINDING.id if outcome == "finding" else "")
        for outcome in outcomes
    ]
    said = told(pytester, some)
    assert [each["status"] for each in said] == ["passed", "passed", "failed", "unknown", "broken", "skipped"]
    assert [labels(each)["outcome"] for each in said] == [[outcome] for outcome in outcomes]
    assert [labels(each)["as-expected"] for each in said] == [["yes"], ["yes"], ["no"], ["unknown"], ["unknown"], ["unknown"]]
    assert {each["parameters"][0]["value"] for each in said} == {"1.37"}, "also of what was left out: it has the same history"
    assert ["finding" in labels(each).get("tag", []) for each in said] == [False, True, False, False, False, False]
    finding = said[1]
    assert finding["name"].startswith("Finding: T12.finding")
    assert finding["statusDetails"]["known"]
    assert FINDING.id in finding["description"]
    assert {each["name"] for each in finding["links"] if each["type"] == "issue"} == set(FINDING.upstream)
    sorted_by = [next((rule for rule in allure_run.CATEGORIES if _fits(rule, each)), {"name": "none"})["name"] for each in said]
    assert sorted_by == ["none", *(rule["name"] for rule in (allure_run.CATEGORIES[at] for at in (0, 1, 3, 2, 4)))]


def _fits(rule: dict[str, Any], said: dict[str, Any]) -> bool:
    message = said.get("statusDetails", {}).get("message") or ""
    return said["status"] in rule["matchedStatuses"] and re.match(rule.get("messageRegex", ""), message) is not None


def test_a_case_has_one_history_a_minor(pytester: pytest.Pytester) -> None:
    some = [synthetic.result("P06.one", "passed", "x"), synthetic.result("P06.two", "left-out", "x")]
    first, again = told(pytester, some, out="first"), told(pytester, some, out="again")
    other = told(pytester, some, minor="1.36", out="other")
    ran = told(pytester, [some[0], msgspec.structs.replace(some[1], outcome="passed")], out="ran")
    ids = [[each["historyId"] for each in said] for said in (first, again, other, ran)]
    assert ids[0] == ids[1] == ids[3]
    assert len({*ids[0], *ids[2]}) == 4
    assert [each["testCaseId"] for each in first] == [each["testCaseId"] for each in other]


def test_the_run_is_told_beside_the_results(tmp_path: Path) -> None:
    run = msgspec.structs.replace(synthetic.RUN, components={"kubectl": "mine\nand C:\\x"}, platform={"python": "3.11"})
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "a/b",
        "GITHUB_RUN_ID": "77",
        "GITHUB_RUN_NUMBER": "12",
        "GITHUB_WORKFLOW": "nightly",
    }
    allure_run.write(tmp_path / "allure", run, github)
    assert (tmp_path / "allure" / "environment.properties").read_text().splitlines()[:5] == [
        "kubernetes=v1.37.1",
        "cluster=embedded",
        "suite=0.1.0",
        "component.kubectl=mine and C:\\\\x",
        "python=3.11",
    ]
    assert json.loads((tmp_path / "allure" / "executor.json").read_text()) == {
        "name": "GitHub Actions",
        "type": "github",
        "buildName": "nightly #12",
        "buildUrl": "https://github.com/a/b/actions/runs/77",
        "buildOrder": 12,
    }
    configuration = json.loads((tmp_path / "allure" / allure_run.CONFIGURATION).read_text())
    assert configuration["name"] == "DaemonSets on Kubernetes v1.37.1 (embedded)"
    assert configuration["categories"] == json.loads((tmp_path / "allure" / "categories.json").read_text())


@pytest.mark.parametrize(
    ("variables", "known"),
    [
        ({"GITLAB_CI": "1", "CI_JOB_NAME": "e2e", "CI_PIPELINE_IID": "5", "CI_JOB_URL": "https://x/5"}, ["GitLab CI", "e2e #5"]),
        ({"JENKINS_URL": "x", "JOB_NAME": "e2e", "BUILD_NUMBER": "", "BUILD_URL": "https://x/6"}, ["Jenkins", "e2e"]),
        ({"CI": "true"}, []),
    ],
)
def test_jobs_are_those_that_say_who_they_are(tmp_path: Path, variables: dict[str, str], known: list[str]) -> None:
    allure_run.write(tmp_path, Run("0.1.0", "v1.37.1", "kind"), variables)
    file = tmp_path / "executor.json"
    said = json.loads(file.read_text()) if file.exists() else {}
    assert [said[name] for name in ("name", "buildName") if name in said] == known
