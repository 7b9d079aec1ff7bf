"""The words by which pods are told to misbehave."""

import re

import pytest

from conformance.faults import kubelet


def test_a_well_behaved_pod_has_no_annotations() -> None:
    assert kubelet.pod() == {}


def test_seconds_are_plain_decimal_numbers() -> None:
    told = kubelet.pod(ready_after=2, terminate_after=0.25)
    assert told == {kubelet.READY_AFTER: "2.000", kubelet.TERMINATE_AFTER: "0.250"}


def test_never_beats_later() -> None:
    assert kubelet.pod(ready_after=2, never_ready=True) == {kubelet.NEVER_READY: "true"}


@pytest.mark.parametrize(
    ("image", "missing"),
    [
        ("registry.invalid/agent:1", True),
        ("example.org/agent:missing", True),
        ("example.org/agent:1", False),
        ("example.org/registry.invalid/agent:1", False),
        ("example.org/missing", False),
        ("registryXinvalid/agent", False),
    ],
)
def test_which_images_no_registry_has(image: str, missing: bool) -> None:
    assert bool(re.search(kubelet.MISSING_IMAGE, image)) is missing
