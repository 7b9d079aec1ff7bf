"""What has to end takes its time on a real node: replacements, updates and drains wait for it, and a surge does not."""

from collections.abc import Mapping
from typing import Any

import pytest

from conformance import Capability, Create, ScenarioCluster, Trace, accepted, needs, scenario, shows

#: Lost with the container, and only with it.
OWN_FILE = "/of-this-container"
#: A process that does not hear SIGTERM, and a hook that takes its time before that.
DEAF = {"command": ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]}
SLOW_HOOK = {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}}}


def _ends(container: Mapping[str, Any], grace: int) -> dict[str, Any]:
    return {"spec": {"terminationGracePeriodSeconds": grace, "containers": [{"name": "agent", **container}]}}


DOCUMENTED = ("001-26", "002-09", "004-13")
ENDINGS = [
    pytest.param(SLOW_HOOK, 60, 5, (), id="preStop"),
    pytest.param(DEAF, 6, 6, (), id="grace period"),
    pytest.param(DEAF, 30, 30, DOCUMENTED, id="the documents' 30 seconds", marks=pytest.mark.claim(*DOCUMENTED)),
]


@scenario("L06", seconds=20)
@needs(Capability.REAL_KUBELET, nodes=2)
@pytest.mark.parametrize(("container", "grace", "takes", "claims"), ENDINGS)
def test_a_replacement_waits_for_the_end(
    cluster: ScenarioCluster,
    daemonset: Create,
    trace: Trace,
    container: Mapping[str, Any],
    grace: int,
    takes: int,
    claims: tuple[str, ...],
) -> None:
    """A deleted pod has its whole grace period, and its preStop hook; its replacement is made when its containers have ended."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent-shell.yaml", template=_ends(container, grace))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    lost = agent.pod_on(nodes[0])

    cluster.delete_pod(lost.metadata.name)

    trace.until(agent.exactly_on(*nodes), agent.replaced(before, nodes[0]), within=90)
    with shows(*claims):
        assert takes - 0.5 < trace.past.seconds_to_end(lost.metadata.name) < takes + 15
    with shows("001-04", *claims):
        assert trace.past.end_of_pod(lost.metadata.name) < trace.past.creation_of_pod(agent.uids()[nodes[0].name])
    trace.expect_creations(agent, 3)


@scenario("L06", seconds=20)
@needs(Capability.REAL_KUBELET, nodes=2)
def test_an_ending_pod_holds_its_share_of_the_budget(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """During an update the next node waits until the pod of the one before has ended and its successor is available."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent-shell.yaml", template=_ends(SLOW_HOOK, 60))
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    old = [pod.metadata.name for pod in agent.pods()]

    agent.set_image()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), within=90)
    assert all(trace.past.seconds_to_end(name) > 4.5 for name in old)
    with shows("003-28", "D9-05"):
        assert trace.past.most_unavailable(agent) == 1
    trace.expect_creations(agent, 4)


@scenario("T07", seconds=15)
@needs(Capability.REAL_KUBELET, Capability.CHANGE_NODE, nodes=2)
def test_a_drain_waits_for_others_and_leaves_daemon_pods_running(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl drain returns when the evicted container has really ended; the containers of daemon pods are not touched."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent-shell.yaml")
    bystander = cluster.bare_pod("bystander", nodes[0], labels={"app": "other"})
    bystander["spec"] |= agent.get()["spec"]["template"]["spec"] | {"terminationGracePeriodSeconds": 60}
    bystander["spec"]["containers"][0] |= SLOW_HOOK
    cluster.create_pod(bystander)
    trace.until(cluster.pod_runs("bystander"), shows="002-56")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))
    before = agent.uids()
    daemon = agent.pod_on(nodes[0]).metadata.name
    cluster.kubectl("exec", daemon, "--", "touch", OWN_FILE)

    with shows("D6-14"), accepted():
        cluster.kubectl("drain", nodes[0].name, "--force", "--ignore-daemonsets", "--timeout=60s")

    gone = cluster.kubectl("get", "pod", "bystander", "--ignore-not-found", "-o", "name")
    with shows("D6-02"):
        assert gone.out == ""
        trace.until(cluster.pod_absent("bystander"))
        assert trace.past.seconds_to_end("bystander") > 4.5
    trace.stays(agent.keeps(before), agent.exactly_on(*nodes), seconds=3, shows=("D6-02", "D6-05", "D6-14"))
    with shows("D6-05", "D6-14"), accepted():
        assert [pod.restarts for pod in agent.pods()] == [0, 0]
        cluster.kubectl("exec", daemon, "--", "ls", OWN_FILE)
    trace.expect_creations(agent, 2)


@scenario("U01", seconds=25)
@needs(Capability.REAL_KUBELET, nodes=1)
def test_old_and_new_container_run_side_by_side(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """During a surge the containers of the old and the new pod really run at the same time on their node."""
    [node] = cluster.nodes.join(1)
    strategy = {"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}, "minReadySeconds": 10}
    agent = daemonset("agent-shell.yaml", spec=strategy)
    trace.until(agent.exactly_on(node), agent.status(number_available=1))
    trace.stays(agent.exactly_on(node), seconds=3)

    agent.patch_template({"metadata": {"annotations": {"version": "2"}}})

    both = agent.pods_where("two ready pods on the node", lambda pods: [pod.ready for pod in pods] == [True, True])
    trace.until(both, shows=("001-05", "D9-19"))
    with shows("001-05"), accepted():
        answers = [cluster.kubectl("exec", pod.metadata.name, "--", "hostname").out.strip() for pod in agent.pods()]
        assert answers == [pod.metadata.name for pod in agent.pods()]
        assert len(answers) == 2
    trace.until(agent.rolled_out(), agent.exactly_on(node))
    with shows("D9-19"):
        assert trace.past.most_unavailable(agent) == 0
        assert min(trace.past.ready_to_next_deletion(agent)) > 8.5
    trace.expect_creations(agent, 2)
