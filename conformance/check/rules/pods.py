"""Its pods: images, requests, priority, and how they end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conformance.check.reading import Path
from conformance.check.results import Hit, Subject
from conformance.check.rules.catalogue import rule
from conformance.check.rules.tolerating import NETWORK_PATHS
from conformance.check.shapes import Hook

_POD: Path = ("spec", "template", "spec")
_STORAGE_PATHS = ("/var/lib/kubelet/plugins", "/var/lib/kubelet/plugins_registry", "/var/lib/kubelet/device-plugins")
_SLEEP = re.compile(r"(?:^|[\s;&/])sleep\s+(\d+)")
#: Seconds of grace from which on an update is called slow for it.
_LONG = 600


@rule(
    "image-without-tag",
    "risk",
    title="an image that may be another one tomorrow",
    says=(
        "image {image} of container {container} has no tag or latest, so nodes pull what is there at the"
        " moment, one revision runs several versions and an undo brings nothing back; name a version, or a"
        " digest."
    ),
    claim="001-33",
    scenario="P01.documented_manifests_run",
)
def image_without_tag(subject: Subject) -> Iterator[Hit]:
    """No tag means latest."""
    pod = subject.manifest.pod
    for kind, containers in (("initContainers", pod.init_containers), ("containers", pod.containers)):
        for number, container in enumerate(containers):
            last = container.image.rpartition("/")[2]
            if container.image and "@" not in last and (":" not in last or last.endswith(":latest")):
                yield Hit((*_POD, kind, number, "image"), {"image": container.image, "container": container.name})


@rule(
    "no-requests",
    "advice",
    title="containers that ask for nothing",
    says=(
        "{containers}: no resources.requests in spec.template.spec.containers, so the scheduler keeps no"
        " room for them, and a node short of memory ends them among the first; ask for cpu and memory."
    ),
    claim="000-22",
    scenario="L08.short_of_memory_a_node_spares_the_system_classes_alone",
)
def no_requests(subject: Subject) -> Iterator[Hit]:
    """A limit is a request where none is given."""
    bare = [
        (number, container.name or str(number))
        for number, container in enumerate(subject.manifest.pod.containers)
        if not container.resources.requests and not container.resources.limits
    ]
    if bare:
        yield Hit((*_POD, "containers", bare[0][0]), {"containers": "container " + ", ".join(name for _, name in bare)})


@rule(
    "no-priority",
    "advice",
    title="no priority",
    says=(
        "spec.template.spec.priorityClassName is missing{depends}: on a full node the pod stays Pending"
        " beside pods of the same priority; write system-node-critical, or a class of your own."
    ),
    claim="002-66",
    scenario="P14.without_higher_priority_a_pod_waits",
)
def no_priority(subject: Subject) -> Iterator[Hit]:
    """A risk where other pods of the node need it: hostNetwork, and the directories of network and storage plugins."""
    pod = subject.manifest.pod
    if pod.priority_class_name:
        return
    paths = (volume.host_path.path for volume in pod.volumes if volume.host_path)
    plugin = next((path for path in paths if path.startswith((*NETWORK_PATHS, *_STORAGE_PATHS))), "")
    depends = plugin or ("hostNetwork" if pod.host_network else "")
    told = f", though its node seems to depend on it ({depends})" if depends else ""
    yield Hit((*_POD, "priorityClassName"), {"depends": told}, "risk" if depends else "advice")


def _pause(hook: Hook) -> int | None:
    """Seconds that a preStop hook takes at least; None if that cannot be seen."""
    if hook.sleep is not None:
        return hook.sleep.seconds
    found = _SLEEP.search(" ".join(hook.exec_.command)) if hook.exec_ else None
    return int(found[1]) if found else None


@rule(
    "grace-shorter-than-pre-stop",
    "risk",
    title="a preStop hook that is cut off",
    says=(
        "spec.template.spec.terminationGracePeriodSeconds is {grace}{default} and lifecycle.preStop of"
        " container {container} takes {pause}: the container is killed before its hook has ended; make the"
        " grace period longer than hook and shutdown together."
    ),
    claim="002-09",
    scenario="L06.a_replacement_waits_for_the_end",
)
def grace_shorter_than_pre_stop(subject: Subject) -> Iterator[Hit]:
    """The hook's time is part of the grace period."""
    pod = subject.manifest.pod
    grace = pod.termination_grace_period_seconds
    default = "" if subject.manifest.record.spec.template.spec.termination_grace_period_seconds is not None else " (not given)"
    for number, container in enumerate(pod.containers):
        hook = container.lifecycle.pre_stop
        pause = _pause(hook) if hook else None
        if hook and (not grace or (pause is not None and pause >= grace)):
            told = f"{pause} s" if pause is not None else "some time"
            path = (*_POD, "containers", number, "lifecycle", "preStop")
            yield Hit(path, {"grace": f"{grace} s", "default": default, "container": container.name, "pause": told})


@rule(
    "grace-long",
    "advice",
    title="pods that may take long to end",
    says=(
        "spec.template.spec.terminationGracePeriodSeconds is {grace}: a program that does not end when"
        " asked holds its share of an update's budget for that long; see that it ends when it gets SIGTERM,"
        " or shorten it."
    ),
    claim="003-28",
    scenario="L06.an_ending_pod_holds_its_share_of_the_budget",
)
def grace_long(subject: Subject) -> Iterator[Hit]:
    """Ten minutes and more."""
    grace = subject.manifest.pod.termination_grace_period_seconds
    if grace >= _LONG:
        yield Hit((*_POD, "terminationGracePeriodSeconds"), {"grace": f"{grace} s"})
