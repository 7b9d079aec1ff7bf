"""The registry reads good data, refuses bad data with the file and the claim, and knows what to suggest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.claims import registry
from conformance.errors import UsageError

GOOD = """
document: X
title: A page
edition: "2026"
claims:
  - id: X-01
    quote: Pods are made.
    place: first line
    status: "true"
    needs: [real-kubelet]
  - id: X-02
    source: another page
    place: second line
    paraphrase: pods go
    status: inaccurate
    behaviour: They stay.
    contested: they go, says somebody
  - id: X-03
    place: third line
    quote: Pods are made!
    status: "true"
    needs: [real-kubelet]
    same_as: X-01
  - id: X-04
    place: third line
    quote: Pods were made.
    status: version-bound
    since: "1.9"
    until: "1.36"
    guarantees: [INV-3]
    upstream: ["kubernetes/kubernetes#1"]
"""


def write(folder: Path, text: str = GOOD) -> Path:
    (folder / "x.yaml").write_text(text)
    return folder


def test_fields_and_their_defaults(tmp_path: Path) -> None:
    first, second, third, fourth = registry.load(write(tmp_path)).values()

    needs = ("real-kubelet",)
    assert first == registry.Claim("X-01", "Pods are made.", "A page", "true", needs=needs, place="first line", document="X")
    assert (second.quote, second.paraphrased, second.source) == ("pods go", True, "another page")
    assert second.contested == "they go, says somebody"
    assert [registry.family(claim) for claim in (first, second, third)] == ["X-01", "X-02", "X-01"]
    assert (fourth.since, fourth.until, fourth.guarantees) == ("1.9", "1.36", ("INV-3",))
    assert registry.documents(tmp_path)["X"] == registry.Document("X", "A page", "2026", ("X-01", "X-02", "X-03", "X-04"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('status: "true"', "status: true", "status is text"),
        ('status: "true"', "status: probably", "has a status that is none of"),
        ('status: "true"', "status: inaccurate", "does not say in behaviour what really happens"),
        ('status: "true"', "status: version-bound", "is version-bound, but has neither since nor until"),
        ('status: "true"', "status: opinion\n    guarantees: [INV-1]", "names guarantees, which judge only what should hold"),
        ("    place: first line\n", "", "does not say in place where in its document it stands"),
        ("needs: [real-kubelet]", "needs: [real kubelet]", "needs is a list of ids"),
        ("needs: [real-kubelet]", "needs: real-kubelet", "needs is a list of ids"),
        ("needs: [real-kubelet]", "scenarios: [P01]", "unknown fields scenarios"),
        ("quote: Pods are made.", "paraphrase: Pods are made.\n    quote: more", "a quote and a paraphrase"),
        ("    quote: Pods are made.\n", "", "needs a quote or a paraphrase"),
        ("id: X-01", "id: Y-01", "needs an id that begins with its document's"),
        ("id: X-02", "id: X-01", "is there twice"),
    ],
)
def test_a_mistake_names_file_and_claim(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    write(tmp_path, GOOD.replace(old, new, 1))

    with pytest.raises(UsageError, match=r"x\.yaml: claim [XY]-01") as caught:
        registry.load(tmp_path)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('since: "1.9"', "since: 1.9", "since is text"),
        ('since: "1.9"', 'since: "v1.9"', "no minor such as"),
        ('since: "1.9"', 'since: "1.36"', "ends before it begins"),
        ('"kubernetes/kubernetes#1"', '"#1"', "upstream is a list of ids"),
        ("guarantees: [INV-3]", "guarantees: [G3]", "guarantees is a list of ids"),
    ],
)
def test_a_mistake_in_versions_and_references(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    write(tmp_path, GOOD.replace(old, new))

    with pytest.raises(UsageError, match="claim X-04") as caught:
        registry.load(tmp_path)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("same_as: X-01", "same_as: X-09", "the same as X-09, which is no claim"),
        ("same_as: X-01", "same_as: X-04", "or stands after it"),
        ("needs: [real-kubelet]\n    same_as: X-01", "same_as: X-01", "claims X-03 and X-01 are the same sentence, but differ in needs"),
        (
            'status: "true"\n    needs: [real-kubelet]\n    same',
            "status: opinion\n    needs: [real-kubelet]\n    same",
            "but differ in status",
        ),
    ],
)
def test_wordings_of_one_sentence_agree(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    write(tmp_path, GOOD.replace(old, new))

    with pytest.raises(UsageError, match="claim") as caught:
        registry.load(tmp_path)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('edition: "2026"\n', "", "a document has document, title, edition and a list of claims"),
        ('edition: "2026"', "edition: 2026", "are text"),
        ("claims:", "claims: [", "cannot be read as YAML"),
    ],
)
def test_a_mistake_in_the_heading(tmp_path: Path, old: str, new: str, said: str) -> None:
    write(tmp_path, GOOD.replace(old, new, 1))

    with pytest.raises(UsageError, match=r"x\.yaml") as caught:
        registry.load(tmp_path)

    assert said in str(caught.value)


def test_two_files_of_one_document(tmp_path: Path) -> None:
    (write(tmp_path) / "y.yaml").write_text(GOOD)

    with pytest.raises(UsageError, match=r"y\.yaml: document 'X' is in another file too"):
        registry.load(tmp_path)


def test_resolve_keeps_the_order() -> None:
    assert [claim.id for claim in registry.resolve(["D10-01", "000-17"])] == ["D10-01", "000-17"]


@pytest.mark.parametrize(("name", "suggestion"), [("000-1", "000-01[?]"), ("d1-5", "D1-05[?]"), ("002-L0", "002-L")])
def test_an_unknown_claim_gets_the_nearest(name: str, suggestion: str) -> None:
    with pytest.raises(UsageError, match=f"There is no claim '{name}'; did you mean {suggestion}"):
        registry.resolve(["000-17", name])


def test_an_unlike_claim_gets_the_ranges() -> None:
    with pytest.raises(UsageError, match=r"'P01'. The known ones are 000-01 to 000-34, .* D10-01 to D10-18"):
        registry.resolve(["P01"])


def test_it_is_read_once_and_fast() -> None:
    assert registry.load() is registry.load()
    measure = "import time; from conformance.claims import registry as r; t = time.process_time(); r.load(); print(time.process_time() - t)"
    done = subprocess.run([sys.executable, "-c", measure], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.15
