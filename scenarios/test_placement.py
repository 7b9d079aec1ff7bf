"""Where pods go: every eligible node gets one, and only those."""

from typing import Any

import pytest

from conformance import Capability, Create, ScenarioCluster, Trace, accepted, needs, scenario, shows

CONTROLLER = "system:serviceaccount:kube-system:daemon-set-controller"


@scenario("P01")
@needs(nodes=3)
def test_every_node_runs_one_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Every eligible node runs exactly one copy of the pod, owned by the DaemonSet and named after it."""
    nodes = cluster.nodes.join(3)

    agent = daemonset("agent.yaml")

    counters = {"desired_number_scheduled": 3, "current_number_scheduled": 3, "updated_number_scheduled": 3, "number_misscheduled": 0}
    trace.until(
        agent.exactly_on(*nodes),
        agent.status(**counters, number_available=3),
        cluster.event("SuccessfulCreate", agent, times=3),
        shows=("000-02", "003-14", "D1-25"),
    )
    trace.stays(agent.exactly_on(*nodes), seconds=4, shows=("000-02", "004-17"))
    for pod in agent.pods():
        prefix, _, suffix = pod.metadata.name.rpartition("-")
        with shows("003-13", "D4-11"):
            assert (prefix, len(suffix)) == (agent.name, 5)
            assert pod.metadata.generate_name == f"{agent.name}-"
            assert pod.target not in pod.metadata.name
            assert suffix not in pod.hash
        with shows("001-13"):
            assert pod.spec.containers == agent.now().spec.template.spec.containers
            assert "on-the-daemonset-only" not in pod.metadata.labels
            assert {"app", "controller-revision-hash", "pod-template-generation"} == set(pod.metadata.labels)
    owner = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "name": agent.name,
        "uid": agent.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    with shows("000-21", "D7-16"):
        assert [pod["metadata"].get("ownerReferences") for pod in trace.past.created(agent)] == [[owner]] * 3
    trace.expect_creations(agent, 3)


@scenario("P01")
@needs(nodes=2)
def test_a_daemonset_needs_no_replicaset_as_a_deployment_does(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A Deployment and a DaemonSet both make pods; those of a Deployment belong to a ReplicaSet, those of a DaemonSet to it alone."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")

    cluster.kubectl("create", "deployment", "other", f"--image={cluster.pause('3.10')}", "--replicas=1")

    cluster.kubectl_wait("deployment/other", until="create")
    cluster.kubectl_wait("deployment/other", until="condition=Available")
    trace.until(agent.exactly_on(*nodes), shows="002-63")
    with shows("000-21", "002-63"):
        assert _owners(cluster, "app=other") == ["ReplicaSet"]
        assert _owners(cluster, "app=agent") == ["DaemonSet"] * 2
    trace.expect_creations(agent, 2)


@scenario("P01")
@needs(nodes=1)
def test_a_file_is_enough_to_describe_a_daemonset(cluster: ScenarioCluster, trace: Trace) -> None:
    """A YAML file given to kubectl apply makes a DaemonSet whose pods run; applied once more it changes nothing."""
    [node] = cluster.nodes.join(1)
    text = cluster.manifest_text("agent.yaml")

    first = cluster.kubectl("apply", "--filename=-", stdin=text)
    agent = cluster.find("agent")

    trace.until(agent.exactly_on(node), agent.status(number_available=1), shows="002-67")
    second = cluster.kubectl("apply", "--filename=-", stdin=text)
    with shows("002-67"):
        assert [said.out.strip() for said in (first, second)] == ["daemonset.apps/agent created", "daemonset.apps/agent unchanged"]
    assert agent.get()["metadata"]["generation"] == 1
    trace.expect_creations(agent, 1)


#: What agents ask for that look after their node.
PRIVILEGED = {"spec": {"containers": [{"name": "agent", "securityContext": {"privileged": True}}]}}


@scenario("X01", seconds=15)
@needs(nodes=2)
def test_agents_with_higher_privileges_come_when_the_namespace_allows_them(
    cluster: ScenarioCluster, daemonset: Create, trace: Trace
) -> None:
    """Where a namespace refuses privileged pods none is made, which an event says; they come by themselves once it allows them."""
    nodes = cluster.nodes.join(2)
    cluster.kubectl("label", "namespace", cluster.namespace, "--overwrite", "pod-security.kubernetes.io/enforce=baseline")
    plain = daemonset("agent.yaml")
    with shows("004-20"), accepted():
        agent = daemonset("agent-hostnetwork.yaml", template=PRIVILEGED)

    refused = (cluster.event("FailedCreate", agent), agent.status(desired_number_scheduled=2, number_unavailable=2))
    trace.until(*refused, plain.exactly_on(*nodes), shows=("004-20", "D9-39"))
    trace.stays(agent.without_pods(), agent.status(current_number_scheduled=0), seconds=3, shows="004-20")
    cluster.kubectl("label", "namespace", cluster.namespace, "--overwrite", "pod-security.kubernetes.io/enforce=privileged")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2, number_unavailable=0), shows=("004-20", "D1-25"))
    trace.expect_creations(agent, 2)


@scenario("P02")
@needs(Capability.JOIN_NODE, nodes=3)
def test_a_node_that_joins_gets_a_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A node that joins gets its pod without anybody asking for it, and the others keep theirs."""
    first = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*first), agent.status(desired_number_scheduled=1))
    before = agent.uids()

    later = cluster.nodes.join(2)

    trace.until(agent.exactly_on(*first, *later), agent.status(desired_number_scheduled=3, number_available=3), shows=("000-09", "000-27"))
    assert agent.uids().items() >= before.items()
    trace.expect_creations(agent, 3)


@scenario("P03", seconds=62)
@needs(Capability.LEAVE_NODE, nodes=2)
def test_the_pod_of_a_removed_node_is_garbage_collected(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When a node is removed its pod is collected by the pod garbage collector, and not made again."""
    stays, leaves = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(stays, leaves), agent.status(number_available=2))
    kept = agent.pod_on(stays).metadata.uid
    lost = agent.pod_on(leaves)

    leaves.leave()

    one = agent.status(desired_number_scheduled=1, current_number_scheduled=1)
    trace.until(agent.exactly_on(stays), one, within=120, shows=("000-10", "000-27", "002-03"))
    last = trace.past.last_pod(lost.metadata.name)
    with shows("D8-06"):
        assert last.status.phase == "Failed"
    with shows("001-07", "D8-05", "D8-18", "D8-22"):
        assert any(c.type == "DisruptionTarget" and c.reason == "DeletionByPodGC" for c in last.status.conditions)
    assert agent.pod_on(stays).metadata.uid == kept
    trace.expect_creations(agent, 2)


@scenario("P05", seconds=64)
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

    # Longer than the 40 seconds after which the pod garbage collector acts, and its period of 20.
    trace.stays(agent.keeps(before), seconds=61, shows=("D8-07", "D8-09"))
    # The return of a node that has its pod wakes no sync: one that fell into the time without the node may have been the last.
    agent.patch({"spec": {"revisionHistoryLimit": 9}}, why="change revisionHistoryLimit")
    trace.until(agent.exactly_on(stays, back), agent.keeps(before), agent.status(desired_number_scheduled=2, number_available=2))
    trace.expect_creations(agent, 2)


@scenario("P05", seconds=70)
@needs(Capability.JOIN_NODE, Capability.LEAVE_NODE, nodes=2)
def test_a_node_that_comes_back_late_gets_the_current_template(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A node that is back after its pod was collected gets a new pod: of the template as it is by then, not as the old pod was edited."""
    stays, leaves = cluster.nodes.join(2)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(stays, leaves), agent.status(number_available=2))
    before = agent.uids()

    cluster.patch_pod(agent.pod_on(leaves).metadata.name, {"metadata": {"annotations": {"edited": "yes"}}})

    leaves.leave()
    agent.set_image()
    trace.until(agent.exactly_on(stays), agent.status(desired_number_scheduled=1), within=120)
    [back] = cluster.nodes.join(1, name=leaves.name)

    two = agent.status(desired_number_scheduled=2, number_available=2, updated_number_scheduled=1)
    trace.until(agent.exactly_on(stays, back), agent.replaced(before, back), two, shows=("002-48", "D8-08"))
    assert agent.uids()[stays.name] == before[stays.name]
    with shows("002-48"):
        assert agent.pod_on(back).spec.containers == agent.now().spec.template.spec.containers
        assert "edited" not in agent.pod_on(back).metadata.annotations
    assert agent.pod_on(back).hash != agent.pod_on(stays).hash
    trace.expect_creations(agent, 3)


@scenario("P06")
@needs(Capability.CHANGE_NODE, nodes=3)
def test_pods_follow_the_node_label(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Relabelling moves the pod: added to newly matching nodes, deleted from newly not-matching ones."""
    ssd, hdd, other = cluster.nodes.join(3)
    ssd.label(disktype="ssd")
    other.label(app="agent")  # the label of the pods, which selects no node
    agent = daemonset("agent.yaml", node_selector={"disktype": "ssd"})
    trace.until(
        agent.exactly_on(ssd),
        agent.status(desired_number_scheduled=1),
        shows=("000-16", "000-17", "001-08", "001-09", "002-31", "003-06", "003-20", "003-21", "003-34", "004-26", "D4-09"),
    )
    trace.stays(agent.exactly_on(ssd), seconds=2, shows=("000-17", "001-08", "D4-09"))

    hdd.label(disktype="ssd")
    ssd.unlabel("disktype")

    moved = agent.pods_where(
        "its one pod that is not being deleted is meant for the newly labelled node",
        lambda pods: [pod.target for pod in pods if not pod.terminating] == [hdd.name],
    )
    trace.until(moved, within=5, shows=("002-44", "002-45"))
    trace.until(agent.exactly_on(hdd), agent.status(desired_number_scheduled=1, number_misscheduled=0), shows=("000-17", "D4-10"))
    trace.expect_creations(agent, 2)


@scenario("P06")
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

    trace.until(agent.terminating_on(*green), shows="D9-12")
    trace.until(agent.exactly_on(blue), agent.status(desired_number_scheduled=1))
    trace.expect_creations(agent, 3)


AFFINITY: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
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
@needs(Capability.CHANGE_NODE, nodes=3)
@pytest.mark.parametrize("case", AFFINITY)
def test_required_node_affinity_selects(cluster: ScenarioCluster, daemonset: Create, trace: Trace, case: str) -> None:
    """Required node affinity decides which nodes get a pod."""
    terms, expected = AFFINITY[case]
    nodes = dict(zip("abc", cluster.nodes.join(3), strict=True))
    nodes["a"].label(zone="a", disks="2")
    nodes["b"].label(zone="b", disks="10", gpu="yes")

    agent = daemonset("agent.yaml", template=_required(*terms))

    trace.until(
        agent.exactly_on(*(nodes[zone] for zone in expected)),
        agent.status(desired_number_scheduled=len(expected)),
        shows=("000-16", "001-15", "002-32", "003-34", "D1-31", "D9-25"),
    )
    trace.expect_creations(agent, len(expected))


@scenario("P07")
@needs(Capability.CHANGE_NODE, nodes=3)
def test_node_selector_and_affinity_both_have_to_match(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Where a template has a nodeSelector and a required node affinity a node gets a pod only if it matches both."""
    both, selector, field = cluster.nodes.join(3)
    both.label(disktype="ssd")
    selector.label(disktype="ssd")
    fields = [{"key": "metadata.name", "operator": "In", "values": [name]} for name in (both.name, field.name)]
    affinity = _required(*({"matchFields": [each]} for each in fields))

    agent = daemonset("agent.yaml", node_selector={"disktype": "ssd"}, template=affinity)

    only = (agent.exactly_on(both), agent.status(desired_number_scheduled=1))
    trace.until(*only, shows=("002-31", "002-32", "D1-31"))
    trace.stays(*only, seconds=3, shows="D1-31")
    trace.expect_creations(agent, 1)


@scenario("P07")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_a_node_selector_cannot_leave_a_pool_out(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A nodeSelector that should leave out the nodes with GPUs reaches no node that has no label at all; a node affinity does."""
    special, ordinary = cluster.nodes.join(2)
    special.label(gpu="true")

    selected = daemonset("agent.yaml", name="selected", node_selector={"gpu": "false"})
    left_out = {"matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}]}
    agent = daemonset("agent.yaml", template=_required(left_out))

    trace.until(agent.exactly_on(ordinary), selected.status(desired_number_scheduled=0))
    trace.stays(selected.without_pods(), agent.exactly_on(ordinary), seconds=3, shows="004-25")
    trace.expect_creations(selected, 0)
    trace.expect_creations(agent, 1)


@scenario("P07")
@needs(Capability.CHANGE_NODE, nodes=2)
def test_preferred_node_affinity_does_not_select(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Preferred node affinity changes nothing about which nodes get a pod."""
    nodes = cluster.nodes.join(2)
    nodes[0].label(zone="a")
    term = {"weight": 100, "preference": {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}}
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}

    agent = daemonset("agent.yaml", template={"spec": {"affinity": affinity}})

    trace.until(agent.exactly_on(*nodes), agent.status(desired_number_scheduled=2), shows="D1-25")
    trace.expect_creations(agent, 2)


@scenario("P09")
@needs(nodes=3)
def test_a_template_that_names_a_node_reaches_that_node_alone(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A template with spec.nodeName gets one pod, on that node; the other nodes are not counted and get none."""
    chosen, *_others = cluster.nodes.join(3)

    with shows("D9-25"), accepted():
        agent = daemonset("agent.yaml", template={"spec": {"nodeName": chosen.name}})

    only = (agent.exactly_on(chosen), agent.status(desired_number_scheduled=1, current_number_scheduled=1, number_misscheduled=0))
    trace.until(*only, shows="D9-25")
    trace.stays(*only, seconds=3, shows="D9-25")
    trace.expect_creations(agent, 1)


@scenario("P08")
@needs(nodes=2)
def test_the_scheduler_binds_and_the_affinity_is_replaced(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The controller pins each pod by a node affinity of its own and leaves the binding to the scheduler."""
    nodes = cluster.nodes.join(2, labels={"disktype": "ssd"})

    agent = daemonset("agent-affinity.yaml")

    trace.until(agent.exactly_on(*nodes), cluster.event("Scheduled", agent, times=2), shows=("000-08", "D1-27"))
    wanted = agent.get()["spec"]["template"]["spec"]["affinity"]
    preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    for created in trace.past.created(agent):
        affinity = created["spec"].get("affinity", {})
        required = affinity.get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
        terms = required.get("nodeSelectorTerms", [])
        with shows("002-34", "002-35", "D1-27"):
            assert "nodeName" not in created["spec"]
        with shows("D1-26", "D1-33"):
            assert [term.keys() for term in terms] == [{"matchFields"}]
            assert [_pin(field) for field in terms[0]["matchFields"]] == [("metadata.name", "In", 1)]
        with shows("D1-32"):
            assert affinity.get("nodeAffinity", {}).get(preferred) == wanted["nodeAffinity"][preferred]
            assert affinity.get("podAntiAffinity") == wanted["podAntiAffinity"]
    with shows("D1-26"):
        assert {pod.spec.node_name for pod in agent.pods()} == {node.name for node in nodes}
    trace.expect_creations(agent, 2)


@scenario("P08")
@needs(Capability.AUDIT_LOG, nodes=1)
def test_the_controller_creates_and_the_scheduler_binds(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The audit log names the DaemonSet controller as the creator of a daemon pod, and the default scheduler as the one that bound it."""
    nodes = cluster.nodes.join(1)

    agent = daemonset("agent.yaml")

    trace.until(agent.exactly_on(*nodes))
    pod = f"pods/{agent.pod_on(nodes[0]).metadata.name}"
    trace.until(trace.written(pod, "create", by=CONTROLLER), shows="D1-26")
    trace.until(trace.written(pod, "create", subresource="binding", by="system:kube-scheduler"), shows=("000-08", "000-20", "D1-27"))
    with shows("D1-26"):
        assert trace.past.authors(pod, "create") == {CONTROLLER}
    trace.expect_creations(agent, 1)


def _pin(field: dict[str, Any]) -> tuple[str, str, int]:
    """What a node selector requirement asks of a node, and how many values will do."""
    return field["key"], field["operator"], len(field.get("values", []))


def _required(*terms: dict[str, Any]) -> dict[str, Any]:
    """A merge patch for a pod template: the node has to match one of these terms."""
    return {"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}}}


def _owners(cluster: ScenarioCluster, selector: str) -> list[str]:
    """The kind of the owner of every pod with these labels."""
    return cluster.kubectl("get", "pods", "--selector", selector, "-o", "jsonpath={.items[*].metadata.ownerReferences[*].kind}").out.split()
