"""docs/guarantees.md says what the code says."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from conformance.guarantees.catalogue import every
from conformance.guarantees.promise import Guarantee

PAGE = (Path(__file__).parents[2] / "docs" / "guarantees.md").read_text()


def section(guarantee: Guarantee) -> str:
    quote = f"> {guarantee.promise}\n>\n> — {guarantee.source}"
    return f"## {guarantee.id}\n\n{quote}\n\n{inspect.getdoc(guarantee.judge)}\n"


@pytest.mark.parametrize("guarantee", every(), ids=lambda guarantee: guarantee.id)
def test_the_page_quotes_promise_source_and_docstring(guarantee: Guarantee) -> None:
    assert section(guarantee) in PAGE, f"put this into docs/guarantees.md:\n\n{section(guarantee)}"


def test_the_page_has_no_other_guarantees() -> None:
    assert [line.removeprefix("## ") for line in PAGE.splitlines() if line.startswith("## ")] == [each.id for each in every()]
