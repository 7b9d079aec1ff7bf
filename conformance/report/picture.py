"""A picture, as it stands in the page and as it stands alone.

In the page it is two pieces side by side: the left one holds the names, and stays in sight when a narrow screen scrolls through the right
one. Its legend and what its links lead to belong to the page. Alone it is one file, with its legend and without links.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.report.drawing import number, tag, text
from conformance.report.scale import Frame
from conformance.report.style import standalone as standalone_head

#: The box of a swatch, and the height of a line of a legend that stands alone.
SWATCH, BOX, LINE = 16.0, 14.0, 20.0


@dataclass(frozen=True)
class Key:
    """One entry of a legend: a drawing of SWATCH by BOX pixels, and what it stands for."""

    swatch: str
    words: str

    def drawn(self) -> str:
        """The swatch as a picture of its own, in an element of the class `picture`."""
        return tag("svg", self.swatch, width=SWATCH, height=BOX, aria_hidden="true")


@dataclass(frozen=True)
class Naming:
    """How a picture is told to those who do not see it; `key` makes its ids unique in a page."""

    key: str
    title: str
    description: str


@dataclass(frozen=True)
class Picture:
    """A drawing in pieces: `side` is left of the frame, `body` in it, `links` are drawn above the body and lead to rows of the page."""

    naming: Naming
    frame: Frame
    height: float
    side: Sequence[str]
    body: Sequence[str]
    links: Sequence[str] = ()
    keys: Sequence[Key] = ()

    def pieces(self) -> tuple[str, str]:
        """The two parts for the page; their widths are shares of the whole, so that both are scaled alike."""
        frame, naming = self.frame, self.naming
        share = 100 * frame.left / frame.width
        names = tag(
            "svg",
            "".join(self.side),
            class_="picture names",
            viewBox=f"0 0 {number(frame.left)} {number(self.height)}",
            width=f"{share:.3f}%",
            aria_hidden="true",
        )
        # Whoever reads by ear gets the outcome and the links, and not each of the shapes.
        drawn = tag("g", "".join(self.body), aria_hidden="true") + "".join(self.links)
        chart = tag(
            "svg",
            _told(naming) + drawn,
            class_="picture",
            viewBox=f"{number(frame.left)} 0 {number(frame.width - frame.left)} {number(self.height)}",
            width=f"{100 - share:.3f}%",
            role="group" if self.links else "img",
            aria_labelledby=f"{naming.key}-t",
            aria_describedby=f"{naming.key}-d",
        )
        return names, chart

    def alone(self) -> str:
        """The whole as one SVG document."""
        parts, lines = legend(self.keys, self.frame, self.height + 12)
        height = self.height + 6 + lines * LINE
        return tag(
            "svg",
            _told(self.naming) + standalone_head() + "".join((*self.side, *self.body, *self.links, *parts)),
            xmlns="http://www.w3.org/2000/svg",
            class_="picture",
            viewBox=f"0 0 {number(self.frame.width)} {number(height)}",
            width=self.frame.width,
            height=height,
            role="img",
            aria_labelledby=f"{self.naming.key}-t {self.naming.key}-d",
        )


def _told(naming: Naming) -> str:
    return tag("title", text(naming.title), id=f"{naming.key}-t") + tag("desc", text(naming.description), id=f"{naming.key}-d")


def legend(keys: Sequence[Key], frame: Frame, top: float) -> tuple[list[str], int]:
    """The legend of a picture that stands alone, and how many lines it has."""
    parts: list[str] = []
    x, line = frame.left, 0
    for key in keys:
        width = 22 + len(key.words) * 6.3
        if x + width > frame.width and x > frame.left:
            x, line = frame.left, line + 1
        place = f"translate({number(x)} {number(top + line * LINE)})"
        parts.append(tag("g", key.swatch + tag("text", text(key.words), class_="key", x=22.0, y="11"), transform=place))
        x += width + 18
    return parts, line + 1 if keys else 0


def linked(target: str, body: str, *, id_: str = "", words: str = "") -> str:
    """A part of a picture that leads to the row `target` of the page; `words` if it has no text. Without a target it is just drawn."""
    if not target:
        return tag("g", body)
    named = {"aria_label": text(words)} if words else {}
    return tag("a", body, **({"id": id_} if id_ else {}), href=f"#{target}", **named)
