"""What all pages have in common: templates, filters, signs, and the policy that lets a page load nothing."""

from __future__ import annotations

import base64
import datetime
import hashlib
from functools import cache

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from conformance.report.style import asset

#: Beyond colour: every outcome and verdict has a sign of its own.
SIGNS = {
    "passed": "✓",
    "holds": "✓",
    "finding": "◆",
    "failed": "✕",
    "violated": "✕",
    "broken": "✕",
    "changed": "✕",
    "wrong": "≠",
    "outdated": "≠",
    "deviates": "◆",
    "unknown": "?",
    "error": "!",
    "left-out": "\N{EN DASH}",
    "vacuous": "○",
}


def date(started: str) -> str:
    """A point in time for people; empty if it is not known."""
    try:
        when = datetime.datetime.fromisoformat(started)
    except ValueError:
        return ""
    return f"{when.day} {when:%B %Y, %H:%M} {when:%Z}".strip()


def duration(seconds: float) -> str:
    """Seconds for people."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 100 else duration(value)


def phrase(title: str) -> str:
    """A docstring's first line as a heading: without its full stop."""
    return title.removesuffix(".")


def upstream(reference: str) -> str:
    """The address of an issue or pull request named as `owner/repository#number` or by its address; empty if it is named otherwise."""
    if reference.startswith("https://github.com/"):
        return reference
    repository, mark, number = reference.rpartition("#")
    return f"https://github.com/{repository}/issues/{number}" if mark and number.isdigit() and repository.count("/") == 1 else ""


def issue(reference: str) -> str:
    """The short name of an issue or pull request that is named by its address."""
    parts = reference.removeprefix("https://github.com/").split("/")
    return f"{parts[0]}/{parts[1]}#{parts[3]}" if len(parts) == 4 and parts[3].isdigit() else reference


def gist(failure: str) -> str:
    """The lines of pytest's text that say what went wrong; empty if it is not of that kind."""
    lines = [line[1:].strip() for line in failure.splitlines() if line.startswith("E  ")]
    return "\n".join(lines)


def _count(value: int) -> str:
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def made_here(text: str) -> Markup:
    """Text that this package made, and escaped where it had to."""
    return Markup(text)  # noqa: S704 - see above


def _hash(text: str) -> str:
    """What a Content-Security-Policy names inline text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def policy(css: str, script: str) -> str:
    """The Content-Security-Policy of a page: nothing is loaded, and nothing runs but these two."""
    return f"default-src 'none'; style-src '{_hash(css)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"


@cache
def environment() -> Environment:
    """The templates of all pages."""
    environment = Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["seconds"] = _seconds
    environment.filters["count"] = _count
    environment.filters["phrase"] = phrase
    environment.filters["upstream"] = upstream
    environment.filters["issue"] = issue
    environment.filters["gist"] = gist
    environment.filters["made_here"] = made_here
    return environment
