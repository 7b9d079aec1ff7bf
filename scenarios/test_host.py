"""What a daemon pod has of its host: its files, its logs, its ports."""

from typing import Any

import pytest

from conformance import Capability, Create, Node, ScenarioCluster, Trace, accepted, finding, needs, scenario, shows

#: The documents' log agents, and what the documents say of what they read.
LOG_AGENTS = [
    pytest.param("documents/000-log-agent.yaml", ("000-06", "000-14"), marks=pytest.mark.claim("000-06", "000-14"), id="000"),
    pytest.param("documents/003-fluentd-elasticsearch.yaml", ("003-12",), marks=pytest.mark.claim("003-12"), id="003"),
    pytest.param("documents/004-fluentd.yaml", ("004-06",), marks=pytest.mark.claim("004-06"), id="004"),
]
#: Those that mount Docker's directory, and what they say of it.
DOCKERS = [
    pytest.param("documents/001-fluentd.yaml", ("001-22", "001-25"), marks=pytest.mark.claim("001-22", "001-25"), id="001"),
    pytest.param("documents/004-fluentd.yaml", ("004-14",), marks=pytest.mark.claim("004-14"), id="004"),
]
READ_ONLY = [
    pytest.param("documents/001-fluentd.yaml", "001-32", marks=pytest.mark.claim("001-32"), id="001"),
    pytest.param("documents/002-fluentd-elasticsearch.yaml", "002-73", marks=pytest.mark.claim("002-73"), id="002"),
    pytest.param("documents/003-fluentd-elasticsearch.yaml", "003-45", marks=pytest.mark.claim("003-45"), id="003"),
]
#: Prints a file until a line of it says what is wanted.
UNTIL_SAID = 'tail -n +1 -f {file} | while read -r line; do case "$line" in *{words}*) echo "$line"; break;; esac; done'
#: A container that says something and crashes, once: of one that goes on crashing the kubelet removes the log that it has just named.
CRASHES_ONCE = {
    "volumes": [{"name": "memory", "emptyDir": {}}],
    "containers": [
        {
            "name": "agent",
            "command": ["sh", "-c", "test -e /memory/crashed && exec sleep 3600; : > /memory/crashed; echo last words; sleep 1; exit 1"],
            "volumeMounts": [{"name": "memory", "mountPath": "/memory"}],
        }
    ],
}


@scenario("P01", seconds=12)
@needs(Capability.REAL_KUBELET, nodes=2)
@pytest.mark.parametrize(("manifest", "sentences"), LOG_AGENTS)
def test_a_log_agent_reads_the_logs_of_its_node(
    cluster: ScenarioCluster, daemonset: Create, trace: Trace, manifest: str, sentences: tuple[str, ...]
) -> None:
    """The documents' log agents see, through the host's /var/log, what the containers of their own node write, and only those."""
    nodes = cluster.nodes.join(2)
    agent = daemonset(manifest)
    talkers = [_talker(cluster, f"talker-{number}", node) for number, node in enumerate(nodes)]
    trace.until(agent.available_on(*nodes), *(cluster.pod_runs(talker["metadata"]["name"]) for talker in talkers))

    for node, talker in zip(nodes, talkers, strict=True):
        meta = talker["metadata"]
        folder = f"{cluster.namespace}_{meta['name']}_{meta['uid']}"
        script = UNTIL_SAID.format(file=f"/var/log/pods/{folder}/agent/0.log", words=f"here-is-{meta['name']}")
        said = cluster.kubectl("exec", agent.pod_on(node).metadata.name, "--", "sh", "-c", script)
        with shows(*sentences), shows("004-29"):
            assert f"here-is-{meta['name']}" in said.out
        folders = cluster.kubectl("exec", agent.pod_on(node).metadata.name, "--", "ls", "/var/log/pods").out.split()
        with shows("004-36"):
            assert [one for one in folders if one.startswith(f"{cluster.namespace}_talker-")] == [folder]
    trace.expect_creations(agent, 2)


@scenario("P01", seconds=15)
@needs(Capability.REAL_KUBELET, nodes=1)
def test_the_logs_of_a_pod_outlive_a_crash_and_go_with_the_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """What a container wrote before it crashed can still be read; the pod's folder on its node goes when the pod itself has gone."""
    [node] = cluster.nodes.join(1)
    looker = daemonset("documents/000-log-agent.yaml")
    agent = daemonset("agent-shell.yaml", template={"spec": CRASHES_ONCE})
    trace.until(agent.restarted(1, node), looker.exactly_on(node))
    pod = agent.pods()[0]

    before = cluster.kubectl("logs", pod.metadata.name, "--previous")

    with shows("004-04"):
        assert before.out.strip() == "last words"
    folder = f"/var/log/pods/{cluster.namespace}_{pod.metadata.name}_{pod.metadata.uid}"
    look = ("exec", looker.pod_on(node).metadata.name, "--", "sh", "-c")
    assert cluster.kubectl(*look, f"cat {folder}/agent/*.log | grep -c 'last words'").out.strip() != "0"
    agent.delete()
    trace.until(agent.gone(), agent.without_pods())
    assert cluster.kubectl(*look, f"while test -e {folder}; do sleep 1; done; echo gone").out == "gone\n"
    trace.expect_creations(agent, 1)


@scenario("P01", seconds=8)
@finding("directory-of-docker-containers-is-empty")
@needs(Capability.REAL_KUBELET, nodes=1)
@pytest.mark.parametrize(("manifest", "sentences"), DOCKERS)
def test_nothing_is_in_the_directory_of_docker(cluster: ScenarioCluster, trace: Trace, manifest: str, sentences: tuple[str, ...]) -> None:
    """On a node with containerd the documents' log agents find Docker's directory of containers empty, though containers run."""
    [node] = cluster.nodes.join(1)
    body = cluster.manifest(manifest)
    body["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"  # without a tag it would be pulled each time
    agent = cluster.apply(body)
    trace.until(agent.available_on(node))
    pod = agent.pod_on(node).metadata.name

    with shows(*sentences), accepted():
        assert cluster.kubectl("exec", pod, "--", "ls", "-A", "/var/lib/docker/containers").out == ""
        assert f"{cluster.namespace}_{pod}_" in cluster.kubectl("exec", pod, "--", "ls", "/var/log/pods").out
    trace.expect_creations(agent, 1)


@scenario("P01", seconds=8)
@needs(Capability.REAL_KUBELET, nodes=1)
@pytest.mark.parametrize(("manifest", "sentence"), READ_ONLY)
def test_a_directory_that_is_mounted_to_be_read_cannot_be_written_to(
    cluster: ScenarioCluster, trace: Trace, manifest: str, sentence: str
) -> None:
    """The documents' log agents cannot write into Docker's directory, which they mount read-only; into their node's /var/log they can."""
    [node] = cluster.nodes.join(1)
    body = cluster.manifest(manifest)
    body["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"  # without a tag it would be pulled each time
    agent = cluster.apply(body)
    trace.until(agent.available_on(node))
    inside = ("exec", agent.pod_on(node).metadata.name, "--")

    refused = cluster.kubectl(*inside, "touch", "/var/lib/docker/containers/conformance", check=False)

    with shows(sentence):
        assert (refused.code, "Read-only file system" in refused.err) == (1, True)
    cluster.kubectl(*inside, "sh", "-c", "touch /var/log/conformance && rm /var/log/conformance")
    trace.expect_creations(agent, 1)


@scenario("P01", seconds=8)
@needs(Capability.REAL_KUBELET, nodes=1)
def test_an_init_container_logs_the_machine_id(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The documented init container writes the host's machine id to the host's log, where its main container cannot read it."""
    [node] = cluster.nodes.join(1)
    looker = daemonset("documents/000-log-agent.yaml")

    agent = daemonset("machine-id.yaml")

    trace.until(agent.exactly_on(node), looker.exactly_on(node))
    logged = cluster.kubectl("exec", looker.pod_on(node).metadata.name, "--", "cat", "/var/log/machine-id.log").out.strip()
    with shows("D4-03"):
        assert logged == cluster.api.get(f"/api/v1/nodes/{node.name}")["status"]["nodeInfo"]["machineID"]
    documented = cluster.kubectl("exec", agent.pod_on(node).metadata.name, "--", "cat", "/var/log/machine-id.log", check=False)
    with shows("D4-07"):
        assert documented.code != 0
    before = agent.uids()
    trace.stays(agent.exactly_on(node), agent.keeps(before), seconds=5, shows="D4-04")
    with shows("D4-04"):
        assert agent.pod_on(node).restarts == 0
    trace.expect_creations(agent, 1)


@scenario("P01", seconds=10)
@needs(Capability.REAL_KUBELET, Capability.NODE_READINESS, nodes=1)
def test_a_node_needs_no_network_pod(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A node is Ready and runs daemon pods as soon as it has a network configuration; no pod of a network plugin is there."""
    [node] = cluster.nodes.join(1, ready=False)
    agent = daemonset("agent.yaml")

    node.set_ready(True)

    trace.until(agent.exactly_on(node), shows="000-07")
    there = cluster.kubectl("get", "pods", "--all-namespaces", "--field-selector", f"spec.nodeName={node.name}", "-o", "name")
    with shows("000-07"):
        assert there.out.split() == [f"pod/{agent.pod_on(node).metadata.name}"]
    trace.expect_creations(agent, 1)


#: The host port of agent-port.yaml, and that of agent-metrics.yaml.
PORT, METRICS = 18473, 18474
IN_THE_HOSTS_NETWORK = {"spec": {"hostNetwork": True}}


@scenario("P13", seconds=12)
@needs(Capability.REAL_KUBELET, nodes=2)
def test_a_host_port_answers_on_every_node(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """With a hostPort each node's address leads, from everywhere, to the daemon pod of that node."""
    nodes = cluster.nodes.join(2)
    clients = daemonset("agent-shell.yaml", name="clients", template=IN_THE_HOSTS_NETWORK)

    agent = daemonset("agent-port.yaml")

    trace.until(agent.exactly_on(*nodes), clients.exactly_on(*nodes))
    for client in clients.pods():
        for node in nodes:
            with shows("002-L5"):
                assert _ask(cluster, client.metadata.name, node) == agent.pod_on(node).metadata.name
    trace.expect_creations(agent, 2)


@scenario("P13", seconds=12)
@needs(Capability.REAL_KUBELET, nodes=2)
def test_an_agent_answers_for_its_host_on_a_local_port(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """In its node's network an agent answers on a port of the node, from everywhere, with what it sees of it: its hostname."""
    nodes = cluster.nodes.join(2)
    clients = daemonset("agent-shell.yaml", name="clients", template=IN_THE_HOSTS_NETWORK)

    agent = daemonset("agent-metrics.yaml")

    trace.until(agent.exactly_on(*nodes), clients.exactly_on(*nodes))
    for client in clients.pods():
        for node in nodes:
            with shows("004-16"):
                assert _ask(cluster, client.metadata.name, node, port=METRICS) == _address(cluster, node, "Hostname")
    trace.expect_creations(agent, 2)


@scenario("P13", seconds=15)
@needs(Capability.REAL_KUBELET, nodes=2)
def test_a_host_port_that_is_taken_is_waited_for(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Where another pod has the host port the daemon pod waits and says why; it runs, and answers, when the port is free."""
    nodes = cluster.nodes.join(2)
    first = daemonset("agent-port.yaml")
    client = daemonset("agent-shell.yaml", name="clients", template=IN_THE_HOSTS_NETWORK)
    trace.until(first.exactly_on(*nodes), client.exactly_on(*nodes))
    before = first.uids()

    second = daemonset("agent-port.yaml", name="second", labels={"app": "second"})

    waiting = second.pods_where(
        "both pods wait for the port",
        lambda pods: [("free ports" in pod.why_unscheduled, pod.spec.node_name) for pod in pods] == [(True, "")] * 2,
    )
    trace.until(waiting, second.status(desired_number_scheduled=2, number_unavailable=2))
    trace.stays(waiting, first.keeps(before), seconds=3)
    first.delete()
    trace.until(first.without_pods(), second.exactly_on(*nodes))
    with shows("002-L5"):
        answers = [_ask(cluster, client.pod_on(node).metadata.name, node) for node in nodes]
        assert answers == [second.pod_on(node).metadata.name for node in nodes]
    trace.expect_creations(second, 2)


@scenario("U04", seconds=18)
@needs(Capability.REAL_KUBELET, nodes=2)
def test_a_surge_with_a_host_port_stalls_without_loss(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Two pods cannot share a host port, so a surge with one never ends: the new pod waits, the old ones go on answering."""
    nodes = cluster.nodes.join(2)
    client = daemonset("agent-shell.yaml", name="clients", template=IN_THE_HOSTS_NETWORK)
    strategy = {"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}
    agent = daemonset("agent-port.yaml", spec=strategy)
    trace.until(agent.exactly_on(*nodes), client.exactly_on(*nodes), agent.status(number_available=2))
    old = agent.uids()
    names = [agent.pod_on(node).metadata.name for node in nodes]

    agent.patch_template({"metadata": {"annotations": {"version": "2"}}})

    stalled = agent.pods_where(
        "a new pod waits for the port, the old ones are ready",
        lambda pods: (
            sorted((pod.ready, "free ports" in pod.why_unscheduled) for pod in pods) == [(False, True), (True, False), (True, False)]
        ),
    )
    trace.until(stalled)
    trace.stays(stalled, seconds=5)
    with shows("002-L5"):
        assert [_ask(cluster, client.pod_on(node).metadata.name, node) for node in nodes] == names
    cluster.kubectl("rollout", "undo", f"daemonset/{agent.name}")
    agent.refresh()
    trace.until(agent.rolled_out(), agent.keeps(old))
    assert trace.past.most_unavailable(agent) == 0
    trace.expect_creations(agent, 3)


def _talker(cluster: ScenarioCluster, name: str, node: Node) -> dict[str, Any]:
    """A pod on this node that says once a second who it is."""
    pod = cluster.bare_pod(name, node, labels={"app": "talker"})
    shell = cluster.manifest("agent-shell.yaml")["spec"]["template"]["spec"]["containers"]
    pod["spec"]["containers"] = [shell[0] | {"command": ["sh", "-c", f"while :; do echo here-is-{name}; sleep 1; done"]}]
    return cluster.create_pod(pod)


def _address(cluster: ScenarioCluster, node: Node, kind: str) -> str:
    """The address of this type that the kubelet of a node reports."""
    addresses = cluster.api.get(f"/api/v1/nodes/{node.name}")["status"]["addresses"]
    [address] = [one["address"] for one in addresses if one["type"] == kind]
    return str(address)


def _ask(cluster: ScenarioCluster, client: str, node: Node, *, port: int = PORT) -> str:
    """What answers on a port of a node."""
    address = _address(cluster, node, "InternalIP")
    return cluster.kubectl("exec", client, "--", "wget", "-q", "-O", "-", "-T", "5", f"http://{address}:{port}/").out.strip()
