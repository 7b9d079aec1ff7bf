"""Budgets: how many nodes a rolling update may have without an available pod, or with a second one.

Source: API reference, RollingUpdateDaemonSet: "Absolute number is calculated from percentage by rounding up"; the defaults are
maxUnavailable 1 and maxSurge 0.
"""

from __future__ import annotations

from typing import NamedTuple

from conformance.kube.records import DaemonSet


class Budget(NamedTuple):
    """Nodes that may be without an available pod, and nodes that may have a second one."""

    unavailable: int
    surge: int


def scaled(value: int | str, desired: int) -> int:
    """An absolute number as it is, a percentage of `desired` rounded up. Raises ValueError for anything else."""
    if isinstance(value, int):
        return value
    if not value.endswith("%") or not value[:-1].isdigit():
        raise ValueError(f"{value!r} is neither a number nor a percentage")
    # Integer arithmetic: 0.07 * 100 is 7.000000000000001 in floating point, and would round up to 8.
    return -(-int(value[:-1]) * desired // 100)


def budget(daemonset: DaemonSet, desired: int) -> Budget:
    """The budget for `desired` nodes. With both parts 0 and nodes to serve, one node may be unavailable, or nothing would ever move."""
    rolling = daemonset.spec.update_strategy.rolling_update
    unavailable: int | str = 1
    surge: int | str = 0
    if rolling is not None:
        unavailable = 1 if rolling.max_unavailable is None else rolling.max_unavailable
        surge = 0 if rolling.max_surge is None else rolling.max_surge
    result = Budget(scaled(unavailable, desired), scaled(surge, desired))
    return Budget(1, 0) if desired > 0 and result == (0, 0) else result


def surges(daemonset: DaemonSet) -> bool:
    """Whether its update strategy puts new pods beside old ones."""
    strategy = daemonset.spec.update_strategy
    rolling = strategy.rolling_update
    return strategy.type == "RollingUpdate" and rolling is not None and rolling.max_surge not in (None, 0, "0%")
