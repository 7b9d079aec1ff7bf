"""PodDisruptionBudgets over daemon pods: whom they stop, whom they do not, and which of them cannot be kept account of."""

import pytest

from conformance import ApiError, Capability, Create, Pod, ScenarioCluster, Trace, needs, scenario, shows

#: Budgets are no part of a trace; kubectl watches this one.
BUDGET = "poddisruptionbudget/guard"


@scenario("X07")
@needs(nodes=2)
def test_neither_an_update_nor_a_deletion_asks_the_budget(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A budget that allows no disruption refuses an eviction; a plain deletion and a rolling update do not ask it."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    _budget(cluster, "--min-available=2")
    cluster.kubectl_wait(BUDGET, until="jsonpath={.status.currentHealthy}=2")

    _eviction_is_refused(cluster, agent.pod_on(nodes[0]))
    trace.stays(agent.keeps(before), seconds=1)
    cluster.delete_pod(agent.pod_on(nodes[0]).metadata.name)
    trace.until(agent.replaced(before, nodes[0]), agent.exactly_on(*nodes), agent.status(number_available=2), shows="D2-17")
    agent.set_image()

    # The controller deletes: an eviction would have been refused.
    deleted = cluster.event("SuccessfulDelete", agent, times=2)
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), deleted, shows="D8-03")
    trace.expect_creations(agent, 2 + 1 + 2)


@scenario("X07")
@needs(Capability.POD_TIMING, nodes=2)
def test_what_an_update_takes_down_counts_against_the_budget(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """While an update has a pod down the budget is used up, and an eviction that it allowed before is refused; afterwards it is allowed."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    _budget(cluster, "--min-available=1")
    cluster.kubectl_wait(BUDGET, until="jsonpath={.status.disruptionsAllowed}=1")

    agent.set_image("registry.invalid/agent:missing")
    trace.until(agent.ready_among(1, 2))
    [ready] = [pod for pod in agent.pods() if pod.ready]
    with shows("D8-02"):
        cluster.kubectl_wait(BUDGET, until="jsonpath={.status.disruptionsAllowed}=0")
        _eviction_is_refused(cluster, ready)
    agent.set_image()
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    with shows("D8-02"):
        cluster.kubectl_wait(BUDGET, until="jsonpath={.status.disruptionsAllowed}=1")
    after = agent.uids()
    cluster.evict_pod(agent.pod_on(nodes[0]).metadata.name)

    trace.until(agent.replaced(after, nodes[0]), agent.exactly_on(*nodes))
    trace.expect_creations(agent, 2 + 1 + 2 + 1)


@scenario("X07")
@needs(nodes=2)
@pytest.mark.parametrize("budget", ["--min-available=50%", "--max-unavailable=1"])
def test_a_budget_that_needs_a_number_of_replicas_stops_every_eviction(
    cluster: ScenarioCluster, daemonset: Create, trace: Trace, budget: str
) -> None:
    """A DaemonSet has no scale: a budget that is reckoned from one cannot be kept account of, says so, and refuses every eviction."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()

    _budget(cluster, budget)

    with shows("D8-01"):
        cluster.kubectl_wait(BUDGET, until='jsonpath={.status.conditions[?(@.type=="DisruptionAllowed")].reason}=SyncFailed')
        _eviction_is_refused(cluster, agent.pod_on(nodes[0]))
    trace.stays(agent.keeps(before), seconds=1)
    trace.expect_creations(agent, 2)


def _budget(cluster: ScenarioCluster, *demands: str) -> None:
    cluster.kubectl("create", "poddisruptionbudget", "guard", "--selector=app=agent", *demands)


def _eviction_is_refused(cluster: ScenarioCluster, pod: Pod) -> None:
    with pytest.raises(ApiError) as refused:
        cluster.evict_pod(pod.metadata.name)
    assert refused.value.code == 429
