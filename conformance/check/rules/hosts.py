"""What it takes of its node: ports, directories, and what a namespace lets it have."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.check.input import Manifest
from conformance.check.reading import Path
from conformance.check.results import Hit, Subject
from conformance.check.rules.catalogue import rule
from conformance.model.eligibility import should_run

_POD: Path = ("spec", "template", "spec")
_DOCKER_DIRECTORY = "/var/lib/docker"
_DOCKER_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")


@rule(
    "docker-directory",
    "risk",
    title="a directory or socket of Docker",
    says=("spec.template.spec.volumes mount {path}, in which there is nothing where containerd or CRI-O runs the containers; {instead}."),
    claim="001-22",
    finding="directory-of-docker-containers-is-empty",
    scenario="P01.nothing_is_in_the_directory_of_docker",
)
def docker_directory(subject: Subject) -> Iterator[Hit]:
    """A log agent collects nothing from there, and says so to nobody."""
    for number, volume in enumerate(subject.manifest.pod.volumes):
        path = volume.host_path.path.rstrip("/") if volume.host_path else ""
        if path == _DOCKER_DIRECTORY or path.startswith(f"{_DOCKER_DIRECTORY}/"):
            instead = "logs are below /var/log/pods"
        elif path in _DOCKER_SOCKETS:
            instead = "mount the socket of the runtime that is there"
        else:
            continue
        yield Hit((*_POD, "volumes", number, "hostPath", "path"), {"path": path, "instead": instead})


def _ports(manifest: Manifest) -> Iterator[tuple[Path, int, str]]:
    """The ports of the node that its pods take: path of the field, number, protocol."""
    for number, container in enumerate(manifest.pod.containers):
        for index, port in enumerate(container.ports):
            taken = port.host_port or (port.container_port if manifest.pod.host_network else 0)
            if taken:
                field = "hostPort" if port.host_port else "containerPort"
                yield (*_POD, "containers", number, "ports", index, field), taken, port.protocol or "TCP"


@rule(
    "host-port-shared",
    "risk",
    title="two that want the same port of a node",
    says=(
        "port {port}/{protocol} of the node is wanted by DaemonSet {other} too, and {nodes} nodes should"
        " run both: the second one stays Pending there; give one of them another port, or other nodes."
    ),
    claim="D1-49",
    scenario="P13.a_host_port_that_is_taken_is_waited_for",
)
def host_port_shared(subject: Subject) -> Iterator[Hit]:
    """With hostNetwork every containerPort is a port of the node. Told at the one that comes later in the input."""
    mine = subject.manifest
    for other in subject.input.daemonsets:
        if other is mine:
            return
        theirs = {(port, protocol) for _, port, protocol in _ports(other)}
        both = sum(should_run(node, other.record) for _, node in subject.wanted)
        for path, port, protocol in _ports(mine):
            if both and (port, protocol) in theirs:
                yield Hit(path, {"port": port, "protocol": protocol, "other": other.thing.label, "nodes": both})


@rule(
    "pod-security",
    "broken",
    title="pods that their namespace refuses",
    says=(
        "spec.template.spec has {what}, and Namespace {namespace} of the input enforces the level {level},"
        " which refuses such pods one by one while the DaemonSet looks healthy; label the namespace"
        " pod-security.kubernetes.io/enforce: privileged."
    ),
    claim="004-20",
    scenario="X01.agents_with_higher_privileges_come_when_the_namespace_allows_them",
)
def pod_security(subject: Subject) -> Iterator[Hit]:
    """What both baseline and restricted refuse; restricted refuses more."""
    manifest = subject.manifest
    level = subject.input.pod_security.get(manifest.thing.namespace, "")
    if level in ("baseline", "restricted") and (found := _privileges(manifest)):
        path, what = found
        yield Hit(path, {"what": what, "namespace": manifest.thing.namespace, "level": level})


def _privileges(manifest: Manifest) -> tuple[Path, str] | None:
    pod = manifest.pod
    for field, there in (("hostNetwork", pod.host_network), ("hostPID", pod.host_pid), ("hostIPC", pod.host_ipc)):
        if there:
            return (*_POD, field), field
    for number, volume in enumerate(pod.volumes):
        if volume.host_path:
            return (*_POD, "volumes", number, "hostPath"), f"hostPath {volume.host_path.path}"
    for number, container in enumerate(pod.containers):
        if container.security_context.privileged:
            return (*_POD, "containers", number, "securityContext", "privileged"), f"the privileged container {container.name}"
    ports = next(_ports(manifest), None)
    return (ports[0], f"port {ports[1]} of the node") if ports else None
