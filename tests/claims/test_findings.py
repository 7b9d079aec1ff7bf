"""The findings as data: what is there, and what a mistake in the file is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.claims import findings, listing
from conformance.claims.findings import Finding, Reproduction
from conformance.errors import UsageError

WHOLE = """
- id: a-finding
  text: What really happens.
  contradicts: [D9-33]
  severity: low
  impact: What it does to a user.
  unreproduced: Nobody can have it.
"""


def read(folder: Path, text: str) -> dict[str, Finding]:
    file = folder / "findings.yaml"
    file.write_text(text, encoding="utf-8")
    return findings.load(file)


def test_what_is_known() -> None:
    known = findings.load()
    assert len(known) == 13
    assert all(name == finding.id and finding.text.endswith(".") and finding.impact.endswith(".") for name, finding in known.items())


def test_a_finding_is_read_whole(tmp_path: Path) -> None:
    text = WHOLE + '  since: "1.33"\n  until: "1.36"\n  upstream: [kubernetes/kubernetes#72129, "https://example.org/1"]\n'
    text += "  guarantees: [INV-3]\n  reproduced: [{kubernetes: v1.37.1, seen: true, seconds: 75}]\n"
    assert read(tmp_path, text)["a-finding"] == Finding(
        id="a-finding",
        text="What really happens.",
        contradicts=("D9-33",),
        severity="low",
        impact="What it does to a user.",
        unreproduced="Nobody can have it.",
        reproduced=(Reproduction("v1.37.1", seen=True, seconds=75),),
        guarantees=("INV-3",),
        since="1.33",
        until="1.36",
        upstream=("kubernetes/kubernetes#72129", "https://example.org/1"),
    )


def test_which_minors_it_covers(tmp_path: Path) -> None:
    bounded = read(tmp_path, WHOLE + '  since: "1.9"\n  until: "1.36"\n')["a-finding"]
    assert [minor for minor in ("1.8", "1.9", "1.10", "v1.35.8", "1.36", "v1.36.0") if bounded.covers(minor)] == ["1.9", "1.10", "v1.35.8"]
    names = [finding.id for finding in findings.covering("1.32")]
    assert "not-ready-node-gets-no-plain-daemon-pod" in names
    assert "noschedule-taint-wakes-no-sync" not in names
    assert "noschedule-taint-wakes-no-sync" in [finding.id for finding in findings.covering("1.33")]


def test_by_id() -> None:
    second, first = list(findings.load().values())[1::-1]
    assert findings.resolve([second.id, first.id]) == (second, first)


def test_an_unknown_id_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="There is no finding 'noschedule-taint'; did you mean noschedule-taint-wakes-no-sync"):
        findings.resolve(["noschedule-taint"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as YAML"),
        ("a: b", "is no list of findings"),
        ("- just text", "finding number 1 is no mapping"),
        (WHOLE + "  urgency: none\n", "finding a-finding has unknown fields urgency"),
        (WHOLE.replace("  severity: low\n", ""), "finding a-finding lacks severity"),
        (WHOLE.replace("severity: low", "severity: awful"), "severity that is none of low, medium, high"),
        (WHOLE.replace("a-finding", "A_finding"), "needs an id in lower case with hyphens"),
        (WHOLE.replace("[D9-33]", "[]"), "contradicts no claim"),
        (WHOLE.replace("[D9-33]", "[D9-3]"), "There is no claim 'D9-3'; did you mean D9-03"),
        (WHOLE.replace("[D9-33]", "D9-33"), "contradicts is a list of text"),
        (WHOLE + "  since: 1.33\n", "since is text and not empty; quote"),
        (WHOLE + "  since: soon\n", "none such as '1.31'"),
        (WHOLE + '  since: "1.36"\n  until: "1.9"\n', "ends before it begins"),
        (WHOLE + "  upstream: [somewhere]\n", "neither of the form owner/repository#number nor a URL"),
        (WHOLE.replace("What it does to a user.", '" "'), "impact is text and not empty"),
        (WHOLE + WHOLE, "finding a-finding is there twice"),
        (WHOLE.replace("unreproduced", "reproducer"), "has a reproducer that is no file in reproducers/"),
        (WHOLE.replace("  unreproduced: Nobody can have it.\n", ""), "needs either a reproducer or, in unreproduced, the reason"),
        (WHOLE + "  reproducer: noschedule-taint-wakes-no-sync.sh\n", "needs either a reproducer or, in unreproduced, the reason"),
        (WHOLE + "  reproduced: [{kubernetes: v1.37.1, seen: 1, seconds: 75}]\n", "reproduced is a list of runs"),
        (WHOLE + "  reproduced: yes\n", "reproduced is a list of runs"),
        (WHOLE + '  shown: ["1.37", "newest"]\n', "none such as '1.31'"),
        (WHOLE + "  sometimes: false\n", "sometimes is true, or left out"),
    ],
)
def test_a_mistake_names_the_file_and_the_finding(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(tmp_path, text)
    assert str(tmp_path / "findings.yaml") in str(raised.value)
    assert said in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read as YAML"):
        findings.load(tmp_path / "none.yaml")


def test_the_page_has_the_table_of_the_data() -> None:
    page = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
    wanted = listing.table(findings.load().values())
    assert wanted in page, f"put this into docs/findings.md:\n\n{wanted}"
