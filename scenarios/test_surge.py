"""Rolling updates with surge: the new pod comes before the old one goes."""

from typing import Any

import pytest

from conformance import Capability, Create, ScenarioCluster, Trace, claim, finding, needs, scenario, shows


def _budget(max_surge: int | str, nodes: int, budget: int, min_ready: int, *more: str) -> Any:
    """One case: it needs its own nodes and no more, and shows more than all cases do."""
    name = f"{max_surge}-{nodes}-{budget}-{min_ready}"
    return pytest.param(max_surge, nodes, budget, min_ready, more, marks=(needs(nodes=nodes), claim(*more)), id=name)


@scenario("U01", seconds=12)
@needs(Capability.POD_TIMING)
@pytest.mark.parametrize(
    ("max_surge", "nodes", "budget", "min_ready", "more"),
    [
        _budget(1, 3, 1, 4),
        _budget("34%", 4, 2, 0, "D9-15"),
        _budget("1%", 2, 1, 0, "D9-15"),
        _budget("100%", 3, 3, 0),
    ],
)
def test_a_surge_leaves_no_node_without_a_pod(
    cluster: ScenarioCluster,
    daemonset: Create,
    trace: Trace,
    *,
    max_surge: int | str,
    nodes: int,
    budget: int,
    min_ready: int,
    more: tuple[str, ...],
) -> None:
    """With maxSurge the new pod is available before the old one is deleted: no node is without an available pod at any moment.

    minReadySeconds only where one pod is new at a time: of two, the second may become ready shortly before the look that the first one
    has coming, and the update stalls, in the way that is proved below. They are longer than what a judgement of them has to forgive.
    """
    joined = cluster.nodes.join(nodes)
    strategy = {"updateStrategy": {"rollingUpdate": {"maxSurge": max_surge, "maxUnavailable": 0}}, "minReadySeconds": min_ready}
    agent = daemonset("agent-surge.yaml", spec=strategy, template=cluster.behave(ready_after=0.5))
    trace.until(agent.exactly_on(*joined), agent.status(number_available=nodes))
    trace.stays(agent.exactly_on(*joined), seconds=3)  # a pod that was ready just before the update may make it stall: see below

    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(*joined), within=120)
    assert trace.past.most_unavailable(agent) == 0
    with shows("D9-13", "D9-14", "D9-18"), shows(*more):
        assert trace.past.most_surplus(agent) == budget
    # Two pods on one node, though by other sentences there is exactly one.
    with shows("000-01", "001-05", "003-04", "D2-05", "D9-25"):
        assert trace.past.most_surplus(agent) > 0
    trace.expect_creations(agent, 2 * nodes)


@scenario("U01", seconds=26)
@finding("surge-stalls-within-min-ready-seconds")
@needs(Capability.POD_TIMING, nodes=1)
def test_a_surge_stalls_when_the_old_pods_have_just_become_ready(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """After a surge that was begun too early the old and the new pod stay side by side until something touches the DaemonSet.

    One node, because a second old pod that becomes ready a second later makes the controller look once more, which ends the stall.
    """
    nodes = cluster.nodes.join(1)
    strategy = {"updateStrategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}}, "minReadySeconds": 10}
    agent = daemonset("agent-surge.yaml", spec=strategy, template=cluster.behave(ready_after=2))
    trace.until(agent.status(number_ready=1, number_available=0))

    agent.set_image()

    both = agent.pods_where("an old and a new pod stand on the node, both ready", lambda pods: [pod.ready for pod in pods] == [True] * 2)
    trace.until(both)
    trace.stays(both, seconds=15, shows="D9-19")
    agent.touch()
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    trace.expect_creations(agent, 2)


@scenario("U02")
@needs(Capability.POD_TIMING, Capability.POD_PHASE, nodes=3)
def test_an_unready_old_pod_is_replaced_beyond_the_surge(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Beside an old pod that is not ready the new pod is made at once, whatever maxSurge says."""
    nodes = cluster.nodes.join(3)
    agent = daemonset("agent-surge.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=3))
    agent.set_image(also=cluster.behave(never_ready=True))
    trace.until(agent.pods_where("one new pod stands beside the old ones", lambda pods: len(pods) == 4))
    [new] = [pod for pod in agent.pods() if not pod.ready]
    other = next(node for node in nodes if node.name != new.target)

    cluster.unready_pod(next(pod for pod in agent.pods() if pod.target == other.name).metadata.name)

    trace.until(
        agent.pods_where(
            f"a new pod stands on {other.name} too, and the unready old one is gone",
            lambda pods: len(pods) == 4 and [pod.hash for pod in pods if pod.target == other.name] == [new.hash],
        ),
        within=10,
        shows=("D9-17", "D9-20"),
    )
    trace.expect_creations(agent, 3 + 1 + 1)


@scenario("U03")
@needs(Capability.POD_TIMING, nodes=3)
def test_a_surge_that_never_becomes_ready_costs_nothing(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """If the new pods never become ready all old ones stay; rolling back removes only the new ones."""
    nodes = cluster.nodes.join(3)
    agent = daemonset("agent-surge.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=3))
    before = agent.uids()

    agent.set_image("registry.invalid/agent:missing")
    beside = agent.pods_where(
        "one new pod, which is not ready, stands beside three old ones",
        lambda pods: (
            sorted((pod.metadata.uid in before.values(), pod.ready, pod.terminating) for pod in pods)
            == [(False, False, False)] + [(True, True, False)] * 3
        ),
    )
    trace.until(beside)
    trace.stays(beside, seconds=3, shows=("D9-13", "D9-21"))
    cluster.kubectl("rollout", "undo", f"daemonset/{agent.name}")
    agent.refresh()

    trace.until(agent.rolled_out(), agent.keeps(before))
    assert trace.past.most_unavailable(agent) == 0
    trace.expect_creations(agent, 4)


@scenario("U02", seconds=15)
@needs(Capability.POD_TIMING, Capability.POD_PHASE, nodes=1)
def test_of_two_pods_on_a_node_the_older_one_counts(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """While an old pod that is not ready still ends beside a new one that is ready, numberReady does not count the node."""
    [node] = cluster.nodes.join(1)
    agent = daemonset("agent-surge.yaml", template=cluster.behave(terminate_after=12))
    trace.until(agent.exactly_on(node), agent.status(number_ready=1))
    old = agent.pod_on(node)
    cluster.unready_pod(old.metadata.name)
    trace.until(agent.status(number_ready=0))
    trace.stays(agent.status(number_ready=0), seconds=2)  # which pod is the older one is told by whole seconds, and else by name

    agent.set_image()

    both = agent.pods_where(
        "the old pod ends, not ready, beside a new one that is ready",
        lambda pods: {(pod.terminating, pod.ready) for pod in pods} == {(True, False), (False, True)},
    )
    trace.until(both, agent.status(number_ready=0, number_available=0))
    trace.stays(both, agent.status(number_ready=0, number_available=0), seconds=2, shows=("D9-35", "D9-38"))
    trace.until(agent.rolled_out(), agent.exactly_on(node), agent.status(number_ready=1))
    trace.expect_creations(agent, 2)


@scenario("U05", seconds=8)
@needs(Capability.CHANGE_NODE, nodes=3)
def test_a_surge_onto_fewer_nodes_spares_those_that_remain(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A template that surges and no longer selects one of the nodes takes the pod from that one only; the others are never without."""
    left, *kept = cluster.nodes.join(3)
    for node in kept:
        node.label(disktype="ssd")
    agent = daemonset("agent-surge.yaml")
    trace.until(agent.exactly_on(left, *kept), agent.status(number_available=3))

    agent.set_image(also={"spec": {"nodeSelector": {"disktype": "ssd"}}})

    trace.until(agent.rolled_out(), agent.exactly_on(*kept), agent.status(desired_number_scheduled=2), shows=("003-06", "D2-11"))
    assert trace.past.most_unavailable(agent) == 1, "that of the node which is left out"
    trace.expect_creations(agent, 3 + 2)


@scenario("U05", seconds=8)
@needs(Capability.CHANGE_NODE, nodes=3)
def test_a_surge_takes_the_pod_of_a_tainted_node_away(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod that a NoSchedule taint has only left alone is taken away by the next surge, which makes no other there and ends."""
    tainted, *free = cluster.nodes.join(3)
    agent = daemonset("agent-surge.yaml")
    trace.until(agent.exactly_on(tainted, *free), agent.status(number_available=3))
    tainted.taint("dedicated", "NoSchedule", "gpu")

    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(*free), agent.status(desired_number_scheduled=2, number_misscheduled=0))
    trace.stays(agent.absent_from(tainted), seconds=2, shows="001-03")
    trace.expect_creations(agent, 3 + 2)
