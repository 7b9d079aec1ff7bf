"""INV-1 and INV-2: pods of one DaemonSet on one node."""

from __future__ import annotations

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import SCENARIO, History, judged
from tests.guarantees.objects import bare, owner


def surging() -> History:
    return settled(2, max_unavailable=0, max_surge=1)


# -- INV-1 ----------------------------------------------------------------------------------------------------------------------------


def test_a_replacement_after_the_old_pod_is_gone_is_fine() -> None:
    h = settled(2)
    h.kill("a", by=SCENARIO)
    h.gone("a")
    h.create("a")
    tally = judged(h, "INV-1")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 1


def test_a_terminal_pod_does_not_count() -> None:
    h = settled(1)
    h.pod("a")["status"]["phase"] = "Failed"
    h.change(h.pod("a"))
    h.kill("a")
    h.create("a")
    assert judged(h, "INV-1").verdict == "holds"


def test_first_pods_alone_are_vacuous() -> None:
    assert judged(settled(3), "INV-1").vacuous


def test_terminating_pods_forgotten() -> None:
    h = settled(2)
    h.kill("a")
    h.create("a")
    tally = judged(h, "INV-1")
    assert tally.verdict == "violated"
    assert "(terminating) still stood" in tally.violations[0].message


def test_created_twice_from_a_stale_cache() -> None:
    h = settled(1)
    h.create("a")
    assert judged(h, "INV-1").verdict == "violated"


def test_unbound_twin_is_seen_by_its_affinity() -> None:
    h = settled(1)
    h.kill("a", by=SCENARIO)
    h.gone("a")
    h.create("a")
    h.create("a")
    assert judged(h, "INV-1").violated == 1


def test_other_daemonset_of_the_same_name_is_another() -> None:
    h = settled(1)
    old = h.pod("a")
    h.remove(h.agent)
    h.add({**settled(1).agent, "metadata": {**h_agent_meta("second"), "uid": "second"}})
    h.create("a")
    assert old["metadata"]["ownerReferences"][0]["uid"] != "second"
    assert judged(h, "INV-1").verdict == "holds"


def h_agent_meta(uid: str) -> dict[str, object]:
    return {
        "name": "agent",
        "namespace": "test",
        "uid": uid,
        "generation": 1,
        "annotations": {"deprecated.daemonset.template.generation": "1"},
    }


def adopted(h: History, on: str) -> None:
    pod = bare("stray", on, app="agent")
    pod["metadata"]["annotations"] = {"aim": on}
    h.add(pod)
    pod["metadata"]["ownerReferences"] = owner(h.agent)
    h.change(pod, "system:serviceaccount:kube-system:daemon-set-controller")


def test_an_adopted_pod_beside_another_is_excused_until_the_controller_could_act() -> None:
    h = settled(1)
    adopted(h, "a")
    h.kill("a", pod=h.objects["pods", "stray"])
    h.wait(5)
    h.note()
    assert judged(h, "INV-1").verdict == "holds"


def test_surplus_that_stays_is_not() -> None:
    h = settled(1)
    adopted(h, "a")
    h.wait(5)
    h.note()
    tally = judged(h, "INV-1")
    assert tally.violated == 1
    assert "none of them is being deleted" in tally.violations[0].message


def test_surplus_stays_while_the_controller_is_down() -> None:
    h = settled(1)
    h.action("kill", "components/kube-controller-manager")
    adopted(h, "a")
    h.entries = [e for e in h.entries if e.detail.get("verb") != "update"]  # nobody known did it
    h.wait(5)
    h.note()
    assert judged(h, "INV-1").verdict == "holds"


def test_a_gap_in_the_pods_leaves_it_open() -> None:
    h = settled(1)
    h.gap("pods")
    assert judged(h, "INV-1").verdict == "unknown"


# -- INV-2 ----------------------------------------------------------------------------------------------------------------------------


def test_old_and_new_side_by_side_are_a_surge() -> None:
    h = surging()
    h.template("2")
    h.create("a")
    tally = judged(h, "INV-2")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 1
    assert judged(h, "INV-1").evaluated == 0


def test_without_surge_it_is_never_looked_at() -> None:
    assert judged(settled(2), "INV-2").verdict == "unknown"


@pytest.mark.parametrize("defect", ["twin", "third"])
def test_more_than_a_surge(defect: str) -> None:
    h = surging()
    h.template("2")
    h.create("a")
    if defect == "third":
        h.template("3")
    h.create("a")
    tally = judged(h, "INV-2")
    assert tally.violated == 1
    assert ("a second one of revision 2" in tally.violations[0].message) == (defect == "twin")


def test_terminating_pods_do_not_count_in_a_surge() -> None:
    h = surging()
    h.template("2")
    h.create("a")
    h.kill("a", by=SCENARIO)
    h.create("a")
    assert judged(h, "INV-2").verdict == "holds"


@pytest.mark.parametrize(("surge", "nodes", "violated"), [(1, 2, 1), (2, 2, 0), ("34%", 2, 0), ("34%", 3, 1)])
def test_no_more_nodes_surge_than_max_surge_allows(surge: int | str, nodes: int, violated: int) -> None:
    h = settled(4, max_unavailable=0, max_surge=surge)
    h.template("2")
    h.wait(2)
    for name in "abcd"[:nodes]:
        h.create(name)
    tally = judged(h, "INV-2")
    assert tally.violated == violated
    assert [broken.kind for broken in tally.violations] == ["more-than-max-surge"] * violated


@pytest.mark.parametrize("excuse", ["not ready", "just not ready", "going"])
def test_a_node_without_an_available_old_pod_needs_no_surge(excuse: str) -> None:
    h = settled(4, max_unavailable=0, max_surge=1)
    h.template("2")
    if excuse == "not ready":
        h.unready("a")
    h.wait(2)
    h.create("b")
    if excuse == "just not ready":
        h.unready("a")
        h.ready("a")
    elif excuse == "going":
        h.kill("b", pod=next(h.pods("b")))
    h.create("a")
    assert judged(h, "INV-2").violated == 0
