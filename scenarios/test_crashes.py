"""Containers that crash are their kubelet's business; pods that a kubelet rejects are the controller's."""

from typing import Any

import pytest

from conformance import Capability, Create, ScenarioCluster, Trace, needs, scenario, shows


@scenario("L05", seconds=40)
@needs(Capability.REAL_KUBELET, nodes=2)
def test_a_crash_loop_is_left_to_the_kubelet(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A container that crashes again and again is restarted in the same pod: the controller counts it as not ready and does nothing."""
    nodes = cluster.nodes.join(2)
    crash = {"command": ["sh", "-c", "sleep 1; exit 1"]}
    agent = daemonset("agent-shell.yaml", template={"spec": {"containers": [{"name": "agent", **crash}]}})
    trace.until(agent.observed(), agent.pods_where("a pod on each node", lambda pods: len(pods) == 2))
    before = agent.uids()

    trace.until(agent.restarted(3, *nodes), within=120)

    counted = agent.status(number_ready=0, number_unavailable=2, current_number_scheduled=2)
    trace.until(counted, agent.keeps(before), shows="D9-39")
    trace.stays(agent.keeps(before), cluster.no_event("FailedDaemonPod", agent), seconds=3, shows="001-17")
    trace.expect_creations(agent, 2)


@scenario("L05", seconds=20)
@needs(Capability.REAL_KUBELET, nodes=3)
def test_an_update_that_crashes_stops_at_the_budget(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A rolling update whose containers crash breaks as many nodes as maxUnavailable allows and stays there; undoing it mends them."""
    nodes = cluster.nodes.join(3)
    agent = daemonset("agent-port.yaml")  # it is ready when its port answers, so that one that crashes never is
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=3))

    agent.patch_template({"spec": {"containers": [{"name": "agent", "command": ["sh", "-c", "sleep 1; exit 1"]}]}})

    crashing = agent.pods_where(
        "one pod has crashed twice, the other two are as they were",
        lambda pods: sorted((pod.ready, pod.restarts >= 2) for pod in pods) == [(False, True), (True, False), (True, False)],
    )
    trace.until(crashing, agent.status(updated_number_scheduled=1), within=90)
    trace.stays(agent.status(updated_number_scheduled=1, number_available=2), seconds=4, shows="D2-18")
    cluster.kubectl("rollout", "undo", f"daemonset/{agent.name}")
    agent.refresh()
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    trace.expect_creations(agent, 5)


REJECTED: dict[str, dict[str, Any]] = {
    "OutOfcpu": {"containers": [{"name": "agent", "resources": {"requests": {"cpu": "1000"}}}]},
    "PodOSNotSupported": {"os": {"name": "windows"}},
}
MENDED: dict[str, dict[str, Any]] = {
    "OutOfcpu": {"containers": [{"name": "agent", "resources": {"requests": {"cpu": "1m"}}}]},
    "PodOSNotSupported": {"os": None},
}


@scenario("L07", seconds=16)
@needs(Capability.REAL_KUBELET, nodes=1)
@pytest.mark.parametrize("reason", REJECTED)
def test_a_pod_that_the_kubelet_rejects_is_replaced_ever_later(
    cluster: ScenarioCluster, daemonset: Create, trace: Trace, reason: str
) -> None:
    """A pod that its kubelet rejects is Failed for good; the controller replaces it, and waits longer from time to time."""
    [node] = cluster.nodes.join(1)
    past_the_scheduler: dict[str, Any] = {"nodeName": node.name}

    agent = daemonset("agent.yaml", template={"spec": {**REJECTED[reason], **past_the_scheduler}})

    trace.until(cluster.event("FailedDaemonPod", agent, times=5), within=60, shows="001-16")
    trace.until(cluster.event("SuccessfulCreate", agent, times=6), shows="001-16")
    assert trace.past.failures(agent)[:5] == [reason] * 5
    _, second, third, fourth, *_ = trace.past.seconds_between_creations(agent)
    # The backoff is 1 s, doubled each time, and counts from when the controller saw the failure: a creation that comes late shortens the
    # gap after it. Neither one nor two seconds each time add up to the last sum.
    with shows("D8-17"):
        assert second > 0.7
        assert second + third > 0.7 + 1.7
        assert second + third + fourth > 0.7 + 1.7 + 3.9
        assert fourth > 3.5
    trace.until(agent.pods_where("the sixth has failed too", lambda pods: [pod.status.phase for pod in pods] == ["Failed"]))
    agent.patch_template({"spec": MENDED[reason]})
    trace.until(agent.rolled_out(), agent.exactly_on(node), within=60)
    # Of the sixth the controller would have waited 16 s, had the new template not begun the backoff anew.
    assert trace.past.seconds_between_creations(agent)[5] < 10
    trace.expect_creations(agent, 7)


@scenario("L07", seconds=40)
@needs(Capability.REAL_KUBELET, Capability.NODE_RESTART, Capability.COMPONENT_CONTROL, nodes=1)
def test_a_restarted_kubelet_rejects_what_does_not_belong_on_its_node(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A kubelet that restarts while its node lacks the pod's label rejects the running pod; with the label back it is replaced."""
    [node] = cluster.nodes.join(1)
    node.label(disktype="ssd")
    agent = daemonset("agent.yaml", node_selector={"disktype": "ssd"})
    trace.until(agent.exactly_on(node), agent.status(number_available=1))
    before = agent.uids()
    # It would delete the pod as soon as the label is gone.
    controllers = cluster.component("kube-controller-manager")
    controllers.stop()

    node.unlabel("disktype")
    node.restart_kubelet()

    # Its container has time to end, and may end well: then the pod is Succeeded.
    ended = agent.pods_where("its pod has ended", lambda pods: [pod.terminal for pod in pods] == [True])
    trace.until(cluster.event("NodeAffinity", agent), ended)
    trace.stays(ended, seconds=3, shows="D8-17")
    node.label(disktype="ssd")
    controllers.start()
    trace.until(agent.exactly_on(node), agent.replaced(before, node), agent.status(number_available=1), shows=("001-16", "D8-17"))
    trace.expect_creations(agent, 2)
