"""What scenarios are parametrised with: the answers that the manifests are known to get, as they stand beside them.

All of it is read when pytest collects, so it is read once and without a cluster.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import pytest
import yaml

from conformance.claims import registry
from conformance.errors import UsageError

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

T = TypeVar("T")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Command(msgspec.Struct, frozen=True):
    """A kubectl command a document ends with, and how many lines it prints with pods on two nodes."""

    arguments: tuple[str, ...]
    lines: int


class Document(msgspec.Struct, frozen=True):
    """A manifest that a document shows; `manifests/documents/index.yaml` says what the fields mean."""

    name: str
    file: str
    claims: dict[str, tuple[str, ...]]
    daemonset: str
    qos: str
    grace: int
    tolerations: int
    node_labels: dict[str, str] = {}
    reaches: dict[str, bool] = {}
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    host_paths: tuple[str, ...] = ()
    only_on_daemonset: tuple[str, ...] = ()
    as_printed: str = ""
    refusal: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()


class Refused(msgspec.Struct, frozen=True):
    """A manifest that is refused: the fields that the API server names, or what kubectl says; `api` is the server's own answer."""

    name: str
    scenario: str
    file: str
    says: str
    fields: frozenset[str] = frozenset()
    api: int = 422


class Strategy(msgspec.Struct, frozen=True):
    """An update strategy, the fields for which it is refused (none: accepted), and what is stored of it."""

    name: str
    strategy: dict[str, Any]
    fields: frozenset[str] = frozenset()
    stored: dict[str, Any] = {}


class _Budget(msgspec.Struct, frozen=True):
    name: str
    rolling_update: dict[str, Any]
    fields: frozenset[str] = frozenset()


class _Documents(msgspec.Struct, frozen=True):
    manifests: list[Document]


class _Invalid(msgspec.Struct, frozen=True):
    refused: list[Refused]
    refused_by_kubectl: list[Refused]


class _Matrix(msgspec.Struct, frozen=True):
    rolling_update: list[_Budget]
    strategies: list[Strategy]


def documents(family: str) -> list[ParameterSet]:
    """The documents' manifests that are evidence in scenarios of a family, each marked with the claims that it shows there."""
    found = []
    for document in _documents().manifests:
        if evidence := document.claims.get(family):
            registry.resolve(evidence)
            found.append(pytest.param(document, id=document.name, marks=pytest.mark.claim(*evidence)))
    return found


def printed_documents() -> list[ParameterSet]:
    """The documents' manifests that cannot be applied in the form in which they are printed."""
    return _named(document for document in _documents().manifests if document.as_printed)


def invalid_manifests(scenario: str) -> list[ParameterSet]:
    """The manifests of a scenario that the API server refuses, whoever sends them."""
    invalid = _invalid()
    return _named(case for case in (*invalid.refused, *invalid.refused_by_kubectl) if case.scenario == scenario and case.fields)


def kubectl_refusals(scenario: str) -> list[ParameterSet]:
    """The manifests of a scenario that kubectl refuses, whatever the API server would say."""
    return _named(case for case in _invalid().refused_by_kubectl if case.scenario == scenario)


def lenient_api(scenario: str) -> list[ParameterSet]:
    """The manifests of a scenario that kubectl refuses, and the API server takes: it drops what it does not know."""
    return _named(case for case in _invalid().refused_by_kubectl if case.scenario == scenario and case.api == 201)


def update_matrix(*, refused: bool) -> list[Strategy]:
    """Every pair of maxSurge and maxUnavailable, and the other strategies: those that are refused, or those that are accepted."""
    matrix = _read("matrix.yaml", _Matrix)
    strategies = [*(_spelt_out(pair) for pair in matrix.rolling_update), *matrix.strategies]
    return [strategy for strategy in strategies if bool(strategy.fields) == refused]


def _spelt_out(pair: _Budget) -> Strategy:
    budget = {"maxUnavailable": 1, "maxSurge": 0, **pair.rolling_update}
    return Strategy(
        pair.name,
        {"type": "RollingUpdate", "rollingUpdate": pair.rolling_update},
        pair.fields,
        {"type": "RollingUpdate", "rollingUpdate": budget},
    )


def _named(cases: Iterable[Any]) -> list[ParameterSet]:
    return [pytest.param(case, id=case.name) for case in cases]


@functools.cache
def _documents() -> _Documents:
    return _read("documents/index.yaml", _Documents)


@functools.cache
def _invalid() -> _Invalid:
    return _read("invalid/index.yaml", _Invalid)


def _read(name: str, kind: type[T]) -> T:
    file = _manifests() / name
    try:
        return msgspec.convert(yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER), kind)  # noqa: S506 - a safe loader, in C
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise UsageError(f"{file} cannot be used, mend it: {error}") from error


@functools.cache
def _manifests() -> Path:
    """The folder of the manifests: beside the package in a checkout, else beside (or above) where pytest was started."""
    here = Path.cwd()
    for folder in (Path(__file__).parents[2], here, *here.parents):
        if (folder / "manifests" / "documents" / "index.yaml").is_file():
            return folder / "manifests"
    raise UsageError(f"there is no folder manifests/ in {here} or above it; start pytest in a checkout of the suite")
