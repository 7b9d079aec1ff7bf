"""From pytest's reports of one item to the result that the reports of this project are made of."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance import shipped, whole
from conformance.claims import findings
from conformance.claims.checks import Check
from conformance.components.versions import Minor
from conformance.errors import LONGEST, ClusterError, ConformanceError, WaitExpired, shortened
from conformance.guarantees.judge import Tally
from conformance.handles.evidence import AGAINST, Evidence
from conformance.report.results import FORMAT, Outcome, Reason, ScenarioResult
from conformance.session import invoking, suite
from conformance.session.run import PromiseBroken, ScenarioRun, stem_of
from conformance.session.settings import Settings

EVIDENCE = pytest.StashKey[Evidence]()
REASON = pytest.StashKey[Reason]()


def finding_of(item: pytest.Item, minor: str) -> str:
    """The id of the finding that the item is there to prove, if it is there on this minor; empty: none."""
    for finding in findings.resolve(_named(item)):
        if finding.covers(minor):
            return finding.id
    return ""


def not_there(item: pytest.Item, minor: str) -> Reason | None:
    """Why an item that proves a finding is left out on this minor: the finding is not there; None: it is, or the item proves none."""
    named = _named(item)
    return Reason("version", text=named[0]) if named and not finding_of(item, minor) else None


def _named(item: pytest.Item) -> list[str]:
    return [name for mark in item.iter_markers("finding") for name in mark.args]


def deviation_of(run: ScenarioRun | None) -> str:
    """The finding that a guarantee recognised while the item ran, if one did."""
    return next((name for tally in (run.tallies if run is not None else ()) for name in tally.deviations), "")


def outcome_of(reports: dict[str, pytest.TestReport], run: ScenarioRun | None, finding: str, error: BaseException | None) -> Outcome:
    """The outcome of an item, worst phase first. Only what says something of the cluster is a failure; all else is an error."""
    setup, call, teardown = (reports.get(phase) for phase in ("setup", "call", "teardown"))
    violated = run is not None and any(tally.violated for tally in run.tallies)
    if call is not None and (call.failed or hasattr(call, "wasxfail")):  # what is expected to fail has failed all the same
        against = violated or isinstance(error, AGAINST)
        return "failed" if against and not isinstance(error, ClusterError) else "error"
    if any(report is not None and report.skipped for report in (setup, call)):
        return "left-out"
    if setup is None or setup.failed or call is None or (teardown is not None and teardown.failed):
        return "error"
    if run is not None and any(tally.undecided for tally in run.tallies):
        return "unknown"
    return "finding" if finding else "passed"


def reason_of(
    item: pytest.Item, outcome: Outcome, reports: dict[str, pytest.TestReport], run: ScenarioRun | None, error: BaseException | None
) -> Reason | None:
    """Why the item did not simply pass."""
    tallies = run.tallies if run is not None else []
    if outcome == "left-out":
        skipped = next(report for report in reports.values() if report.skipped)
        return item.stash.get(REASON, None) or Reason("skipped", text=skip_reason(skipped))
    if outcome == "unknown":
        undecided = [tally for tally in tallies if tally.undecided]
        why = next((reason for tally in undecided for reason in tally.reasons), "")
        return Reason("undecided", text=why, names=[tally.id for tally in undecided])
    if outcome == "failed" and (error is None or isinstance(error, PromiseBroken) or not isinstance(error, AGAINST)):
        return Reason("guarantee", names=[tally.id for tally in tallies if tally.violated])
    if outcome == "failed":
        return Reason("check", text=_missed(error), names=list(error.kinds) if isinstance(error, WaitExpired) else [])
    return _broke(error) if outcome == "error" else None


def _broke(error: BaseException | None) -> Reason:
    if error is None:
        return Reason("broke", text="it did not get to its end")
    return Reason("broke", text=f"{type(error).__name__}: {_first_line(error)}", names=[type(error).__name__])


def checks_of(evidence: Evidence | None, run: ScenarioRun | None) -> list[Check]:
    """The checks that ended; those that a guarantee decides are decided by it."""
    tallies = {tally.id: tally for tally in (run.tallies if run is not None else ())}
    checks = evidence.checks if evidence is not None else []
    return [msgspec.structs.replace(check, held=check.held and not _broken(check, tallies.get(check.guarantee))) for check in checks]


def _broken(check: Check, tally: Tally | None) -> bool:
    """Whether the guarantee that decides a check was violated by the object that the check is about; not all violations may be kept."""
    if tally is None or not tally.violated:
        return False
    about = [each for each in tally.violations if not each.known and each.objects == [check.object]]
    return bool(about) or tally.violated + tally.known > len(tally.violations)


def _missed(error: BaseException | None) -> str:
    """What a failed check was looking for, or else what it says."""
    if isinstance(error, WaitExpired) and error.unmet:
        return f"this did not come about, or did not last: {' and '.join(error.unmet)}"
    return _first_line(error)


def _first_line(error: BaseException | None) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "") if error is not None else ""


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
    failure = ""
    if broken is not None:
        failure = str(error) if isinstance(error, ConformanceError) else broken.longreprtext
    return ScenarioResult(
        id=suite.identity(mark.args[0], name_of(item)),
        family=mark.args[0],
        node_id=item.nodeid,
        title=suite.title_of(getattr(getattr(item, "function", None), "__doc__", "") or item.name),
        outcome=outcome,
        seconds=round(sum(report.duration for report in reports.values()), 3),
        claims=suite.claims_of(item),
        checks=checks_of(item.stash.get(EVIDENCE, None), run),
        reason=reason_of(item, outcome, reports, run, error),
        failure=failure,
        finding=finding if outcome == "finding" else "",
        tallies=run.tallies if run is not None else [],
        trace=str(run.file.relative_to(settings.report)) if run is not None and run.recording is not None else "",
        diagnostics=[str(path.relative_to(settings.report)) for path in run.diagnostics] if run is not None else [],
        reproduce=shlex.join([*invoking.program(item.config), item.nodeid, *settings.again(minor)]),
        look=run.again if run is not None else "",
        parameters={name: str(value) for name, value in getattr(getattr(item, "callspec", None), "params", {}).items()},
        foreign=not shipped.holds(item.path),
        delays=run.recording.delays if run is not None and run.recording is not None else [],
        format=FORMAT,
    )


def name_of(item: pytest.Item) -> str:
    """The name of the item's function, without parameters."""
    return str(getattr(item, "originalname", None) or item.name)


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


def skip_reason(report: pytest.TestReport) -> str:
    """Why pytest left the item out."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return str(text).removeprefix("Skipped: ")


def save(result: ScenarioResult, folder: Path) -> None:
    """Write the result where the reports look for it, whole or not at all."""
    target = folder / "scenarios" / f"{stem_of(result.node_id)}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    whole.write(target, msgspec.json.encode(result))
