"""What the API server accepts, refuses and fills in."""

from collections.abc import Callable
from typing import Any

import pytest

from conformance import Agent, ApiError, ScenarioCluster, Trace, claim, documents, invalid_manifests, needs, scenario, update_matrix

Create = Callable[..., Agent]


@scenario("P01")
@claim("P01-documents")
@needs(nodes=2)
@pytest.mark.parametrize("document", documents(), ids=lambda document: document.name)
def test_documented_manifests_run(cluster: ScenarioCluster, trace: Trace, document: Any) -> None:
    """The manifests that the documents show run one pod on every node, with the quality of service their resources ask for."""
    nodes = cluster.nodes.join(2, labels=document.node_labels)

    cluster.kubectl("apply", "-f", "-", stdin=cluster.manifest_text(document.file))
    agent = cluster.find(document.daemonset)

    trace.until(agent.exactly_on(*nodes), agent.status(desired_number_scheduled=2, number_available=2))
    for pod in trace.past.created(agent):
        assert pod["status"]["qosClass"] == document.qos
        assert set(document.only_on_daemonset).isdisjoint(pod["metadata"]["labels"])
    for command in document.commands:
        answer = cluster.kubectl(*command.arguments)
        assert len(answer.out.splitlines()) == command.lines, answer.out
    trace.expect_creations(agent, 2)


@scenario("V01")
@claim("V01-documents")
@pytest.mark.parametrize("document", [document for document in documents() if document.as_printed], ids=lambda document: document.name)
def test_documented_manifests_as_printed_are_refused(cluster: ScenarioCluster, document: Any) -> None:
    """Manifests that lost their indentation or their keys in print are refused, and nothing is made."""
    answer = cluster.kubectl("apply", "-f", str(cluster.manifest_path(document.as_printed)), check=False)

    assert answer.code != 0
    for words in document.refusal:
        assert words in answer.err
    assert cluster.kubectl("get", "daemonsets,pods", "-o", "name").out == ""


@scenario("V01")
@claim("V01")
@pytest.mark.parametrize("case", invalid_manifests("V01"), ids=lambda case: case.name)
def test_a_daemonset_needs_a_selector_that_matches_its_template(cluster: ScenarioCluster, daemonset: Create, case: Any) -> None:
    """A DaemonSet without a selector, with an empty one or with one that does not match its template is refused."""
    with pytest.raises(ApiError) as refusal:
        daemonset(case.file)

    assert (refusal.value.code, refusal.value.reason) == (422, "Invalid")
    assert case.field in refusal.value.fields


@scenario("V01")
@claim("V01")
@needs(nodes=1)
def test_the_selector_is_immutable_and_its_parts_are_anded(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The selector of a DaemonSet cannot be changed; matchLabels and matchExpressions must both match."""
    nodes = cluster.nodes.join(1)
    both = {"matchLabels": {"app": "agent"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["node"]}]}
    with pytest.raises(ApiError) as unmatched:
        daemonset("agent.yaml", spec={"selector": both})
    assert unmatched.value.fields == {"spec.template.metadata.labels"}

    agent = daemonset("agent.yaml", spec={"selector": both}, template={"metadata": {"labels": {"tier": "node"}}})
    trace.until(agent.exactly_on(*nodes))
    with pytest.raises(ApiError) as changed:
        agent.patch({"spec": {"selector": {"matchExpressions": None}}}, why="change selector")

    assert (changed.value.code, changed.value.fields) == (422, {"spec.selector"})


@scenario("V02")
@claim("V02")
@pytest.mark.parametrize("case", invalid_manifests("V02"), ids=lambda case: case.name)
def test_what_a_template_may_not_say(cluster: ScenarioCluster, daemonset: Create, case: Any) -> None:
    """A restart policy other than Always, an active deadline and negative numbers are refused."""
    with pytest.raises(ApiError) as refusal:
        daemonset(case.file)

    assert (refusal.value.code, refusal.value.reason) == (422, "Invalid")
    assert case.field in refusal.value.fields


@scenario("V03")
@claim("V03")
@pytest.mark.parametrize("case", update_matrix(), ids=lambda case: case.name)
def test_exactly_one_of_max_surge_and_max_unavailable(cluster: ScenarioCluster, daemonset: Create, case: Any) -> None:
    """Exactly one of maxSurge and maxUnavailable must be other than zero, and neither may exceed 100 %."""
    create = cluster.attempt(lambda: daemonset("agent.yaml", spec={"updateStrategy": {"rollingUpdate": case.rolling_update}}))

    assert create.code == (422 if case.fields else 201), create.message
    assert create.fields == set(case.fields)


@scenario("V04")
@claim("V04")
@needs(nodes=1)
def test_defaults_and_what_a_daemonset_has_not(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Defaults of a minimal manifest; there are no replicas to scale, and the old API groups are gone."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes))

    spec = agent.get()["spec"]
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    assert spec["revisionHistoryLimit"] == 10
    assert "minReadySeconds" not in spec
    assert "replicas" not in spec
    assert spec["template"]["spec"]["restartPolicy"] == "Always"
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 30
    scaled = cluster.kubectl("scale", f"daemonset/{agent.name}", "--replicas=3", check=False)
    assert scaled.code != 0
    assert "could not find the requested resource" in scaled.err
    for group in ("extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"):
        with pytest.raises(ApiError) as gone:
            cluster.api.get(f"/apis/{group}/namespaces/{cluster.namespace}/daemonsets")
        assert gone.value.code == 404


@scenario("V06")
@claim("V06")
@needs(nodes=1)
def test_generations_and_status(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Only changes of the spec raise the generation, the controller reports which one it has seen, and status is not the user's to write."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(observed_generation=1, number_available=1))

    agent.patch({"metadata": {"annotations": {"touched": "yes"}}}, why="annotate")
    assert agent.generation == 1
    agent.patch({"status": {"desiredNumberScheduled": 99}}, why="write status through the main resource")
    assert (agent.generation, agent.get()["status"]["desiredNumberScheduled"]) == (1, 1)
    agent.patch({"spec": {"minReadySeconds": 1}}, why="set minReadySeconds")
    assert agent.generation == 2

    trace.until(agent.status(observed_generation=2, desired_number_scheduled=1))
    trace.expect_creations(agent, 1)
