"""What a DaemonSet is in the API: its defaults, its name, what it has not, and who writes its status."""

import pytest

from conformance import ApiError, Create, ScenarioCluster, Trace, accepted, needs, scenario, shows

#: The longest name that is valid, and the longest that leaves room for the hash in the name of a ControllerRevision.
LONGEST, LONGEST_THAT_RUNS = 253, 242


@scenario("V04")
@needs(nodes=1)
def test_defaults_and_what_a_daemonset_has_not(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Defaults of a minimal manifest; there are no replicas to scale, and the old API groups are gone."""
    nodes = cluster.nodes.join(1)
    with shows("D9-31"), accepted():
        none_kept = cluster.dry_run(cluster.manifest("agent.yaml", spec={"revisionHistoryLimit": 0}))
        assert none_kept["spec"].get("revisionHistoryLimit") == 0

    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_ready=1, number_available=1))

    spec = agent.get()["spec"]
    strategy = spec.get("updateStrategy", {})
    with shows("003-23", "D2-03", "D2-06", "D9-01"):
        assert strategy.get("type") == "RollingUpdate"
    with shows("D2-07", "D9-08"):
        assert strategy.get("rollingUpdate", {}).get("maxUnavailable") == 1
    with shows("D2-09", "D9-16"):
        assert strategy.get("rollingUpdate", {}).get("maxSurge") == 0
    with shows("D2-08", "D9-29"):  # what is counted as ready is counted as available in the same breath
        assert "minReadySeconds" not in spec
        assert trace.past.counters(agent, "number_ready", "number_available") == {(0, 0), (1, 1)}
    with shows("D9-31"):
        assert spec.get("revisionHistoryLimit") == 10
    with shows("002-17", "D1-12"):
        assert spec["template"]["spec"].get("restartPolicy") == "Always"
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 30
    with shows("D9-51"):
        revisions = cluster.api.list(f"/apis/apps/v1/namespaces/{cluster.namespace}/controllerrevisions")["items"]
        assert [revision["metadata"]["name"] for revision in revisions] == [f"{agent.name}-{agent.pod_on(nodes[0]).hash}"]
    with shows("000-11", "001-12"):
        assert "replicas" not in spec
        scaled = cluster.kubectl("scale", f"daemonset/{agent.name}", "--replicas=3", check=False)
        assert scaled.code == 1
        assert "could not find the requested resource" in scaled.err
    with shows("000-12", "001-36", "D1-67"):
        served = {there["name"]: (there["kind"], there["namespaced"]) for there in cluster.api.get("/apis/apps/v1")["resources"]}
        assert served.get("daemonsets") == ("DaemonSet", True)
    for group in ("extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"):
        with pytest.raises(ApiError) as gone:
            cluster.api.get(f"/apis/{group}/namespaces/{cluster.namespace}/daemonsets")
        assert gone.value.code == 404
    trace.expect_creations(agent, 1)


@scenario("V01")
@needs(nodes=1)
def test_a_name_may_be_too_long_to_run(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """A name of 253 characters is valid and gets no pod and no word of why: its ControllerRevision cannot be named. One of 242 runs."""
    [node] = cluster.nodes.join(1)

    with shows("D1-07"), accepted():
        fits = daemonset("agent.yaml", name="a" * LONGEST_THAT_RUNS)
        too_long = daemonset("agent.yaml", name="b" * LONGEST)
        assert cluster.refusal(cluster.manifest("agent.yaml") | {"metadata": {"name": "c" * (LONGEST + 1)}}).fields == {"metadata.name"}

    trace.until(fits.exactly_on(node), fits.status(number_available=1), too_long.unobserved())
    trace.stays(
        too_long.without_pods(), trace.has_revisions(too_long), cluster.no_event("FailedCreate", too_long), too_long.unobserved(), seconds=5
    )
    trace.expect_creations(fits, 1)


@scenario("V06")
@needs(nodes=1)
def test_generations_and_status(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Only changes of the spec raise the generation, the controller says which one it has seen, and status is not the user's to write."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(observed_generation=1, number_available=1))

    agent.touch()
    assert agent.generation == 1
    with shows("D9-45"):
        agent.patch({"status": {"desiredNumberScheduled": 99}}, why="write status through the main resource")
        assert (agent.generation, agent.get()["status"]["desiredNumberScheduled"]) == (1, 1)
    agent.patch({"spec": {"minReadySeconds": 1}}, why="set minReadySeconds")
    assert agent.generation == 2

    trace.until(agent.status(observed_generation=2, desired_number_scheduled=1), shows="D9-36")
    with shows("D9-42"):
        assert "conditions" not in agent.get()["status"]
    trace.expect_creations(agent, 1)


@scenario("V06")
@needs(nodes=1)
def test_conditions_are_neither_written_nor_checked(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The controller keeps no conditions; one that a client writes is kept, whatever its status says."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    condition = {"type": "Mood", "status": "Perhaps"}

    with shows("D9-43"), accepted():
        agent.patch_status({"conditions": [condition]})
    agent.patch({"spec": {"minReadySeconds": 1}}, why="set minReadySeconds")

    trace.until(agent.status(observed_generation=2))
    with shows("D9-42", "D9-43"):
        kept = agent.get()["status"].get("conditions", [])
        assert [{name: there.get(name) for name in condition} for there in kept] == [condition]
    trace.expect_creations(agent, 1)
