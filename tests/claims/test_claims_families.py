"""The families are read strictly, and each has a title."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.claims import families
from conformance.errors import UsageError

GOOD = """
letters:
  P: Placement
  T: Taints
families:
  P01: One pod on every node
  T01: Tolerations
"""


def write(folder: Path, text: str = GOOD) -> Path:
    (folder / "families.yaml").write_text(text)
    return folder / "families.yaml"


def test_a_family_has_a_title_and_a_subject(tmp_path: Path) -> None:
    assert families.load(write(tmp_path)) == {
        "P01": families.Family("P01", "One pod on every node", "Placement"),
        "T01": families.Family("T01", "Tolerations", "Taints"),
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("letters:", "letters: [", "cannot be read as YAML"),
        ("letters:", "letter:", "has letters and families"),
        ("  P: Placement\n  T: Taints", "  - P", "a letter has an id and a title"),
        ("P01: One", "P1: One", "family 'P1' is not of the form"),
        ("P01: One pod on every node", "P01: 1", "family P01 has a title that is no text"),
        ("P01: One pod on every node", f"P01: {'x' * 61}", "family P01 has a title that is no text"),
        ("T01: Tolerations", "T01: One pod on every node", "family T01 has the title of another"),
        ("T01: Tolerations", "Q01: Tolerations", "the letter of Q01 is not among the letters"),
        ("  T01: Tolerations\n", "", "no family has the letter T"),
    ],
)
def test_a_mistake_names_what_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD

    with pytest.raises(UsageError, match=r"families\.yaml") as caught:
        families.load(write(tmp_path, GOOD.replace(old, new)))

    assert said in str(caught.value)


def test_the_ten_letters() -> None:
    assert {name[0] for name in families.load()} == set("PTLRUHODVX")
    assert families.load()["P06"].subject == "Placement"
