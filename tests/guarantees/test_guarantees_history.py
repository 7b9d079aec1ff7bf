"""INV-10: revisions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import CONTROLLER, SCENARIO, History, judged


def updated(*, quiet: bool = True, **ds: Any) -> History:
    h = settled(1, **ds)
    h.template("2")
    h.replace("a")
    h.status()
    return later(h) if quiet else h


def later(h: History) -> History:
    h.wait(5)
    h.note()
    return h


def test_one_more_revision_with_a_higher_number() -> None:
    tally = judged(updated(), "INV-10")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 2


def test_a_single_revision_is_vacuous() -> None:
    assert judged(settled(1), "INV-10").vacuous


def test_a_number_twice() -> None:
    h = updated()
    h.template("3", revision=False)
    h.write_revision(name="agent-again", labels={"controller-revision-hash": "again"})
    tally = judged(h, "INV-10")
    assert tally.violated == 1
    assert "got number 2, and its DaemonSet already has [1, 2]" in tally.violations[0].message


def test_a_number_lower_than_others() -> None:
    h = updated()
    h.revision = 0
    h.template("3", revision=False)
    h.write_revision(name="agent-0", labels={"controller-revision-hash": "zero"})
    tally = judged(h, "INV-10")
    assert tally.violated == 1
    assert "got number 0" in tally.violations[0].message


def test_changed_data() -> None:
    h = updated()
    revision = h.objects["controllerrevisions", "agent-2"]
    revision["data"]["spec"]["template"]["spec"]["containers"][0]["image"] = "agent:x"
    h.change(revision)
    tally = judged(h, "INV-10")
    assert tally.violated == 1
    assert "was changed" in tally.violations[0].message


def test_going_back_reuses_the_revision_with_a_new_number() -> None:
    h = updated(quiet=False)
    h.template("1", revision=False)
    first = h.objects["controllerrevisions", "agent-1"]
    first["revision"] = 3
    h.change(first, "system:serviceaccount:kube-system:daemon-set-controller")
    h.kill("a")
    h.gone("a")
    h.create("a", rev="1")
    h.ready("a")
    h.status(updatedNumberScheduled=1)
    assert judged(later(h), "INV-10").verdict == "holds"


def test_going_back_without_a_new_number() -> None:
    h = updated(quiet=False)
    h.template("1", revision=False)
    h.status()
    tally = judged(later(h), "INV-10")
    assert tally.violated == 1
    assert "has number 1, others have [2]" in tally.violations[0].message


def test_no_revision_of_the_current_template() -> None:
    h = settled(1)
    h.template("2", revision=False)
    h.status()
    tally = judged(later(h), "INV-10")
    assert tally.violated == 1
    assert "0 of the 1 revisions" in tally.violations[0].message


def test_two_revisions_of_the_current_template() -> None:
    h = updated(quiet=False)
    h.revision = 3
    h.write_revision()
    h.status(updatedNumberScheduled=0)
    tally = judged(later(h), "INV-10")
    assert tally.violated == 1
    assert "2 of the 3 revisions" in tally.violations[0].message


def test_more_history_than_allowed() -> None:
    h = updated(quiet=False, history_limit=0)
    h.status()
    tally = judged(later(h), "INV-10")
    assert tally.violated == 1
    assert "keeps 1 old revisions; its revisionHistoryLimit is 0" in tally.violations[0].message


def test_history_that_pods_need() -> None:
    h = settled(1, history_limit=0, strategy="OnDelete")
    h.template("2")
    h.status()
    assert judged(later(h), "INV-10").verdict == "holds"


def test_what_others_do_to_revisions_wakes_nobody() -> None:
    h = updated()
    h.remove(h.objects["controllerrevisions", "agent-2"], SCENARIO)
    assert judged(later(h), "INV-10").verdict == "holds"


def test_numbers_of_others_are_not_the_controllers() -> None:
    h = settled(1)
    h.revision = 9
    h.write_revision(SCENARIO)
    h.revision = 1
    h.template("2")
    assert judged(h, "INV-10").verdict == "holds"


@pytest.mark.parametrize(("needed", "by", "verdict"), [(True, CONTROLLER, "violated"), (True, "", "unknown"), (False, CONTROLLER, "holds")])
def test_a_revision_that_pods_need_is_not_deleted(needed: bool, by: str, verdict: str) -> None:
    h = settled(2)
    h.template("2")
    if not needed:
        for name in "ab":
            h.replace(name)
    h.wait(2)
    h.remove(h.objects["controllerrevisions", "agent-1"], by)
    tally = judged(h, "INV-10")
    assert tally.verdict == verdict
    assert [broken.kind for broken in tally.violations] == (["lost-a-revision-in-use"] if verdict == "violated" else [])
    assert tally.could_have_failed == (1 if verdict == "unknown" else 2)


def test_a_revision_goes_with_its_daemonset_or_by_other_hands() -> None:
    h = settled(2)
    h.template("2")
    h.wait(2)
    h.remove(h.objects["controllerrevisions", "agent-1"], SCENARIO)
    h.ask(h.agent, SCENARIO)
    h.remove(h.objects["controllerrevisions", "agent-2"])
    assert judged(h, "INV-10").violated == 0


@pytest.mark.parametrize(("seconds", "undecided"), [(1, 0), (3, 1)])
def test_without_an_audit_log_what_follows_upon_a_deed_of_the_scenario_is_its_own(seconds: float, undecided: int) -> None:
    h = settled(2, audited=False)
    h.template("2")
    h.wait(5)
    h.action("kubectl delete controllerrevision agent-1", "test")
    h.wait(seconds)
    h.remove(h.objects["controllerrevisions", "agent-1"])
    assert judged(h, "INV-10").undecided == undecided
