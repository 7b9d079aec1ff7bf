"""The look of pictures and pages: one palette, light and dark, and the patterns that say the same without colour."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def _pattern(name: str, size: tuple[int, int], shape: str, *, turned: bool = False) -> str:
    rotation = ' patternTransform="rotate(45)"' if turned else ""
    return f'<pattern id="{name}" width="{size[0]}" height="{size[1]}" patternUnits="userSpaceOnUse"{rotation}>{shape}</pattern>'


#: Patterns may be defined once for all pictures of a page.
PATTERNS = "".join(
    (
        "<defs>",
        _pattern("outdated", (5, 5), '<path class="pattern-outdated" d="M0 0V5"/>', turned=True),
        _pattern("not-ready", (5, 5), '<path class="pattern-not-ready" d="M1.5 0V5"/>'),
        _pattern("tainted", (5, 5), '<path class="pattern-tainted" d="M0 1H5"/>'),
        _pattern("gone", (6, 5), '<circle class="pattern-gone" cx="3" cy="2.4" r="1.3"/>'),
        _pattern("over", (5, 5), '<path class="pattern-over" d="M0 0V5"/>', turned=True),
        _pattern("gap", (4, 4), '<path class="pattern-gap" d="M0 0V4"/>', turned=True),
        _pattern("failed", (5, 5), '<path class="failed-ground" d="M0 0H5V5H0Z"/><path class="failed-cross" d="M0 0L5 5M5 0L0 5"/>'),
        "</defs>",
    )
)


@cache
def asset(name: str) -> str:
    """A text file that lies beside this module."""
    return (files("conformance.report") / name).read_text(encoding="utf-8")


def picture_style() -> str:
    """The style sheet of the pictures."""
    return asset("picture.css").strip()


def standalone() -> str:
    """What a picture needs that stands alone."""
    return f"<style>{picture_style()}</style>{PATTERNS}"
