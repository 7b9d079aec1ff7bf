"""What JUnit XML says of a scenario beyond pass and fail: its properties."""

from __future__ import annotations

from collections import Counter

from conformance.claims import findings
from conformance.clusters.protocol import Facts
from conformance.report.results import ScenarioResult

#: The answer of one case to the question whether the cluster behaves as its version does.
AS_EXPECTED = {True: "yes", False: "no", None: "unknown"}


def properties(result: ScenarioResult, facts: Facts | None) -> list[tuple[str, object]]:
    """The properties of one test case, as pytest's `record_property` takes them."""
    counted = Counter(tally.verdict for tally in result.tallies)
    found: list[tuple[str, object]] = [
        ("kubernetes", facts.kubernetes if facts else "unknown"),
        ("cluster", facts.provider if facts else "unknown"),
        ("scenario", result.id),
        ("family", result.family),
        ("claims", " ".join(result.claims)),
        ("claims.shown", " ".join(sorted(result.shown))),
        ("claims.refuted", " ".join(sorted(result.refuted))),
        ("conformance.outcome", result.outcome),
        ("conformance.as-expected", AS_EXPECTED[result.as_expected]),
    ]
    found += [(f"guarantees.{verdict}", str(counted[verdict])) for verdict in ("holds", "violated", "unknown")]
    found.append(("guarantees.vacuous", str(sum(tally.vacuous for tally in result.tallies))))
    if result.finding in (known := findings.load()):
        found.append(("finding", f"{result.finding}: {known[result.finding].text}"))
    if result.trace:
        found.append(("trace", result.trace))
    return found
