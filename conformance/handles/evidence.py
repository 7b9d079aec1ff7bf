"""Evidence: what each check of a scenario shows, tied to the check itself.

    trace.until(agent.exactly_on(hdd), shows="D1-53")
    with shows("D3-20"):
        assert answer.code == 1

A check that fails is evidence against the claims it names and against no others; one that is passed is evidence for them. Only what a
cluster did can be evidence: an assertion that does not hold, a wait that expires, a window that is left, something that `pytest.raises`
wanted and did not get. Any other exception inside a check (a typo, a missing file, a dead component) shows nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from contextvars import ContextVar

import pytest

from conformance.claims.checks import Check
from conformance.errors import ApiError, UsageError
from conformance.kube.kubectl import KubectlError

Claims = str | tuple[str, ...]
#: What an exception has to be to say something of the cluster: WaitExpired and a broken window are AssertionErrors too.
AGAINST = (AssertionError, pytest.fail.Exception)


class Evidence:
    """The checks of one scenario, in the order in which they ended. `known` are the claims that its source says it may show."""

    def __init__(self, known: Collection[str]) -> None:
        self.known = known
        self.checks: list[Check] = []

    def add(self, claims: Iterable[str], *, held: bool, text: str = "", guarantee: str = "", about: str = "") -> None:
        """Keep one check; UsageError if it shows a claim that the source of the scenario does not name."""
        names = list(claims)
        if strange := [name for name in names if name not in self.known]:
            raise UsageError(
                f"A check shows {', '.join(strange)}, but the scenario's own source does not name it: write the ids as text where it "
                'stands, `shows="…"`, or give them to the case as a mark `claim`, so that they are known before it runs.'
            )
        self.checks.append(Check(names, held, text, guarantee, about))


_CURRENT: ContextVar[Evidence | None] = ContextVar("evidence", default=None)


@contextlib.contextmanager
def collecting(evidence: Evidence) -> Iterator[Evidence]:
    """Let the checks of a scenario go here while it runs."""
    token = _CURRENT.set(evidence)
    try:
        yield evidence
    finally:
        _CURRENT.reset(token)


@contextlib.contextmanager
def checking(claims: Claims, text: str = "") -> Iterator[None]:
    """A check of these claims: what ends it decides whether it is evidence for them, against them, or none."""
    names = (claims,) if isinstance(claims, str) else claims
    evidence = _CURRENT.get()
    if evidence is None or not names:
        yield
        return
    try:
        yield
    except AGAINST:
        evidence.add(names, held=False, text=text)
        raise
    evidence.add(names, held=True, text=text)


def shows(*claims: str) -> contextlib.AbstractContextManager[None]:
    """A block of assertions that shows these claims: `with shows("D3-20"): assert …`."""
    return checking(claims)


def shows_in_the_end(claims: Claims, guarantee: str, about: str, text: str) -> None:
    """A check that a guarantee decides when the trace is judged to its end, by what it says about one object (`daemonsets/NAME`)."""
    names = (claims,) if isinstance(claims, str) else claims
    if (evidence := _CURRENT.get()) is not None and names:
        evidence.add(names, held=True, text=text, guarantee=guarantee, about=about)


@contextlib.contextmanager
def accepted() -> Iterator[None]:
    """What is asked for inside is done: a refusal is the cluster's answer, so an assertion.

    The API server refuses by what it says of the contents (400, 403, 422), and kubectl by its exit code. A kubectl that does not end, is
    missing or killed, or gets no answer from the server has refused nothing.
    """
    try:
        yield
    except KubectlError as error:
        if not error.answered:
            raise
        raise AssertionError(f"kubectl refused what it should do: {error}") from error
    except ApiError as error:
        if error.code not in (400, 403, 422):
            raise
        raise AssertionError(f"the API server refused what it should accept: {error}") from error
