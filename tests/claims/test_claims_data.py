"""The claims themselves: how many, that they hang together, and that they speak of Kubernetes only."""

from __future__ import annotations

import re

from conformance.claims import registry
from conformance.claims.registry import Claim
from conformance.clusters.protocol import Capability

COUNTS = {
    "000": 34,
    "001": 36,
    "002": 82,
    "003": 45,
    "004": 36,
    "D1": 69,
    "D2": 20,
    "D3": 21,
    "D4": 11,
    "D5": 10,
    "D6": 14,
    "D7": 22,
    "D8": 22,
    "D9": 54,
    "D10": 18,
}
MINORS = [(1, 34), (1, 35), (1, 36), (1, 37)]


def minor(text: str) -> tuple[int, int]:
    major, _, rest = text.partition(".")
    return int(major), int(rest)


def every() -> list[Claim]:
    return list(registry.load().values())


def test_counts() -> None:
    assert {document.id: len(document.claims) for document in registry.documents().values()} == COUNTS
    assert sum(count for name, count in COUNTS.items() if not name.startswith("D")) == 233
    assert sum(count for name, count in COUNTS.items() if name.startswith("D")) == 261
    assert len(registry.load()) == 494


def test_documents_number_their_claims_without_gaps() -> None:
    for document in registry.documents().values():
        for letter in ("", "L"):
            numbers = [int(found[1]) for name in document.claims if (found := re.fullmatch(rf"{document.id}-{letter}(\d+)", name))]
            assert numbers == list(range(1, len(numbers) + 1)), document.id


def test_judgements() -> None:
    found = {status: sum(claim.status == status for claim in every()) for status in ("true", "version-bound", "inaccurate", "opinion")}
    assert found == {"true": 304, "version-bound": 35, "inaccurate": 117, "opinion": 38}


def test_needs_are_capabilities() -> None:
    known = {str(capability) for capability in Capability}
    assert {name for claim in every() for name in claim.needs} <= known


def test_the_same_words_are_judged_alike() -> None:
    """Two claims with the same words are wordings of one sentence, or have at least the same status and versions."""
    by_words: dict[str, list[Claim]] = {}
    for claim in every():
        by_words.setdefault(re.sub(r"[^a-z0-9]+", " ", claim.quote.lower()).strip(), []).append(claim)
    for claims in by_words.values():
        families = {registry.family(claim) for claim in claims}
        judgements = {(claim.status, claim.since, claim.until) for claim in claims}
        assert len(families) == 1 or len(judgements) == 1, [claim.id for claim in claims]


def test_a_wording_that_contains_another_is_judged_alike() -> None:
    """A sentence that is quoted in full in one document and in part in another has one status."""
    plain = {claim.id: re.sub(r"[^a-z0-9]+", " ", claim.quote.lower()).strip() for claim in every()}
    for claim in every():
        for other in every():
            if claim.status != other.status and len(plain[claim.id].split()) > 7:
                assert plain[claim.id] not in plain[other.id], f"{claim.id} stands in {other.id}"


def test_versions() -> None:
    """`since` and `until` are minors. Nothing is promised for the future only; what has ended ended before the oldest minor."""
    for claim in every():
        assert all(re.fullmatch(r"1\.\d{1,2}", text) for text in (claim.since, claim.until) if text), claim.id
        assert not claim.since or minor(claim.since) <= MINORS[-1], claim.id
        assert not claim.until or minor(claim.until) <= MINORS[0], claim.id


def test_references_are_those_that_the_behaviour_names() -> None:
    for claim in every():
        named = set(re.findall(r"#(\d{4,6})", claim.behaviour))
        assert named <= {reference.rpartition("#")[2] for reference in claim.upstream}, claim.id


def test_what_was_seen_on_a_cluster_is_told() -> None:
    """Adopted pods of the same template generation are not replaced, and counters are stale after a NoSchedule taint."""
    claims = registry.load()
    for name in ("002-52", "D1-60"):
        assert "generation" in claims[name].behaviour
        assert "1.37.1" in claims[name].behaviour
    for name in ("D9-33", "D9-34", "D9-44", "003-17"):
        assert "until something else touches" in claims[name].behaviour or "wakes no sync" in claims[name].behaviour


def test_quotes_are_short_and_texts_stand_alone() -> None:
    for claim in every():
        assert len(claim.quote) <= 300, claim.id
        for text in (claim.behaviour, claim.planned, claim.unsure, claim.contested):
            assert "[k]" not in text
            assert not re.search(r"\b(?:As|See) (?:\d{3}-|D\d+-)", text), f"{claim.id} points at another claim instead of saying it"


def test_sources_are_for_readers() -> None:
    for document in registry.documents().values():
        assert len(document.title) > 10
    assert {claim.source for claim in every() if claim.document == "002"} == {registry.documents()["002"].title}
    assert all("/" in claim.source for claim in every() if claim.document.startswith("D"))
