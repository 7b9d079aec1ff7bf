"""Narrow records: of each Kubernetes object only the fields that a judgement can depend on.

They are decoded straight from the API's JSON (`msgspec` skips every other field), frozen, and know nothing of where they came from.
Field names are the API's own, in Python's spelling. Whoever needs a field that is not here decodes the raw object.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Record(msgspec.Struct, frozen=True, rename="camel", gc=False, omit_defaults=True):
    """The base of all records."""


class OwnerReference(Record, frozen=True):
    """Who an object belongs to; `controller` marks the one managing owner."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Meta(Record, frozen=True):
    """metadata, without managedFields."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    generate_name: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()

    @property
    def controller(self) -> OwnerReference | None:
        """The managing owner, if there is one."""
        for owner in self.owner_references:
            if owner.controller:
                return owner
        return None


class Taint(Record, frozen=True):
    """A node taint."""

    key: str = ""
    effect: str = ""
    value: str = ""


class Toleration(Record, frozen=True):
    """A pod toleration; an empty operator means Equal."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class Condition(Record, frozen=True):
    """A condition of a node or a pod."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None


class NodeSpec(Record, frozen=True):
    """spec of a Node."""

    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False


class NodeStatus(Record, frozen=True):
    """status of a Node."""

    conditions: tuple[Condition, ...] = ()


class Node(Record, frozen=True):
    """A Node."""

    metadata: Meta = Meta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def ready(self) -> bool:
        """Whether its Ready condition is True."""
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)


class SelectorRequirement(Record, frozen=True):
    """One requirement of a node selector or label selector."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class NodeSelectorTerm(Record, frozen=True):
    """Requirements that are ANDed."""

    match_expressions: tuple[SelectorRequirement, ...] = ()
    match_fields: tuple[SelectorRequirement, ...] = ()


class NodeSelector(Record, frozen=True):
    """Terms that are ORed."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class NodeAffinity(Record, frozen=True):
    """Affinity to nodes; only the required part selects."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[dict[str, Any], ...] = ()


class Affinity(Record, frozen=True):
    """spec.affinity of a pod."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: dict[str, Any] | None = None
    pod_anti_affinity: dict[str, Any] | None = None


class Container(Record, frozen=True):
    """One container of a pod."""

    name: str = ""
    image: str = ""


class PodSpec(Record, frozen=True):
    """spec of a pod, or of a pod template."""

    node_name: str = ""
    node_selector: dict[str, str] = {}
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] = ()
    host_network: bool = False
    containers: tuple[Container, ...] = ()
    scheduler_name: str = ""
    termination_grace_period_seconds: int | None = None


class ContainerStatus(Record, frozen=True):
    """What the kubelet says of one container."""

    name: str = ""
    restart_count: int = 0
    ready: bool = False


class PodStatus(Record, frozen=True):
    """status of a pod."""

    phase: str = ""
    reason: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Record, frozen=True):
    """A Pod."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def target(self) -> str:
        """The node it runs on or is aimed at: spec.nodeName, else the metadata.name that its required node affinity pins it to.

        Source: `GetTargetNodeName` semantics of the DaemonSet controller, documented in daemonset.md, "How Daemon Pods are scheduled".
        """
        if self.spec.node_name:
            return self.spec.node_name
        affinity = self.spec.affinity and self.spec.affinity.node_affinity
        required = affinity and affinity.required_during_scheduling_ignored_during_execution
        for term in required.node_selector_terms if required else ():
            for field in term.match_fields:
                if field.key == "metadata.name" and field.operator == "In" and len(field.values) == 1:
                    return field.values[0]
        return ""

    @property
    def terminal(self) -> bool:
        """Whether its phase is Failed or Succeeded."""
        return self.status.phase in ("Failed", "Succeeded")

    @property
    def terminating(self) -> bool:
        """Whether its deletion has been asked for."""
        return self.metadata.deletion_timestamp is not None

    @property
    def ready_condition(self) -> Condition | None:
        """Its Ready condition."""
        for condition in self.status.conditions:
            if condition.type == "Ready":
                return condition
        return None

    @property
    def ready(self) -> bool:
        """Whether its Ready condition is True."""
        condition = self.ready_condition
        return condition is not None and condition.status == "True"

    @property
    def restarts(self) -> int:
        """How often its kubelet has restarted containers of it."""
        return sum(container.restart_count for container in self.status.container_statuses)

    @property
    def why_unscheduled(self) -> str:
        """What the scheduler says of why it has no node; empty once it has one."""
        return next((c.message for c in self.status.conditions if c.type == "PodScheduled" and c.status == "False"), "")

    @property
    def hash(self) -> str:
        """Its controller-revision-hash label."""
        return self.metadata.labels.get("controller-revision-hash", "")


class LabelSelector(Record, frozen=True):
    """A label selector; both parts are ANDed."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[SelectorRequirement, ...] = ()


class PodTemplate(Record, frozen=True):
    """spec.template."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()


class RollingUpdate(Record, frozen=True):
    """spec.updateStrategy.rollingUpdate; ints or percentages."""

    max_unavailable: int | str | None = None
    max_surge: int | str | None = None


class UpdateStrategy(Record, frozen=True):
    """spec.updateStrategy."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate | None = None


class DaemonSetSpec(Record, frozen=True):
    """spec of a DaemonSet."""

    selector: LabelSelector = LabelSelector()
    template: PodTemplate = PodTemplate()
    update_strategy: UpdateStrategy = UpdateStrategy()
    min_ready_seconds: int = 0
    revision_history_limit: int | None = None


class DaemonSetStatus(Record, frozen=True):
    """status of a DaemonSet."""

    current_number_scheduled: int = 0
    number_misscheduled: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    observed_generation: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_unavailable: int = 0
    collision_count: int | None = None


class DaemonSet(Record, frozen=True):
    """A DaemonSet."""

    metadata: Meta = Meta()
    spec: DaemonSetSpec = DaemonSetSpec()
    status: DaemonSetStatus = DaemonSetStatus()


class ControllerRevision(Record, frozen=True):
    """A ControllerRevision; `data` is the raw JSON of the template patch."""

    metadata: Meta = Meta()
    revision: int = 0
    data: msgspec.Raw = msgspec.Raw(b"null")


class InvolvedObject(Record, frozen=True):
    """The object an Event is about."""

    kind: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""


class Event(Record, frozen=True):
    """A core/v1 Event."""

    metadata: Meta = Meta()
    involved_object: InvolvedObject = InvolvedObject()
    reason: str = ""
    message: str = ""
    type: str = ""
    count: int | None = None


Object = Node | Pod | DaemonSet | ControllerRevision | Event

RECORDS: dict[str, type[Any]] = {
    "nodes": Node,
    "pods": Pod,
    "daemonsets": DaemonSet,
    "controllerrevisions": ControllerRevision,
    "events": Event,
}
