"""What an API server writes into its audit log for a trace."""

from __future__ import annotations

from typing import Any

#: Writes of the resources that a trace holds, with who made them and the resourceVersion that came of it. No reads, leases or events.
AUDIT_POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted", "Panic"],
    "omitManagedFields": True,
    "rules": [
        {
            "level": "RequestResponse",
            "verbs": ["create", "update", "patch", "delete", "deletecollection"],
            "resources": [
                {"group": "", "resources": ["pods", "pods/*", "nodes", "nodes/*"]},
                {"group": "apps", "resources": ["daemonsets", "daemonsets/*", "controllerrevisions"]},
            ],
        },
        {"level": "None"},
    ],
}
