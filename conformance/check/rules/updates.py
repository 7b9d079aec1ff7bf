"""How an update goes: strategy, budgets, and what tells a good version from a bad one."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.check.results import Hit, Subject
from conformance.check.rules.catalogue import rule
from conformance.check.rules.strategy import POD, ROLLING, STRATEGY, number, rolling, rolls, sound
from conformance.model.budgets import budget, scaled

_NOTHING = (0, "0", "0%")
_FEW, _MANY = 10, 1000
#: Nodes from which on one node at a time is called slow.
_SLOW = 100


@rule(
    "strategy-unknown",
    "broken",
    title="a strategy that does not exist",
    says="spec.updateStrategy.type is {type}; a DaemonSet knows RollingUpdate and OnDelete.",
    claim="003-22",
    scenario="V03.strategies_that_are_refused",
)
def strategy_unknown(subject: Subject) -> Iterator[Hit]:
    """Recreate, for one, is a Deployment's."""
    name = subject.manifest.record.spec.update_strategy.type
    if name not in ("RollingUpdate", "OnDelete"):
        yield Hit((*STRATEGY, "type"), {"type": name})


@rule(
    "budget-invalid",
    "broken",
    title="a budget that is neither a number nor a percentage up to 100%",
    says=(
        "spec.updateStrategy.rollingUpdate.{field} is {value}, which the API refuses; write a number of nodes or a percentage up to 100%."
    ),
    claim="D9-14",
    scenario="V03.strategies_that_are_refused",
)
def budget_invalid(subject: Subject) -> Iterator[Hit]:
    """Each of the two by itself."""
    limits = rolling(subject)
    for field, value in (("maxUnavailable", limits.max_unavailable), ("maxSurge", limits.max_surge)):
        if rolls(subject) and not number(value):
            yield Hit((*ROLLING, field), {"field": field, "value": str(value)})


@rule(
    "surge-and-unavailable",
    "broken",
    title="maxSurge without maxUnavailable 0",
    says=(
        "spec.updateStrategy.rollingUpdate.maxSurge {surge} stands beside maxUnavailable {unavailable}, and"
        " the API refuses both above 0; write maxUnavailable: 0, since left out it is 1."
    ),
    claim="D2-07",
    scenario="V03.strategies_that_are_refused",
)
def surge_and_unavailable(subject: Subject) -> Iterator[Hit]:
    """maxUnavailable is 1 where it is not given, also beside maxSurge."""
    limits = rolling(subject)
    if sound(subject) and limits.max_surge not in (None, *_NOTHING) and limits.max_unavailable not in _NOTHING:
        given = "1 (not given)" if limits.max_unavailable is None else str(limits.max_unavailable)
        yield Hit((*ROLLING, "maxSurge"), {"surge": str(limits.max_surge), "unavailable": given})


@rule(
    "budget-zero",
    "broken",
    title="an update that may take nothing",
    says=("spec.updateStrategy.rollingUpdate.maxUnavailable is 0 and there is no maxSurge, which the API refuses; give one of both."),
    claim="D9-54",
    scenario="V03.strategies_that_are_refused",
)
def budget_zero(subject: Subject) -> Iterator[Hit]:
    """Both zero."""
    limits = rolling(subject)
    if sound(subject) and limits.max_unavailable in _NOTHING and limits.max_surge in (None, *_NOTHING):
        yield Hit((*ROLLING, "maxUnavailable"))


@rule(
    "on-delete",
    "advice",
    title="an update that waits for somebody to delete pods",
    says=(
        "spec.updateStrategy.type OnDelete leaves old pods until somebody deletes them, and a wait for the"
        " rollout has no answer; write RollingUpdate unless something of yours deletes them."
    ),
    claim="D9-04",
    scenario="H01.ondelete_updates_only_what_is_deleted",
)
def on_delete(subject: Subject) -> Iterator[Hit]:
    """Right where an operator drives the update, and a trap elsewhere."""
    if subject.manifest.record.spec.update_strategy.type == "OnDelete":
        yield Hit((*STRATEGY, "type"))


@rule(
    "on-delete-with-budget",
    "advice",
    title="a budget that nothing looks at",
    says="spec.updateStrategy.rollingUpdate does nothing with type OnDelete; leave one of both out.",
    claim="D9-02",
    scenario="V03.strategies_that_are_accepted",
)
def on_delete_with_budget(subject: Subject) -> Iterator[Hit]:
    """The API keeps it and neither checks nor uses it."""
    strategy = subject.manifest.record.spec.update_strategy
    if strategy.type == "OnDelete" and strategy.rolling_update is not None:
        yield Hit(ROLLING)


@rule(
    "budget-whole-cluster",
    "risk",
    title="an update that takes every node at once",
    says=(
        "spec.updateStrategy.rollingUpdate.maxUnavailable {value} is all of the {desired} nodes that run"
        " it: a bad version takes all of them, at once; write less than {desired}, or a percentage below"
        " 100%."
    ),
    claim="003-28",
    scenario="R04.a_broken_template_breaks_no_more_than_the_budget",
)
def budget_whole_cluster(subject: Subject) -> Iterator[Hit]:
    """100 percent anywhere, a number that reaches all nodes where the nodes are known. One node of one is no choice."""
    if not sound(subject):
        return
    limits, desired = rolling(subject), len(subject.wanted)
    # A surge takes nothing away: as long as the new pods are not available the old ones stay.
    value = limits.max_unavailable
    if value is None or desired < 2:
        return
    if value == "100%" or (subject.nodes.given and scaled(value, desired) >= desired):
        yield Hit((*ROLLING, "maxUnavailable"), {"value": str(value), "desired": desired})


@rule(
    "budget-grows",
    "advice",
    title="a percentage: little on small clusters, much on large ones",
    says=(
        "spec.updateStrategy.rollingUpdate.maxUnavailable {value} is {few} of 10 nodes and {many} of 1000,"
        " rounded up from the nodes of the moment; write a number if that is more than may be without it at"
        " once."
    ),
    claim="D9-07",
    scenario="R02.the_whole_budget_is_used_and_never_exceeded",
)
def budget_grows(subject: Subject) -> Iterator[Hit]:
    """From 10 percent on it is a hundred nodes of a thousand. A surge leaves the old pods, so it is no such risk."""
    value = rolling(subject).max_unavailable
    if sound(subject) and isinstance(value, str) and value != "100%" and scaled(value, _MANY) >= _SLOW:
        few, many = scaled(value, _FEW), scaled(value, _MANY)
        yield Hit((*ROLLING, "maxUnavailable"), {"value": value, "few": few, "many": many})


@rule(
    "one-at-a-time",
    "advice",
    title="one node at a time on many nodes",
    says=(
        "spec.updateStrategy.rollingUpdate.maxUnavailable is 1{default}, so an update goes through"
        " {desired} nodes one by one, and one node that does not answer stops it; write a percentage, such"
        " as 5%."
    ),
    claim="D2-15",
    scenario="R07.an_update_stalls_at_a_node_without_room",
)
def one_at_a_time(subject: Subject) -> Iterator[Hit]:
    """Only where the nodes are known, and more than a hundred."""
    desired = len(subject.wanted)
    if sound(subject) and subject.nodes.given and desired > _SLOW and budget(subject.manifest.record, desired) == (1, 0):
        default = "" if rolling(subject).max_unavailable is not None else " (not given)"
        yield Hit((*ROLLING, "maxUnavailable"), {"default": default, "desired": desired})


@rule(
    "no-readiness",
    "risk",
    title="nothing tells a good version from a bad one",
    says=(
        "spec.template.spec.containers have no readinessProbe and spec.minReadySeconds is 0: a version that"
        " starts and fails later counts as available at once and goes to every node; add a probe, or"
        " minReadySeconds: 10."
    ),
    claim="D9-29",
    scenario="R03.without_min_ready_seconds_ready_is_available",
)
def no_readiness(subject: Subject) -> Iterator[Hit]:
    """With OnDelete nothing goes on by itself, so nothing is lost."""
    manifest = subject.manifest
    probed = any(container.readiness_probe for container in manifest.pod.containers)
    if rolls(subject) and manifest.pod.containers and not probed and manifest.record.spec.min_ready_seconds <= 0:
        yield Hit((*POD, "containers"))


@rule(
    "no-history",
    "advice",
    title="nothing to go back to",
    says=("spec.revisionHistoryLimit is 0: `kubectl rollout undo` finds no revision but those that pods still run; leave it at 10."),
    claim="D9-30",
    scenario="H03.old_revisions_are_trimmed_to_the_limit",
)
def no_history(subject: Subject) -> Iterator[Hit]:
    """Old revisions are a few kilobytes each."""
    if subject.manifest.record.spec.revision_history_limit == 0:
        yield Hit(("spec", "revisionHistoryLimit"))
