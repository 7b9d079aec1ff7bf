"""INV-5, INV-6, INV-7: whose pods, on which nodes, for which DaemonSets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import CONTROLLER, GC, KUBELET, SCENARIO, History, judged
from tests.guarantees.objects import bare, node, owner, taint

# -- INV-5 ----------------------------------------------------------------------------------------------------------------------------


def with_stranger(kind: str = "", **labels: str) -> tuple[History, dict[str, object]]:
    h = settled(2)
    pod = bare("stranger", "a", **labels)
    if kind:
        pod["metadata"]["ownerReferences"] = [{"kind": kind, "name": "web", "uid": "other", "controller": True}]
    h.add(pod)
    return h, pod


def test_its_own_pods_beside_strangers() -> None:
    h, _ = with_stranger("ReplicaSet", app="agent")
    h.template("2")
    h.kill("b")
    tally = judged(h, "INV-5")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 1


def test_without_strangers_it_is_vacuous() -> None:
    h = settled(2)
    h.template("2")
    h.kill("b")
    assert judged(h, "INV-5").vacuous


@pytest.mark.parametrize(("kind", "said"), [("ReplicaSet", "belongs to ReplicaSet web"), ("", "belongs to nobody")])
def test_foreign_pods_touched(kind: str, said: str) -> None:
    h, pod = with_stranger(kind, app="agent")
    h.ask(pod, CONTROLLER)
    tally = judged(h, "INV-5")
    assert tally.violated == 1
    assert said in tally.violations[0].message


def test_foreign_pod_taken_over() -> None:
    h, pod = with_stranger("ReplicaSet", app="agent")
    pod["metadata"]["ownerReferences"] = owner(h.agent)  # type: ignore[index]
    h.change(pod, CONTROLLER)
    assert judged(h, "INV-5").violated == 1


def test_an_orphan_may_be_adopted() -> None:
    h, pod = with_stranger(app="agent")
    pod["metadata"]["ownerReferences"] = owner(h.agent)  # type: ignore[index]
    h.change(pod, CONTROLLER)
    tally = judged(h, "INV-5")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 1


def test_an_orphan_of_other_labels_may_not() -> None:
    h, pod = with_stranger(app="other")
    pod["metadata"]["ownerReferences"] = owner(h.agent)  # type: ignore[index]
    h.change(pod, CONTROLLER)
    tally = judged(h, "INV-5")
    assert tally.violated == 1
    assert "selector does not match" in tally.violations[0].message


def test_an_orphan_of_another_namespace_may_not() -> None:
    h, pod = with_stranger(app="agent")
    pod["metadata"]["namespace"] = "elsewhere"  # type: ignore[index]
    h.add(pod)
    pod["metadata"]["ownerReferences"] = owner(h.agent)  # type: ignore[index]
    h.change(pod, CONTROLLER)
    assert judged(h, "INV-5").violated == 1


def test_pods_of_a_daemonset_long_gone() -> None:
    h = settled(2)
    h.remove(h.agent, SCENARIO)
    h.objects["daemonsets", "agent"] = {"metadata": {"uid": "ds-agent"}}
    h.wait(10)
    h.kill("a")
    assert judged(h, "INV-5").violated == 1


def test_a_pod_released_a_moment_ago() -> None:
    h = settled(2)
    h.template("2")
    pod = h.pod("a")
    pod["metadata"]["ownerReferences"] = []
    h.change(pod, SCENARIO)
    h.ask(pod, CONTROLLER)
    assert judged(h, "INV-5").verdict == "holds"


def test_others_may_do_what_they_like() -> None:
    h, pod = with_stranger("ReplicaSet", app="agent")
    h.ask(pod, GC)
    assert judged(h, "INV-5").evaluated == 0


def test_without_audit_the_deletion_of_a_matching_stranger_stays_open() -> None:
    h = settled(2, audited=False)
    pod = h.add(bare("stranger", "a", app="agent"))
    h.ask(pod)
    assert judged(h, "INV-5").verdict == "unknown"


# -- INV-6 ----------------------------------------------------------------------------------------------------------------------------


def with_outsider(**ds: Any) -> History:
    h = settled(2, **ds)
    h.list(node("z", taints=[taint("keep-out")]))
    h.wait(5)
    return h


def test_the_eligible_get_pods_the_others_none() -> None:
    h = with_outsider()
    h.kill("a", by=SCENARIO)
    h.gone("a")
    h.create("a")
    tally = judged(h, "INV-6")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 1


def test_where_all_are_eligible_it_is_vacuous() -> None:
    assert judged(settled(2), "INV-6").vacuous


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
def test_taints_ignored(effect: str) -> None:
    h = settled(2)
    h.list(node("z", taints=[taint("keep-out", effect, "yes")]))
    h.wait(5)
    h.create("z")
    tally = judged(h, "INV-6")
    assert tally.violated == 1
    assert f"its taint keep-out=yes:{effect} is not tolerated" in tally.violations[0].message


def test_node_selector_ignored() -> None:
    h = settled(2)
    h.respec(nodeSelector={"disk": "ssd"})
    h.wait(3)
    h.create("a")
    assert judged(h, "INV-6").violated == 1


def test_a_node_that_is_not_there() -> None:
    h = settled(2)
    h.remove(h.node("b"), SCENARIO)
    h.wait(3)
    h.create("b")
    tally = judged(h, "INV-6")
    assert tally.violated == 1
    assert "there is no such node" in tally.violations[0].message


def test_a_taint_of_a_moment_ago_need_not_be_known() -> None:
    h = settled(2)
    h.kill("a", by=SCENARIO)
    h.gone("a")
    h.node("a")["spec"]["taints"] = [taint("keep-out")]
    h.change(h.node("a"))
    h.wait(0.5)
    h.create("a")
    assert judged(h, "INV-6").verdict == "holds"


def test_a_taint_of_two_seconds_ago_must_be_known() -> None:
    h = settled(2)
    h.node("a")["spec"]["taints"] = [taint("keep-out")]
    h.change(h.node("a"))
    h.wait(2)
    h.create("a")
    assert judged(h, "INV-6").violated == 1


def test_a_long_burst_was_decided_when_it_began() -> None:
    """250 creations at 20 a second take 12 s; the node of the last one may have changed since the decision."""
    h = settled(4)
    for name in "abcd":
        h.kill(name, by=SCENARIO)
        h.gone(name)
    for count, name in enumerate("abcd"):
        if count == 1:
            h.node("d")["spec"]["taints"] = [taint("keep-out")]
            h.change(h.node("d"))
        h.wait(0.4)
        h.create(name)
    assert judged(h, "INV-6").verdict == "holds"


@pytest.mark.parametrize(("told", "violated"), [(False, 0), (True, 1)])
def test_a_status_ends_a_burst(told: bool, violated: int) -> None:
    h = settled(6)
    for name in "abcdef":
        h.kill(name, by=SCENARIO)
        h.gone(name)
    h.node("f")["spec"]["taints"] = [taint("keep-out")]
    for count, name in enumerate("abcdef"):
        h.create(name)
        if count == 0:
            h.change(h.node("f"))
        if count == 4 and told:
            h.status()
        h.wait(0.4)
    assert judged(h, "INV-6").violated == violated


# -- INV-7 ----------------------------------------------------------------------------------------------------------------------------


def deleted(*, foreground: bool) -> History:
    h = settled(2)
    if foreground:
        h.ask(h.agent, SCENARIO)
    else:
        h.remove(h.agent, SCENARIO)
        h.objects["daemonsets", "agent"] = settled(1).agent
    h.kill("a", by=GC)
    h.wait(3)
    h.gone("a")
    return h


@pytest.mark.parametrize("foreground", [True, False])
def test_nothing_comes_after_deletion(foreground: bool) -> None:
    tally = judged(deleted(foreground=foreground), "INV-7")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 1


@pytest.mark.parametrize("foreground", [True, False])
def test_creation_after_deletion(foreground: bool) -> None:
    h = deleted(foreground=foreground)
    h.create("a")
    tally = judged(h, "INV-7")
    assert tally.violated == 1
    assert "3.0 s after its deletion" in tally.violations[0].message


def test_a_creation_that_was_under_way() -> None:
    h = settled(2)
    h.kill("a", by=SCENARIO)
    h.gone("a")
    h.ask(h.agent, SCENARIO)
    h.create("a")
    assert judged(h, "INV-7").verdict == "holds"


def test_a_uid_that_nobody_has_seen() -> None:
    h = settled(1)
    h.agent["metadata"]["uid"] = "unheard-of"
    h.create("a")
    assert judged(h, "INV-7").violated == 1


def test_a_uid_that_nobody_has_seen_by_nobody_known() -> None:
    h = settled(1, audited=False)
    h.agent["metadata"]["uid"] = "unheard-of"
    h.create("a")
    assert judged(h, "INV-7").verdict == "unknown"


def test_a_uid_that_nobody_has_seen_by_the_scenario() -> None:
    h = settled(1)
    h.agent["metadata"]["uid"] = "unheard-of"
    h.create("a", by=SCENARIO)
    assert judged(h, "INV-7").verdict == "holds"


def test_while_nothing_is_deleted_it_is_vacuous() -> None:
    h = settled(2)
    h.kill("a", by=KUBELET)
    h.gone("a")
    assert judged(h, "INV-7").vacuous
