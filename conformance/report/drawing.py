"""SVG in small pieces: elements, and numbers and text fit for them."""

from __future__ import annotations

from html import escape

#: One character of the label font, relative to its size; a little generous, so that labels are kept apart rather than touch.
CHARACTER = 0.56


def number(value: float) -> str:
    """A coordinate, short: files hold tens of thousands of them."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def text(value: object) -> str:
    """Text fit for SVG and HTML."""
    return escape(str(value), quote=True)


def shorten(value: str, limit: int) -> str:
    """At most `limit` characters; what is cut is the middle, because names differ at their ends."""
    if len(value) <= limit:
        return value
    head = (limit - 1) // 2
    return f"{value[:head]}…{value[len(value) - (limit - 1 - head) :]}"


def tag(name: str, body: str = "", **attributes: str | float) -> str:
    """An SVG element. `class_` stands for class, `_` for a dash; numbers are shortened, strings escaped, `body` is taken as it is."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value) if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{said}>{body}</{name}>" if body else f"<{name}{said}/>"


def tooltip(words: str) -> str:
    """A title element: shown by browsers when the pointer rests on the element that holds it."""
    return tag("title", text(words)) if words else ""
