"""What the pictures share: the frame they are drawn in, the time axis, and numbers and text fit for SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

#: One character of the label font, relative to its size; a little generous, so that labels are kept apart rather than touch.
CHARACTER = 0.56


@dataclass(frozen=True)
class Frame:
    """Where time is drawn: `seconds` of it between `left` and `width - right`. Pictures with the same frame line up."""

    seconds: float
    left: float = 104.0
    right: float = 16.0
    width: float = 960.0

    @property
    def inner(self) -> float:
        """The width of the time axis."""
        return self.width - self.left - self.right

    def x(self, at: float) -> float:
        """The place of a point of time."""
        span = self.seconds or 1.0
        return self.left + self.inner * min(max(at / span, 0.0), 1.0)


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


def ticks(seconds: float, most: int = 10) -> list[float]:
    """Round points of time, at most `most` of them beside zero."""
    if seconds <= 0:
        return [0.0]
    rough = seconds / most
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= rough * 0.999)
    return [round(step * count, 9) for count in range(int(seconds / step + 1e-9) + 1)]


def label_of(tick: float) -> str:
    """A tick as text: no more digits than it needs."""
    return f"{tick:g} s"


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


def grid(frame: Frame, top: float, bottom: float) -> str:
    """Vertical lines from `top` to `bottom`, one for each labelled time."""
    return tag(
        "path", class_="grid", d="".join(f"M{number(frame.x(mark))} {number(top)}V{number(bottom)}" for mark in ticks(frame.seconds))
    )


def axis(frame: Frame, bottom: float) -> list[str]:
    """The times below a grid."""
    parts = []
    for mark in ticks(frame.seconds):
        x = frame.x(mark)
        if not mark or x <= frame.width - frame.right - 12:
            parts.append(tag("text", label_of(mark), class_="tick", x=x, y=bottom + 15))
    return parts


@dataclass(frozen=True)
class Naming:
    """How a picture is told to those who do not see it; `key` makes its ids unique in a page."""

    key: str
    title: str
    description: str


def document(body: list[str], frame: Frame, height: float, naming: Naming, *, head: str = "") -> str:
    """The SVG element. `head` is what a picture needs that stands alone: in a page, style and patterns are there once for all."""
    return tag(
        "svg",
        tag("title", text(naming.title), id=f"{naming.key}-t")
        + tag("desc", text(naming.description), id=f"{naming.key}-d")
        + head
        + "".join(body),
        xmlns="http://www.w3.org/2000/svg",
        class_="picture",
        viewBox=f"0 0 {number(frame.width)} {number(height)}",
        width=frame.width,
        height=height,
        role="img",
        aria_labelledby=f"{naming.key}-t {naming.key}-d",
    )
