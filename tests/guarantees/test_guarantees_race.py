"""INV-3 and the race that Kubernetes itself may lose: a pod that goes between two looks."""

from __future__ import annotations

from conformance.claims import findings
from tests.guarantees.beginnings import updating
from tests.guarantees.history import judged


def test_a_pod_that_goes_between_two_looks_is_a_known_deviation() -> None:
    """Its node is neither given a new pod nor counted: broken, but by Kubernetes' own race."""
    h = updating(4, max_unavailable=2)
    h.kill("a")
    h.kill("b")
    h.gone("a")
    h.kill("c")
    tally = judged(h, "INV-3")
    assert (tally.known, tally.violated, tally.verdict) == (1, 0, "violated")
    assert [finding.contradicts for finding in findings.resolve(tally.deviations)] == [("003-28", "D9-05")]
    assert [broken.known for broken in tally.violations] == tally.deviations


def test_the_known_deviation_excuses_no_more_than_the_nodes_it_is_about() -> None:
    h = updating(5, max_unavailable=2)
    for name in "abcd":
        h.kill(name)
        if name == "a":
            h.gone(name)
    tally = judged(h, "INV-3")
    assert (tally.known, tally.violated) == (1, 1)


def test_a_pod_that_went_long_ago_excuses_nothing() -> None:
    h = updating(4, max_unavailable=2)
    h.kill("a")
    h.kill("b")
    h.gone("a")
    h.wait(5)
    h.kill("c")
    assert judged(h, "INV-3").violated == 1


def test_a_race_that_is_lost_twice_is_none() -> None:
    h = updating(6, max_unavailable=1)
    h.kill("a")
    h.gone("a")
    h.kill("b")
    h.gone("b")
    for name in "ab":
        h.create(name)
        h.ready(name)
    h.wait(2)
    h.kill("c")
    h.gone("c")
    h.kill("d")
    tally = judged(h, "INV-3")
    assert (tally.known, tally.violated) == (1, 1)
