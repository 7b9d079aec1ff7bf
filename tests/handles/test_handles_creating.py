"""What is made of a manifest before it is created, and that it is left as it was."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest

from conformance.errors import UsageError
from conformance.handles.creating import described
from conformance.kube.records import LabelSelector
from conformance.model.selectors import selects

CONTAINER = {"name": "agent", "image": "pause:1", "resources": {"requests": {"cpu": "1m"}}}
BODY: dict[str, Any] = {
    "metadata": {"name": "agent"},
    "spec": {
        "selector": {"matchLabels": {"app": "agent"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]},
        "template": {"metadata": {"labels": {"app": "agent", "tier": "node", "team": "a"}}, "spec": {"containers": [CONTAINER]}},
    },
}


def test_other_labels_take_the_place_of_those_it_selects_by() -> None:
    before = copy.deepcopy(BODY)
    made = described(BODY, name="other", labels={"app": "other"})
    assert made["metadata"]["name"] == "other"
    assert made["spec"]["selector"] == {"matchLabels": {"app": "other"}}
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "other", "team": "a"}
    assert before == BODY


def test_two_daemonsets_of_one_manifest_do_not_select_each_others_pods() -> None:
    first, second = described(BODY), described(BODY, name="other", labels={"app": "other"})
    carried = [each["spec"]["template"]["metadata"]["labels"] for each in (first, second)]
    selectors = [msgspec.convert(each["spec"]["selector"], LabelSelector) for each in (first, second)]
    assert [[selects(selector, labels) for labels in carried] for selector in selectors] == [[True, False], [False, True]]


def test_another_name_alone_leaves_the_labels() -> None:
    made = described(BODY, name="other")
    assert made["spec"] == BODY["spec"]


def test_what_is_said_besides_is_merged() -> None:
    made = described(
        BODY,
        node_selector={"disktype": "ssd"},
        spec={"minReadySeconds": 3},
        template={"metadata": {"annotations": {"a": "b"}}, "spec": {"containers": [{"name": "agent", "image": None}]}},
    )
    template = made["spec"]["template"]
    assert (made["spec"]["minReadySeconds"], template["spec"]["nodeSelector"]) == (3, {"disktype": "ssd"})
    assert template["metadata"]["annotations"] == {"a": "b"}
    assert template["metadata"]["labels"] == BODY["spec"]["template"]["metadata"]["labels"]


def test_a_container_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="no container called other"):
        described(BODY, template={"spec": {"containers": [{"name": "other", "resources": {}}]}})
