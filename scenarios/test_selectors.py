"""Selectors of a DaemonSet: what they are compared with, and that they stay as they are."""

from collections.abc import Mapping
from typing import Any

import pytest

from conformance import ApiError, Create, ScenarioCluster, Trace, accepted, needs, scenario, shows

#: Labels that a selector's expression matches, and such that it does not.
EXPRESSIONS = [
    pytest.param({"key": "tier", "operator": "In", "values": ["node", "edge"]}, {"tier": "edge"}, {"tier": "other"}, id="In"),
    pytest.param({"key": "tier", "operator": "NotIn", "values": ["node", "edge"]}, {"tier": "other"}, {"tier": "edge"}, id="NotIn"),
    pytest.param({"key": "tier", "operator": "Exists"}, {"tier": "any"}, {"app": "agent"}, id="Exists"),
    pytest.param({"key": "tier", "operator": "DoesNotExist"}, {"app": "agent"}, {"tier": "any"}, id="DoesNotExist"),
]


@scenario("V01")
@needs(nodes=1)
def test_the_selector_is_immutable(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The selector of a DaemonSet is what it was created with: its two parts and nothing else, and no change is taken."""
    nodes = cluster.nodes.join(1)
    both = {"matchLabels": {"app": "agent"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["node"]}]}
    agent = daemonset("agent.yaml", spec={"selector": {**both, "matchFields": []}}, template=_labelled({"tier": "node"}))
    trace.until(agent.exactly_on(*nodes))

    with shows("002-22", "002-23", "D1-15", "D1-16"):
        with pytest.raises(ApiError, match="field is immutable") as changed:
            agent.patch({"spec": {"selector": {"matchExpressions": None}}}, why="change selector")
        assert (changed.value.code, changed.value.fields) == (422, {"spec.selector"})
    with shows("002-24", "002-L4", "D1-17"):
        assert agent.get()["spec"]["selector"] == both
    trace.expect_creations(agent, 1)


@scenario("V01")
@needs(nodes=1)
def test_the_parts_of_a_selector_are_anded(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A selector of labels and expressions matches what both match: a template with half of it is refused, and a pod left alone."""
    [node] = cluster.nodes.join(1)
    both = {"matchLabels": {"app": "agent"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["node"]}]}
    halves = {"labels": {"app": "agent"}, "expressions": {"tier": "node"}}
    with shows("002-25", "D1-20"):
        for labels in halves.values():
            refused = cluster.refusal(_selecting(cluster, both, labels))
            assert refused.fields == {"spec.template.metadata.labels"}, labels
    agent = daemonset("agent.yaml", spec={"selector": both}, template=_labelled({"tier": "node"}))
    trace.until(agent.exactly_on(node))
    kept = agent.uids()

    for name, labels in halves.items():
        cluster.create_pod(cluster.bare_pod(name, node, labels=labels))
    trace.until(cluster.pod_runs("labels"), cluster.pod_runs("expressions"))
    agent.patch({"spec": {"minReadySeconds": 1}}, why="have the controller look again")

    trace.until(agent.observed())
    alone = (cluster.pod_unowned("labels"), cluster.pod_unowned("expressions"))
    trace.stays(*alone, agent.keeps(kept), seconds=2, shows=("002-25", "D1-20"))
    trace.expect_creations(agent, 1)


@scenario("V01")
def test_a_template_may_have_no_labels_where_the_selector_wants_none(cluster: ScenarioCluster) -> None:
    """Labels of the template are appropriate if the selector matches them: one that only excludes labels takes a template without any."""
    excluding = {"matchExpressions": [{"key": "legacy", "operator": "DoesNotExist"}]}

    with shows("002-16", "D1-11"), accepted():
        stored = cluster.dry_run(_selecting(cluster, excluding, {}))
        assert not stored["spec"]["template"]["metadata"].get("labels")
        assert cluster.refusal(_selecting(cluster, excluding, {"legacy": "yes"})).fields == {"spec.template.metadata.labels"}
        assert cluster.refusal(_selecting(cluster, {"matchLabels": {"app": "agent"}}, {})).fields == {"spec.template.metadata.labels"}


@scenario("V01")
@pytest.mark.parametrize(("expression", "matching", "other"), EXPRESSIONS)
def test_each_operator_of_an_expression_takes_the_labels_it_should(
    cluster: ScenarioCluster, expression: Mapping[str, Any], matching: Mapping[str, str], other: Mapping[str, str]
) -> None:
    """Each of the operators In, NotIn, Exists and DoesNotExist takes a template with the labels that it should, and refuses others."""
    selector = {"matchExpressions": [expression]}

    with shows("D1-19"), accepted():
        stored = cluster.dry_run(_selecting(cluster, selector, matching))
        assert stored["spec"]["selector"] == selector
        assert cluster.refusal(_selecting(cluster, selector, other)).fields == {"spec.template.metadata.labels"}


@scenario("V01")
def test_labels_are_compared_as_a_replication_controller_does(cluster: ScenarioCluster) -> None:
    """Every label of matchLabels has to be in the template, as with the selector of a ReplicationController; more may be there."""
    wanted = {"app": "agent", "tier": "node"}
    enough = (wanted, {**wanted, "more": "yes"})
    too_little: tuple[dict[str, str], ...] = ({"app": "agent"}, {"app": "agent", "tier": "other"})

    with shows("D1-18"), accepted():
        for labels in enough:
            stored = cluster.dry_run(_selecting(cluster, {"matchLabels": wanted}, labels))
            assert stored["spec"]["selector"] == {"matchLabels": wanted}
            assert _replication_controller(cluster, wanted, labels)["spec"]["selector"] == wanted
    with shows("D1-18"):
        for labels in too_little:
            assert cluster.refusal(_selecting(cluster, {"matchLabels": wanted}, labels)).fields == {"spec.template.metadata.labels"}
            with pytest.raises(ApiError) as refused:
                _replication_controller(cluster, wanted, labels)
            assert refused.value.fields == {"spec.template.metadata.labels"}


@scenario("V01")
def test_no_selector_is_made_up_as_it_is_for_a_job(cluster: ScenarioCluster) -> None:
    """A Job without a selector is given one of its own; a DaemonSet without one is refused."""
    pod = {**cluster.manifest("agent.yaml")["spec"]["template"]["spec"], "restartPolicy": "Never"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": {"spec": pod}}}

    with shows("002-18", "D1-13"), accepted():
        made = cluster.api.create(f"/apis/batch/v1/namespaces/{cluster.namespace}/jobs", job, dryRun="All")
        generated = made["spec"].get("selector", {}).get("matchLabels", {})
        assert len(generated) > 0
        assert generated.items() <= made["spec"]["template"]["metadata"].get("labels", {}).items()
        assert cluster.refusal(cluster.manifest("agent.yaml", spec={"selector": None})).code == 422


def _labelled(labels: Mapping[str, str]) -> dict[str, Any]:
    return {"metadata": {"labels": dict(labels)}}


def _selecting(cluster: ScenarioCluster, selector: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """A DaemonSet with this selector, and with these labels and no others on its template."""
    manifest = cluster.manifest("agent.yaml")
    manifest["spec"]["selector"] = dict(selector)
    manifest["spec"]["template"]["metadata"] = {"labels": dict(labels)}
    return manifest


def _replication_controller(cluster: ScenarioCluster, selector: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, Any]:
    spec = {
        "replicas": 0,
        "selector": dict(selector),
        "template": {**cluster.manifest("agent.yaml")["spec"]["template"], **_labelled(labels)},
    }
    body = {"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "agent"}, "spec": spec}
    return cluster.api.create(f"/api/v1/namespaces/{cluster.namespace}/replicationcontrollers", body, dryRun="All")
