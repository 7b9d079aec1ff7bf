"""Whether an object says all that a pattern says: defaults that the API adds are no difference."""

from __future__ import annotations

from typing import Any

#: Lists that are maps by one of these fields, in the order to try.
_KEYS = ("mountPath", "name", "containerPort")


def differences(
    pattern: dict[str, Any], actual: dict[str, Any], path: str, *, skip: frozenset[str] = frozenset()
) -> tuple[list[str], set[str]]:
    """What the pattern says and the object does not, and what lists of the object hold beyond the pattern's.

    Members that the pattern does not name may be anything; null, empty objects and empty lists say nothing.
    """
    wrong: list[str] = []
    extra: set[str] = set()
    for key, value in pattern.items():
        if key not in skip:
            _walk(value, actual.get(key), f"{path}.{key}", wrong, extra)
    return wrong, extra


def _walk(pattern: Any, actual: Any, path: str, wrong: list[str], extra: set[str]) -> None:
    if pattern is None or pattern in ({}, []):
        return
    if isinstance(pattern, dict) and isinstance(actual, dict):
        for key, value in pattern.items():
            _walk(value, actual.get(key), f"{path}.{key}", wrong, extra)
    elif isinstance(pattern, list) and isinstance(actual, list):
        _lists(pattern, actual, path, wrong, extra)
    elif pattern != actual or isinstance(pattern, bool) != isinstance(actual, bool):
        wrong.append(f"{path} is {actual!r}, the template says {pattern!r}")


def _lists(pattern: list[Any], actual: list[Any], path: str, wrong: list[str], extra: set[str]) -> None:
    key = next((k for k in _KEYS if all(isinstance(i, dict) and k in i for i in (*pattern, *actual))), None)
    if key is None or len({item[key] for item in actual}) != len(actual):
        if len(pattern) != len(actual):
            wrong.append(f"{path} has {len(actual)} items, the template {len(pattern)}")
        for index, (one, other) in enumerate(zip(pattern, actual, strict=False)):
            _walk(one, other, f"{path}[{index}]", wrong, extra)
        return
    there = {item[key]: item for item in actual}
    for item in pattern:
        found = there.pop(item[key], None)
        if found is None:
            wrong.append(f"{path}[{item[key]}] is missing")
        else:
            _walk(item, found, f"{path}[{item[key]}]", wrong, extra)
    for name in there:
        # The service account's token is the API server's own doing, on every pod.
        if not str(name).startswith(("kube-api-access-", "/var/run/secrets/kubernetes.io/serviceaccount")):
            extra.add(f"{path}[{name}]")
