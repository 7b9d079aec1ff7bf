"""Text that may stand in a terminal: what came from elsewhere moves no cursor, sets no title and turns no line around."""

from __future__ import annotations

import re

#: Control characters but tab and newline, and those that change the direction of text (Unicode Standard Annex 9).
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with each character that a terminal would obey written out, such as `\\x1b`."""
    return _UNFIT.sub(lambda found: repr(found[0])[1:-1], text)


def in_one_line(text: str) -> str:
    """The same, with tabs and whatever ends a line written out, too."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
