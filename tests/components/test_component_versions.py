"""The pinned versions: data, folders and go.mod files agree, and a version is found by any of its usual spellings."""

from __future__ import annotations

import re

import pytest

from conformance.components.versions import COMPONENTS, DEFAULT, MINORS, MODULES, Minor, go_line, pinned, resolve
from conformance.errors import UsageError

KUBERNETES = [component for component in COMPONENTS.values() if not component.module]


@pytest.mark.parametrize("minor", MINORS.values(), ids=MINORS)
def test_each_line_of_data_has_a_folder_that_pins_the_same_version(minor: Minor) -> None:
    text = (MODULES / minor.module / "go.mod").read_text()
    assert (MODULES / minor.module / "go.sum").is_file()
    assert pinned(text, "k8s.io/kubernetes") == minor.version
    assert minor.version.startswith(f"v{minor.minor}.")
    staging = re.findall(r"^\s+(k8s\.io/\S+) => k8s\.io/\S+ v0\.(\S+)$", text, re.MULTILINE)
    assert len(staging) > 30
    assert {version for _, version in staging} == {minor.version.removeprefix("v1.")}


@pytest.mark.parametrize("minor", MINORS.values(), ids=MINORS)
def test_each_module_knows_every_kubernetes_program(minor: Minor) -> None:
    text = (MODULES / minor.module / "go.mod").read_text()
    assert {component.package for component in KUBERNETES} <= set(re.findall(r"k8s\.io/kubernetes/cmd/[\w-]+", text))


def test_each_folder_of_a_minor_has_a_line_of_data() -> None:
    assert {folder.name for folder in MODULES.glob("kubernetes-*")} == {minor.module for minor in MINORS.values()}


def test_the_other_programs_have_their_modules() -> None:
    for component in COMPONENTS.values():
        if component.module:
            assert pinned((MODULES / component.module / "go.mod").read_text(), component.package).startswith("v")


@pytest.mark.parametrize("minor", MINORS.values(), ids=MINORS)
def test_a_node_image_is_of_the_same_minor_and_named_by_digest(minor: Minor) -> None:
    assert minor.image.version.startswith(f"v{minor.minor}.")
    assert re.fullmatch(r"kindest/node:v[\d.]+@sha256:[0-9a-f]{64}", minor.image.reference)


@pytest.mark.parametrize("spelling", ["1.36", "1.36.4", "v1.36.4", "v1.36", " 1.36 "])
def test_a_version_is_found_by_its_usual_spellings(spelling: str) -> None:
    assert resolve(spelling).version == "v1.36.4"


@pytest.mark.parametrize("spelling", ["1.3", "1.36.5", "1.99", "", "latest", "36"])
def test_an_unknown_version_is_told_which_there_are(spelling: str) -> None:
    with pytest.raises(UsageError) as raised:
        resolve(spelling)
    for known in MINORS.values():
        assert known.version in str(raised.value)


def test_the_default_is_the_newest() -> None:
    assert resolve(DEFAULT).minor == max(MINORS, key=lambda minor: int(minor.partition(".")[2]))


def test_the_nearest_module_pins_a_package() -> None:
    text = "go 1.25.0\n\nrequire a.io/b v1.0.0\nrequire (\n\ta.io/b/c v2.0.0 // indirect\n\ta.io/bc v3.0.0\n)\n"
    assert pinned(text, "a.io/b/c/d") == "v2.0.0"
    assert pinned(text, "a.io/b/x") == "v1.0.0"
    assert go_line(text) == (1, 25, 0)
