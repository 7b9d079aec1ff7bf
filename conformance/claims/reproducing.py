"""A finding without this suite: a script of kubectl commands on a kind cluster of its own, for whoever doubts it.

What every script does is in `reproducers/frame.sh`, the steps of each in a file of the finding's; what is printed holds both and needs
nothing but Docker, kind and kubectl.
"""

from __future__ import annotations

import textwrap

from conformance.claims import registry, sources
from conformance.claims.findings import REPRODUCERS, Finding
from conformance.errors import UsageError

_WIDTH = 110


def script(finding: Finding) -> str:
    """The whole script, ready to be run by bash; UsageError with the reason where there is none."""
    if not finding.reproducer:
        raise UsageError(f"There is no script for {finding.id}: {finding.unreproduced}")
    frame, steps = ((REPRODUCERS / name).read_text(encoding="utf-8") for name in ("frame.sh", finding.reproducer))
    return "\n".join(["#!/usr/bin/env bash", *_comment(finding), "#", frame, steps])


def _comment(finding: Finding) -> list[str]:
    said = [finding.text]
    for claim in registry.resolve(finding.contradicts):
        quote = " ".join(claim.quote.split())
        said.append(f"The documentation ({sources.where(claim)}): “{quote}”")
    if finding.since or finding.until:
        bounds = [f"since {finding.since}"] if finding.since else []
        bounds += [f"before {finding.until}"] if finding.until else []
        said.append(f"Kubernetes {' and '.join(bounds)}.")
    said += [f"See {upstream}" for upstream in finding.upstream]
    return [f"# {line}" for each in said for line in textwrap.wrap(each, _WIDTH, break_on_hyphens=False)]
