"""Whether a DaemonSet is rolled out: each answer at each moment of an update, and what is no DaemonSet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import conformance
from conformance.errors import UsageError
from conformance.model.rollout import rolled_out

ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
SURGE = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
ON_DELETE = {"type": "OnDelete"}


def answer(strategy: dict[str, Any] = ROLLING, /, **given: Any) -> dict[str, Any]:
    """A DaemonSet as the API server returns it."""
    names = {
        "observed": "observedGeneration",
        "desired": "desiredNumberScheduled",
        "updated": "updatedNumberScheduled",
        "ready": "numberReady",
        "available": "numberAvailable",
        "elsewhere": "numberMisscheduled",
    }
    metadata = {"name": "agent", "generation": given.pop("generation", 2), **given.pop("metadata", {})}
    status = {names[key]: number for key, number in ({"observed": 2} | given).items() if number}
    return {"kind": "DaemonSet", "metadata": metadata, "spec": {"updateStrategy": strategy}, "status": status}


ALL: dict[str, Any] = {"desired": 4, "updated": 4, "ready": 4, "available": 4}


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        pytest.param(answer(**ALL), "done", "4 of 4", id="everything is there"),
        pytest.param(
            answer(generation=3, **ALL), "unobserved", "generation 2 of agent, not yet 3", id="the counters are of the one before"
        ),
        pytest.param(answer(observed=0), "unobserved", "generation 0", id="made a moment ago: zero is no answer yet"),
        pytest.param(answer(), "no-nodes", "to nothing", id="no node should run it"),
        pytest.param(answer(elsewhere=3), "uncounted", "3 run it", id="all nodes are silent"),
        pytest.param(answer(**ALL, elsewhere=1), "done", "4 of 4", id="one node is silent and does not count"),
        pytest.param(answer(**ALL | {"updated": 1}), "updating", "3 of 4", id="one was taken, and all serve again"),
        pytest.param(answer(**ALL | {"updated": 1, "available": 3}), "held-up", "maxUnavailable is 1", id="the budget is used up"),
        pytest.param(answer(**ALL | {"available": 3}), "not-available", "minReadySeconds", id="ready for too short a time"),
        pytest.param(answer(**ALL | {"ready": 3, "available": 3}), "not-available", "1 have no", id="within the budget is not done"),
        pytest.param(answer(ON_DELETE, **ALL | {"updated": 1}), "on-delete", "OnDelete", id="nobody has deleted the old ones"),
        pytest.param(answer(ON_DELETE, **ALL), "done", "4 of 4", id="somebody has"),
        pytest.param(answer(ON_DELETE, **ALL | {"available": 2, "ready": 2}), "not-available", "2 have", id="and two are not back"),
        pytest.param(answer(SURGE, **ALL | {"updated": 0}), "updating", "4 of 4", id="a surge takes nothing away"),
        pytest.param(answer(SURGE, **ALL | {"updated": 2, "available": 3}), "updating", "2 of 4", id="a surge has no budget to use up"),
        pytest.param(answer(SURGE, **ALL), "done", "4 of 4", id="a surge has ended"),
        pytest.param(answer(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}, **ALL), "deleting", "deleted", id="it goes away"),
    ],
)
def test_each_moment_has_its_answer(found: dict[str, Any], state: str, words: str) -> None:
    rollout = rolled_out(found)

    assert (rollout.state, rollout.done) == (state, state in ("done", "no-nodes"))
    assert words in rollout.why
    assert not {"{", "}"} & set(rollout.why)


def test_the_budget_is_that_of_the_nodes_at_hand() -> None:
    tenth = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%", "maxSurge": 0}}

    assert rolled_out(answer(tenth, desired=11, updated=1, ready=10, available=10)).state == "updating"
    assert rolled_out(answer(tenth, desired=11, updated=1, ready=9, available=9)).state == "held-up"
    assert rolled_out(answer(tenth, desired=11)).budget == 2
    assert rolled_out(answer(SURGE, desired=11)).surge == 1
    assert rolled_out(answer(ON_DELETE, desired=11))[-2:] == (0, 0)


counters = st.integers(0, 5)


@given(desired=counters, updated=counters, available=counters, elsewhere=counters, strategy=st.sampled_from([ROLLING, SURGE, ON_DELETE]))
def test_done_is_what_kubectl_calls_so(desired: int, updated: int, available: int, elsewhere: int, strategy: dict[str, Any]) -> None:
    rollout = rolled_out(answer(strategy, desired=desired, updated=updated, available=available, elsewhere=elsewhere))

    assert rollout.done == (updated >= desired and available >= desired and not (desired == 0 < elsewhere))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "Deployment", "metadata": {"generation": 1}}, "a Deployment"),
        ({"kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": {}}, "such as a manifest"),
        ({"kind": "DaemonSetList", "items": []}, "a DaemonSetList"),
        ({}, "without metadata.generation"),
        ([], "no DaemonSet"),
        ({"metadata": {"generation": 1}, "status": {"desiredNumberScheduled": "4"}}, "desiredNumberScheduled"),
        (
            {"metadata": {"generation": 1}, "spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "some"}}}},
            "neither a number nor a percentage",
        ),
    ],
)
def test_what_no_server_returned_is_refused(given: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        rolled_out(given)
    assert "\n" not in str(refused.value)


def test_the_package_offers_it() -> None:
    assert conformance.rolled_out is rolled_out
    assert conformance.Rollout.__name__ == "Rollout"
