"""kubectl rollout: history, undo, restart and status."""

import json

from conformance import Capability, Create, ScenarioCluster, Trace, accepted, needs, scenario, shows


@scenario("H04")
@needs(nodes=1)
def test_kubectl_rollout_history_and_undo(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl rollout history lists the revisions and shows one; undo returns to the one named, and refuses one that is not there."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    template = agent.get()["spec"]["template"]
    agent.set_image(cluster.pause("3.9"))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    name = f"daemonset/{agent.name}"
    spec = agent.get()["spec"]

    header, table, *rows = cluster.kubectl("rollout", "history", name).out.splitlines()
    with shows("D3-02"):
        assert (header.strip(), table.split()) == (f"daemonset.apps/{agent.name}", ["REVISION", "CHANGE-CAUSE"])
    with shows("D10-08"):
        assert [row.split() for row in rows if row] == [["1", "<none>"], ["2", "<none>"]]
    detail = cluster.kubectl("rollout", "history", name, "--revision=1").out
    with shows("D3-06"):
        assert detail.startswith(f"daemonset.apps/{agent.name} with revision #1\n")
    with shows("D3-05", "D10-09", "D10-10"):
        assert "Pod Template:" in detail
        assert (cluster.pause("3.10") in detail, cluster.pause("3.9") in detail) == (True, False)
    unknown = cluster.kubectl("rollout", "undo", name, "--to-revision=99", check=False)
    assert (unknown.code, "unable to find specified revision 99 in history" in unknown.err) == (1, True)
    undone = cluster.kubectl("rollout", "undo", name, "--to-revision=1")
    with shows("D3-08"):
        assert undone.out.strip() == f"daemonset.apps/{agent.name} rolled back"
    agent.refresh()

    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 2, 3), shows="D3-21")
    with shows("D3-07", "D10-11", "D10-13"):
        assert agent.pod_on(nodes[0]).spec.containers[0].image == cluster.pause("3.10")
    with shows("D3-17"):
        assert agent.get()["spec"] == {**spec, "template": template}
    trace.expect_creations(agent, 3)


@scenario("H04")
@needs(Capability.AUDIT_LOG, nodes=1)
def test_undo_is_a_patch_of_the_user(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """The server keeps no rollback of its own: undo is a patch that kubectl sends, under the user's name."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    newer = agent.get()
    newer["spec"]["template"]["spec"]["containers"][0]["image"] = cluster.pause("3.9")
    cluster.kubectl("replace", "-f", "-", stdin=json.dumps(newer))  # a PUT: the only patch to come is that of undo
    agent.refresh()
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.written(f"daemonsets/{agent.name}", "create"))
    generation = agent.generation

    cluster.kubectl("rollout", "undo", f"daemonset/{agent.name}")
    agent.refresh()

    assert agent.generation == generation + 1
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    trace.until(trace.written(f"daemonsets/{agent.name}", "patch"), shows="D3-10")
    with shows("D3-10"):
        creators = trace.past.authors(f"daemonsets/{agent.name}", "create")
        assert trace.past.authors(f"daemonsets/{agent.name}", "patch") == creators
    trace.expect_creations(agent, 3)


@scenario("H04")
@needs(nodes=1)
def test_undo_twice_toggles(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """Without a revision undo goes to the one before the current; a second undo is back where the first began."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    for tag in ("3.8", "3.9"):
        agent.set_image(cluster.pause(tag))
        trace.until(agent.rolled_out(), agent.exactly_on(*nodes))

    for tag, numbers in (("3.8", (1, 3, 4)), ("3.9", (1, 4, 5))):
        cluster.kubectl("rollout", "undo", f"daemonset/{agent.name}")
        agent.refresh()
        trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, *numbers))
        with shows("D3-01", "D3-09"):
            assert agent.pod_on(nodes[0]).spec.containers[0].image == cluster.pause(tag)
    trace.expect_creations(agent, 5)


@scenario("H04", seconds=8)
@needs(nodes=1)
def test_undo_is_as_good_as_applying_the_older_manifest(cluster: ScenarioCluster, trace: Trace) -> None:
    """Undo leads to the template and the revision to which applying the older manifest leads; the next apply knows nothing of it."""
    [node] = cluster.nodes.join(1)

    def manifest(tag: str) -> str:
        body = cluster.manifest("agent.yaml")
        body["spec"]["template"]["spec"]["containers"][0]["image"] = f"registry.k8s.io/pause:{tag}"
        return json.dumps(cluster.adapted(body))

    cluster.kubectl("apply", "-f", "-", stdin=manifest("3.10"))
    agent = cluster.find("agent")
    trace.until(agent.rolled_out(), agent.exactly_on(node), trace.has_revisions(agent, 1))
    cluster.kubectl("apply", "-f", "-", stdin=manifest("3.9"))
    agent.refresh()
    trace.until(agent.rolled_out(), agent.exactly_on(node), trace.has_revisions(agent, 1, 2))

    cluster.kubectl("rollout", "undo", f"daemonset/{agent.name}")
    agent.refresh()
    trace.until(agent.rolled_out(), agent.exactly_on(node), trace.has_revisions(agent, 2, 3))
    by_undo = agent.get()["spec"]["template"], agent.pod_on(node).hash
    recorded = agent.get()["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    assert "pause:3.9" in recorded, "undo leaves it as it was, so that only an apply of the newer manifest brings that back"

    cluster.kubectl("apply", "-f", "-", stdin=manifest("3.9"))
    agent.refresh()
    trace.until(agent.rolled_out(), agent.exactly_on(node), trace.has_revisions(agent, 3, 4))
    cluster.kubectl("apply", "-f", "-", stdin=manifest("3.10"))
    agent.refresh()
    trace.until(agent.rolled_out(), agent.exactly_on(node), trace.has_revisions(agent, 4, 5))
    with shows("D3-18"):
        assert (agent.get()["spec"]["template"], agent.pod_on(node).hash) == by_undo
    trace.expect_creations(agent, 5)


@scenario("H04")
@needs(nodes=1)
def test_undo_as_a_dry_run_changes_nothing(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl rollout undo --dry-run=server says what it would do, and leaves DaemonSet, revisions and pods as they are."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    agent.set_image(cluster.pause("3.9"))
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 1, 2))
    before = agent.uids()
    generation = agent.generation

    said = cluster.kubectl("rollout", "undo", f"daemonset/{agent.name}", "--dry-run=server")
    agent.refresh()

    with shows("D10-14"):
        assert "rolled back (server dry run)" in said.out
        assert agent.generation == generation
    trace.stays(agent.keeps(before), trace.has_revisions(agent, 1, 2), seconds=2, shows="D10-14")
    trace.expect_creations(agent, 2)


@scenario("H04")
@needs(nodes=1)
def test_kubectl_rollout_restarts_but_does_not_pause(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl rollout restart replaces every pod; pause and resume are not for DaemonSets."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    before = agent.uids()

    with shows("D10-17"):
        refused = cluster.kubectl("rollout", "pause", f"daemonset/{agent.name}", check=False)
        assert (refused.code, "pausing is not supported" in refused.err) == (1, True)
    with shows("D10-18"):
        refused = cluster.kubectl("rollout", "resume", f"daemonset/{agent.name}", check=False)
        assert (refused.code, "resuming is not supported" in refused.err) == (1, True)
    with shows("D10-01"), accepted():
        cluster.kubectl("rollout", "restart", f"daemonset/{agent.name}")
    agent.refresh()

    trace.until(agent.rolled_out(), agent.replaced(before, *nodes), shows="D10-01")
    trace.expect_creations(agent, 2)


@scenario("H04")
@needs(Capability.POD_TIMING, nodes=1)
def test_flags_of_kubectl_rollout_status(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl rollout status --watch=false says one line and is content; --revision does nothing for a DaemonSet."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    agent.set_image(also=cluster.behave(never_ready=True))
    trace.until(agent.status(updated_number_scheduled=1, number_available=0))

    unfinished = cluster.rollout_status(agent, watch=False)
    with shows("D10-03"):
        assert (unfinished.code, len(unfinished.out.splitlines()), "Waiting for daemon set" in unfinished.out) == (0, 1, True)
    cluster.kubectl("rollout", "undo", f"daemonset/{agent.name}")
    agent.refresh()
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 2, 3))

    rolled_over = cluster.rollout_status(agent, revision=2, timeout=10)
    with shows("D10-05", "D10-06"):
        assert (rolled_over.code, "successfully rolled out" in rolled_over.out) == (0, True)
    trace.expect_creations(agent, 3)


@scenario("H04")
@needs(nodes=1)
def test_kubectl_rollout_status_refuses_ondelete(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl rollout status has nothing to say about a DaemonSet with the OnDelete strategy, and fails."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent-ondelete.yaml")
    trace.until(agent.exactly_on(*nodes))

    refused = cluster.rollout_status(agent, timeout=5)

    with shows("D2-13"):  # of rolling updates, and of nothing else
        assert refused.code == 1
        assert "rollout status is only available for RollingUpdate strategy type" in refused.err
    trace.expect_creations(agent, 1)


@scenario("H04")
@needs(nodes=1)
def test_record_writes_the_command_down(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """kubectl's --record still puts the command into the change cause of the revision that it makes, and says that it is deprecated."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))

    answer = cluster.kubectl("set", "image", f"daemonset/{agent.name}", f"agent={cluster.pause('3.9')}", "--record=true")
    agent.refresh()

    assert "--record has been deprecated" in answer.err
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes), trace.has_revisions(agent, 1, 2))
    first, second = trace.revisions(agent)
    cause = second.metadata.annotations.get("kubernetes.io/change-cause", "")
    with shows("D3-04"):
        assert "set image" in cause
        assert "--record=true" in cause
    with shows("D3-03"):
        assert cause == agent.get()["metadata"].get("annotations", {}).get("kubernetes.io/change-cause")
        assert "kubernetes.io/change-cause" not in first.metadata.annotations
    assert cause in cluster.kubectl("rollout", "history", f"daemonset/{agent.name}").out
    trace.expect_creations(agent, 2)


@scenario("H04")
@needs(nodes=1)
def test_rollout_status_goes_over_to_a_newer_rollout(cluster: ScenarioCluster, daemonset: Create, trace: Trace) -> None:
    """When a new rollout starts while kubectl rollout status watches one, it goes on with the new one, and ends with it."""
    nodes = cluster.nodes.join(1)
    agent = daemonset("agent.yaml")
    trace.until(agent.exactly_on(*nodes), agent.status(number_available=1))
    agent.set_image("registry.invalid/agent:missing")
    trace.until(agent.status(updated_number_scheduled=1, number_available=0))

    with cluster.kubectl_begun("rollout", "status", f"daemonset/{agent.name}") as status:
        status.says("0 of 1 updated pods are available")
        agent.set_image()
        ended = status.result()
    there = agent.get()["status"]

    with shows("D2-13", "D10-02", "D10-04"):
        assert (ended.code, "successfully rolled out" in ended.out) == (0, True)
        assert (there["observedGeneration"], there.get("updatedNumberScheduled"), there.get("numberAvailable")) == (agent.generation, 1, 1)
    trace.until(agent.rolled_out(), agent.exactly_on(*nodes))
    trace.expect_creations(agent, 3)
