"""INV-8: created pods are what their template says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.guarantees.beginnings import settled
from tests.guarantees.history import SCENARIO, History, judged
from tests.guarantees.objects import AUTOMATIC, Json, pinned

PREFERRED = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": []}}]}


def vacant(**ds: Any) -> History:
    h = settled(1, **ds)
    h.kill("a", by=SCENARIO)
    h.gone("a")
    return h


def created(change: Callable[[Json], object], **ds: Any) -> History:
    """A history in which the controller's pod differs by `change`."""
    h = vacant(**ds)
    ghost = copy.deepcopy(h)
    pod = ghost.create("a")
    change(pod)
    h._number = ghost._number
    del pod["metadata"]["resourceVersion"]
    h.add(pod, "system:serviceaccount:kube-system:daemon-set-controller")
    return h


def test_a_pod_like_its_template() -> None:
    tally = judged(vacant(), "INV-8")
    assert tally.verdict == "holds"
    assert tally.could_have_failed == 1


def test_nothing_created_nothing_known() -> None:
    h = History()
    assert judged(h, "INV-8").verdict == "unknown"


@pytest.mark.parametrize(
    "template",
    [
        {"affinity": {"nodeAffinity": PREFERRED, "podAntiAffinity": {"x": 1}}},
        {"tolerations": [{"key": "own", "operator": "Exists"}]},
        {"nodeSelector": {}},
        {"volumes": [{"name": "logs", "hostPath": {"path": "/var/log", "type": ""}}]},
    ],
)
def test_what_the_template_may_say(template: Json) -> None:
    def as_the_controller_does(pod: Json) -> None:
        affinity = pod["spec"]["affinity"]
        affinity["nodeAffinity"] = {**template.get("affinity", {}).get("nodeAffinity", {}), **pinned("a")["nodeAffinity"]}

    h = created(as_the_controller_does, template=template)
    assert judged(h, "INV-8").could_have_failed >= 1
    assert judged(h, "INV-8").violations[1:] == []


def test_the_template_is_that_of_the_hash_not_of_now() -> None:
    h = vacant()
    before = copy.deepcopy(h.agent["spec"]["template"])
    h.template("2")
    h.agent["spec"]["template"] = before
    h.create("a", rev="1")
    assert judged(h, "INV-8").verdict == "holds"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p["spec"]["tolerations"].pop(), "unschedulable:NoSchedule Exists is missing"),
        (lambda p: p["spec"]["tolerations"].append({"operator": "Exists"}), "(any key):(any effect) Exists is not"),
        (lambda p: p["spec"]["tolerations"][0].update(tolerationSeconds=300), "for 300 s is not"),
        (lambda p: p["spec"].pop("affinity"), "required node affinity is []"),
        (lambda p: p["spec"].update(nodeName="a"), "nodeName is 'a' at creation"),
        (lambda p: p["spec"]["containers"][0].update(image="agent:0"), "image is 'agent:0'"),
        (lambda p: p["spec"]["containers"][0].update(command=["sleep"]), "command[0] is 'sleep'"),
        (lambda p: p["spec"]["containers"][0]["resources"].pop("limits"), "resources.limits"),
        (lambda p: p["spec"].update(terminationGracePeriodSeconds=5), "terminationGracePeriodSeconds is 5"),
        (lambda p: p["spec"].update(hostNetwork=True), "hostNetwork is set"),
        (lambda p: p["spec"]["containers"].clear(), "containers[main] is missing"),
        (lambda p: p["metadata"]["labels"].pop("app"), "label app is None"),
        (lambda p: p["metadata"]["labels"].pop("controller-revision-hash"), "controller-revision-hash is missing"),
        (lambda p: p["metadata"]["labels"].pop("pod-template-generation"), "pod-template-generation is None"),
        (lambda p: p["metadata"]["labels"].update(team="infra"), "label team is the DaemonSet's own"),
        (lambda p: p["metadata"].update(generateName="x-"), "generateName is 'x-'"),
        (lambda p: p["metadata"]["ownerReferences"][0].update(blockOwnerDeletion=False), "its controllerRef is"),
        (lambda p: p["metadata"].update(namespace="other"), "its namespace is other"),
    ],
)
def test_defects(change: Callable[[Json], object], said: str) -> None:
    tally = judged(created(change, labels={"team": "infra"}), "INV-8")
    assert tally.violated == 1
    assert said in tally.violations[0].message


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["spec"]["containers"].append({"name": "sidecar", "image": "mesh"}),
        lambda p: p["metadata"]["labels"].update(mesh="in"),
    ],
)
def test_mutating_admission_leaves_it_open(change: Callable[[Json], object]) -> None:
    tally = judged(created(change), "INV-8")
    assert tally.verdict == "unknown"
    assert "mutating admission" in tally.reasons[0]


def test_what_the_api_server_adds_is_no_difference() -> None:
    def admitted(pod: Json) -> None:
        spec = pod["spec"]
        spec.update(serviceAccountName="default", priority=0, preemptionPolicy="PreemptLowerPriority", enableServiceLinks=True)
        spec["volumes"] = [{"name": "kube-api-access-x1y2z", "projected": {}}]
        spec["containers"][0]["volumeMounts"] = [
            {"name": "kube-api-access-x1y2z", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
        ]
        spec["containers"][0]["resources"]["requests"] = {"memory": "64Mi"}

    tally = judged(created(admitted), "INV-8")
    assert tally.verdict == "holds"
    assert len(AUTOMATIC) == 6


def test_pods_of_the_scenario_may_be_anything() -> None:
    h = vacant()
    h.create("a", by=SCENARIO, hostNetwork=True)
    assert judged(h, "INV-8").violated == 0
