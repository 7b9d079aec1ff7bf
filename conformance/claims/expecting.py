"""What to expect of a claim on a version: data, so that every difference from it is news."""

from __future__ import annotations

from typing import Literal

from conformance.claims import findings
from conformance.claims.findings import Finding
from conformance.claims.registry import Claim

#: holds     the sentence is true there
#: wrong     the sentence is known to be wrong or half true there, and `behaviour` (or a finding) says what really happens
#: outdated  the sentence spoke of versions before this one
#: later     the sentence speaks of versions after this one
#: nothing   an opinion: there is nothing to test
Expected = Literal["holds", "wrong", "outdated", "later", "nothing"]


def expected(claim: Claim, version: str) -> Expected:
    """What is known of a claim on a version such as `v1.37.1`; a version that cannot be read is taken for the newest."""
    if claim.status == "opinion":
        return "nothing"
    minor = minor_of(version)
    if minor is not None and claim.since and minor < _known(claim.since):
        return "later"
    if claim.until and (minor is None or minor >= _known(claim.until)):
        return "outdated"
    if claim.status == "inaccurate" or against(claim, version):
        return "wrong"
    return "holds"


def against(claim: Claim, version: str) -> tuple[Finding, ...]:
    """The findings that contradict a claim on a version, or another wording of the same sentence; a race that a run may miss does not."""
    minor = minor_of(version)
    names = {claim.id, claim.same_as}
    return tuple(
        finding
        for finding in findings.load().values()
        if names & set(finding.contradicts) and not finding.sometimes and (minor is None or finding.covers(f"{minor[0]}.{minor[1]}"))
    )


def minor_of(version: str) -> tuple[int, int] | None:
    """The minor of a version such as `v1.37.1`, as something that can be compared; None if it is not of that kind."""
    major, _, rest = version.lstrip("v").partition(".")
    minor = rest.partition(".")[0].partition("-")[0].partition("+")[0]
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def _known(minor: str) -> tuple[int, int]:
    found = minor_of(minor)
    assert found is not None  # the registry has checked its form
    return found
