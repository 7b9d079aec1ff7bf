"""What a scenario needs of a cluster, and what of it the cluster lacks."""

from __future__ import annotations

import pytest

from conformance.clusters.protocol import Capability, Facts
from conformance.report.results import Reason


def lacks(item: pytest.Item, facts: Facts) -> Reason | None:
    """What the cluster lacks for this item; None: nothing. The nodes that one of its cases needs stand on the case, and count alone."""
    needs = list(item.iter_markers("needs"))
    capabilities = [Capability(name) for mark in needs for name in mark.args]
    lacking = {str(name): facts.lacking.get(name, "not offered") for name in capabilities if name not in facts.capabilities}
    most = facts.max_nodes
    if Capability.CHANGE_NODE in capabilities and facts.changeable is not None:
        most = facts.changeable
    wanted = nodes(item)
    if not lacking and wanted <= most:
        return None
    return Reason("lacks", lacking=lacking, wanted=wanted if wanted > most else 0, most=most if wanted > most else 0)


def nodes(item: pytest.Item) -> int:
    """How many nodes the item needs at once: what its case says, or else its function."""
    of_case = [mark for mark in getattr(getattr(item, "callspec", None), "marks", ()) if mark.name == "needs"]
    return max((int(mark.kwargs.get("nodes", 1)) for mark in of_case or item.iter_markers("needs")), default=1)
