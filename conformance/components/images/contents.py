"""What the images inside a node image are: the control plane, the sandbox, and the few that scenarios run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Static pods of the control plane, each an image of one static program.
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
PROGRAMS = "usr/local/bin"

#: Sleeps until it is asked to end; the shell reaps what is left to it, as the first process of a pod has to.
SLEEP = ["/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"]

#: What sleeps: the sandbox of every pod, the tags that scenarios update between, and the images that the documents name, which do nothing
#: here but run.
SLEEPERS = (
    "registry.k8s.io/pause:3.6",
    "registry.k8s.io/pause:3.8",
    "registry.k8s.io/pause:3.9",
    "registry.k8s.io/pause:3.10",
    "docker.io/fluent/fluentd:v1.14",
    "docker.io/fluent/fluentd:latest",
    "docker.io/fluent/fluentd-kubernetes-daemonset:v1-debian-elasticsearch",
    "docker.io/library/monitoring-agent:1.0",
    "quay.io/fluentd_elasticsearch/fluentd:v2.5.2",
    "k8s.gcr.io/fluentd-elasticsearch:1.20",
)
#: The same programs without a command of their own, for scenarios that bring one.
TOOLS = ("docker.io/library/busybox:1",)
APPLETS = (
    "sh",
    "sleep",
    "cat",
    "echo",
    "tail",
    "true",
    "false",
    "touch",
    "rm",
    "ls",
    "kill",
    "wget",
    "nc",
    "httpd",
    "date",
    "test",
    "env",
    "hostname",
)


@dataclass(frozen=True)
class Image:
    """One image to put into a node: its names, the program it consists of, and how it is run."""

    tags: tuple[str, ...]
    program: str
    config: Mapping[str, Any]


_PATH = {"Env": [f"PATH=/{PROGRAMS}:/usr/bin:/bin"]}


def everywhere(listed: Sequence[str]) -> list[Image]:
    """The images of every node, where `kubeadm config images list` printed `listed`; program `busybox` stands for Debian's static one."""
    sandboxes = tuple(line for line in listed if "/pause:" in line)
    return [
        Image(tuple(dict.fromkeys((*SLEEPERS, *sandboxes))), "busybox", {**_PATH, "Entrypoint": SLEEP}),
        Image(TOOLS, "busybox", {**_PATH, "Cmd": ["sh"]}),
    ]


def control_plane(listed: Sequence[str]) -> list[Image]:
    """The images of the control plane."""
    return [
        Image(tuple(line for line in listed if re.search(rf"/{name}:", line)), name, {**_PATH, "Entrypoint": [name]})
        for name in CONTROL_PLANE
    ]
