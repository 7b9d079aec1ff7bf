"""From pytest's reports of one item to the result that the reports of this project are made of."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.components.versions import Minor
from conformance.errors import LONGEST, ClusterError, ConformanceError, shortened
from conformance.report.results import Finding, Outcome, ScenarioResult
from conformance.session.run import ScenarioRun
from conformance.session.settings import Settings


def finding_of(item: pytest.Item, minor: str) -> Finding | None:
    """The finding that the item proves on this minor, if it is marked with one that covers it."""
    for mark in item.iter_markers("finding"):
        since, until = mark.kwargs.get("since", ""), mark.kwargs.get("until", "")
        if (not since or key(minor) >= key(since)) and (not until or key(minor) < key(until)):
            return Finding(mark.args[0], list(mark.kwargs["contradicts"]), since, until, mark.kwargs.get("upstream", ""))
    return None


def deviation_of(run: ScenarioRun | None) -> Finding | None:
    """The known deviation that a guarantee recognised while the item ran, if one did."""
    for tally in run.tallies if run is not None else ():
        for text, contradicts in tally.deviations.items():
            return Finding(text, contradicts)
    return None


def key(minor: str) -> tuple[int, ...]:
    """A minor such as `1.36` as something that can be compared."""
    return tuple(int(part) for part in minor.lstrip("v").split(".")[:2])


def outcome_of(
    reports: dict[str, pytest.TestReport], run: ScenarioRun | None, finding: Finding | None, error: BaseException | None
) -> Outcome:
    """The outcome of an item, worst phase first."""
    setup, call, teardown = (reports.get(phase) for phase in ("setup", "call", "teardown"))
    if any(report is not None and report.skipped for report in (setup, call)):
        return "left-out"
    if setup is None or setup.failed or call is None or (teardown is not None and teardown.failed):
        return "error"
    if call.failed:
        return "error" if isinstance(error, ClusterError) else "failed"
    if run is not None and any(tally.undecided for tally in run.tallies):
        return "unknown"
    return "finding" if finding else "passed"


def result_of(
    item: pytest.Item,
    reports: dict[str, pytest.TestReport],
    run: ScenarioRun | None,
    settings: Settings,
    minor: Minor,
    error: BaseException | None,
) -> ScenarioResult:
    """Everything the reports need to know of one item."""
    mark = item.get_closest_marker("scenario")
    assert mark is not None
    finding = finding_of(item, minor.minor) or deviation_of(run)
    outcome = outcome_of(reports, run, finding, error)
    broken = next((report for report in reports.values() if report.failed), None)
    skipped = next((report for report in reports.values() if report.skipped), None)
    failure = ""
    if broken is not None:
        failure = str(error) if isinstance(error, ConformanceError) else broken.longreprtext
    return ScenarioResult(
        id=mark.args[0],
        node_id=item.nodeid,
        title=title_of(item),
        outcome=outcome,
        seconds=round(sum(report.duration for report in reports.values()), 3),
        claims=claims_of(item),
        reason=skip_reason(skipped) if skipped is not None else "",
        failure=failure,
        finding=finding if outcome == "finding" else None,
        tallies=run.tallies if run is not None else [],
        trace=str(run.file.relative_to(settings.report)) if run is not None and run.recording is not None else "",
        diagnostics=[str(path.relative_to(settings.report)) for path in run.diagnostics] if run is not None else [],
        reproduce=shlex.join(["pytest", item.nodeid, *settings.again(minor)]),
        look=run.again if run is not None else "",
        parameters={name: str(value) for name, value in getattr(getattr(item, "callspec", None), "params", {}).items()},
        delays=run.recording.delays if run is not None and run.recording is not None else [],
    )


def told(item: pytest.Item, error: pytest.ExceptionInfo[BaseException]) -> Any:
    """An error of this project as pytest shows it: its own words, below the line of the scenario that it came to; no traceback.

    pytest's short summary, which has one line for it, and JUnit's message begin with the cause.
    """
    here = [entry for entry in error.traceback if Path(entry.path) == item.path]
    where = [f"{item.location[0]}:{here[-1].lineno + 1}: {here[-1].statement}"] if here else []
    lines = [*where, *str(error.value).splitlines(), *getattr(error.value, "__notes__", ())]
    shown = error.getrepr(style="value", chain=False)
    shown.reprtraceback.reprentries[-1].lines = [part for line in lines for part in folded(line)]
    if shown.reprcrash is not None:
        shown.reprcrash.message = shortened(" ".join(str(error.value).split()), 200)
    return shown


def paragraph(text: str) -> str:
    """A text with no line that is longer than people read on a terminal."""
    return "\n".join(part for line in text.splitlines() for part in folded(line))


def folded(line: str) -> list[str]:
    """A line in parts that a terminal shows whole, between words; a command in it is longer than that only if a word is."""
    if len(line) <= LONGEST:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(line, LONGEST // 2, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def claims_of(item: pytest.Item) -> list[str]:
    """The claims the item names, without repeats, in order."""
    return list(dict.fromkeys(claim for mark in item.iter_markers("claim") for claim in mark.args))


def title_of(item: pytest.Item) -> str:
    """The first line of the scenario's docstring."""
    text = (getattr(getattr(item, "function", None), "__doc__", "") or item.name).strip()
    return text.splitlines()[0]


def skip_reason(report: pytest.TestReport) -> str:
    """Why pytest left the item out."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return str(text).removeprefix("Skipped: ")


def save(result: ScenarioResult, folder: Path) -> None:
    """Write the result where the reports look for it, whole or not at all."""
    target = folder / "scenarios" / f"{Path(result.trace).stem or ''.join(c if c.isalnum() else '-' for c in result.node_id)}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_suffix(".partial")
    scratch.write_bytes(msgspec.json.encode(result))
    scratch.replace(target)
