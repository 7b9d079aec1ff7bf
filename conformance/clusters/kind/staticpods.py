"""Static pods: manifests that a kubelet runs from a folder of its own machine, whether there is an API server or not."""

from __future__ import annotations

import json
from typing import Any

FOLDER = "/etc/kubernetes/manifests"
#: Where the pod says that it runs: nobody else could be asked while there is no API server.
_SIGNS = "/run/conformance-static"
#: Seconds for a kubelet to notice a manifest and to start its pod; it looks every 20 s should inotify fail.
LIMIT = 60


def manifest(namespace: str, name: str) -> dict[str, Any]:
    """A pod that writes a line to its pipe when it runs, and then sleeps until it is asked to end."""
    script = f"echo runs > {_SIGNS}/{name} & trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"
    container = {
        "name": "static",
        "image": "docker.io/library/busybox:1",
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "signs", "mountPath": _SIGNS}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "containers": [container],
            "terminationGracePeriodSeconds": 1,
            "volumes": [{"name": "signs", "hostPath": {"path": _SIGNS}}],
        },
    }


def run(namespace: str, name: str, *, within: int = LIMIT) -> tuple[str, str]:
    """The script that puts the manifest into the kubelet's folder and ends when the pod runs, and what it reads."""
    pipe = f"{_SIGNS}/{name}"
    # Under another name first: the kubelet reads what appears, also half of it; it ignores names that begin with a dot.
    lay = f"cat > {FOLDER}/.{name}; mv {FOLDER}/.{name} {FOLDER}/{name}.json"
    script = f"mkdir -p {_SIGNS} {FOLDER}; rm -f {pipe}; mkfifo {pipe}; {lay}; timeout {within} cat {pipe}; rm {pipe}"
    return script, json.dumps(manifest(namespace, name))


def remove(name: str) -> str:
    """The script that takes the manifest away."""
    return f"rm {FOLDER}/{name}.json"
