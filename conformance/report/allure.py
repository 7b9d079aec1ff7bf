"""What Allure is told of a scenario: where it ran, what was done, its trace and its pictures.

Nothing is read or drawn unless Allure listens, that is, unless the run writes Allure results.
"""

from __future__ import annotations

import datetime
import importlib
import sys
from pathlib import Path
from typing import Any

from conformance.claims import findings
from conformance.clusters.protocol import Facts
from conformance.report.figure import pictures
from conformance.report.history import Moment
from conformance.report.junit import AS_EXPECTED
from conformance.report.replay import Replay, replay
from conformance.report.results import ScenarioResult

#: Traces beyond this are left in the report folder, where the attachment's text points.
MOST_BYTES = 20_000_000
MOST_STEPS = 200


def listening() -> bool:
    """Whether somebody collects Allure results in this process."""
    return _reporter() is not None


def attach(result: ScenarioResult, facts: Facts | None, folder: Path) -> None:
    """Tell Allure of the scenario that is running now. Costs nothing when Allure does not listen."""
    if not listening():
        return
    api: Any = importlib.import_module("allure")
    # A matrix of versions must not collapse into one test: Allure tells tests apart by name and parameters.
    api.dynamic.parameter("kubernetes", facts.kubernetes if facts else "unknown")
    api.dynamic.parameter("cluster", facts.provider if facts else "unknown")
    api.dynamic.title(f"{result.id} {result.title}")
    api.dynamic.label("scenario", result.id)
    api.dynamic.label("family", result.family)
    api.dynamic.label("as-expected", AS_EXPECTED[result.as_expected])
    for claim in result.claims:
        api.dynamic.tag(f"claim {claim}")
    if result.finding in (known := findings.load()):
        api.dynamic.tag("finding")
        api.attach(known[result.finding].text, name="finding", attachment_type=api.attachment_type.TEXT)
    lines = [line for line in (result.reproduce, result.look) if line]
    if lines:
        api.attach("\n".join(lines) + "\n", name="run it again, look for yourself", attachment_type=api.attachment_type.TEXT)
    _trace(api, result, folder)


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
