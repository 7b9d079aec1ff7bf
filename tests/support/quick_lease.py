"""A pytest plugin (`-p quick_lease`): the Lease is looked at all the time, so that its loss is noticed at once."""

from __future__ import annotations

from conformance.clusters.existing import holding

holding.INTERVAL = 0.2
