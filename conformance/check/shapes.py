"""What the rules look at beyond the records of the model: ports, probes, volumes, requests and hooks of a pod template.

Field names are the API's own, in Python's spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from conformance.kube.records import LabelSelector, Record


class Port(Record, frozen=True):
    """One entry of a container's ports."""

    container_port: int = 0
    host_port: int = 0
    protocol: str = "TCP"
    host_ip: str = msgspec.field(name="hostIP", default="")


class Exec(Record, frozen=True):
    """A command that is run in the container."""

    command: tuple[str, ...] = ()


class Sleep(Record, frozen=True):
    """A pause."""

    seconds: int = 0


class Hook(Record, frozen=True):
    """lifecycle.preStop."""

    exec_: Exec | None = msgspec.field(name="exec", default=None)
    sleep: Sleep | None = None


class Lifecycle(Record, frozen=True):
    """lifecycle of a container."""

    pre_stop: Hook | None = None


class Resources(Record, frozen=True):
    """resources of a container; quantities are text or numbers."""

    requests: Mapping[str, str | int | float] = msgspec.field(default_factory=dict)
    limits: Mapping[str, str | int | float] = msgspec.field(default_factory=dict)


class SecurityContext(Record, frozen=True):
    """securityContext of a container."""

    privileged: bool = False


class Named(Record, frozen=True):
    """A reference to a ConfigMap, a Secret or a claim; each place has its own name for the name."""

    name: str = ""
    secret_name: str = ""
    claim_name: str = ""
    optional: bool = False


class ValueFrom(Record, frozen=True):
    """env.valueFrom."""

    config_map_key_ref: Named | None = None
    secret_key_ref: Named | None = None


class Env(Record, frozen=True):
    """One variable; a literal value is not kept."""

    value_from: ValueFrom | None = None


class EnvFrom(Record, frozen=True):
    """One entry of envFrom."""

    config_map_ref: Named | None = None
    secret_ref: Named | None = None


class Container(Record, frozen=True):
    """A container, or an init container."""

    name: str = ""
    image: str = ""
    ports: tuple[Port, ...] = ()
    readiness_probe: dict[str, Any] | None = None
    resources: Resources = Resources()
    lifecycle: Lifecycle = Lifecycle()
    security_context: SecurityContext = SecurityContext()
    env: tuple[Env, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    restart_policy: str = ""


class HostPath(Record, frozen=True):
    """A path of the node."""

    path: str = ""


class Projection(Record, frozen=True):
    """One source of a projected volume."""

    config_map: Named | None = None
    secret: Named | None = None


class Projected(Record, frozen=True):
    """A projected volume."""

    sources: tuple[Projection, ...] = ()


class Volume(Record, frozen=True):
    """A volume."""

    name: str = ""
    host_path: HostPath | None = None
    config_map: Named | None = None
    secret: Named | None = None
    persistent_volume_claim: Named | None = None
    projected: Projected | None = None


class PodTerm(Record, frozen=True):
    """A term of pod affinity; `namespaces` empty is the pod's own."""

    label_selector: LabelSelector | None = None
    topology_key: str = ""
    namespaces: tuple[str, ...] = ()


class PodTerms(Record, frozen=True):
    """The required part of a pod affinity."""

    required_during_scheduling_ignored_during_execution: tuple[PodTerm, ...] = ()


class PodAffinities(Record, frozen=True):
    """affinity towards pods."""

    pod_affinity: PodTerms = PodTerms()
    pod_anti_affinity: PodTerms = PodTerms()


class Template(Record, frozen=True):
    """spec.template.spec."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    affinity: PodAffinities = PodAffinities()
    service_account_name: str = ""
    priority_class_name: str = ""
    runtime_class_name: str = ""
    restart_policy: str = "Always"
    active_deadline_seconds: int | None = None
    termination_grace_period_seconds: int = 30
    host_network: bool = False
    host_pid: bool = msgspec.field(name="hostPID", default=False)
    host_ipc: bool = msgspec.field(name="hostIPC", default=False)


class DisruptionBudget(Record, frozen=True):
    """spec of a PodDisruptionBudget."""

    selector: LabelSelector = LabelSelector()
    min_available: int | str | None = None
    max_unavailable: int | str | None = None
