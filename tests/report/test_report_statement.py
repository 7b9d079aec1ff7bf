"""The statement holds to its schema, and its verdicts follow from outcomes, findings and guarantees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from conformance.claims.checks import Check
from conformance.claims.registry import Claim, Status
from conformance.errors import UsageError
from conformance.guarantees.judge import Tally
from conformance.report.conformity import conformity
from conformance.report.gather import gather
from conformance.report.reasons import because
from conformance.report.results import Function, Outcome, Reason, Run, ScenarioResult
from conformance.report.statement import schema, statement
from conformance.report.tallies import guarantee_verdicts
from conformance.report.verdicts import ClaimVerdict, claim_verdict, evidence, merged
from conformance.report.write import write_report
from tests.report import synthetic

RUN = Run("0.1.0", "v1.37.1", "embedded", scenarios=[Function("P01.one", "P01", "a title", claims=["000-01"])])


def claim(status: Status = "true", **more: Any) -> Claim:
    return Claim("000-01", "a sentence", "a page", status, **more)


def item(outcome: Outcome, id: str = "P01.one", **more: Any) -> ScenarioResult:  # noqa: A002
    claims = more.pop("claims", ["000-01"])
    return synthetic.result(id, outcome, "a title", claims=claims, seconds=1.5, **more)


def verdict(known: Claim, *results: ScenarioResult, tallies: dict[str, Tally] | None = None, run: Run = RUN) -> ClaimVerdict:
    return claim_verdict(known, evidence({known.id: known}, results, run), run, tallies or {})


def why(said: ClaimVerdict) -> str:
    return because(said, "v1.37.1")


def test_a_written_statement_is_valid(tmp_path: Path) -> None:
    folder = synthetic.write_folder(tmp_path / "report")
    write_report(folder)
    written = json.loads((folder / "statement.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(written)
    assert written["complete"] is True
    assert {"suite", "kubernetes", "cluster", "capabilities", "scenarios", "claims", "guarantees"} <= set(written)


def test_the_schema_refuses_a_verdict_without_evidence_or_reason(tmp_path: Path) -> None:
    made = statement(gather(synthetic.write_folder(tmp_path / "report")))
    check = jsonschema.Draft202012Validator(schema())
    holding = next(known for known in made["claims"] if known["verdict"] == "holds")
    unknown = next(known for known in made["claims"] if known["verdict"] == "unknown")
    assert check.is_valid(made)
    evidence = holding.pop("scenarios")
    assert not check.is_valid(made)
    holding["scenarios"] = []
    assert not check.is_valid(made)
    holding["scenarios"] = evidence
    del unknown["reason"]
    assert not check.is_valid(made)


def test_items_of_one_scenario_are_merged() -> None:
    [scenario] = merged([item("passed"), item("left-out"), item("failed")])
    assert (scenario.outcome, scenario.seconds, len(scenario.cases)) == ("failed", 4.5, 3)
    assert [each.outcome for each in merged([item("passed"), item("left-out")])] == ["passed"], "what ran is what it came to"
    assert [each.outcome for each in merged([item("left-out"), item("left-out")])] == ["left-out"]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["passed"], "holds"),
        (["passed", "left-out"], "holds"),
        (["passed", "unknown"], "holds"),
        (["passed", "failed"], "broken"),
        (["passed", "error"], "unknown"),
        (["error"], "unknown"),
        (["unknown"], "unknown"),
        (["left-out"], "unknown"),
        ([], "unknown"),
    ],
)
def test_a_true_claim_holds_if_a_check_showed_it_and_no_scenario_of_it_failed(outcomes: list[Outcome], expected: str) -> None:
    said = verdict(claim(), *(item(outcome) for outcome in outcomes))

    assert said.verdict == expected
    assert why(said) or said.verdict == "holds"


def test_only_the_claims_of_the_failed_check_are_broken() -> None:
    held, failed = Check(["000-02"], held=True), Check(["000-01"], held=False)
    result = item("failed", claims=["000-01", "000-02", "000-03"], checks=[held, failed], reason=Reason("check", text="no pod came"))

    said = {name: verdict(Claim(name, "a sentence", "a page", "true"), result) for name in result.claims}

    assert [each.verdict for each in said.values()] == ["broken", "unknown", "unknown"]
    assert why(said["000-01"]) == "its check in P01.one failed: no pod came"
    assert why(said["000-02"]) == "P01.one failed, and not by a check of this claim: no pod came"


def test_a_scenario_that_comes_to_no_check_of_a_claim_shows_nothing_of_it() -> None:
    said = verdict(claim(), item("passed", checks=[]))

    assert (said.verdict, why(said)) == ("unknown", "P01.one ran without coming to a check of it")


def test_a_finding_makes_what_it_contradicts_wrong_and_nothing_else() -> None:
    contradicted = Claim("D9-33", "a sentence", "a page", "true")
    found = item("finding", "T12.stale", claims=["D9-33"], finding="noschedule-taint-wakes-no-sync")

    said = verdict(contradicted, found)

    assert (said.expected, said.verdict, said.evidence) == ("wrong", "wrong", ("T12.stale",))
    assert "wakes no sync" in why(said)
    assert verdict(claim(), item("passed"), found).verdict == "holds"


def test_a_known_deviation_that_was_not_shown_leaves_its_claim_unknown() -> None:
    said = verdict(Claim("D9-33", "a sentence", "a page", "true"), item("passed", claims=["D9-33"]))

    assert (said.expected, said.verdict) == ("wrong", "unknown")
    assert "noschedule-taint-wakes-no-sync" in why(said)


def test_a_known_deviation_that_is_gone_is_news() -> None:
    stale = Function("T12.stale", "T12", "x", claims=["D9-33"], findings=["noschedule-taint-wakes-no-sync"])
    run = msgspec.structs.replace(RUN, scenarios=[stale])
    claim = Claim("D9-33", "a sentence", "a page", "true")

    assert verdict(claim, item("failed", "T12.stale", claims=["D9-33"]), run=run).verdict == "changed"
    assert verdict(claim, item("failed", "T12.other", claims=["D9-33"]), run=run).verdict == "broken"


def test_a_race_that_a_guarantee_recognises_is_no_news() -> None:
    raced = Tally("INV-3", 5, 5, known=1, deviations=["rolling-update-exceeds-max-unavailable"])
    limit = Claim("D9-05", "a sentence", "a page", "true", guarantees=("INV-3",))

    said = verdict(limit, item("finding", claims=["D9-05"], tallies=[raced]), tallies={"INV-3": raced})

    assert (said.expected, said.verdict) == ("holds", "wrong")
    assert verdict(limit, item("passed", claims=["D9-05"])).verdict == "holds"


@pytest.mark.parametrize(("outcome", "expected"), [("passed", "wrong"), ("finding", "wrong"), ("failed", "changed"), ("error", "unknown")])
def test_an_inaccurate_sentence_is_wrong_when_that_was_shown(outcome: Outcome, expected: str) -> None:
    said = verdict(claim("inaccurate", behaviour="only eligible nodes"), item(outcome))

    assert (said.expected, said.verdict) == ("wrong", expected)
    assert (why(said) == "only eligible nodes") == (expected == "wrong")


def test_a_sentence_that_spoke_of_earlier_versions_is_outdated_once_that_was_shown() -> None:
    past = claim("version-bound", until="1.12", behaviour="the scheduler binds")

    assert [verdict(past, item(outcome)).verdict for outcome in ("passed", "failed", "left-out")] == ["outdated", "changed", "unknown"]
    assert verdict(claim("version-bound", since="1.37", until="1.38"), item("passed")).verdict == "holds"
    assert verdict(claim("version-bound", until="1.37"), item("passed")).expected == "outdated"
    later = verdict(claim("version-bound", since="1.38"), item("passed"))
    assert (later.verdict, why(later)) == ("unknown", "it speaks of Kubernetes 1.38 and later, and this is v1.37.1")


def test_what_happens_on_a_cluster_without_what_a_claim_needs_is_no_evidence() -> None:
    mounted = claim(needs=("real-kubelet",))
    said = verdict(mounted, item("passed"))

    assert (said.verdict, why(said)) == ("unknown", "what happens here is no evidence for it: this cluster has no real-kubelet")
    assert verdict(mounted, item("passed"), run=msgspec.structs.replace(RUN, capabilities=["real-kubelet"])).verdict == "holds"


def test_wordings_of_one_sentence_share_their_evidence() -> None:
    first, other = claim(), Claim("D1-01", "another wording", "a page", "true", same_as="000-01")
    known = {"000-01": first, "D1-01": other}

    shown = evidence(known, [item("passed")], RUN)

    assert [claim_verdict(each, shown, RUN, {}).verdict for each in known.values()] == ["holds", "holds"]


def test_reasons_when_there_is_no_evidence() -> None:
    left_out = item("left-out", reason=Reason("lacks", lacking={"audit-log": ""}, wanted=9, most=6))

    assert why(verdict(claim("opinion"), item("passed"))) == "an opinion: there is nothing to test"
    assert why(verdict(claim())) == "not run (P01.one): not selected, or the run ended before"
    assert why(verdict(claim(), left_out)) == ("left out on this cluster (P01.one): this cluster lacks audit-log, 9 nodes (at most 6)")
    nobody = msgspec.structs.replace(RUN, scenarios=[])
    assert why(verdict(claim(planned="a quota that refuses pods"), run=nobody)) == "no check shows it yet: a quota that refuses pods"
    broke = item("error", reason=Reason("broke", text="ClusterError: etcd died"))
    assert why(verdict(claim(), broke)) == "P01.one broke off: ClusterError: etcd died"


def test_guarantees_are_evidence_too() -> None:
    held, vacuous, broken = Tally("G1", 5, 2), Tally("G1", 5, 0), Tally("G1", 5, 2, 1)
    known = claim(guarantees=("G1",))

    assert verdict(known, tallies={"G1": held}) == ClaimVerdict(known, "holds", guarantees=("G1",))
    assert verdict(known, tallies={"G1": vacuous}).verdict == "unknown"
    assert verdict(known, tallies={}).verdict == "unknown"
    assert verdict(known, item("passed"), tallies={"G1": broken}).verdict == "broken"
    assert verdict(known, item("left-out"), tallies={"G1": vacuous}).verdict == "unknown"


@pytest.mark.parametrize(
    ("results", "run", "conforms", "causes"),
    [
        ([item("passed")], RUN, True, []),
        ([item("finding", finding="noschedule-taint-wakes-no-sync")], RUN, True, []),
        ([item("failed")], RUN, False, ["failed", "claims"]),
        ([item("error")], RUN, None, ["nothing", "broke"]),
        ([item("passed"), item("unknown")], RUN, None, ["undecided"]),
        ([item("left-out")], RUN, None, ["nothing"]),
        ([item("passed")], msgspec.structs.replace(RUN, items=[item("passed").node_id, "another"]), None, ["ended"]),
        ([item("passed", "P02.other")], RUN, None, ["unlisted"]),
        ([item("passed")], msgspec.structs.replace(RUN, scenarios=[*RUN.scenarios, Function("P02.two", "P02", "x")]), None, ["selection"]),
        ([item("passed", tallies=[Tally("G1", 5, 2, 1)])], RUN, False, ["guarantee"]),
        ([item("passed")], msgspec.structs.replace(RUN, deselected=3), None, ["cases"]),
        ([item("passed"), item("left-out", reason=Reason("skipped", text="by hand"))], RUN, None, ["skipped"]),
        ([item("passed"), item("left-out", reason=Reason("lacks", wanted=9, most=6))], RUN, True, []),
    ],
)
def test_whether_a_cluster_conforms(results: list[ScenarioResult], run: Run, *, conforms: bool | None, causes: list[str]) -> None:
    known = {"000-01": claim()}
    guarantees = guarantee_verdicts(results, {})
    said = [claim_verdict(each, evidence(known, results, run), run, {}) for each in known.values()]

    answer = conformity(run, results, said, guarantees)

    assert answer.conforms is conforms
    assert [ground.cause for ground in answer.grounds][: len(causes)] == causes


def test_guarantees_are_summed_and_nobody_is_forgotten() -> None:
    results = [item("passed", tallies=[Tally("G2", 3, 1), Tally("G10", 1)]), item("failed", tallies=[Tally("G2", 4, 2, 1)])]
    said = {each.tally.id: each for each in guarantee_verdicts(results, {"G2": ("at most one", "a page"), "G3": ("no more", "")})}
    assert list(said) == ["G2", "G3", "G10"]
    assert (said["G2"].tally.evaluated, said["G2"].tally.could_have_failed, said["G2"].tally.violated) == (7, 3, 1)
    assert [said[name].word for name in said] == ["violated", "unknown", "vacuous"]


def test_a_case_without_its_trace_is_a_problem(tmp_path: Path) -> None:
    folder = synthetic.write_folder(tmp_path / "report")
    (folder / "traces" / "u01.jsonl").unlink()
    assert gather(folder).problems == ("traces/u01.jsonl is missing: U01.never_the_only_pod has no pictures.",)


def test_results_survive_their_json() -> None:
    made = item("finding", finding="x", tallies=[synthetic.tally("G1")], reason=Reason("check", text="y"))
    assert msgspec.json.decode(msgspec.json.encode(made), type=ScenarioResult) == made


def test_a_report_of_another_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = synthetic.write_folder(tmp_path / "report")
    (folder / "scenarios" / "00.json").write_text('{"id": "P01", "node_id": "x", "title": "t", "outcome": "passed", "seconds": 1}')

    with pytest.raises(UsageError, match=r"format 1, and this suite writes and reads format 2.*conformance judge"):
        gather(folder)
