"""What somebody sees on a terminal: the few control sequences that pytest and this suite write, carried out."""

from __future__ import annotations

import re

_PART = re.compile(r"\x1b\[(\d*(?:;\d+)*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


def seen(text: str) -> list[str]:
    """The lines of an endless screen after the text was written to it; colours are not looked at."""
    lines = [""]
    row = column = 0
    for number, command, control, plain in _PART.findall(text):
        if control == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif control == "\r":
            column = 0
        elif command == "A":
            row = max(row - int(number or 1), 0)
        elif command == "C":
            column += int(number or 1)
        elif command == "J":
            lines[row] = lines[row][:column]
            del lines[row + 1 :]
        elif plain:
            lines[row] = f"{lines[row]:<{column}}"[:column] + plain + lines[row][column + len(plain) :]
            column += len(plain)
        elif command != "m":
            raise AssertionError(f"what does the terminal make of {command!r}?")
    return lines
