"""Services over daemon pods: what they name, and where it runs."""

from conformance import Capability, Create, Node, ScenarioCluster, Trace, accepted, needs, scenario, shows

#: Endpoints and EndpointSlices are no part of a trace; kubectl watches these.
SLICES = ("endpointslice", "--selector=kubernetes.io/service-name=agent")

LISTED = 'jsonpath={range .subsets[*].addresses[*]}{.nodeName}/{.targetRef.name}{"\\n"}{end}'
READY = 'jsonpath={range .items[*].endpoints[?(@.conditions.ready==true)]}{.nodeName}/{.targetRef.name}{"\\n"}{end}'


@scenario("P15")
@needs(Capability.POD_TIMING, nodes=2)
def test_a_headless_service_names_every_ready_daemon_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The endpoints of a headless Service with the same selector are the ready daemon pods, each with its node, and no other."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=2))

    cluster.kubectl("create", "service", "clusterip", "agent", "--clusterip=None", "--tcp=80:80")

    cluster.kubectl_wait(*SLICES, until="create")
    cluster.kubectl_wait(*SLICES, until="jsonpath={.endpoints[1].conditions.ready}=true")
    everybody = {f"{node.name}/{agent.pod_on(node).metadata.name}" for node in nodes}
    with shows("002-L7"):
        assert _ready(cluster) == everybody
    cluster.kubectl_wait("endpoints/agent", until="jsonpath={.subsets[0].addresses[1].nodeName}")
    with shows("002-L7"):
        assert _listed(cluster) == everybody
    agent.set_image(also=cluster.behave(never_ready=True))
    trace.until(agent.ready_among(1, 2))
    [ready] = [pod for pod in agent.pods() if pod.ready]
    [unready] = [pod for pod in agent.pods() if not pod.ready]
    cluster.kubectl_wait(*SLICES, until=f"jsonpath={{.endpoints[?(@.conditions.ready==false)].targetRef.name}}={unready.metadata.name}")
    with shows("002-L7"):
        assert _ready(cluster) == {f"{ready.target}/{ready.metadata.name}"}
    cluster.kubectl_wait("endpoints/agent", until=f"jsonpath={{.subsets[0].notReadyAddresses[0].targetRef.name}}={unready.metadata.name}")
    with shows("002-L7"):
        assert _listed(cluster) == {f"{ready.target}/{ready.metadata.name}"}
    trace.expect_creations(agent, 3)


@scenario("P15", seconds=12)
@needs(Capability.REAL_KUBELET, nodes=2)
def test_a_service_reaches_a_daemon_on_a_random_node(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A Service with the same selector answers from the daemon pods of all nodes, at random; each pod answers at its own address too."""
    nodes = cluster.nodes.join(2)
    agent = daemonset("agent-metrics.yaml")
    client = daemonset("agent-shell.yaml", name="clients", template={"spec": {"hostNetwork": True}})
    trace.until(agent.exactly_on(*nodes), client.exactly_on(*nodes))

    cluster.kubectl("create", "service", "clusterip", "metrics", "--tcp=80:18474")

    cluster.kubectl_wait("endpoints/metrics", until="jsonpath={.subsets[0].addresses[1].ip}")
    hosts = sorted(_hostname(cluster, node) for node in nodes)
    # The API server itself goes to one of the endpoints, at random: no kube-proxy is asked. Twenty times the same one is one in 2**19.
    through = f"/api/v1/namespaces/{cluster.namespace}/services/http:metrics:80/proxy/"
    with shows("002-L8"), accepted():
        assert sorted({cluster.kubectl("get", "--raw", through).out.strip() for _ in range(20)}) == hosts
    addresses = cluster.kubectl("get", "endpoints", "metrics", "-o", "jsonpath={.subsets[*].addresses[*].ip}").out.split()
    ask = ("exec", client.pod_on(nodes[0]).metadata.name, "--", "wget", "-q", "-O", "-", "-T", "5")
    with shows("004-32"), accepted():
        assert sorted(cluster.kubectl(*ask, f"http://{address}:18474/").out.strip() for address in addresses) == hosts
    trace.expect_creations(agent, 2)


def _hostname(cluster: ScenarioCluster, node: Node) -> str:
    addresses = cluster.api.get(f"/api/v1/nodes/{node.name}")["status"]["addresses"]
    [name] = [one["address"] for one in addresses if one["type"] == "Hostname"]
    return str(name)


def _ready(cluster: ScenarioCluster) -> set[str]:
    return set(cluster.kubectl("get", *SLICES, "-o", READY).out.split())


def _listed(cluster: ScenarioCluster) -> set[str]:
    return set(cluster.kubectl("get", "endpoints", "agent", "-o", LISTED).out.split())
