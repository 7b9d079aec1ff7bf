"""What the API server and kubectl refuse, and what they take."""

import pytest

from conformance import (
    Refused,
    ScenarioCluster,
    Strategies,
    accepted,
    invalid_manifests,
    kubectl_refusals,
    lenient_api,
    scenario,
    shows,
    update_matrix,
)


@scenario("V01")
@pytest.mark.parametrize("case", invalid_manifests("V01"))
def test_a_daemonset_needs_a_selector_that_matches_its_template(cluster: ScenarioCluster, case: Refused) -> None:
    """A DaemonSet without a proper name, without a template, or with no selector that matches its template is refused."""
    with shows(*case.claims):
        refused = cluster.refusal(cluster.manifest(case.file))

        assert (refused.code, refused.reason) == (422, "Invalid")
        assert refused.fields == case.fields


@scenario("V01")
@pytest.mark.parametrize("case", kubectl_refusals("V01"))
def test_kubectl_wants_api_version_kind_and_name(cluster: ScenarioCluster, case: Refused) -> None:
    """A manifest without apiVersion, kind or name is refused before anything is made."""
    answer = cluster.kubectl("create", "-f", "-", stdin=cluster.manifest_text(case.file), check=False)

    with shows(*case.claims):
        assert answer.code == 1
        assert case.says in answer.err
        assert cluster.kubectl("get", "daemonsets", "-o", "name").out == ""


@scenario("V02")
@pytest.mark.parametrize("case", invalid_manifests("V02"))
def test_what_a_template_may_not_say(cluster: ScenarioCluster, case: Refused) -> None:
    """A restart policy other than Always, an active deadline and negative numbers are refused."""
    with shows(*case.claims):
        refused = cluster.refusal(cluster.manifest(case.file))

        assert (refused.code, refused.reason) == (422, "Invalid")
        assert refused.fields == case.fields


@scenario("V02")
@pytest.mark.parametrize("case", kubectl_refusals("V02"))
def test_a_template_has_no_kind_of_its_own(cluster: ScenarioCluster, case: Refused) -> None:
    """A template with apiVersion and kind is refused by kubectl's check of fields, and nothing is made."""
    answer = cluster.kubectl("create", "-f", "-", stdin=cluster.manifest_text(case.file), check=False)

    with shows(*case.claims):
        assert answer.code == 1
        assert case.says in answer.err
        assert cluster.kubectl("get", "daemonsets", "-o", "name").out == ""


@scenario("V02")
@pytest.mark.parametrize("case", lenient_api("V02"))
def test_the_api_drops_the_kind_of_a_template(cluster: ScenarioCluster, case: Refused) -> None:
    """Without kubectl's check the API server drops apiVersion and kind of a template, and takes the rest."""
    with shows(*case.claims), accepted():
        stored = cluster.dry_run(cluster.manifest(case.file))

        assert case.kept_in(stored) == []


@scenario("V02")
def test_a_template_has_the_schema_of_a_pod(cluster: ScenarioCluster) -> None:
    """The API server's own description has one schema for the spec of a pod and of a template, which lacks apiVersion, kind and status."""
    core, apps = (cluster.api.get(f"/openapi/v3/{group}")["components"]["schemas"] for group in ("api/v1", "apis/apps/v1"))
    kinds = "io.k8s.api.core.v1."
    pod, template = core[f"{kinds}Pod"]["properties"], apps[f"{kinds}PodTemplateSpec"]["properties"]
    daemonset = apps["io.k8s.api.apps.v1.DaemonSetSpec"]["properties"]

    assert [part["$ref"].rpartition("/")[2] for part in daemonset["template"]["allOf"]] == [f"{kinds}PodTemplateSpec"]
    with shows("002-14", "D1-10"):
        assert [part["$ref"] for part in template["spec"]["allOf"]] == [part["$ref"] for part in pod["spec"]["allOf"]]
        assert [part["$ref"] for part in template["metadata"]["allOf"]] == [part["$ref"] for part in pod["metadata"]["allOf"]]
        assert apps[f"{kinds}PodSpec"] == core[f"{kinds}PodSpec"]
    with shows("002-15", "D1-10"):
        assert set(pod) - set(template) == {"apiVersion", "kind", "status"}


@scenario("V03")
@pytest.mark.parametrize("group", update_matrix(refused=True))
def test_strategies_that_are_refused(cluster: ScenarioCluster, group: Strategies) -> None:
    """Exactly one of maxSurge and maxUnavailable must be other than zero, neither may exceed 100 %, and there are two types only."""
    with shows(*group.claims):
        for case in group.cases:
            answer = cluster.refusal(cluster.manifest("agent.yaml", spec={"updateStrategy": case.strategy}))
            assert (answer.code, frozenset(answer.fields)) == (422, case.fields), case.name


@scenario("V03")
@pytest.mark.parametrize("group", update_matrix(refused=False))
def test_strategies_that_are_accepted(cluster: ScenarioCluster, group: Strategies) -> None:
    """All other pairs are accepted, with maxUnavailable 1 and maxSurge 0 filled in; with OnDelete they are not even looked at."""
    with shows(*group.claims), accepted():
        for case in group.cases:
            stored = cluster.dry_run(cluster.manifest("agent.yaml", spec={"updateStrategy": case.strategy}))
            assert stored["spec"]["updateStrategy"] == case.stored, case.name


@scenario("V04")
@pytest.mark.parametrize("case", kubectl_refusals("V04"))
def test_fields_that_a_daemonset_has_not(cluster: ScenarioCluster, case: Refused) -> None:
    """Replicas, volumeClaimTemplates, and minReadySeconds among the settings of the rolling update are fields that a DaemonSet has not."""
    answer = cluster.kubectl("create", "-f", "-", stdin=cluster.manifest_text(case.file), check=False)

    with shows(*case.claims):
        assert answer.code == 1
        assert case.says in answer.err
        assert cluster.kubectl("get", "daemonsets", "-o", "name").out == ""


@scenario("V04")
@pytest.mark.parametrize("case", lenient_api("V04"))
def test_the_api_drops_fields_that_a_daemonset_has_not(cluster: ScenarioCluster, case: Refused) -> None:
    """Without kubectl's check the API server drops the fields that a DaemonSet has not, and takes the rest."""
    with shows(*case.claims), accepted():
        stored = cluster.dry_run(cluster.manifest(case.file))

        assert case.kept_in(stored) == []
