"""One run on a cluster that is there already: who it is, what it may, that it is the only one, and that it leaves no trace."""

from __future__ import annotations

import contextlib
import functools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from seen_by_others import namespaces, states
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from conformance.clusters.embedded import EmbeddedCluster
from conformance.clusters.existing import kubeconfig as kubeconfigs
from conformance.clusters.existing import owning, records, undo
from conformance.clusters.existing.holding import NAME, LookingOn
from conformance.clusters.existing.nodes import BorrowedNode, BorrowedNodes
from conformance.clusters.existing.probing import ROLES, WHOAMI
from conformance.clusters.existing.provider import ExistingProvider, Session, Terms, reach
from conformance.clusters.protocol import Capability
from conformance.errors import ApiError, ClusterError, LeaseLost, NotOffered, UsageError
from conformance.kube.manifests import load
from conformance.kube.records import Taint
from conformance.kube.resources import path

ROOT = Path(__file__).parents[4]


def session(file: Path, folder: Path, terms: Terms | None = None) -> Session:
    target = kubeconfigs.find(file)
    folder.mkdir(exist_ok=True)
    private = folder / "kubeconfig"
    return Session(reach(target, private if private.exists() else target.write(folder)), terms or Terms())


def provider(made: Session, terms: Terms | None = None) -> ExistingProvider:
    return ExistingProvider(made.reached, made.run, terms or Terms(), alive=made.check)


def test_a_run_leaves_no_trace(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    before = states(host.api), host.fingerprint(), copy.read_bytes(), copy.stat().st_mtime_ns
    terms = Terms(disruption=True)
    made = session(copy, tmp_path / "run", terms)
    assert made.begin() == []
    cluster = provider(made, terms).open()
    assert (cluster.facts.kubernetes, cluster.facts.max_nodes, cluster.facts.changeable) == (host.facts.kubernetes, 4, 4)
    assert Capability.CHANGE_NODE in cluster.facts.capabilities
    assert Capability.POD_TIMING not in cluster.facts.capabilities
    cluster.api.create(path("namespaces"), owning.namespace("p01-x", cluster.facts.labels))
    with cluster.nodes() as nodes:
        [one] = nodes.join(1, labels={"disktype": "ssd"}, taints=(Taint(key="dedicated", effect="NoSchedule", value="gpu"),))
        [two] = nodes.join(1)
        two.cordon()
        two.uncordon()
        one.unlabel("disktype", "kubernetes.io/arch")
        changed = host.api.get(path("nodes", name=one.name))
        assert undo.pending(changed)
        assert [taint["key"] for taint in changed["spec"]["taints"]] == ["dedicated"]
    assert cluster.dirt() == []
    assert states(host.api) == before[0]
    assert namespaces(host.api) == {"p01-x", owning.HOME}
    cluster.close()
    made.end()
    assert (states(host.api), host.fingerprint(), copy.read_bytes(), copy.stat().st_mtime_ns) == before
    made.end()


def test_without_leave_no_node_is_changed(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    before = states(host.api)
    made = session(copy, tmp_path / "run")
    made.begin()
    cluster = provider(made).open()
    assert "--allow-disruption" in cluster.facts.lacking[Capability.CHANGE_NODE]
    with cluster.nodes() as nodes:
        [one] = nodes.join(1)
        for change in (functools.partial(one.label, a="b"), functools.partial(one.taint, "a", "NoExecute"), one.cordon):
            with pytest.raises(NotOffered, match="--allow-disruption"):
                change()
        assert states(host.api) == before
    made.end()
    assert states(host.api) == before


def test_a_second_run_is_told_who_is_there(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    first, second = session(copy, tmp_path / "one"), session(copy, tmp_path / "two")
    first.begin()
    with pytest.raises(UsageError, match=rf"Another run is active.*pid {os.getpid()}.*since 20"):
        second.begin()
    second.end()
    assert host.api.get(path("leases", owning.HOME, NAME))["metadata"]["labels"][owning.RUN] == first.run
    first.check()
    first.end()
    assert namespaces(host.api) == set()
    second = session(copy, tmp_path / "two")
    assert second.begin() == []
    second.end()


def test_a_lease_that_is_not_renewed_lapses_and_its_run_is_cleaned_up(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    first = session(copy, tmp_path / "one", Terms(disruption=True))
    first.begin()
    before = states(host.api)
    cluster = provider(first, Terms(disruption=True)).open()
    host.api.create(path("namespaces"), owning.namespace("p01-dead", cluster.facts.labels))
    BorrowedNode(cluster, cluster.yard.names[0]).taint("dedicated", "NoSchedule")
    lease = host.api.get(path("leases", owning.HOME, NAME))
    # Another machine's run, so that only time can tell.
    change = {
        "metadata": {"annotations": {"conformance.daemonset/process": "b/n/1/2"}},
        "spec": {"renewTime": "2020-01-01T00:00:00.000000Z"},
    }
    host.api.patch(path("leases", owning.HOME, NAME), change)
    cautious = session(copy, tmp_path / "cautious")
    assert cautious.begin() == ["namespace p01-dead"]
    assert list(cautious.left) == [cluster.yard.names[0]]
    assert "with --allow-disruption" in cautious.left[cluster.yard.names[0]]
    assert states(host.api) != before
    cautious.end()
    # What proves that the change was the suite's own outlives the run that may not touch nodes.
    assert namespaces(host.api) == {owning.HOME}
    host.api.create(path("namespaces"), owning.namespace("p01-dead", cluster.facts.labels))
    second = session(copy, tmp_path / "two", Terms(disruption=True))
    assert second.begin() == [f"changes of node {cluster.yard.names[0]}", "namespace p01-dead"]
    assert states(host.api) == before
    held = host.api.get(path("leases", owning.HOME, NAME))
    assert held["metadata"]["uid"] != lease["metadata"]["uid"]  # the cautious run gave it up
    assert held["metadata"]["labels"][owning.RUN] == second.run
    first.end()  # not its Lease any more
    assert host.api.get(path("leases", owning.HOME, NAME))["metadata"]["uid"] == held["metadata"]["uid"]
    second.end()
    assert namespaces(host.api) == set()


def taken(host: EmbeddedCluster) -> None:
    """Another run takes the Lease over."""
    host.api.patch(path("leases", owning.HOME, NAME), {"metadata": {"labels": {owning.RUN: "other"}}, "spec": {"holderIdentity": "other"}})


def test_a_run_that_lost_its_lease_stops(host: EmbeddedCluster, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.clusters.existing.holding.INTERVAL", 0.05)
    made = session(copy, tmp_path / "one", Terms(disruption=True))
    made.begin()
    worker = LookingOn(host.api, made.run)
    worker.start()
    cluster = ExistingProvider(made.reached, made.run, Terms(disruption=True), alive=worker.check).open()
    assert made.lost() == ""
    before = states(host.api)
    nodes = BorrowedNodes(cluster)
    [one] = nodes.join(1, labels={"disktype": "ssd"})
    changed = states(host.api)
    taken(host)
    worker._thread.join(timeout=20)
    # Neither changed any further nor put back: that is the other run's.
    for change in (functools.partial(one.label, a="b"), functools.partial(one.taint, "a", "NoExecute"), one.cordon, one.uncordon):
        with pytest.raises(LeaseLost, match="has taken this cluster over"):
            change()
    with pytest.raises(LeaseLost):
        nodes.clear()
    assert states(host.api) == changed != before
    with pytest.raises(LeaseLost):
        ExistingProvider(made.reached, made.run, Terms(), alive=worker.check).open()
    made._lease._thread.join(timeout=20)
    assert "Another run (other)" in made.lost()
    made.end()
    assert states(host.api) == changed
    host.api.delete(path("leases", owning.HOME, NAME))
    heir = session(copy, tmp_path / "two", Terms(disruption=True))
    assert heir.begin() == [f"changes of node {one.name}"]
    assert states(host.api) == before
    heir.end()
    assert namespaces(host.api) == set()


def test_a_lease_that_went_unnoticed_is_noticed_at_the_end(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    made = session(copy, tmp_path / "one")
    made.begin()
    host.api.delete(path("leases", owning.HOME, NAME))
    assert "not its own any more" in made.lost()
    made.end()
    owning.give_up_home(host.api)


# -- what is believed ---------------------------------------------------------------------------------------------------------------------

FORGED = {
    "a forged note": '{"labels":{"node-restriction.kubernetes.io/tier":"secret"},'
    '"taints":{"a:NoSchedule":{"key":"a","effect":"NoSchedule"}},"unschedulable":true}',
    "no JSON": "not json",
    "another shape": '{"labels":[1]}',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("note", FORGED.values(), ids=list(FORGED))
@pytest.mark.parametrize("terms", [Terms(), Terms(disruption=True)], ids=["cautious", "disruptive"])
def test_a_note_that_the_suite_did_not_write_is_named_and_left_alone(
    host: EmbeddedCluster, copy: Path, tmp_path: Path, note: str, terms: Terms
) -> None:
    [strange, *_, last] = sorted(states(host.api))
    host.api.patch(path("nodes", name=strange), {"metadata": {"annotations": {undo.ANNOTATION: note}}})
    before = states(host.api)
    try:
        made = session(copy, tmp_path / "run", terms)
        assert made.begin() == []
        assert list(made.left) == [strange]
        assert f"kubectl annotate node {strange} {undo.ANNOTATION}-" in made.left[strange]
        cluster = provider(made, terms).open()
        assert strange not in cluster.yard.names
        assert last in cluster.yard.names
        made.end()
        assert states(host.api) == before
        assert namespaces(host.api) == set()
    finally:
        host.api.patch(path("nodes", name=strange), {"metadata": {"annotations": {undo.ANNOTATION: None}}})


def test_a_note_that_was_changed_meanwhile_is_not_believed(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    before = states(host.api)
    terms = Terms(disruption=True)
    made = session(copy, tmp_path / "run", terms)
    made.begin()
    cluster = provider(made, terms).open()
    name = cluster.yard.names[0]
    node = BorrowedNode(cluster, name)
    node.label(disktype="ssd")
    own = undo.text(host.api.get(path("nodes", name=name)))
    for forged in FORGED.values():
        host.api.patch(path("nodes", name=name), {"metadata": {"annotations": {undo.ANNOTATION: forged}}})
        changed = states(host.api)
        with pytest.raises(ClusterError, match=f"Node {name} is not changed any further"):
            node.cordon()
        assert list(records.put_back(host.api).left) == [name]
        assert states(host.api) == changed
    # The one on record, word for word, still is.
    host.api.patch(path("nodes", name=name), {"metadata": {"annotations": {undo.ANNOTATION: own}}})
    assert records.put_back(host.api) == records.PutBack([f"changes of node {name}"], {})
    assert states(host.api) == before
    # Nor is it good a second time, or on another node.
    for again in cluster.yard.names[:2]:
        host.api.patch(path("nodes", name=again), {"metadata": {"annotations": {undo.ANNOTATION: own}}})
        assert list(records.put_back(host.api).left) == [again]
        host.api.patch(path("nodes", name=again), {"metadata": {"annotations": {undo.ANNOTATION: None}}})
    made.end()
    assert namespaces(host.api) == set()


def test_labels_that_were_copied_make_no_namespace_the_suites_own(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    made = session(copy, tmp_path / "run")
    made.begin()
    labels = owning.labels(made.run)
    copied = {
        "labels": {"metadata": {"name": "prod-db", "labels": labels}},
        "labels and annotation": {"metadata": {**owning.namespace("p01-abc123", labels)["metadata"], "name": "prod-db2"}},
        "one label": {"metadata": {"name": "prod-db3", "labels": {owning.RUN: made.run}, "annotations": {owning.NAMED: "prod-db3"}}},
    }
    for body in copied.values():
        host.api.create(path("namespaces"), body)
    try:
        assert owning.sweep(host.api) == []
        made.end()
        assert owning.sweep(host.api) == []
        there = host.api.list(path("namespaces"))["items"]
        live = {item["metadata"]["name"] for item in there if "deletionTimestamp" not in item["metadata"]}
        assert live >= {"prod-db", "prod-db2", "prod-db3"}
    finally:
        for body in copied.values():
            host.api.delete(path("namespaces", name=body["metadata"]["name"]))


# -- who we are ---------------------------------------------------------------------------------------------------------------------------


def of_account(host: EmbeddedCluster, file: Path, name: str) -> Path:
    """A kubeconfig for a ServiceAccount, whose token a program hands out that is named relative to the file."""
    with contextlib.suppress(ApiError):
        host.api.create(path("serviceaccounts", "default"), {"metadata": {"name": name}})
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = host.api.create(path("serviceaccounts", "default", name, "token"), body)["status"]["token"]
    config = yaml.safe_load(host.facts.kubeconfig.read_text())
    answer = f'{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"{token}"}}}}'
    program = file.parent / "login"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(stat.S_IRWXU)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./login", "interactiveMode": "Never"}
    config["users"] = [{"name": config["users"][0]["name"], "user": {"exec": plugin}}]
    file.write_text(yaml.safe_dump(config))
    return file


def test_permissions_are_asked_for_and_the_roles_are_enough(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    of_account(host, copy, "tester")
    before = host.fingerprint()
    made = session(copy, tmp_path / "run")
    assert made.reached.user == "system:serviceaccount:default:tester"
    with pytest.raises(UsageError) as refused:
        made.begin()
    for words in ("create namespaces", "create daemonsets.apps", "watch pods", "--serviceaccount=default:tester", str(ROLES)):
        assert words in str(refused.value)
    made.end()
    assert host.fingerprint() == before

    for role in load(ROLES):
        host.api.create(path("clusterroles"), role)
    subject = {"kind": "ServiceAccount", "name": "tester", "namespace": "default"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "daemonset-conformance"}
    host.api.create(path("clusterrolebindings"), {"metadata": {"name": "tester"}, "subjects": [subject], "roleRef": reference})
    try:
        terms = Terms(disruption=True)
        made = session(copy, tmp_path / "run", terms)
        made.begin()
        cluster = provider(made, terms).open()
        assert cluster.facts.lacking[Capability.CHANGE_NODE] == "the user may not patch nodes"
        assert cluster.facts.plugin
        cluster.close()
        made.end()
    finally:
        host.api.delete(path("clusterrolebindings", name="tester"))
        for role in load(ROLES):
            host.api.delete(path("clusterroles", name=role["metadata"]["name"]))


POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"


@pytest.fixture
def kept_to_its_own(host: EmbeddedCluster, copy: Path) -> Iterator[Path]:
    """The kubeconfig of a user who has the first role, and the policy that keeps him to the suite's own namespaces."""
    config = yaml.safe_load(copy.read_text())
    config["users"][0]["user"]["as"] = "suite-user"
    copy.write_text(yaml.safe_dump(config))
    role = load(ROLES)[0]
    policy, binding = load(ROLES.with_name("own-namespaces.yaml"))
    policy = yaml.safe_load(yaml.safe_dump(policy).replace('"NAME"', '"suite-user"'))
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "suite-user"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]}
    made = [
        (path("clusterroles"), role),
        (path("clusterrolebindings"), {"metadata": {"name": "suite-user"}, "subjects": [subject], "roleRef": reference}),
        (POLICIES, policy),
        (POLICIES.removesuffix("ies") + "ybindings", binding),
    ]
    for collection, body in made:
        host.api.create(collection, body)
    yield copy
    for collection, body in made:
        host.api.delete(f"{collection}/{body['metadata']['name']}")


def test_the_policy_keeps_the_role_to_the_suites_own_namespaces(host: EmbeddedCluster, kept_to_its_own: Path, tmp_path: Path) -> None:
    host.api.create(path("namespaces"), {"metadata": {"name": "prod", "labels": owning.labels("other")}})
    host.api.create(path("leases", "kube-node-lease"), {"metadata": {"name": "node-x"}})
    agent = load(ROOT / "manifests" / "agent.yaml")[0]
    made = session(kept_to_its_own, tmp_path / "run")
    api = made._api

    def in_force() -> bool:
        try:
            api.create(path("daemonsets", "kube-system"), agent, dryRun="All")
        except ApiError as error:
            return error.code == 403
        return False

    try:
        Retrying(retry=retry_if_result(lambda forced: not forced), wait=wait_fixed(0.1), stop=stop_after_delay(60))(in_force)
        lease = host.api.get(path("leases", "kube-node-lease", "node-x"))
        pod = {"metadata": {"name": "p"}, "spec": agent["spec"]["template"]["spec"]}
        for harm in (
            functools.partial(api.create, path("daemonsets", "kube-system"), agent),
            functools.partial(api.create, path("daemonsets", "prod"), agent),
            functools.partial(api.create, path("pods", "prod"), pod),
            functools.partial(api.delete, path("namespaces", name="prod")),
            functools.partial(api.replace, path("leases", "kube-node-lease", "node-x"), lease),
            functools.partial(api.delete, path("leases", "kube-node-lease", "node-x")),
        ):
            with pytest.raises(ApiError, match="only in namespaces that daemonset-conformance has made"):
                harm()
        assert made.begin() == []
        cluster = provider(made).open()
        cluster.api.create(path("namespaces"), owning.namespace("p01-own", cluster.facts.labels))
        cluster.api.create(path("daemonsets", "p01-own"), agent)
        cluster.api.delete(path("daemonsets", "p01-own"))
        cluster.close()
        made.end()
        assert namespaces(host.api) == {"prod"}
    finally:
        host.api.delete(path("namespaces", name="prod"))
        host.api.delete(path("leases", "kube-node-lease", "node-x"))
        owning.gone(host.api, ["prod"])


def test_whom_the_kubeconfig_impersonates_is_who_the_run_is(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(copy.read_text())
    config["users"][0]["user"] |= {"as": "nobody-special", "as-groups": ["a", "b,c"], "as-user-extra": {"example.org/Scope": ["x", "y"]}}
    copy.write_text(yaml.safe_dump(config))
    before = host.fingerprint()
    made = session(copy, tmp_path / "run")
    assert made.reached.user == "nobody-special"
    info = made._api.create(WHOAMI, {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})["status"]["userInfo"]
    assert set(info["groups"]) == {"a", "b,c", "system:authenticated"}
    assert info["extra"] == {"example.org/scope": ["x", "y"]}
    with pytest.raises(UsageError, match="nobody-special lacks permissions"):
        made.begin()
    made.end()
    assert host.fingerprint() == before


def test_credentials_that_are_not_accepted(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(copy.read_text())
    config["users"][0]["user"] = {"token": "expired"}
    copy.write_text(yaml.safe_dump(config))
    with pytest.raises(UsageError, match=r"does not accept the credentials: 401.*log in again") as refused:
        session(copy, tmp_path / "run")
    assert str(copy) in str(refused.value)
    assert "expired" not in str(refused.value).replace("have expired", "")


def test_a_server_that_does_not_answer(copy: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(copy.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    copy.write_text(yaml.safe_dump(config))
    with pytest.raises(UsageError, match=r"https://127\.0\.0\.1:1.*--kubeconfig or --context") as refused:
        session(copy, tmp_path / "run")
    assert "\n" not in str(refused.value)


def test_nodes_that_were_named(host: EmbeddedCluster, copy: Path, tmp_path: Path) -> None:
    names = sorted(states(host.api))
    made = session(copy, tmp_path / "run", Terms(only=names[1:3]))
    made.begin()
    assert provider(made, Terms(only=names[1:3])).open().yard.names == tuple(names[1:3])
    made.end()
    made = session(copy, tmp_path / "run", Terms(only=["nowhere"]))
    with pytest.raises(UsageError, match="--on-node nowhere: there is no such node"):
        made.begin()
    made.end()
    assert namespaces(host.api) == set()
