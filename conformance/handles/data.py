"""What scenarios are parametrised with: the answers that the manifests are known to get, as they stand beside them.

All of it is read when pytest collects, so it is read once and without a cluster.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import pytest
import yaml

from conformance import shipped
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


class Shows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claims that a document's manifest shows, by what of it is looked at."""

    as_printed: tuple[str, ...] = ()
    fragment: tuple[str, ...] = ()
    namespace: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    api_version: tuple[str, ...] = ()
    update_strategy: tuple[str, ...] = ()
    reaches: tuple[str, ...] = ()
    node_labels: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    grace: tuple[str, ...] = ()
    host_paths: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


class Document(msgspec.Struct, frozen=True):
    """A manifest that a document shows; `manifests/documents/index.yaml` says what the fields mean."""

    name: str
    file: str
    daemonset: str
    qos: str
    grace: int
    tolerations: int
    namespace: str = ""
    pull_policy: str = "IfNotPresent"
    node_labels: dict[str, str] = {}
    reaches: dict[str, bool] = {}
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    host_paths: tuple[str, ...] = ()
    only_on_daemonset: tuple[str, ...] = ()
    as_printed: str = ""
    patches: str = ""
    refusal: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    shows: Shows = Shows()


class Refused(msgspec.Struct, frozen=True):
    """A manifest that is refused: the fields that the API server names, or what kubectl says; `api` is the server's own answer.

    `claims` are what the refusal shows; `drops` are the fields, such as `spec.replicas`, that the server leaves out when it takes the rest.
    """

    name: str
    scenario: str
    file: str
    says: str
    claims: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()
    drops: tuple[str, ...] = ()
    api: int = 422

    def kept_in(self, stored: Mapping[str, Any]) -> list[str]:
        """Those of the fields in `drops` that a stored DaemonSet has all the same."""
        return [name for name in self.drops if _has(stored, name.split("."))]


class Strategy(msgspec.Struct, frozen=True):
    """An update strategy, the rule that decides on it, the fields for which it is refused (none: accepted), and what is stored of it."""

    name: str
    strategy: dict[str, Any]
    about: str
    fields: frozenset[str] = frozenset()
    stored: dict[str, Any] = {}


class Strategies(msgspec.Struct, frozen=True):
    """All update strategies that one rule decides on, and the claims that the answers show."""

    claims: tuple[str, ...]
    cases: list[Strategy]


class _Budget(msgspec.Struct, frozen=True):
    name: str
    rolling_update: dict[str, Any]
    about: str
    fields: frozenset[str] = frozenset()


class _Documents(msgspec.Struct, frozen=True):
    manifests: list[Document]


class _Invalid(msgspec.Struct, frozen=True):
    refused: list[Refused]
    refused_by_kubectl: list[Refused]


class _Matrix(msgspec.Struct, frozen=True):
    claims: dict[str, tuple[str, ...]]
    rolling_update: list[_Budget]
    strategies: list[Strategy]


def documents(*parts: str) -> list[ParameterSet]:
    """The documents' manifests of which one of these parts (fields of Shows) is evidence, each marked with the claims that they show."""
    found = []
    for document in _documents().manifests:
        claims = [claim for part in parts for claim in getattr(document.shows, part)]
        if claims:
            found.append(_case(document, document.name, claims))
    return found


def printed_documents() -> list[ParameterSet]:
    """The documents' manifests that cannot be applied in the form in which they are printed."""
    there = (document for document in _documents().manifests if document.as_printed)
    return [_case(document, document.name, document.shows.as_printed) for document in there]


def printed_fragments() -> list[ParameterSet]:
    """The documents' manifests that are printed as a part of a DaemonSet, and are a patch of one."""
    there = (document for document in _documents().manifests if document.patches)
    return [_case(document, document.name, document.shows.fragment) for document in there]


def invalid_manifests(scenario: str) -> list[ParameterSet]:
    """The manifests of a scenario that the API server refuses, whoever sends them."""
    invalid = _invalid()
    return _named(case for case in (*invalid.refused, *invalid.refused_by_kubectl) if case.scenario == scenario and case.fields)


def kubectl_refusals(scenario: str) -> list[ParameterSet]:
    """The manifests of a scenario that kubectl refuses, whatever the API server would say."""
    return _named(case for case in _invalid().refused_by_kubectl if case.scenario == scenario)


def lenient_api(scenario: str) -> list[ParameterSet]:
    """The manifests of a scenario that kubectl refuses, and the API server takes: it drops what it does not know."""
    return _named(case for case in _invalid().refused_by_kubectl if case.scenario == scenario and case.drops)


def update_matrix(*, refused: bool) -> list[ParameterSet]:
    """Every pair of maxSurge and maxUnavailable, and the other strategies, by the rule that decides: the refused or the accepted."""
    matrix = _read("matrix.yaml", _Matrix)
    strategies = [*(_spelt_out(pair) for pair in matrix.rolling_update), *matrix.strategies]
    wanted = [strategy for strategy in strategies if bool(strategy.fields) == refused]
    return [
        _case(Strategies(matrix.claims[about], [each for each in wanted if each.about == about]), about, matrix.claims[about])
        for about in dict.fromkeys(strategy.about for strategy in wanted)
    ]


def _spelt_out(pair: _Budget) -> Strategy:
    budget = {"maxUnavailable": 1, "maxSurge": 0, **pair.rolling_update}
    return Strategy(
        pair.name,
        {"type": "RollingUpdate", "rollingUpdate": pair.rolling_update},
        pair.about,
        pair.fields,
        {"type": "RollingUpdate", "rollingUpdate": budget},
    )


def _named(cases: Iterable[Refused]) -> list[ParameterSet]:
    return [_case(case, case.name, case.claims) for case in cases]


def _case(value: Any, name: str, claims: Iterable[str]) -> ParameterSet:
    """One case, marked with the claims that it shows; UsageError if there is no such claim."""
    names = [claim.id for claim in registry.resolve(claims)]
    return pytest.param(value, id=name, marks=[pytest.mark.claim(*names)] if names else [])


def _has(body: Any, keys: Sequence[str]) -> bool:
    return not keys or (isinstance(body, Mapping) and keys[0] in body and _has(body[keys[0]], keys[1:]))


@functools.cache
def _documents() -> _Documents:
    return _read("documents/index.yaml", _Documents)


@functools.cache
def _invalid() -> _Invalid:
    return _read("invalid/index.yaml", _Invalid)


def _read(name: str, kind: type[T]) -> T:
    file = shipped.manifests() / name
    try:
        return msgspec.convert(yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER), kind)  # noqa: S506 - a safe loader, in C
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise UsageError(f"{file} cannot be used, mend it: {error}") from error
