"""What the API server accepts, refuses and fills in."""

import json
from collections.abc import Callable

import pytest

from conformance import (
    Agent,
    ApiError,
    Document,
    Refused,
    ScenarioCluster,
    Trace,
    claim,
    documents,
    invalid_manifests,
    kubectl_refusals,
    lenient_api,
    needs,
    printed_documents,
    scenario,
    update_matrix,
)

Create = Callable[..., Agent]


@scenario("P01")
@needs(nodes=2)
@pytest.mark.parametrize("document", documents("P01"))
def test_documented_manifests_run(cluster: ScenarioCluster, trace: Trace, document: Document) -> None:
    """The manifests that the documents show run one pod on every node, with the quality of service that their resources ask for."""
    nodes = cluster.nodes.join(2, labels=document.node_labels)

    cluster.kubectl("apply", "-f", "-", stdin=cluster.manifest_text(document.file))
    agent = cluster.find(document.daemonset)

    trace.until(agent.exactly_on(*nodes), agent.status(desired_number_scheduled=2, number_available=2))
    for pod in trace.past.created(agent):
        spec = pod["spec"]
        [container] = spec["containers"]
        assert pod["status"]["qosClass"] == document.qos
        assert container["resources"].get("requests", {}) == document.requests
        assert container["resources"].get("limits", {}) == document.limits
        assert spec["terminationGracePeriodSeconds"] == document.grace
        assert spec.get("nodeSelector", {}) == document.node_labels
        assert set(document.only_on_daemonset).isdisjoint(pod["metadata"]["labels"])
        on_host = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
        assert set(on_host.values()) == set(document.host_paths)
        assert {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in on_host} == set(document.host_paths)
    for command in document.commands:
        answer = cluster.kubectl(*command.arguments)
        assert len(answer.out.splitlines()) == command.lines, answer.out
    trace.expect_creations(agent, 2)


@scenario("V01")
@claim("002-07", "004-08")
@pytest.mark.parametrize("document", printed_documents())
def test_documented_manifests_as_printed_are_refused(cluster: ScenarioCluster, document: Document) -> None:
    """Manifests that lost their indentation or their keys in print are refused, and nothing is made."""
    answer = cluster.kubectl("apply", "-f", "-", stdin=cluster.manifest_text(document.as_printed), check=False)

    assert answer.code == 1
    for words in document.refusal:
        assert words in answer.err
    assert cluster.kubectl("get", "daemonsets,pods", "-o", "name").out == ""


@scenario("V01")
@claim(
    "002-12",
    "002-13",
    "002-16",
    "002-18",
    "002-19",
    "002-20",
    "002-26",
    "D1-07",
    "D1-08",
    "D1-09",
    "D1-11",
    "D1-13",
    "D1-14",
    "D1-18",
    "D1-21",
    "D9-24",
)
@pytest.mark.parametrize("case", invalid_manifests("V01"))
def test_a_daemonset_needs_a_selector_that_matches_its_template(cluster: ScenarioCluster, case: Refused) -> None:
    """A DaemonSet without a template, without a selector, with an empty one or with one that does not match its template is refused."""
    refused = cluster.refusal(cluster.manifest(case.file))

    assert (refused.code, refused.reason) == (422, "Invalid")
    assert refused.fields == case.fields


@scenario("V01")
@claim("002-11", "D1-06")
@pytest.mark.parametrize("case", kubectl_refusals("V01"))
def test_kubectl_wants_api_version_kind_and_name(cluster: ScenarioCluster, case: Refused) -> None:
    """A manifest without apiVersion, kind or name is refused before anything is made."""
    answer = cluster.kubectl("create", "-f", "-", stdin=cluster.manifest_text(case.file), check=False)

    assert answer.code == 1
    assert case.says in answer.err
    assert cluster.kubectl("get", "daemonsets", "-o", "name").out == ""


@scenario("V01")
@claim("002-22", "002-23", "002-24", "002-25", "002-L4", "D1-15", "D1-16", "D1-17", "D1-19", "D1-20")
@needs(nodes=1)
def test_the_selector_is_immutable_and_its_parts_are_anded(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The selector of a DaemonSet cannot be changed; matchLabels and matchExpressions must both match."""
    nodes = cluster.nodes.join(1)
    both = {"matchLabels": {"app": "agent"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["node"]}]}
    unmatched = cluster.refusal(cluster.manifest("agent.yaml", spec={"selector": both}))
    assert unmatched.fields == {"spec.template.metadata.labels"}

    agent = daemonset("agent.yaml", spec={"selector": both}, template={"metadata": {"labels": {"tier": "node"}}})
    trace.until(agent.exactly_on(*nodes))
    with pytest.raises(ApiError, match="field is immutable") as changed:
        agent.patch({"spec": {"selector": {"matchExpressions": None}}}, why="change selector")

    assert (changed.value.code, changed.value.fields) == (422, {"spec.selector"})


@scenario("V02")
@claim("002-14", "002-17", "D1-10", "D1-12", "D1-65", "D9-26")
@pytest.mark.parametrize("case", invalid_manifests("V02"))
def test_what_a_template_may_not_say(cluster: ScenarioCluster, case: Refused) -> None:
    """A restart policy other than Always, an active deadline and negative numbers are refused."""
    refused = cluster.refusal(cluster.manifest(case.file))

    assert (refused.code, refused.reason) == (422, "Invalid")
    assert refused.fields == case.fields


@scenario("V02")
@claim("002-15")
@pytest.mark.parametrize("case", kubectl_refusals("V02"))
def test_a_template_has_no_kind_of_its_own(cluster: ScenarioCluster, case: Refused) -> None:
    """A template with apiVersion and kind is refused by kubectl's check of fields, and nothing is made."""
    answer = cluster.kubectl("create", "-f", "-", stdin=cluster.manifest_text(case.file), check=False)

    assert answer.code == 1
    assert case.says in answer.err
    assert cluster.kubectl("get", "daemonsets", "-o", "name").out == ""


@scenario("V02")
@claim("002-15")
@pytest.mark.parametrize("case", lenient_api("V02"))
def test_the_api_drops_the_kind_of_a_template(cluster: ScenarioCluster, case: Refused) -> None:
    """Without kubectl's check the API server drops apiVersion and kind of a template, and takes the rest."""
    stored = cluster.dry_run(cluster.manifest(case.file))

    assert {"apiVersion", "kind"}.isdisjoint(stored["spec"]["template"])


@scenario("V03")
@claim("003-22", "D2-01", "D2-07", "D2-09", "D9-01", "D9-07", "D9-14", "D9-15")
def test_strategies_that_are_refused(cluster: ScenarioCluster) -> None:
    """Exactly one of maxSurge and maxUnavailable must be other than zero, neither may exceed 100 %, and there are two types only."""
    cases = update_matrix(refused=True)

    answers = {case.name: cluster.refusal(cluster.manifest("agent.yaml", spec={"updateStrategy": case.strategy})) for case in cases}

    assert {name: (answer.code, frozenset(answer.fields)) for name, answer in answers.items()} == {
        case.name: (422, case.fields) for case in cases
    }


@scenario("V03")
@claim("D2-07", "D2-09", "D9-01", "D9-02", "D9-07", "D9-14")
def test_strategies_that_are_accepted(cluster: ScenarioCluster) -> None:
    """All other pairs are accepted, with maxUnavailable 1 and maxSurge 0 filled in; with OnDelete they are not even looked at."""
    cases = update_matrix(refused=False)

    answers = {case.name: cluster.dry_run(cluster.manifest("agent.yaml", spec={"updateStrategy": case.strategy})) for case in cases}

    assert {name: answer["spec"]["updateStrategy"] for name, answer in answers.items()} == {case.name: case.stored for case in cases}


@scenario("V04")
@claim(
    *("000-11", "000-12", "001-12", "003-23", "003-31", "D1-06", "D1-12", "D1-67", "D2-03", "D2-06", "D2-07", "D2-08"),
    *("D2-09", "D9-01", "D9-08", "D9-16", "D9-29", "D9-31", "D9-51"),
)
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
    [revision] = cluster.api.list(f"/apis/apps/v1/namespaces/{cluster.namespace}/controllerrevisions")["items"]
    assert revision["metadata"]["name"] == f"{agent.name}-{agent.pod_on(nodes[0]).hash}"
    scaled = cluster.kubectl("scale", f"daemonset/{agent.name}", "--replicas=3", check=False)
    assert scaled.code == 1
    assert "could not find the requested resource" in scaled.err
    for group in ("extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"):
        with pytest.raises(ApiError) as gone:
            cluster.api.get(f"/apis/{group}/namespaces/{cluster.namespace}/daemonsets")
        assert gone.value.code == 404


@scenario("V04")
@pytest.mark.parametrize("document", documents("V04"))
def test_documented_manifests_update_by_rolling(cluster: ScenarioCluster, document: Document) -> None:
    """The manifests that the documents show are apps/v1, and update one pod at a time, whether they say so or not."""
    cluster.kubectl("apply", "-f", "-", stdin=cluster.manifest_text(document.file))

    stored = cluster.find(document.daemonset).get()
    assert (stored["apiVersion"], stored["kind"]) == ("apps/v1", "DaemonSet")
    assert stored["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}


@scenario("V04")
@claim("000-11", "003-30", "D1-67")
@pytest.mark.parametrize("case", kubectl_refusals("V04"))
def test_fields_that_a_daemonset_has_not(cluster: ScenarioCluster, case: Refused) -> None:
    """A number of replicas, or minReadySeconds among the settings of the rolling update, are fields that a DaemonSet has not."""
    answer = cluster.kubectl("create", "-f", "-", stdin=cluster.manifest_text(case.file), check=False)

    assert answer.code == 1
    assert case.says in answer.err
    assert cluster.kubectl("get", "daemonsets", "-o", "name").out == ""


@scenario("V06")
@claim("D9-36", "D9-42", "D9-45")
@needs(nodes=1)
def test_generations_and_status(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Only changes of the spec raise the generation, the controller says which one it has seen, and status is not the user's to write."""
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
    assert "conditions" not in agent.get()["status"]
    trace.expect_creations(agent, 1)


@scenario("V06")
@claim("D9-42", "D9-43")
@needs(nodes=1)
def test_conditions_are_neither_written_nor_checked(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The controller keeps no conditions; one that a client writes is kept, whatever its status says."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    condition = {"type": "Mood", "status": "Perhaps"}

    agent.patch_status({"conditions": [condition]})
    agent.patch({"spec": {"minReadySeconds": 1}}, why="set minReadySeconds")

    trace.until(agent.status(observed_generation=2))
    [kept] = agent.get()["status"]["conditions"]
    assert kept.items() >= condition.items()


@scenario("V04")
@claim("D2-10")
def test_the_documented_commands_print_the_strategy(cluster: ScenarioCluster) -> None:
    """The page's two commands print RollingUpdate where the manifest says so; where it does not, the client's dry run has no value yet."""
    strategy = "go-template={{.spec.updateStrategy.type}}"
    explicit = cluster.adapted(cluster.manifest("agent.yaml", spec={"updateStrategy": {"type": "RollingUpdate"}}))
    implicit = cluster.adapted(cluster.manifest("agent.yaml"))

    dry = [cluster.kubectl("create", "-f", "-", "--dry-run=client", "-o", strategy, stdin=json.dumps(m)).out for m in (explicit, implicit)]
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(implicit))

    assert dry == ["RollingUpdate", "<no value>"]
    assert cluster.kubectl("get", "daemonset/agent", "-o", strategy).out == "RollingUpdate"
    live = cluster.kubectl("apply", "-f", "-", "--dry-run=client", "-o", strategy, stdin=json.dumps(explicit)).out
    assert live == "RollingUpdate"
