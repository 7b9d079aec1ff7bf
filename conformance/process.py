"""What came of a program that was run to its end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """What one call did: the arguments, the exit code, and what it wrote."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        return self.code == 0

    @property
    def said(self) -> str:
        """What it wrote: of its errors, else of its answer; empty if nothing."""
        return self.err.strip() or self.out.strip()
