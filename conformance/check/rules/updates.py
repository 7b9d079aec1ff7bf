"""How an update goes: strategy, budgets, surge, and what tells a good version from a bad one."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.check.reading import Path
from conformance.check.results import Hit, Subject
from conformance.check.rules.catalogue import rule
from conformance.kube.records import RollingUpdate
from conformance.model.budgets import budget, scaled, surges
from conformance.model.selectors import selects

_STRATEGY: Path = ("spec", "updateStrategy")
_ROLLING: Path = (*_STRATEGY, "rollingUpdate")
_POD: Path = ("spec", "template", "spec")
_NOTHING = (0, "0", "0%")
_FEW, _MANY = 10, 1000
#: Nodes from which on one node at a time is called slow.
_SLOW = 100


def _rolls(subject: Subject) -> bool:
    return subject.manifest.record.spec.update_strategy.type == "RollingUpdate"


def _rolling(subject: Subject) -> RollingUpdate:
    return subject.manifest.record.spec.update_strategy.rolling_update or RollingUpdate()


def _number(value: int | str | None) -> bool:
    try:
        return value is None or (scaled(value, 100) >= 0 and (isinstance(value, int) or scaled(value, 100) <= 100))
    except ValueError:
        return False


def _sound(subject: Subject) -> bool:
    """Whether it rolls, with numbers that the API takes."""
    rolling = _rolling(subject)
    return _rolls(subject) and _number(rolling.max_unavailable) and _number(rolling.max_surge)


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
        yield Hit((*_STRATEGY, "type"), {"type": name})


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
    rolling = _rolling(subject)
    for field, value in (("maxUnavailable", rolling.max_unavailable), ("maxSurge", rolling.max_surge)):
        if _rolls(subject) and not _number(value):
            yield Hit((*_ROLLING, field), {"field": field, "value": str(value)})


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
    rolling = _rolling(subject)
    if _sound(subject) and rolling.max_surge not in (None, *_NOTHING) and rolling.max_unavailable not in _NOTHING:
        given = "1 (not given)" if rolling.max_unavailable is None else str(rolling.max_unavailable)
        yield Hit((*_ROLLING, "maxSurge"), {"surge": str(rolling.max_surge), "unavailable": given})


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
    rolling = _rolling(subject)
    if _sound(subject) and rolling.max_unavailable in _NOTHING and rolling.max_surge in (None, *_NOTHING):
        yield Hit((*_ROLLING, "maxUnavailable"))


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
        yield Hit((*_STRATEGY, "type"))


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
        yield Hit(_ROLLING)


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
    if not _sound(subject):
        return
    rolling, desired = _rolling(subject), len(subject.wanted)
    # A surge takes nothing away: as long as the new pods are not available the old ones stay.
    value = rolling.max_unavailable
    if value is None or desired < 2:
        return
    if value == "100%" or (subject.nodes.given and scaled(value, desired) >= desired):
        yield Hit((*_ROLLING, "maxUnavailable"), {"value": str(value), "desired": desired})


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
    value = _rolling(subject).max_unavailable
    if _sound(subject) and isinstance(value, str) and value != "100%" and scaled(value, _MANY) >= _SLOW:
        few, many = scaled(value, _FEW), scaled(value, _MANY)
        yield Hit((*_ROLLING, "maxUnavailable"), {"value": value, "few": few, "many": many})


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
    if _sound(subject) and subject.nodes.given and desired > _SLOW and budget(subject.manifest.record, desired) == (1, 0):
        default = "" if _rolling(subject).max_unavailable is not None else " (not given)"
        yield Hit((*_ROLLING, "maxUnavailable"), {"default": default, "desired": desired})


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
    if _rolls(subject) and manifest.pod.containers and not probed and manifest.record.spec.min_ready_seconds <= 0:
        yield Hit((*_POD, "containers"))


@rule(
    "surge-host-port",
    "broken",
    title="a surge with a port of the node",
    says=(
        "port {port} of the node ({field}) is the old pod's, so the new one of maxSurge never gets there and"
        " the update stands still; write maxSurge: 0 with maxUnavailable: 1, or give up the port of the node."
    ),
    claim="D1-49",
    scenario="U04.a_surge_with_a_host_port_stalls_without_loss",
)
def surge_host_port(subject: Subject) -> Iterator[Hit]:
    """With hostNetwork every containerPort becomes a hostPort, though the template does not show it."""
    if not _surging(subject):
        return
    pod = subject.manifest.pod
    for number, container in enumerate(pod.containers):
        for index, port in enumerate(container.ports):
            path = (*_POD, "containers", number, "ports", index)
            if port.host_port:
                yield Hit((*path, "hostPort"), {"field": f"hostPort of container {container.name}", "port": port.host_port})
            elif pod.host_network:
                what = f"containerPort of container {container.name}, with hostNetwork"
                yield Hit((*path, "containerPort"), {"field": what, "port": port.container_port})


@rule(
    "surge-host-network",
    "risk",
    title="a surge in the network of the node",
    says=(
        "spec.template.spec.hostNetwork with maxSurge runs two versions in one network: whatever port the"
        " old one listens on the new one cannot have; write maxSurge: 0 with maxUnavailable: 1 if it listens"
        " on any."
    ),
    claim="D9-19",
    scenario="U01.old_and_new_container_run_side_by_side",
)
def surge_host_network(subject: Subject) -> Iterator[Hit]:
    """Without declared ports the scheduler sees no conflict."""
    pod = subject.manifest.pod
    if _surging(subject) and pod.host_network and not any(container.ports for container in pod.containers):
        yield Hit((*_POD, "hostNetwork"))


@rule(
    "surge-self-anti-affinity",
    "broken",
    title="a surge of pods that repel each other",
    says=(
        "spec.template.spec.affinity.podAntiAffinity repels pods with its own labels on the same"
        " {topology}, so the new pod of maxSurge never gets to a node that has the old one; leave it out,"
        " since a DaemonSet has one pod a node anyway, or write maxSurge: 0."
    ),
    claim="D9-19",
    scenario="U03.a_surge_that_never_becomes_ready_costs_nothing",
)
def surge_self_anti_affinity(subject: Subject) -> Iterator[Hit]:
    """Required terms only."""
    if not _surging(subject):
        return
    labels = subject.manifest.record.spec.template.metadata.labels
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = subject.manifest.pod.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution
    for number, term in enumerate(terms):
        if term.label_selector is not None and selects(term.label_selector, labels):
            yield Hit((*_POD, "affinity", "podAntiAffinity", required, number), {"topology": term.topology_key or "topology"})


@rule(
    "surge-min-ready",
    "advice",
    title="a surge that can stand still after two quick changes",
    says=(
        "spec.minReadySeconds {seconds} with maxSurge: a change within {seconds} s of the last pod turning"
        " ready leaves two pods on every node until something touches the DaemonSet; wait that long between"
        " two changes, or annotate it to go on."
    ),
    finding="surge-stalls-within-min-ready-seconds",
    claim="D9-19",
    scenario="U01.a_surge_stalls_when_the_old_pods_have_just_become_ready",
)
def surge_min_ready(subject: Subject) -> Iterator[Hit]:
    """A known deviation of all versions."""
    seconds = subject.manifest.record.spec.min_ready_seconds
    if _surging(subject) and seconds > 0:
        yield Hit(("spec", "minReadySeconds"), {"seconds": seconds})


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


def _surging(subject: Subject) -> bool:
    return _sound(subject) and surges(subject.manifest.record)
