"""The manifests and commands that the documents show, run as they are printed and as they are meant."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from conformance import Document, ScenarioCluster, Trace, accepted, documents, needs, printed_documents, printed_fragments, scenario, shows

#: What of a document's manifest is looked at when it runs.
PARTS = ("applied", "node_labels", "resources", "grace", "host_paths", "labels", "image", "commands")


@scenario("P01")
@needs(nodes=2)
@pytest.mark.parametrize("document", documents(*PARTS))
def test_documented_manifests_run(cluster: ScenarioCluster, trace: Trace, document: Document) -> None:
    """The manifests that the documents show run one pod on every node, with the quality of service that their resources ask for."""
    nodes = cluster.nodes.join(2, labels=document.node_labels)
    about = document.shows

    with shows(*about.applied), accepted():
        cluster.kubectl("apply", "-f", "-", stdin=cluster.manifest_text(document.file))
    agent = cluster.find(document.daemonset)

    on_both = (agent.exactly_on(*nodes), agent.status(desired_number_scheduled=2, number_available=2))
    trace.until(*on_both, shows=(*about.applied, *about.node_labels))  # nodes have no label that the manifest does not ask for
    image = _image(cluster.adapted(cluster.manifest(document.file)))
    pods = trace.past.created(agent)
    assert len(pods) == 2
    for pod in pods:
        spec = pod["spec"]
        [container] = spec["containers"]
        with shows(*about.resources):
            assert pod["status"]["qosClass"] == document.qos
            assert container["resources"].get("requests", {}) == document.requests
            assert container["resources"].get("limits", {}) == document.limits
        with shows(*about.image):
            assert (container["image"], container["imagePullPolicy"]) == (image, document.pull_policy)
        with shows(*about.grace):
            assert spec["terminationGracePeriodSeconds"] == document.grace
        with shows(*about.node_labels):
            assert spec.get("nodeSelector", {}) == document.node_labels
        with shows(*about.labels):
            assert agent.get()["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
            assert set(document.only_on_daemonset).isdisjoint(pod["metadata"]["labels"])
            assert set(document.only_on_daemonset) <= set(agent.get()["metadata"].get("labels", {}))
        with shows(*about.host_paths):  # a real kubelet runs no container whose mounts it cannot make
            on_host = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
            assert set(on_host.values()) == set(document.host_paths)
            assert {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in on_host} == set(document.host_paths)
    with shows(*about.commands), accepted():
        for command in document.commands:
            answer = cluster.kubectl(*command.arguments)
            assert len(answer.out.splitlines()) == command.lines, answer.out
    trace.expect_creations(agent, 2)


@scenario("V04")
@pytest.mark.parametrize("document", documents("namespace"))
def test_documented_manifests_name_their_namespace(cluster: ScenarioCluster, document: Document) -> None:
    """The manifests that the documents show are for a namespace by name: kubectl takes them for that one, and refuses them for another."""
    text = cluster.manifest_text(document.file, own_namespace=False)
    create = ("create", "--dry-run=client", "-f", "-", "-o", "jsonpath={.metadata.namespace}/{.metadata.name}")

    with shows(*document.shows.namespace), accepted():
        named = cluster.kubectl("--namespace", document.namespace, *create, stdin=text)
        assert named.out == f"{document.namespace}/{document.daemonset}"
        other = cluster.kubectl(*create, stdin=text, check=False)
        assert other.code == 1
        assert "does not match the namespace" in other.err


@scenario("V01")
@pytest.mark.parametrize("document", printed_documents())
def test_documented_manifests_as_printed_are_refused(cluster: ScenarioCluster, document: Document) -> None:
    """Manifests that lost their indentation or their keys in print are refused, and nothing is made."""
    answer = cluster.kubectl("apply", "-f", "-", stdin=cluster.manifest_text(document.as_printed), check=False)

    with shows(*document.shows.as_printed):
        assert answer.code == 1
        for words in document.refusal:
            assert words in answer.err
        assert cluster.kubectl("get", "daemonsets,pods", "-o", "name").out == ""


@scenario("V01")
@needs(nodes=2)
@pytest.mark.parametrize("document", printed_fragments())
def test_documented_fragments_are_patches(cluster: ScenarioCluster, trace: Trace, document: Document) -> None:
    """What the documents print as a part of a DaemonSet makes it, as a patch of a running one, what the document says."""
    [matching] = cluster.nodes.join(1, labels=document.node_labels)
    cluster.nodes.join(1)
    cluster.kubectl("apply", "-f", "-", stdin=cluster.manifest_text(document.patches))
    agent = cluster.find(document.daemonset)
    trace.until(agent.observed(), agent.available_on(matching))

    cluster.kubectl("patch", "daemonset", document.daemonset, "--patch", cluster.manifest_text(document.as_printed))

    agent.refresh()
    whole = cluster.manifest(document.file)["spec"]
    trace.until(agent.rolled_out(), agent.exactly_on(matching), shows=document.shows.fragment)
    with shows(*document.shows.fragment):
        stored = agent.get()["spec"]
        assert stored["template"]["spec"].get("nodeSelector", {}).items() >= whole["template"]["spec"]["nodeSelector"].items()
        assert stored["updateStrategy"].get("rollingUpdate", {}).items() >= {"maxUnavailable": 1}.items()


@scenario("V04")
@pytest.mark.parametrize("document", documents("api_version", "update_strategy"))
def test_documented_manifests_update_by_rolling(cluster: ScenarioCluster, document: Document) -> None:
    """The manifests that the documents show are apps/v1, and update one pod at a time, whether they say so or not."""
    about = document.shows
    cluster.kubectl("apply", "-f", "-", stdin=cluster.manifest_text(document.file))

    stored = cluster.find(document.daemonset).get()
    with shows(*about.api_version):
        assert (stored["apiVersion"], stored["kind"]) == ("apps/v1", "DaemonSet")
    with shows(*about.update_strategy):
        assert stored["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}


@scenario("V04")
def test_the_documented_commands_print_the_strategy(cluster: ScenarioCluster) -> None:
    """The page's two commands print RollingUpdate where the manifest says so; where it does not, the client's dry run has no value yet."""
    strategy = "go-template={{.spec.updateStrategy.type}}"
    explicit = cluster.adapted(cluster.manifest("agent.yaml", spec={"updateStrategy": {"type": "RollingUpdate"}}))
    implicit = cluster.adapted(cluster.manifest("agent.yaml"))

    dry = [cluster.kubectl("create", "-f", "-", "--dry-run=client", "-o", strategy, stdin=json.dumps(m)).out for m in (explicit, implicit)]
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(implicit))
    live = cluster.kubectl("apply", "-f", "-", "--dry-run=client", "-o", strategy, stdin=json.dumps(explicit)).out

    with shows("D2-10"):
        assert dry == ["RollingUpdate", "<no value>"]
        assert cluster.kubectl("get", "daemonset/agent", "-o", strategy).out == "RollingUpdate"
        assert live == "RollingUpdate"


def _image(manifest: Mapping[str, Any]) -> str:
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    return str(container["image"])
