"""What Allure is told of a scenario: what it is, where it ran, what was done, its trace and its pictures, and how it ended.

It is told in three parts: what a case is when it was set up (one that is left out is known by the same names), what was seen when it ran,
how it ended when that is known. Nothing is read or drawn unless Allure listens, that is, unless the run writes Allure results.
"""

from __future__ import annotations

import datetime
import importlib
import sys
from pathlib import Path
from typing import Any

from conformance.claims import families, findings, registry, sources
from conformance.claims.registry import Claim
from conformance.errors import shortened
from conformance.report.figure import pictures
from conformance.report.history import Moment
from conformance.report.junit import AS_EXPECTED
from conformance.report.markdown import plain
from conformance.report.replay import Replay, replay
from conformance.report.results import Outcome, ScenarioResult

#: Traces beyond this are left in the report folder, where the attachment's text points.
MOST_BYTES = 20_000_000
MOST_STEPS = 200
#: Characters of a parameter's value.
_VALUE = 100
#: Outcomes in Allure's words, where pytest's own would say something else.
STATUS: dict[Outcome, str] = {"failed": "failed", "error": "broken", "unknown": "unknown"}
#: What the message of a finding begins with; `categories.json` looks for it.
FINDING = "finding "
_SEVERITY = {"low": "minor", "medium": "normal", "high": "critical"}


class _Unquoted:
    """A text as a parameter: Allure shows `repr` of a value, and that of a text has quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def listening() -> bool:
    """Whether somebody collects Allure results in this process."""
    return _reporter() is not None


def identify(result: ScenarioResult, minor: str, cluster: str) -> None:
    """Say what the case that was set up is; `result` is what is known of it by then.

    Its history is the case on a minor (`1.37`) and a kind of cluster: a matrix of versions must not collapse into one test, and a new patch
    version goes on with the history of the one before. A replaced component is compared with the one that it replaces.
    """
    if not listening():
        return
    api: Any = importlib.import_module("allure")
    api.dynamic.parameter("kubernetes", _Unquoted(minor))
    api.dynamic.parameter("cluster", _Unquoted(cluster))
    for name, value in _case(result).items():
        api.dynamic.parameter(name, _Unquoted(shortened(" ".join(value.split()), _VALUE)))
    family = families.load().get(result.family)
    feature = f"{result.family} {family.title}" if family else result.family
    subject = family.subject if family else result.family
    api.dynamic.title(_title(result))
    api.dynamic.epic(subject)
    api.dynamic.feature(feature)
    api.dynamic.story(result.title)
    api.dynamic.parent_suite(f"Kubernetes {minor} ({cluster})")
    api.dynamic.suite(subject)
    api.dynamic.sub_suite(feature)
    api.dynamic.label("scenario", result.id)
    api.dynamic.label("family", result.family)
    claims = [registry.load()[name] for name in result.claims if name in registry.load()]
    api.dynamic.label("claim", *(claim.id for claim in claims))
    documents = registry.documents()
    api.dynamic.label("document", *dict.fromkeys(documents[claim.document].title for claim in claims))
    if claims:
        api.dynamic.description("\n\n".join([plain(result.title), *(_sentence(claim, minor) for claim in claims)]))
    for url, names in _places(claims, minor).items():
        api.dynamic.link(url, name=", ".join(names))


def attach(result: ScenarioResult, folder: Path) -> None:
    """Show what was seen of the scenario that has just run."""
    if not listening():
        return
    api: Any = importlib.import_module("allure")
    lines = [line for line in (result.reproduce, result.look) if line]
    if lines:
        api.attach("\n".join(lines) + "\n", name="run it again, look for yourself", attachment_type=api.attachment_type.TEXT)
    _trace(api, result, folder)


def conclude(result: ScenarioResult) -> None:
    """Say how the case ended: a finding is no ordinary pass, and what was not decided is none at all."""
    if not listening():
        return
    api: Any = importlib.import_module("allure")
    api.dynamic.label("outcome", result.outcome)
    api.dynamic.label("as-expected", AS_EXPECTED[result.as_expected])
    test = _reporter().get_test(None)
    if test is not None and result.outcome in STATUS and not _falls(test, result):
        test.status = STATUS[result.outcome]  # of what is no outcome of pytest's Allure's own words cannot tell
    if (found := findings.load().get(result.finding)) is None:
        return
    said = f"{FINDING}{found.id}: {found.text}"
    api.dynamic.title(f"Finding: {_title(result)}")
    api.dynamic.tag("finding")
    api.dynamic.severity(_SEVERITY[found.severity])
    for name in found.upstream:
        api.dynamic.issue(_upstream(name), name=name)
    api.attach(f"{said}\n\n{found.impact}\n", name="finding", attachment_type=api.attachment_type.TEXT)
    if test is not None:  # Allure shows no message of what passed, and sorts by it all the same
        details: Any = importlib.import_module("allure_commons.model2")
        test.statusDetails = details.StatusDetails(known=True, message=said)
        api.dynamic.description(f"**{plain(said)}**\n\n{test.description or ''}".strip())


def _falls(test: Any, result: ScenarioResult) -> bool:
    """Whether it broke in its last phase: Allure's own listener says so next, and with which words."""
    return bool(test.status == "passed" and result.outcome in ("failed", "error"))


def _title(result: ScenarioResult) -> str:
    """The scenario with its case, as a list of tests shows it, and what it is about."""
    _, mark, case = result.node_id.partition("[")
    return f"{result.id}{mark}{case} {result.title}"


def _case(result: ScenarioResult) -> dict[str, str]:
    """The parameters of the case; data that is one parameter is called as pytest calls the case."""
    if len(result.parameters) == 1 and result.node_id.endswith("]"):
        return dict.fromkeys(result.parameters, result.node_id.partition("[")[2][:-1])
    return result.parameters


def _sentence(claim: Claim, minor: str) -> str:
    """A claim as it stands in its document."""
    url = sources.url(claim, version(minor))
    where = f"[{plain(sources.where(claim))}]({url})" if url else plain(sources.where(claim))
    return f"> {plain(claim.quote)}\n\n{where} ({plain(registry.documents()[claim.document].title)}; claim {claim.id})"


def _places(claims: list[Claim], minor: str) -> dict[str, list[str]]:
    """The pages that can be read, each with the claims that are from it: Allure keeps one link of an address."""
    places: dict[str, list[str]] = {}
    for claim in claims:
        if url := sources.url(claim, version(minor)):
            places.setdefault(url, []).append(claim.id)
    return places


def version(minor: str) -> str:
    """Where Kubernetes keeps the sources of a minor: a branch, which later patch versions do not move."""
    return f"release-{minor}"


def _upstream(name: str) -> str:
    """The address of an issue or pull request such as `kubernetes/kubernetes#72129`; GitHub leads from the one to the other."""
    repository, mark, number = name.partition("#")
    return f"https://github.com/{repository}/issues/{number}" if mark and "://" not in name else name


def _trace(api: Any, result: ScenarioResult, folder: Path) -> None:
    file = folder / result.trace
    seen = replay(folder, result) if result.trace and file.is_file() else None
    if seen is None:
        return
    waits = [note for note in seen.history.notes if not note.ends]
    _steps(api, [*seen.history.actions, *waits], _started(seen))
    if file.stat().st_size <= MOST_BYTES:
        api.attach.file(str(file), name="trace", attachment_type=api.attachment_type.TEXT, extension="jsonl")
    else:
        api.attach(f"The trace is too large to attach: {file}\n", name="trace", attachment_type=api.attachment_type.TEXT)
    for index, picture in enumerate(pictures(seen, result, key=f"allure-{result.id}")):
        api.attach(picture.alone(), name="timeline" if index == 0 else "update budget", attachment_type=api.attachment_type.SVG)


def _steps(api: Any, moments: list[Moment], started: float | None) -> None:
    """One step for each action and wait, at the time it happened; a step lasts until the next one."""
    reporter = _reporter()
    ordered = sorted(moments, key=lambda moment: moment.at)[:MOST_STEPS]
    for index, moment in enumerate(ordered):
        step = api.step(moment.words)
        with step:
            item = reporter.get_item(step.uuid)
        if item is not None and started is not None:
            following = ordered[index + 1].at if index + 1 < len(ordered) else moment.at
            item.start, item.stop = _milliseconds(started + moment.at), _milliseconds(started + following)


def _started(seen: Replay) -> float | None:
    try:
        return datetime.datetime.fromisoformat(seen.header.started).timestamp() if seen.header else None
    except ValueError:
        return None


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _reporter() -> Any:
    """The reporter behind Allure's listener; None if nobody listens. Looked up each time: workers start and end."""
    commons: Any = sys.modules.get("allure_commons")
    for plugin in commons.plugin_manager.get_plugins() if commons else ():
        reporter = getattr(plugin, "allure_logger", None)
        if reporter is not None:
            return reporter
    return None
