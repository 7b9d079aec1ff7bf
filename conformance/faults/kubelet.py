"""How a pod or node tells the simulated kubelets to behave: by annotations, and by images that no registry has.

They are read by the stages of the embedded cluster only; a real kubelet ignores them.
"""

from __future__ import annotations

PREFIX = "conformance.daemonset/"
#: Whom the audit log names for all that simulated kubelets do.
USER = "conformance:kubelets"

#: On a pod: seconds from its start until it is Ready (decimal number).
READY_AFTER = PREFIX + "ready-after"
#: On a pod: "true" keeps it running but never Ready.
NEVER_READY = PREFIX + "never-ready"
#: On a pod: seconds that its termination takes (decimal number), never more than its own grace period.
TERMINATE_AFTER = PREFIX + "terminate-after"
#: On a node: "false" makes its kubelet report Ready=False; back to True when the annotation goes.
READY = PREFIX + "ready"

#: Images that no registry has: their pods stay Pending with ErrImagePull, as under a real kubelet.
MISSING_IMAGE = r"^registry\.invalid/|:missing$"


def pod(*, ready_after: float = 0.0, never_ready: bool = False, terminate_after: float = 0.0) -> dict[str, str]:
    """The annotations of a pod that behaves so (seconds). A pod that starts and ends at once has none."""
    wanted = {}
    if never_ready:
        wanted[NEVER_READY] = "true"
    elif ready_after > 0:
        wanted[READY_AFTER] = f"{ready_after:.3f}"
    if terminate_after > 0:
        wanted[TERMINATE_AFTER] = f"{terminate_after:.3f}"
    return wanted
