"""Services over daemon pods: what they name, and where it runs."""

from collections.abc import Callable

from conformance import Agent, Capability, ScenarioCluster, Trace, claim, needs, scenario

Create = Callable[..., Agent]

READY = 'jsonpath={range .items[*].endpoints[?(@.conditions.ready==true)]}{.nodeName}/{.targetRef.name}{"\\n"}{end}'


@scenario("P15")
@claim("D1-50")
@needs(Capability.POD_TIMING, nodes=2)
def test_a_headless_service_names_every_ready_daemon_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The EndpointSlices of a headless Service with the same selector name each ready daemon pod and its node, and no other as ready."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))

    cluster.kubectl("create", "service", "clusterip", "agent", "--clusterip=None", "--tcp=80:80")

    _until_slice(cluster, trace, "create")
    _until_slice(cluster, trace, "jsonpath={.endpoints[1].conditions.ready}=true")
    assert _ready(cluster) == {f"{node.name}/{agent.pod_on(node).metadata.name}" for node in nodes}
    agent.set_image(also=cluster.behave(never_ready=True))
    trace.until(agent.ready_among(1, 2))
    [ready] = [pod for pod in agent.pods() if pod.ready]
    [unready] = [pod for pod in agent.pods() if not pod.ready]
    _until_slice(cluster, trace, f"jsonpath={{.endpoints[?(@.conditions.ready==false)].targetRef.name}}={unready.metadata.name}")
    assert _ready(cluster) == {f"{ready.target}/{ready.metadata.name}"}
    trace.expect_creations(agent, 3)


def _until_slice(cluster: ScenarioCluster, trace: Trace, outcome: str) -> None:
    # EndpointSlices are no part of a trace; kubectl watches this one.
    slices = ("endpointslice", "--selector=kubernetes.io/service-name=agent")
    cluster.kubectl("wait", *slices, f"--for={outcome}", f"--timeout={60 * trace.scale:.0f}s")


def _ready(cluster: ScenarioCluster) -> set[str]:
    return set(cluster.kubectl("get", "endpointslice", "--selector=kubernetes.io/service-name=agent", "-o", READY).out.split())
