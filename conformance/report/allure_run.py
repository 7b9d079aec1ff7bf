"""What Allure wants to know of a run as a whole: files beside its results, which allure-pytest has no word for.

`environment.properties` says what was tested, `executor.json` which job of CI did it, `categories.json` (Allure 2) and `allurerc.json`
(the configuration of Allure 3, which has its categories there) sort findings from passes, and keep the history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance import whole
from conformance.report.allure import FINDING
from conformance.report.results import Run

CONFIGURATION = "allurerc.json"
#: Where `allure generate` keeps what is compared with later runs: in the folder that it runs in, as a report is replaced by the next one.
HISTORY = "allure-history.jsonl"
#: By status and message, as Allure knows no others in both of its versions. The first that fits is the one.
CATEGORIES = (
    {
        "name": "Findings: the document is wrong, the cluster as expected",
        "matchedStatuses": ["passed"],
        "messageRegex": f"^{FINDING}[\\s\\S]*",
    },
    {"name": "Not as expected", "matchedStatuses": ["failed"]},
    {"name": "Broke off: no evidence of anything", "matchedStatuses": ["broken"]},
    {"name": "Could not be decided", "matchedStatuses": ["unknown"]},
    {"name": "Left out on this cluster", "matchedStatuses": ["skipped"]},
)


def write(folder: Path, run: Run, variables: Mapping[str, str]) -> None:
    """Write them into the folder of the results; `variables` are those of the environment. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    whole.write(folder / "environment.properties", "".join(f"{name}={_value(value)}\n" for name, value in environment(run).items()))
    whole.write(folder / "categories.json", _json(CATEGORIES))
    if job := executor(variables):
        whole.write(folder / "executor.json", _json(job))
    whole.write(folder / CONFIGURATION, _json(configuration(run)))


def environment(run: Run) -> dict[str, str]:
    """What was tested, with what, on what; what is not known is left out."""
    known = {
        "kubernetes": run.kubernetes,
        "cluster": run.cluster,
        "suite": run.suite,
        **{f"component.{name}": about for name, about in sorted(run.components.items())},
        **{name: str(value) for name, value in sorted(run.platform.items())},
        "command": run.command,
        "started": run.started,
    }
    return {name: value for name, value in known.items() if value}


def configuration(run: Run) -> dict[str, Any]:
    """Allure 3's configuration: the tree by family, the categories, the history."""
    return {
        "name": f"DaemonSets on Kubernetes {run.kubernetes} ({run.cluster})",
        "historyPath": HISTORY,
        "categories": list(CATEGORIES),
        "plugins": {"awesome": {"options": {"groupBy": ["epic", "feature"]}}},
    }


def executor(variables: Mapping[str, str]) -> dict[str, Any]:
    """The job that runs this, as GitHub Actions, GitLab and Jenkins say it; empty elsewhere."""

    def said(name: str) -> str:
        return variables.get(name, "")

    if said("GITHUB_ACTIONS"):
        url = f"{said('GITHUB_SERVER_URL')}/{said('GITHUB_REPOSITORY')}/actions/runs/{said('GITHUB_RUN_ID')}"
        return _job("GitHub Actions", "github", said("GITHUB_WORKFLOW"), said("GITHUB_RUN_NUMBER"), url)
    if said("GITLAB_CI"):
        return _job("GitLab CI", "gitlab", said("CI_JOB_NAME"), said("CI_PIPELINE_IID"), said("CI_JOB_URL"))
    if said("JENKINS_URL"):
        return _job("Jenkins", "jenkins", said("JOB_NAME"), said("BUILD_NUMBER"), said("BUILD_URL"))
    return {}


def _job(name: str, kind: str, job: str, number: str, url: str) -> dict[str, Any]:
    order = {"buildOrder": int(number)} if number.isdecimal() else {}
    return {"name": name, "type": kind, "buildName": f"{job} #{number}".strip(" #"), "buildUrl": url, **order}


def _value(text: str) -> str:
    """A value of a properties file, on one line."""
    return " ".join(text.split()).replace("\\", "\\\\")


def _json(data: object) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
