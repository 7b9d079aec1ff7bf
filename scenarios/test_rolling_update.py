"""Rolling updates without surge: how many pods may be down, and how many should be."""

from typing import Any

import pytest

from conformance import Capability, Condition, Create, ScenarioCluster, Trace, accepted, claim, needs, scenario, shows


@scenario("R01")
@needs(nodes=3)
def test_a_new_image_reaches_every_node(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A change of the template replaces every pod once, by pods of one new revision, and kubectl says when it is done."""
    nodes = cluster.nodes.join(3)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=3))
    before = agent.uids()

    with shows("D2-12"), accepted():
        cluster.kubectl("set", "image", f"daemonset/{agent.name}", f"agent={cluster.pause('3.9')}")
    agent.refresh()

    done = cluster.rollout_status(agent)
    status = agent.get()["status"]
    with shows("D2-13"):
        assert done.code == 0, done.said
        assert status["observedGeneration"] == agent.generation
        assert (status.get("updatedNumberScheduled"), status.get("numberAvailable")) == (3, 3)
    with shows("D2-14"):
        assert done.out.splitlines()[-1:] == [f'daemon set "{agent.name}" successfully rolled out']
    trace.until(
        agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 1, 2), shows=("001-10", "002-54", "D2-11", "D9-27")
    )
    with shows("001-14", "D2-04"):
        assert not set(agent.uids().values()) & set(before.values())
    assert len({pod.hash for pod in agent.pods()}) == 1
    with shows("D2-12"):
        assert {container.image for pod in agent.pods() for container in pod.spec.containers} == {cluster.pause("3.9")}
    with shows("003-24"):
        assert trace.past.most_unavailable(agent) == 1
    trace.expect_creations(agent, 6, shows="D2-04")


def _budget(max_unavailable: int | str, nodes: int, budget: int, *more: str) -> Any:
    """One case of the matrix: it needs its own nodes and no more, so that small clusters run what fits, and shows more than all do."""
    name = f"{max_unavailable}-{nodes}-{budget}"
    return pytest.param(max_unavailable, nodes, budget, more, marks=(needs(nodes=nodes), claim(*more)), id=name)


#: What a percentage that is no whole number of nodes shows besides: it is rounded up.
ROUNDED = ("D9-07", "D9-09", "D9-10", "D9-12")


@scenario("R02", seconds=7)
@needs(Capability.POD_TIMING)
@pytest.mark.parametrize(
    ("max_unavailable", "nodes", "budget", "more"),
    [
        _budget(1, 4, 1),
        _budget(2, 6, 2, "D9-03"),
        _budget(4, 4, 4, "D9-03"),
        _budget("1%", 4, 1, *ROUNDED),
        _budget("10%", 10, 1),
        _budget("34%", 3, 2, "D9-03", *ROUNDED),
        _budget("25%", 10, 3, "D9-03", *ROUNDED),
        _budget("100%", 4, 4, "D9-03"),
    ],
)
def test_the_whole_budget_is_used_and_never_exceeded(
    cluster: ScenarioCluster, daemonset: Create, trace: Trace, *, max_unavailable: int | str, nodes: int, budget: int, more: tuple[str, ...]
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

    trace.until(agent.rolled_out(), agent.exactly_on(*joined), within=120, shows=("D2-04", "D9-11"))
    with shows("001-04"), shows(*more):
        assert trace.past.most_unavailable(agent) >= budget, "that it is never exceeded is judged at every event"
    trace.expect_creations(agent, 2 * nodes)


@scenario("R03", seconds=16)
@needs(nodes=2)
def test_min_ready_seconds_are_waited_for(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With minReadySeconds the next pod is taken down only when the new one has been ready for that long."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml", spec={"minReadySeconds": 4})
    # Where pods start slowly the first one may be available before the second is ready.
    trace.until(agent.status(number_ready=range(1, 3), number_available=0), shows=("003-29", "D9-28"))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2), shows=("003-29", "D9-28"))

    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), shows="D9-11")
    with shows("003-29", "D9-11"):
        long_enough = [seconds >= 4 - 1 for seconds in trace.past.ready_to_next_deletion(agent)]
        assert long_enough == [True], "timestamps of the API have a resolution of one second"
    trace.expect_creations(agent, 4)


@scenario("R03")
@needs(nodes=2)
def test_without_min_ready_seconds_ready_is_available(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Where minReadySeconds is not given every pod counts as available in the moment in which it counts as ready."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))

    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    with shows("D9-29"):
        counted = trace.past.counters(agent, "number_ready", "number_available")
        assert counted >= {(0, 0), (2, 2)}
        assert all(ready == available for ready, available in counted)
    trace.expect_creations(agent, 4)


@scenario("R03", seconds=8)
@needs(nodes=1)
def test_min_ready_seconds_count_for_ondelete_too(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With the OnDelete strategy, too, a pod that is ready counts as available only after minReadySeconds."""
    [node] = cluster.nodes.join(1)

    agent = daemonset("agent-ondelete.yaml", spec={"minReadySeconds": 4})

    trace.until(agent.status(number_ready=1, number_available=0, number_unavailable=1), shows="003-30")
    trace.until(agent.exactly_on(node), agent.status(number_ready=1, number_available=1))
    trace.expect_creations(agent, 1)


@scenario("R03", seconds=30)
@needs(Capability.REAL_KUBELET, nodes=1)
def test_a_crash_begins_min_ready_seconds_anew(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A container that crashes within minReadySeconds keeps its pod from being available until it has run for so long without a crash."""
    [node] = cluster.nodes.join(1)
    once = {"command": ["sh", "-c", "test -e /once/crashed && exec sleep 3600; touch /once/crashed; sleep 6; exit 1"]}
    volume = {"volumeMounts": [{"name": "once", "mountPath": "/once"}]}
    template = {"spec": {"containers": [{"name": "agent", **once, **volume}], "volumes": [{"name": "once", "emptyDir": {}}]}}

    agent = daemonset("agent-shell.yaml", spec={"minReadySeconds": 12}, template=template)

    trace.until(agent.status(number_ready=1, number_available=0))
    trace.until(agent.restarted(1, node), agent.status(number_ready=1, number_available=0))
    # Twelve seconds after it first was ready it would be available now; it has been ready again for some six of them.
    trace.stays(agent.status(number_ready=1, number_available=0), seconds=8, shows="D9-28")
    trace.until(agent.exactly_on(node), agent.status(number_available=1), shows="D9-28")
    trace.expect_creations(agent, 1)


@scenario("R03", seconds=35)
@needs(Capability.POD_PHASE, nodes=1)
def test_a_clock_that_is_ahead_or_behind_stalls_no_update(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Where a kubelet's clock is ahead its pods count as available later, where it is behind sooner; the update ends all the same."""
    [node] = cluster.nodes.join(1)
    agent = daemonset("agent.yaml", spec={"minReadySeconds": 6})
    trace.until(agent.exactly_on(node), agent.status(number_available=1))

    def alone(image: str) -> Condition:
        """The status may tell of a pod that has not been seen yet."""
        return agent.pods_where(
            f"a ready pod of {image} is there and no other",
            lambda pods: [(pod.spec.containers[0].image, pod.ready, pod.terminating) for pod in pods] == [(image, True, False)],
        )

    agent.set_image(cluster.pause("3.9"))
    trace.until(alone(cluster.pause("3.9")), agent.status(updated_number_scheduled=1, number_ready=1, number_available=0))
    cluster.shift_readiness(agent.pod_on(node).metadata.name, seconds=15)
    trace.stays(agent.status(number_ready=1, number_available=0), seconds=8)
    trace.until(agent.rolled_out(), agent.exactly_on(node), shows="D2-20")

    agent.patch({"spec": {"minReadySeconds": 600}}, why="set minReadySeconds")
    agent.set_image(cluster.pause("3.8"))
    trace.until(alone(cluster.pause("3.8")), agent.status(updated_number_scheduled=1, number_ready=1, number_available=0))
    cluster.shift_readiness(agent.pod_on(node).metadata.name, seconds=-1200)
    trace.until(agent.rolled_out(), agent.exactly_on(node), shows="D2-20")
    trace.expect_creations(agent, 3)


@scenario("R04", seconds=12)
@needs(Capability.POD_TIMING, nodes=4)
def test_a_broken_template_breaks_no_more_than_the_budget(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When the new pods never become ready the update stops at the budget; fixing the template forward completes it."""
    nodes = cluster.nodes.join(4)
    agent = daemonset("agent.yaml", spec={"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}})
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=4))
    old = set(agent.uids().values())

    agent.set_image("registry.invalid/agent:missing")
    stuck = agent.pods_where(
        "two pods are broken, two are the old ones",
        lambda pods: (
            sorted((pod.metadata.uid in old, pod.ready, pod.terminating) for pod in pods)
            == [(False, False, False)] * 2 + [(True, True, False)] * 2
        ),
    )
    trace.until(stuck, agent.status(number_unavailable=2, updated_number_scheduled=2), shows="D9-39")
    trace.stays(stuck, seconds=4, shows=("001-11", "003-28", "D2-18", "D9-11"))
    with shows("D10-07"):
        waited = cluster.rollout_status(agent, timeout=2)
        assert (waited.code, "timed out waiting for the condition" in waited.err) == (1, True)
    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), shows="D2-19")
    trace.expect_creations(agent, 4 + 2 + 4)


@scenario("R04", seconds=12)
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
    trace.stays(stuck, agent.keeps(held), seconds=3, shows="003-28")
    with shows("D10-07"):
        waited = cluster.rollout_status(agent, timeout=1)
        assert (waited.code, "timed out waiting for the condition" in waited.err) == (1, True)
    bad.behave()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    assert agent.pod_on(bad).metadata.uid == held[bad.name]
    with shows("003-28"):
        assert trace.past.most_unavailable(agent) == 1
    trace.expect_creations(agent, 6)


@scenario("R05", seconds=12)
@needs(nodes=4)
def test_bad_updates_in_quick_succession_break_no_more_than_one(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Three broken templates one after the other take down as many pods as one: the budget is not given anew to each of them."""
    nodes = cluster.nodes.join(4)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=4))
    old = set(agent.uids().values())

    def stuck(name: str) -> Condition:
        """Seen one by one: templates that the controller gets as one are one."""
        image = f"registry.invalid/{name}:missing"
        return agent.pods_where(
            f"three old pods run, and one of template {name} does not",
            lambda pods: (
                sorted((pod.metadata.uid in old, pod.ready, pod.terminating) for pod in pods)
                == [(False, False, False)] + [(True, True, False)] * 3
                and [c.image for pod in pods if not pod.ready for c in pod.spec.containers] == [image]
            ),
        )

    for name in ("one", "two", "three"):
        agent.set_image(f"registry.invalid/{name}:missing")
        trace.until(stuck(name), shows="003-28")

    trace.until(agent.status(updated_number_scheduled=1, number_unavailable=1))
    trace.stays(stuck("three"), seconds=5, shows=("003-28", "D2-18"))
    agent.set_image()
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    trace.expect_creations(agent, 4 + 3 + 4)


@scenario("R06")
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

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 2, 3), shows="D10-11")
    with shows("D3-11"):
        assert len(set(agent.uids().values()) & set(before.values())) == 3
    with shows("D3-21"):
        assert trace.revisions(agent)[-1].metadata.uid == original.metadata.uid
    trace.expect_creations(agent, 4 + 1 + 1, shows="D3-11")


@scenario("R08", seconds=9)
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
        ),
        shows=("D9-03", "D9-09", "D9-10"),
    )
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), shows="D2-19")
    trace.expect_creations(agent, 8)


@scenario("R09", seconds=12)
@needs(nodes=4)
def test_a_strategy_that_is_changed_in_the_middle_holds_from_then_on(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """While an update is stuck a larger maxUnavailable lets it go on so far, OnDelete stops it, and RollingUpdate takes it up again."""
    nodes = cluster.nodes.join(4)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=4))
    old = set(agent.uids().values())

    def broken(count: int) -> Condition:
        return agent.pods_where(
            f"{count} pods are broken, the others are the old ones",
            lambda pods: (
                sorted((pod.metadata.uid in old, pod.ready, pod.terminating) for pod in pods)
                == [(False, False, False)] * count + [(True, True, False)] * (4 - count)
            ),
        )

    agent.set_image("registry.invalid/agent:missing")
    trace.until(broken(1), agent.status(updated_number_scheduled=1))
    agent.set_budget(max_unavailable=2)
    trace.until(broken(2), agent.status(updated_number_scheduled=2), shows="003-28")
    agent.set_strategy("OnDelete")
    agent.set_image()
    held = agent.uids()
    trace.until(agent.status(updated_number_scheduled=0))
    trace.stays(agent.keeps(held), broken(2), seconds=3, shows="D9-04")
    agent.set_budget(max_unavailable=1)

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), shows="D9-27")
    trace.expect_creations(agent, 4 + 2 + 4)


@scenario("R12", seconds=8)
@needs(Capability.CHANGE_NODE, nodes=3)
def test_an_update_leaves_a_tainted_node_without_its_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A pod that a NoSchedule taint has only left alone is taken away by the next update, which makes no other there and ends."""
    tainted, *free = cluster.nodes.join(3)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(tainted, *free), agent.status(number_available=3))
    tainted.taint("dedicated", "NoSchedule", "gpu")

    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(*free), agent.status(desired_number_scheduled=2, number_misscheduled=0))
    trace.stays(agent.absent_from(tainted), seconds=2, shows="001-03")
    tainted.untaint("dedicated")
    trace.until(agent.rolled_out(), agent.exactly_on(tainted, *free), agent.status(desired_number_scheduled=3))
    trace.expect_creations(agent, 3 + 2 + 1)


@scenario("R10")
@needs(nodes=2)
def test_only_the_template_restarts_pods(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Changes of labels, of the strategy or of nothing at all make no revision and restart no pod; one of the template does both."""
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

    trace.until(agent.observed(), shows="D9-36")
    trace.stays(agent.keeps(before), trace.has_revisions(agent, 1), seconds=3)
    agent.patch_template({"metadata": {"annotations": {"note": "an annotation is part of the template"}}}, why="annotate template")
    trace.until(agent.rolled_out(), agent.replaced(before, *nodes), trace.has_revisions(agent, 1, 2), shows="D2-11")
    trace.expect_creations(agent, 4)
