"""A finding as a file that somebody can paste into an upstream issue: Markdown, in the order in which a maintainer asks."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from conformance.claims import reproducing
from conformance.claims.findings import Finding
from conformance.report.lasting import Lasting
from conformance.report.markdown import plain
from conformance.report.sightings import FindingView, Sentence, Sighting


def text(view: FindingView) -> str:
    """The whole file."""
    finding = view.finding
    parts = [
        f"# {finding.id}",
        plain(finding.text),
        f"Seen on Kubernetes {plain(view.kubernetes)} ({plain(view.cluster)}).{_versions(finding)}",
        "## What the documentation says",
        *(_quote(sentence) for sentence in view.sentences),
        "## What it does to a user",
        f"Severity {finding.severity}: {plain(finding.impact)}",
        "## How often, and how long",
        "\n".join(f"- {line}" for line in _measured(view)),
        *_reproducer(view),
        "## What happened",
        *_story(view.sightings),
    ]
    return "\n\n".join(parts) + "\n"


def _versions(finding: Finding) -> str:
    known = [f" Known since {finding.since}."] if finding.since else []
    known += [f" Gone in {finding.until}."] if finding.until else []
    known += [f" Shown before on {', '.join(finding.shown)}."] if finding.shown else []
    known += [f" See {', '.join(finding.upstream)}."] if finding.upstream else []
    return "".join(known)


def _quote(sentence: Sentence) -> str:
    where = f"[{plain(sentence.source)}]({sentence.url})" if sentence.url else plain(sentence.source)
    return f"> {plain(sentence.quote)}\n\n{where} ({plain(sentence.edition)}; claim {sentence.id})"


def _measured(view: FindingView) -> list[str]:
    could = "item" if view.looked == 1 else "items"
    found = [f"Seen in {len(view.sightings)} of {view.looked} {could} of this run that could have seen it."]
    measured = [sighting.lasted for sighting in view.sightings if sighting.lasted is not None]
    found += [duration(lasted) for lasted in measured[:3]]
    if len(measured) > 3:
        found.append(f"In the middle it lasted {statistics.median(lasted.seconds for lasted in measured):.2f} s.")
    return found if measured else [*found, "It is a state and no event: there is nothing to measure in seconds."]


def duration(lasted: Lasting) -> str:
    """How long it lasted, in a sentence."""
    watched = f"; {lasted.watched:.1f} s of that were watched event by event" if lasted.watched is not None else ""
    stood = f"It stood for {lasted.seconds:.2f} s from “{plain(lasted.cause)}”"
    if not lasted.end:
        return f"{stood} on, as long as it was looked at{watched}."
    if lasted.healed is None:
        return f"{stood} until {plain(lasted.end)}{watched}."
    return f"{stood} until “{plain(lasted.end)}” ended it within {lasted.healed:.2f} s; nothing else had{watched}."


def _reproducer(view: FindingView) -> list[str]:
    finding = view.finding
    if not finding.reproducer:
        return ["## Reproducer", f"There is none: {plain(finding.unreproduced)}"]
    runs = [
        f"- {'seen' if run.seen else 'not seen'} on Kubernetes {run.kubernetes} in {run.seconds} s, the cluster's making included"
        for run in finding.reproduced
    ]
    script = _fenced(reproducing.script(finding).splitlines(), "bash")
    return [
        "## Reproducer",
        "A bash script of kubectl commands on a kind cluster of its own. Exit code 0: it was seen.",
        *(["\n".join(runs)] if runs else []),
        f"<details><summary><code>{view.command}</code></summary>\n\n{script}\n\n</details>",
    ]


def _story(sightings: Sequence[Sighting]) -> list[str]:
    told = [sighting for sighting in sightings if sighting.story]
    if not told:
        return ["No trace of it is left."]
    first = told[0]
    others = (
        [f"So too in: {', '.join(sighting.scenario for sighting in sightings if sighting is not first)}."] if len(sightings) > 1 else []
    )
    return [f"{plain(first.title)} ({plain(first.trace)})", _fenced(first.story, "text"), *others]


def _fenced(lines: Sequence[str], language: str) -> str:
    """A block of code that nothing in it ends."""
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    return "\n".join([f"{fence}{language}", *lines, fence])
