"""Who wrote, and whose a pod is."""

from __future__ import annotations

from conformance.kube.records import Pod

#: The DaemonSet controller's own user, where each controller has one (`--use-service-account-credentials`).
CONTROLLER = "system:serviceaccount:kube-system:daemon-set-controller"
#: The user that all controllers share otherwise: it may have been the DaemonSet controller.
ALL_CONTROLLERS = "system:kube-controller-manager"


def by_controller(author: str) -> bool | None:
    """Whether the DaemonSet controller is the author; None if that is not known."""
    if author == CONTROLLER:
        return True
    return None if author in ("", ALL_CONTROLLERS) else False


def owner_uid(pod: Pod | None) -> str:
    """The UID of the DaemonSet that manages a pod; empty if none does."""
    if pod is not None:
        for owner in pod.metadata.owner_references:
            if owner.controller:
                return owner.uid if owner.kind == "DaemonSet" else ""
    return ""
