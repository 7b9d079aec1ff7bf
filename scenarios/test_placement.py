"""Where pods go: every eligible node gets one, and only those."""

from collections.abc import Callable

import pytest

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]

CONTROLLER = "system:serviceaccount:kube-system:daemon-set-controller"


@scenario("P01")
@claim(
    "000-02",
    "000-03",
    "000-21",
    "001-01",
    "001-13",
    "002-01",
    "002-63",
    "003-01",
    "003-13",
    "003-14",
    "004-17",
    "D1-01",
    "D1-25",
    "D4-06",
    "D4-11",
    "D7-01",
    "D7-16",
)
@needs(nodes=3)
def test_every_node_runs_one_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Every eligible node runs exactly one copy of the pod, owned by the DaemonSet and named after it."""
    nodes = cluster.nodes.join(3)

    agent = daemonset("agent.yaml")

    trace.until(
        agent.exactly_on(*nodes),
        agent.status(
            desired_number_scheduled=3, current_number_scheduled=3, number_available=3, updated_number_scheduled=3, number_misscheduled=0
        ),
        cluster.event("SuccessfulCreate", agent, times=3),
    )
    for pod in agent.pods():
        prefix, _, suffix = pod.metadata.name.rpartition("-")
        assert (prefix, len(suffix)) == (agent.name, 5)
        assert pod.metadata.generate_name == f"{agent.name}-"
        assert "on-the-daemonset-only" not in pod.metadata.labels
        assert {"app", "controller-revision-hash", "pod-template-generation"} == set(pod.metadata.labels)
        assert pod.spec.containers == agent.now().spec.template.spec.containers
    owner = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "name": agent.name,
        "uid": agent.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert [pod["metadata"]["ownerReferences"] for pod in trace.past.created(agent)] == [[owner]] * 3
    trace.expect_creations(agent, 3)
    trace.stays(agent.exactly_on(*nodes), seconds=4)


@scenario("P02")
@claim("000-09", "001-06", "002-02", "003-02", "003-05", "D1-02")
@needs(Capability.JOIN_NODE, nodes=3)
def test_a_node_that_joins_gets_a_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A node that joins gets its pod without anybody asking for it, and the others keep theirs."""
    first = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*first), agent.status(desired_number_scheduled=1))
    before = agent.uids()

    later = cluster.nodes.join(2)

    trace.until(agent.exactly_on(*first, *later), agent.status(desired_number_scheduled=3, number_available=3))
    assert agent.uids().items() >= before.items()
    trace.expect_creations(agent, 3)


@scenario("P03", seconds=62)
@claim("000-10", "001-07", "002-03", "003-03", "D1-03", "D8-05", "D8-06", "D8-18", "D8-21", "D8-22")
@needs(Capability.LEAVE_NODE, nodes=2)
def test_the_pod_of_a_removed_node_is_garbage_collected(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When a node is removed its pod is collected by the pod garbage collector, and not made again."""
    stays, leaves = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(stays, leaves), agent.status(number_available=2))
    kept = agent.pod_on(stays).metadata.uid
    lost = agent.pod_on(leaves)

    leaves.leave()

    trace.until(agent.exactly_on(stays), agent.status(desired_number_scheduled=1, current_number_scheduled=1), within=120)
    last = trace.past.last_pod(lost.metadata.name)
    assert last.status.phase == "Failed"
    assert any(c.type == "DisruptionTarget" and c.reason == "DeletionByPodGC" for c in last.status.conditions)
    assert agent.pod_on(stays).metadata.uid == kept
    trace.expect_creations(agent, 2)


@scenario("P05", seconds=64)
@claim("D8-07", "D8-09")
@needs(Capability.JOIN_NODE, Capability.LEAVE_NODE, nodes=2)
def test_a_node_that_comes_back_early_keeps_its_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A node of the same name that is back before the pod garbage collector acts keeps the old pod object."""
    stays, leaves = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(stays, leaves), agent.status(number_available=2))
    before = agent.uids()

    leaves.leave()
    trace.until(cluster.without_node(leaves))
    [back] = cluster.nodes.join(1, name=leaves.name)

    trace.stays(agent.keeps(before), seconds=61)
    # The return of a node that has its pod wakes no sync: one that fell into the time without the node may have been the last.
    agent.patch({"metadata": {"annotations": {"touched": "yes"}}}, why="annotate")
    trace.until(agent.exactly_on(stays, back), agent.status(desired_number_scheduled=2, number_available=2))
    trace.expect_creations(agent, 2)


@scenario("P05", seconds=70)
@claim("002-48", "002-57", "D1-57", "D8-08")
@needs(Capability.JOIN_NODE, Capability.LEAVE_NODE, nodes=2)
def test_a_node_that_comes_back_late_gets_the_current_template(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A node of the same name that is back after its pod was collected gets a new pod, of the template as it is by then."""
    stays, leaves = cluster.nodes.join(2)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(stays, leaves), agent.status(number_available=2))
    before = agent.uids()

    leaves.leave()
    agent.set_image()
    trace.until(agent.exactly_on(stays), agent.status(desired_number_scheduled=1), within=120)
    [back] = cluster.nodes.join(1, name=leaves.name)

    trace.until(agent.exactly_on(stays, back), agent.status(desired_number_scheduled=2, number_available=2, updated_number_scheduled=1))
    assert agent.uids()[stays.name] == before[stays.name]
    assert agent.pod_on(back).hash != agent.pod_on(stays).hash
    trace.expect_creations(agent, 3)


@scenario("P06")
@claim(
    "000-16",
    "000-17",
    "001-08",
    "001-09",
    "002-31",
    "002-44",
    "002-45",
    "003-06",
    "003-20",
    "003-21",
    "004-26",
    "D1-22",
    "D1-53",
    "D1-54",
    "D4-09",
    "D4-10",
)
@needs(Capability.CHANGE_NODE, nodes=3)
def test_pods_follow_the_node_label(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Relabelling moves the pod: added to newly matching nodes, deleted from newly not-matching ones."""
    ssd, hdd, other = cluster.nodes.join(3)
    ssd.label(disktype="ssd")
    other.label(app="agent")  # the label of the pods, which selects no node
    agent = daemonset("agent.yaml", node_selector={"disktype": "ssd"})
    trace.until(agent.exactly_on(ssd), agent.status(desired_number_scheduled=1))

    hdd.label(disktype="ssd")
    ssd.unlabel("disktype")

    trace.until(agent.exactly_on(hdd), agent.status(desired_number_scheduled=1, number_misscheduled=0))
    trace.expect_creations(agent, 2)


@scenario("P06")
@claim("002-45", "D1-54", "D9-12")
@needs(Capability.CHANGE_NODE, Capability.POD_TIMING, nodes=3)
def test_pods_follow_the_selector(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Changing the template's nodeSelector moves the pods at once, all together, whatever maxUnavailable says."""
    nodes = cluster.nodes.join(3)
    blue, *green = nodes
    blue.label(pool="blue")
    for node in green:
        node.label(pool="green")
    agent = daemonset("agent.yaml", node_selector={"pool": "green"}, template=cluster.behave(terminate_after=2))
    trace.until(agent.exactly_on(*green), agent.status(desired_number_scheduled=2))

    agent.patch_template({"spec": {"nodeSelector": {"pool": "blue"}}}, why="set nodeSelector pool=blue")

    trace.until(agent.terminating_on(*green))
    trace.until(agent.exactly_on(blue), agent.status(desired_number_scheduled=1))


AFFINITY = {
    "terms are ORed": (
        [
            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]},
            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]},
        ],
        {"a", "b"},
    ),
    "expressions are ANDed": (
        [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}, {"key": "gpu", "operator": "Exists"}]}],
        {"b"},
    ),
    "NotIn takes nodes without the label": ([{"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}], {"b", "c"}),
    "DoesNotExist": ([{"matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}]}], {"a", "c"}),
    "Gt compares numbers": ([{"matchExpressions": [{"key": "disks", "operator": "Gt", "values": ["9"]}]}], {"b"}),
    "Lt compares numbers": ([{"matchExpressions": [{"key": "disks", "operator": "Lt", "values": ["10"]}]}], {"a"}),
}


@scenario("P07")
@claim("000-16", "001-15", "002-32", "004-25", "D1-23", "D1-31", "D9-25")
@needs(Capability.CHANGE_NODE, nodes=3)
@pytest.mark.parametrize("case", AFFINITY)
def test_required_node_affinity_selects(cluster: ScenarioCluster, daemonset: Create, trace: Trace, case: str) -> None:
    """Required node affinity decides which nodes get a pod."""
    terms, expected = AFFINITY[case]
    nodes = dict(zip("abc", cluster.nodes.join(3), strict=True))
    nodes["a"].label(zone="a", disks="2")
    nodes["b"].label(zone="b", disks="10", gpu="yes")
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}

    agent = daemonset("agent.yaml", template={"spec": {"affinity": affinity}})

    trace.until(agent.exactly_on(*(nodes[zone] for zone in expected)), agent.status(desired_number_scheduled=len(expected)))


@scenario("P07")
@claim("000-16", "D9-25")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_preferred_node_affinity_does_not_select(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Preferred node affinity changes nothing about which nodes get a pod."""
    nodes = cluster.nodes.join(2)
    nodes[0].label(zone="a")
    term = {"weight": 100, "preference": {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}}
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}

    agent = daemonset("agent.yaml", template={"spec": {"affinity": affinity}})

    trace.until(agent.exactly_on(*nodes), agent.status(desired_number_scheduled=2))


@scenario("P08")
@claim("000-08", "002-34", "002-35", "D1-26", "D1-27", "D1-32", "D1-33")
@needs(nodes=2)
def test_the_scheduler_binds_and_the_affinity_is_replaced(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The controller pins each pod by a node affinity of its own and leaves the binding to the scheduler."""
    nodes = cluster.nodes.join(2, labels={"disktype": "ssd"})

    agent = daemonset("agent-affinity.yaml")

    trace.until(agent.exactly_on(*nodes))
    wanted = agent.get()["spec"]["template"]["spec"]["affinity"]
    preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    for created in trace.past.created(agent):
        affinity = created["spec"]["affinity"]
        terms = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        [[field]] = [term["matchFields"] for term in terms]
        assert "nodeName" not in created["spec"]
        assert (field["key"], field["operator"], len(field["values"])) == ("metadata.name", "In", 1)
        assert all("matchExpressions" not in term for term in terms)
        assert affinity["nodeAffinity"][preferred] == wanted["nodeAffinity"][preferred]
        assert affinity["podAntiAffinity"] == wanted["podAntiAffinity"]
    assert {pod.spec.node_name for pod in agent.pods()} == {node.name for node in nodes}


@scenario("P08")
@claim("000-20")
@needs(Capability.AUDIT_LOG, nodes=1)
def test_the_controller_creates_and_the_scheduler_binds(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The audit log names the DaemonSet controller as the creator of a daemon pod, and the default scheduler as the one that bound it."""
    nodes = cluster.nodes.join(1)

    agent = daemonset("agent.yaml")

    trace.until(agent.exactly_on(*nodes))
    pod = f"pods/{agent.pod_on(nodes[0]).metadata.name}"
    trace.until(
        trace.written(pod, "create", by=CONTROLLER), trace.written(pod, "create", subresource="binding", by="system:kube-scheduler")
    )
    assert trace.past.authors(pod, "create") == {CONTROLLER}
