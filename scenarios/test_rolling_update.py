"""Rolling updates without surge: how many pods may be down, and how many should be."""

from collections.abc import Callable

import pytest

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]


@scenario("R01")
@claim("001-10", "001-14", "002-54", "D2-04", "D2-11", "D2-12", "D2-13", "D2-14", "D3-12", "D9-27", "D10-02")
@needs(nodes=3)
def test_a_new_image_reaches_every_node(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A change of the template replaces every pod once, by pods of one new revision, and kubectl says when it is done."""
    nodes = cluster.nodes.join(3)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=3))
    before = agent.uids()

    cluster.kubectl("set", "image", f"daemonset/{agent.name}", f"agent={cluster.pause('3.9')}")
    agent.refresh()

    done = cluster.kubectl("rollout", "status", f"daemonset/{agent.name}", "--timeout=60s")
    assert done.out.splitlines()[-1] == f'daemon set "{agent.name}" successfully rolled out'
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 1, 2))
    assert not set(agent.uids().values()) & set(before.values())
    assert len({pod.hash for pod in agent.pods()}) == 1
    assert {container.image for pod in agent.pods() for container in pod.spec.containers} == {cluster.pause("3.9")}
    trace.expect_creations(agent, 6)


@scenario("R02", seconds=7)
@claim("001-04", "003-24", "003-25", "003-28", "D2-04", "D9-03", "D9-05", "D9-07", "D9-09", "D9-10", "D9-11", "D9-12")
@needs(Capability.POD_TIMING, nodes=10)
@pytest.mark.parametrize(
    ("max_unavailable", "nodes", "budget"),
    [(1, 4, 1), (2, 6, 2), (4, 4, 4), ("1%", 4, 1), ("10%", 10, 1), ("34%", 3, 2), ("25%", 10, 3), ("100%", 4, 4)],
    ids=str,
)
def test_the_whole_budget_is_used_and_never_exceeded(
    cluster: ScenarioCluster, daemonset: Create, trace: Trace, *, max_unavailable: int | str, nodes: int, budget: int
) -> None:
    """A rolling update takes down exactly as many pods at once as maxUnavailable allows; percentages round up."""
    joined = cluster.nodes.join(nodes)
    agent = daemonset(
        "agent.yaml",
        spec={"updateStrategy": {"rollingUpdate": {"maxUnavailable": max_unavailable}}},
        template=cluster.behave(ready_after=0.5),
    )
    trace.until(agent.exactly_on(*joined), agent.status(number_available=nodes))

    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(*joined), within=120)
    assert trace.past.most_unavailable(agent) >= budget, "that it is never exceeded is judged at every event"
    trace.expect_creations(agent, 2 * nodes)


@scenario("R03", seconds=16)
@claim("003-29", "003-30", "D9-11", "D9-28", "D9-29", "D9-38")
@needs(nodes=2)
def test_min_ready_seconds_are_waited_for(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With minReadySeconds the next pod is taken down only when the new one has been ready for that long."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml", spec={"minReadySeconds": 4})
    # Where pods start slowly the first one may be available before the second is ready.
    trace.until(agent.status(number_ready=range(1, 3), number_available=0))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))

    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    [waited] = trace.past.ready_to_next_deletion(agent)
    assert waited >= 4 - 1, "timestamps of the API have a resolution of one second"
    trace.expect_creations(agent, 4)


@scenario("R04", seconds=12)
@claim("001-11", "003-28", "D2-18", "D2-19", "D9-05", "D10-07")
@needs(Capability.POD_TIMING, nodes=4)
def test_a_broken_template_breaks_no_more_than_the_budget(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When the new pods never become ready the update stops at the budget; fixing the template forward completes it."""
    nodes = cluster.nodes.join(4)
    agent = daemonset("agent.yaml", spec={"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}})
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=4))
    old = set(agent.uids().values())

    agent.set_image("registry.invalid/agent:missing")
    stuck = agent.pods_where(
        "two pods are broken, two are the old ones", lambda pods: len(pods) == 4 and sum(pod.metadata.uid in old for pod in pods) == 2
    )
    trace.until(stuck, agent.status(number_unavailable=2, updated_number_scheduled=2))
    trace.stays(stuck, seconds=4)
    waited = cluster.kubectl("rollout", "status", f"daemonset/{agent.name}", "--timeout=2s", check=False)
    assert (waited.code, "timed out waiting for the condition" in waited.err) == (1, True)
    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    trace.expect_creations(agent, 4 + 2 + 4)


@scenario("R04", seconds=12)
@claim("003-28", "D9-05", "D10-07")
@needs(Capability.POD_PHASE, Capability.POD_TIMING, nodes=3)
def test_one_node_that_never_becomes_ready_holds_up_the_update(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When new pods never become ready on one node, that node uses the budget up and the update does not end; once they do, it does."""
    nodes = cluster.nodes.join(3)
    [bad, *others] = nodes
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=3))
    before = agent.uids()
    bad.behave(never_ready=True)

    agent.set_image()

    # Nodes are taken in no order that is promised: how many of the others are updated before this one is not known.
    stuck = agent.pods_where(
        f"{bad.name} alone is down, with a new pod",
        lambda pods: (
            [pod.target for pod in pods] == sorted(before)
            and {pod.target for pod in pods if not pod.ready} == {bad.name}
            and not {pod.metadata.uid for pod in pods} & {before[bad.name]}
        ),
    )
    trace.until(stuck, agent.available_on(*others), agent.status(number_unavailable=1))
    held = agent.uids()
    trace.stays(stuck, agent.keeps(held), seconds=3)
    waited = cluster.kubectl("rollout", "status", f"daemonset/{agent.name}", "--timeout=1s", check=False)
    assert (waited.code, "timed out waiting for the condition" in waited.err) == (1, True)
    bad.behave()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    assert agent.pod_on(bad).metadata.uid == held[bad.name]
    assert trace.past.most_unavailable(agent) == 1
    trace.expect_creations(agent, 6)


@scenario("R05", seconds=12)
@claim("003-28", "D2-18", "D9-05")
@needs(nodes=4)
def test_bad_updates_in_quick_succession_break_no_more_than_one(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Three broken templates one after the other take down as many pods as one: the budget is not given anew to each of them."""
    nodes = cluster.nodes.join(4)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=4))
    old = set(agent.uids().values())

    for name in ("one", "two", "three"):
        agent.set_image(f"registry.invalid/{name}:missing")

    stuck = agent.pods_where(
        "three old pods run, and one of the last template does not",
        lambda pods: (
            len(pods) == 4
            and sum(pod.metadata.uid in old and pod.ready for pod in pods) == 3
            and [(c.image, pod.terminating) for pod in pods if not pod.ready for c in pod.spec.containers]
            == [("registry.invalid/three:missing", False)]
        ),
    )
    trace.until(stuck, agent.status(updated_number_scheduled=1, number_unavailable=1))
    trace.stays(stuck, seconds=5)
    agent.set_image()
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))


@scenario("R06")
@claim("D2-11", "D3-11", "D3-17", "D3-18", "D3-21", "D10-11")
@needs(Capability.POD_TIMING, nodes=4)
def test_undo_in_the_middle_touches_only_what_was_changed(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl rollout undo in the middle of an update puts the changed pods back; pods that were not touched keep running."""
    nodes = cluster.nodes.join(4)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=4))
    before = agent.uids()
    trace.until(trace.has_revisions(agent, 1))
    [original] = trace.revisions(agent)
    agent.set_image("registry.invalid/agent:missing")
    trace.until(
        agent.pods_where("one pod is broken", lambda pods: len(pods) == 4 and sum(pod.status.phase == "Pending" for pod in pods) == 1)
    )

    cluster.kubectl("rollout", "undo", f"daemonset/{agent.name}")
    agent.refresh()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 2, 3))
    assert len(set(agent.uids().values()) & set(before.values())) == 3
    assert trace.revisions(agent)[-1].metadata.uid == original.metadata.uid
    trace.expect_creations(agent, 4 + 1 + 1)


@scenario("R08", seconds=9)
@claim("003-24", "D2-04", "D2-19", "D9-03", "D9-05", "D9-09", "D9-10")
@needs(Capability.POD_PHASE, Capability.POD_TIMING, nodes=4)
def test_pods_that_are_down_already_do_not_hold_up_the_update(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Old pods that are not ready are replaced at once and do not block the update."""
    nodes = cluster.nodes.join(4)
    agent = daemonset("agent.yaml", template=cluster.behave(terminate_after=2))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=4))
    down = {agent.pod_on(node).metadata.name for node in nodes[:2]}
    for name in down:
        cluster.unready_pod(name)
    trace.until(agent.status(number_available=2))

    agent.set_image()

    # Two at once, though maxUnavailable is 1: they were down before. The pods that are available wait for their successors.
    trace.until(
        agent.pods_where(
            "both unready pods are terminating, and no other", lambda pods: {pod.metadata.name for pod in pods if pod.terminating} == down
        )
    )
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    trace.expect_creations(agent, 8)


@scenario("R10")
@claim("D2-11", "D9-36")
@needs(nodes=2)
def test_only_the_template_restarts_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Changes of labels, of the strategy or of nothing at all make no revision and restart no pod."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    generation = agent.generation

    agent.patch({"metadata": {"labels": {"team": "edge"}}}, why="label")
    assert agent.generation == generation
    agent.set_image(cluster.pause("3.10"))
    assert agent.generation == generation
    agent.set_budget(max_unavailable=2)
    assert agent.generation == generation + 1

    trace.until(agent.observed())
    trace.stays(agent.keeps(before), trace.has_revisions(agent, 1), seconds=3)
    trace.expect_creations(agent, 2)
