"""What can be seen of a kind cluster at the moment of a failure: later it would be another cluster."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from conformance.clusters.kind.machines import Machine, each
from conformance.errors import ConformanceError
from conformance.kube.kubectl import Kubectl
from conformance.kube.resources import path

if TYPE_CHECKING:
    from conformance.clusters.kind.cluster import KindCluster
    from conformance.clusters.kind.driver import Driver

#: What `kubectl describe` tells, by the name of the file: people read this first.
_DESCRIBED = {"daemonsets": "daemonsets,controllerrevisions", "pods": "pods", "nodes": "nodes"}
#: Where everything that kind knows how to collect goes.
_EXPORTED = "kind-export-logs"
_OBJECTS = ("nodes", "daemonsets", "controllerrevisions", "pods")
#: Lines of a log; the minutes before a failure fit.
_LINES = 2000
_CONTAINERS = "ctr -n k8s.io containers ls; ctr -n k8s.io tasks ls"
_COMPONENT_LOGS = f'for file in /var/log/pods/kube-system_*/*/*.log; do echo "==> $file"; tail -n {_LINES} $file; done'


def write(cluster: KindCluster, driver: Driver, folder: Path, namespace: str) -> list[Path]:
    """Write what is described, objects, events, component logs and each node's kubelet log below `folder`; returns the files.

    A folder in it is that of `kind export logs`. What cannot be had is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []

    def put(name: str, text: str) -> None:
        file = folder / name
        file.write_text(text, encoding="utf-8")
        written.append(file)

    kubectl = Kubectl(driver.kubectl, driver.kubeconfig, run=cluster.facts.run)
    for name, resources in _DESCRIBED.items():
        with contextlib.suppress(ConformanceError):
            put(f"describe-{name}.txt", kubectl.run("--namespace", namespace, "describe", resources).out)
    kubectl.close()
    for resource in _OBJECTS:
        with contextlib.suppress(ConformanceError):
            where = path(resource) if resource == "nodes" else path(resource, namespace)
            items = cluster.api.list(where)["items"]
            for item in items:
                item["metadata"].pop("managedFields", None)
            put(f"{resource}.yaml", yaml.safe_dump_all(items, sort_keys=False))
    with contextlib.suppress(ConformanceError):
        put("events.txt", "\n".join(_event_lines(cluster, namespace)) + "\n")

    def of_node(machine: Machine) -> None:
        with contextlib.suppress(ConformanceError):
            put(
                f"{machine.name}.kubelet.log",
                machine.sh(f"journalctl --no-pager --lines={_LINES} --unit=kubelet --unit=containerd", check=False),
            )
        with contextlib.suppress(ConformanceError):
            put(f"{machine.name}.containers.txt", machine.sh(_CONTAINERS, check=False))

    each(of_node, [cluster.yard.control_plane, *cluster.yard.machines])
    with contextlib.suppress(ConformanceError):
        put("control-plane.log", cluster.yard.control_plane.sh(_COMPONENT_LOGS, check=False))
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        driver.export_logs(folder / _EXPORTED)
        written += [folder / _EXPORTED] if (folder / _EXPORTED).is_dir() else []
    return sorted(written)


def _event_lines(cluster: KindCluster, namespace: str) -> list[str]:
    events = [*cluster.api.list(path("events", namespace))["items"], *cluster.api.list(path("events", "default"))["items"]]
    lines = []
    for event in events:
        at = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"]
        about = event["involvedObject"]
        who = f"{about.get('kind', '')}/{about.get('name', '')}"
        lines.append("  ".join([at, event.get("type", ""), event.get("reason", ""), who, event.get("message", "")]))
    return sorted(lines)
