"""Which check shows which claim, for the whole suite, and the table of it in docs/claims.md."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.claims import registry
from conformance.claims.expecting import expected
from conformance.claims.registry import Claim
from conformance.session import suite

_SENTENCE = 110
_HEAD = """# Which check shows which claim

Written by `conformance claims --write docs/claims.md`, from the scenarios' source and the claims' data; do not edit it by hand.

Expected is what is known of Kubernetes {minor}: the sentence `holds`, is `wrong` (the check then shows what happens instead), is
`outdated` (it spoke of earlier versions), speaks of `later` ones, or has `nothing` to test. The check is as it stands in the scenario;
it is what fails where that is not so. Wordings of one sentence (=) share their checks.
"""


@dataclass(frozen=True)
class Pair:
    """One check of one claim: the scenario it stands in, and the check as it is written."""

    claim: str
    scenario: str
    check: str


def pairs(folder: Path) -> list[Pair]:
    """All pairs of claim and check in the scenarios of a folder; a check that takes claims from its case stands for those of all cases."""
    known = {function.id: function.claims for function in suite.functions(folder)}
    found = []
    for file in sorted(folder.glob("**/test_*.py")):
        for name, node in suite.definitions(file):
            checks = suite.checks(node)
            named = {claim for check in checks for claim in check.claims}
            of_cases = [claim for claim in known[name] if claim not in named]
            found += [Pair(claim, name, check.text) for check in checks for claim in (*check.claims, *(of_cases if check.of_cases else ()))]
    return found


def table(folder: Path, minor: str) -> str:
    """The whole document: every claim with what is expected of it on a minor such as `1.37`, its scenarios and their checks."""
    shown: dict[str, list[Pair]] = {}
    for pair in pairs(folder):
        shown.setdefault(registry.family(registry.load()[pair.claim]), []).append(pair)
    parts = [_HEAD.format(minor=minor)]
    for document in registry.documents().values():
        claims = registry.resolve(document.claims)
        parts.append(f"## {document.id}: {document.title}\n\n{document.edition[0].upper()}{document.edition[1:]}.\n")
        parts.append("\n".join(_rows(claims, shown, minor)) + "\n")
    return "\n".join(parts)


def _rows(claims: Iterable[Claim], shown: Mapping[str, list[Pair]], minor: str) -> Iterator[str]:
    yield "| claim | sentence | expected | scenario | check that would fail |"
    yield "|---|---|---|---|---|"
    for claim in claims:
        wording = f" (= {claim.same_as})" if claim.same_as else ""
        sentence = textwrap.shorten(claim.quote, _SENTENCE, placeholder=" …")
        head = [claim.id + wording, _cell(sentence), expected(claim, minor)]
        for scenario, checks in _by_scenario(shown.get(registry.family(claim), [])).items():
            yield _row(*head, f"`{scenario}`", "<br>".join(f"`{_cell(check)}`" for check in checks))
            head = [claim.id, "", ""]
        for guarantee in claim.guarantees:
            yield _row(*head, guarantee, "judged at every event")
            head = [claim.id, "", ""]
        if head[2]:
            yield _row(*head, "", "" if claim.status == "opinion" else f"none: {_cell(claim.planned) or 'nothing shows it'}")


def _by_scenario(found: Iterable[Pair]) -> dict[str, list[str]]:
    by: dict[str, list[str]] = {}
    for pair in found:
        checks = by.setdefault(pair.scenario, [])
        if pair.check not in checks:
            checks.append(pair.check)
    return by


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'")
