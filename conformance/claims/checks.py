"""What a scenario leaves behind for each of its checks: the evidence that verdicts on claims are made from."""

from __future__ import annotations

import msgspec


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One check that ended: the claims that it shows, whether it held, and what it looked for in one line (empty: an assertion).

    `guarantee` names the one that decides it when the trace is judged to its end (empty: it is decided already), by a violation that is
    about `object` and nothing else.
    """

    claims: list[str]
    held: bool
    text: str = ""
    guarantee: str = ""
    object: str = ""
