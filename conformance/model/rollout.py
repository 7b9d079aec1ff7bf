"""Rollout: whether what a DaemonSet's template says is everywhere, told from the DaemonSet alone, and what is missing if it is not.

Source: API reference, DaemonSetStatus and DaemonSetUpdateStrategy; `kubectl rollout status` (documented in "Perform a Rolling Update on a
DaemonSet") for what counts as done; T10, R04, H04 and U01 of the scenarios for the moments at which that answer surprises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from conformance.errors import UsageError
from conformance.kube.records import DaemonSet, Record
from conformance.model.budgets import budget
from conformance.model.status import claimed

State = Literal["done", "no-nodes", "deleting", "unobserved", "uncounted", "on-delete", "held-up", "updating", "not-available"]


class _Kind(Record, frozen=True):
    kind: str = "DaemonSet"


class Rollout(NamedTuple):
    """What the status of a DaemonSet says of its rollout. Numbers are nodes.

    `state` is the reason: `done`; `no-nodes`, done because no node should run it; `deleting`; `unobserved`, the controller has not looked
    at this generation, so that no counter speaks of it; `uncounted`, no node counts, though pods run: their nodes are silent, tainted or
    no longer selected; `on-delete`, old pods stay until somebody deletes them; `held-up`, at least `budget` nodes are without an available
    pod, so that a rolling update takes no further one; `updating`; `not-available`, all are updated, and some are not available (yet).

    `desired`, `updated`, `ready` and `available` are the status' counters, `elsewhere` is its numberMisscheduled: nodes that have a pod and
    should not (any more). A silent node is such a one unless the template tolerates `unreachable:NoSchedule`; nobody waits for it, and the
    old template may run there. `budget` and `surge` are maxUnavailable and maxSurge for `desired` nodes, both 0 with OnDelete.
    """

    done: bool
    state: State
    name: str
    generation: int
    observed: int
    desired: int
    updated: int
    ready: int
    available: int
    elsewhere: int
    budget: int
    surge: int

    @property
    def why(self) -> str:
        """One sentence for people; it may be worded otherwise in a later version, `state` not."""
        return _WORDS[self.state].format(
            old=self.desired - self.updated,
            down=self.desired - self.available,
            waits=" (ready, but not for minReadySeconds yet)" if self.ready >= self.desired else "",
            **self._asdict(),
        )


_WORDS: Mapping[State, str] = {
    "done": "{name} is rolled out: {updated} of {desired} nodes are updated, {available} available",
    "no-nodes": "{name} is rolled out to nothing: no node should run it",
    "deleting": "{name} is being deleted",
    "unobserved": "the controller has seen generation {observed} of {name}, not yet {generation}: its counters speak of the one before",
    "uncounted": "no node counts as one that should run {name}, and {elsewhere} run it: they are silent, tainted or not selected any more",
    "on-delete": "{old} of {desired} nodes have an old pod of {name}, which its strategy OnDelete leaves until somebody deletes it",
    "held-up": "{old} of {desired} nodes have an old pod of {name}; {down} have none available, and maxUnavailable is {budget}",
    "updating": "{old} of {desired} nodes are not updated yet, {available} have an available pod of {name}",
    "not-available": "all {desired} nodes are updated, and {down} have no available pod of {name} yet{waits}",
}


def everywhere(daemonset: DaemonSet, generation: int) -> bool:
    """Whether its counters say, of this generation or a later one, that all nodes that count are updated and available."""
    counters = claimed(daemonset.status)
    return (
        daemonset.status.observed_generation >= generation
        and counters.updated >= counters.desired
        and counters.available >= counters.desired
    )


def rolled_out(daemonset: Mapping[str, Any]) -> Rollout:
    """Whether a DaemonSet is rolled out, and the reason if it is not.

    `daemonset` is the JSON of one DaemonSet as the API server returns it (`kubectl get daemonset NAME -o json`; of the official
    client's object `ApiClient().sanitize_for_serialization(obj)`). Nothing is asked of a cluster. UsageError for anything else.

    It agrees with `kubectl rollout status` where that has an answer, and answers for OnDelete too. maxUnavailable is never subtracted:
    an update is done when all nodes have it. What the counters cannot tell is not told: adopted pods of an equal generation count as
    updated whatever they run (the finding `orphans-of-the-same-generation-count-as-updated`).
    """
    try:
        kind = msgspec.convert(daemonset, _Kind).kind
        found = msgspec.convert(daemonset, DaemonSet)
        desired = found.status.desired_number_scheduled
        limits = budget(found, desired)
    except (msgspec.ValidationError, ValueError) as error:
        raise UsageError(f"This is no DaemonSet as the API server returns it ({error}). Pass the JSON of one DaemonSet.") from error
    if kind != "DaemonSet" or not found.metadata.generation:
        what = f"a {kind}" if kind != "DaemonSet" else "a DaemonSet without metadata.generation, such as a manifest"
        raise UsageError(f"This is {what}. Pass the JSON of one DaemonSet as the API server returns it.")
    state = _state(found, limits.unavailable)
    rolling = found.spec.update_strategy.type != "OnDelete"
    counters = claimed(found.status)
    return Rollout(
        done=state in ("done", "no-nodes"),
        state=state,
        name=found.metadata.name,
        generation=found.metadata.generation,
        observed=found.status.observed_generation,
        desired=desired,
        updated=counters.updated,
        ready=counters.ready,
        available=counters.available,
        elsewhere=counters.misscheduled,
        budget=limits.unavailable if rolling else 0,
        surge=limits.surge if rolling else 0,
    )


def _state(found: DaemonSet, unavailable: int) -> State:
    counters = claimed(found.status)
    # A surge puts new pods beside old ones, and no counter tells of them: while all old ones serve it looks like any update.
    full = 0 < unavailable <= counters.desired - counters.available
    answers: tuple[tuple[State, bool], ...] = (
        ("deleting", found.metadata.deletion_timestamp is not None),
        ("unobserved", found.status.observed_generation < found.metadata.generation),
        ("uncounted", counters.desired == 0 < counters.misscheduled),
        ("no-nodes", counters.desired == 0),
        ("done", everywhere(found, found.metadata.generation)),
        ("not-available", counters.updated >= counters.desired),
        ("on-delete", found.spec.update_strategy.type == "OnDelete"),
        ("held-up", full),
        ("updating", True),
    )
    return next(state for state, true in answers if true)
