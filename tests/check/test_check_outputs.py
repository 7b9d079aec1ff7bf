"""What is printed: text, JSON that keeps its schema, SARIF that keeps its own; exit codes; and nothing that a terminal would obey."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog

import conformance.check
from conformance.check.checking import Result, check
from conformance.check.gathering import gathered
from conformance.check.nodes import default
from conformance.check.outputs import as_json, as_sarif
from conformance.check.rules.catalogue import rules
from conformance.check.told import told
from conformance.cli import main
from conformance.kube.manifests import merge
from tests.check.cases import CASES, PORT, SOUND, beside, both, changed, container, other, pod, result, rolling, spec, written

SCHEMA = json.loads((Path(conformance.check.__file__).with_name("check.schema.json")).read_text())
BROKEN = both(rolling(0, 1), container(**PORT), pod(priorityClassName=None))


def everything(folder: Path) -> Result:
    """An input that triggers most rules at once: each case under a name of its own."""
    objects: list[dict[str, Any]] = []
    for number, (change, _) in enumerate(CASES.values()):
        if not isinstance(change, list):
            objects.append(changed(merge(change, {"metadata": {"name": f"agent-{number}", "namespace": f"n{number}"}})))
    (folder / "all.yaml").write_text(yaml.safe_dump_all(objects))
    return check(gathered([str(folder / "all.yaml")]), default())


def test_json_keeps_its_schema(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for each in (everything(tmp_path), result({}, tmp_path)):
        jsonschema.validate(json.loads(as_json(each)), SCHEMA)


def test_the_schema_refuses_what_is_not_said(tmp_path: Path) -> None:
    whole = json.loads(as_json(result(BROKEN, tmp_path)))

    for path, value in ((("daemonsets", 0, "advice", 0, "line"), 0), (("daemonsets", 0, "more"), 1), (("format",), 2)):
        wrong = json.loads(json.dumps(whole))
        place = wrong
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


def test_json_has_the_data_and_the_sentence(tmp_path: Path) -> None:
    [daemonset] = json.loads(as_json(result(BROKEN, tmp_path)))["daemonsets"]

    assert [(each["rule"], each["level"]) for each in daemonset["advice"]] == [("surge-host-port", "broken"), ("no-priority", "advice")]
    assert daemonset["advice"][0]["field"] == "spec.template.spec.containers[0].ports[0].hostPort"
    assert daemonset["advice"][0]["facts"] == {"field": "hostPort of container agent", "port": 9100}
    assert "9100" in daemonset["advice"][0]["text"]
    assert daemonset["expected"]["update"] == {"strategy": "RollingUpdate", "unavailable": 0, "surge": 1, "waves": 20, "seconds": 0}


def test_sarif_keeps_its_schema_and_names_lines(tmp_path: Path) -> None:
    log = json.loads(as_sarif(everything(tmp_path)))
    SarifLog.model_validate(log)

    [run] = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.id for rule in rules()]
    assert {each["level"] for each in run["results"]} == {"note", "warning", "error"}
    lines = (tmp_path / "all.yaml").read_text().splitlines()
    for each in run["results"]:
        assert run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"]
        assert 1 <= each["locations"][0]["physicalLocation"]["region"]["startLine"] <= len(lines)


def test_what_is_no_sarif_is_refused(tmp_path: Path) -> None:
    log = json.loads(as_sarif(result(BROKEN, tmp_path)))
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0

    with pytest.raises(ValidationError):
        SarifLog.model_validate(log)


def test_sarif_names_files_as_a_checkout_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(BROKEN, tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my chart").mkdir()
    (tmp_path / "case.yaml").rename(tmp_path / "my chart" / "a#b.yaml")

    def uri(name: str) -> str:
        log = json.loads(as_sarif(check(gathered([name]), default())))
        return str(log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])

    assert uri("my chart/a#b.yaml") == "my%20chart/a%23b.yaml"
    assert uri(str(tmp_path / "my chart" / "a#b.yaml")).startswith("file:///")


def test_text_says_what_where_and_on_what_it_stands(tmp_path: Path) -> None:
    text = told(result(BROKEN, tmp_path))

    assert f"broken  surge-host-port  {tmp_path / 'case.yaml'}:" in text
    assert "stands on D1-49; shown by U04.a_surge_with_a_host_port_stalls_without_loss" in text
    assert "Should run on 20 of 22 nodes of the default set" in text
    assert "no      1  virtual: node selector or required node affinity of the template does not match its labels" in text
    assert "An update has at most 1 with a second pod at a time: 20 turns of 1 node." in text
    assert text.splitlines()[-1] == "1 DaemonSet: 1 broken, 0 risk, 1 advice"


def test_text_counts_turns_and_seconds(tmp_path: Path) -> None:
    text = told(result(both(rolling("9%"), spec(minReadySeconds=10)), tmp_path))

    assert "An update has at most 2 without a pod at a time: 10 turns of 2 nodes, at least 100 s for minReadySeconds 10." in text
    ondelete = told(result(spec(updateStrategy={"type": "OnDelete", "rollingUpdate": None}), tmp_path))
    assert "An update takes nothing by itself (OnDelete)." in ondelete


def test_text_says_what_is_lacking_and_what_waits_for_it(tmp_path: Path) -> None:
    text = told(result(pod(serviceAccountName="agent", volumes=[{"name": "a", "configMap": {"name": "settings"}}]), tmp_path))

    assert "no pod is created without: ServiceAccount agent." in text
    assert "no container starts without: ConfigMap settings." in text


def test_names_of_others_end_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(
        pod(serviceAccountName="a\n1 DaemonSet: 0 broken\x1b[2J", containers=[{"name": "x\r\n::error::", "resources": None}]), tmp_path
    )

    assert main(["check", str(file)]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "\r" not in text
    assert not any(line.startswith(("1 DaemonSet: 0 broken\\", "::error")) for line in text.splitlines())


@pytest.mark.parametrize(
    ("change", "level", "code"),
    [
        ({}, "advice", 0),
        (pod(priorityClassName=None), "advice", 1),
        (pod(priorityClassName=None), "risk", 0),
        (container(readinessProbe=None), "risk", 1),
        (container(readinessProbe=None), "broken", 0),
        (BROKEN, "broken", 1),
    ],
)
def test_the_exit_code_says_whether_it_is_as_bad(
    change: dict[str, Any], level: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(written(change, tmp_path)), "--fail-on", level]) == code
    assert capsys.readouterr().err == ""


def test_without_a_level_what_is_broken_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(written(BROKEN, tmp_path))]) == 1
    assert main(["check", str(written(BROKEN, tmp_path)), "--ignore", "surge-host-port"]) == 0
    assert "surge-host-port" not in capsys.readouterr().out.rpartition("DaemonSet agents/agent")[2]


def test_each_of_several_daemonsets_has_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(beside(other(priorityClassName=None)), tmp_path)

    main(["check", str(file), "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert [(each["name"], len(each["advice"])) for each in found["daemonsets"]] == [("agent", 0), ("other", 1)]
    assert found["counts"] == {"advice": 1, "risk": 0, "broken": 0}
    assert SOUND["metadata"]["name"] == "agent"
