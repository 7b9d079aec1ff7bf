"""For each rule what triggers it and what is just right: changes of the sound DaemonSet, or a text of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from conformance.check.checking import Result, check
from conformance.check.gathering import gathered
from conformance.check.input import Input
from conformance.check.nodes import Nodes, default
from conformance.check.results import Advice
from conformance.kube.manifests import merge

SOUND: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("sound.yaml").read_text())
AGENT: dict[str, Any] = SOUND["spec"]["template"]["spec"]["containers"][0]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def changed(patch: dict[str, Any]) -> dict[str, Any]:
    """The sound DaemonSet after a JSON merge patch; containers without a name change the only one."""
    pod = patch.get("spec", {}).get("template", {}).get("spec", {})
    if pod.get("containers"):
        pod = {**pod, "containers": [merge(AGENT, each) for each in pod["containers"]]}
        template = {**patch["spec"]["template"], "spec": pod}
        patch = {**patch, "spec": {**patch["spec"], "template": template}}
    return merge(SOUND, patch)


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def rolling(unavailable: Any = None, surge: Any = None, **more: Any) -> dict[str, Any]:
    """A change of the budget; None leaves a field out."""
    return spec(updateStrategy={"rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}, **more)


def pod(**fields: Any) -> dict[str, Any]:
    return spec(template={"spec": fields})


def both(*patches: dict[str, Any]) -> dict[str, Any]:
    """Several changes at once."""
    whole: dict[str, Any] = {}
    for patch in patches:
        pods = [each["template"]["spec"] for each in (whole, patch["spec"]) if "template" in each]
        whole |= patch["spec"]
        if pods:
            whole["template"] = {"spec": {key: value for each in pods for key, value in each.items()}}
    return {"spec": whole}


def container(**fields: Any) -> dict[str, Any]:
    return pod(containers=[fields])


def host_path(path: str) -> dict[str, Any]:
    return pod(volumes=[{"name": "v", "hostPath": {"path": path}}])


def repels(topology: str) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {"app": "agent"}}, "topologyKey": topology}
    return pod(affinity={"podAntiAffinity": {REQUIRED: [term]}})


def beside(*objects: dict[str, Any]) -> list[dict[str, Any]]:
    """The sound DaemonSet, and others behind it."""
    return [SOUND, *objects]


def named(kind: str, name: str, **more: Any) -> dict[str, Any]:
    version = {"PodDisruptionBudget": "policy/v1", "Deployment": "apps/v1", "DaemonSet": "apps/v1"}.get(kind, "v1")
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "agents"}, **more}


def other(name: str = "other", label: str = "other", **pod_fields: Any) -> dict[str, Any]:
    """Another DaemonSet in the namespace."""
    whole = changed(both(pod(**pod_fields)) if pod_fields else {})
    labels = {"app": label}
    return merge(
        whole,
        {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}},
    )


def budget(**fields: Any) -> dict[str, Any]:
    return named("PodDisruptionBudget", "budget", spec={"selector": {"matchLabels": {"app": "agent"}}, **fields})


SELECTOR = SOUND["spec"]["selector"]
LINUX = {"kubernetes.io/os": "linux"}
PORT = {"ports": [{"containerPort": 9100, "hostPort": 9100}]}
PLAIN_PORT = {"ports": [{"containerPort": 9100}]}
SLEEP = {"lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", "sleep 40"]}}}}
MASTER, CONTROL_PLANE = "node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"
#: Tolerations of all taints that the default nodes carry but the one of the control plane.
POOLS = [{"key": key, "operator": "Exists"} for key in ("nvidia.com/gpu", "kubernetes.azure.com/scalesetpriority", "dedicated")]
POOLS += [{"key": "node.cloudprovider.kubernetes.io/uninitialized", "operator": "Exists"}]
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "agents"}}
ENFORCED = merge(NAMESPACE, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}})
LABELLED = spec(
    selector={"matchLabels": {"app": "agent", "helm.sh/chart": "agent-1.2.3"}},
    template={"metadata": {"labels": {"app": "agent", "helm.sh/chart": "agent-1.2.3"}}},
)
NEGATIVE = spec(selector={"matchLabels": None, "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]})
HALF_NEGATIVE = spec(selector={"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]})
PREFERRED = {"weight": 1, "preference": {"matchExpressions": [{"key": "ssd", "operator": "Exists"}]}}
PREFERS = pod(
    nodeSelector=None,
    affinity={"nodeAffinity": {REQUIRED: None, "preferredDuringSchedulingIgnoredDuringExecution": [PREFERRED]}},
)
COMPANION = {"labelSelector": {"matchLabels": {"app": "companion"}}, "topologyKey": "kubernetes.io/hostname"}

Change = dict[str, Any] | list[dict[str, Any]]
#: rule: (what triggers it, what is just right). A list is a whole input, an object a change of the sound DaemonSet.
CASES: dict[str, tuple[Change, Change]] = {
    "api-version": ({"apiVersion": "extensions/v1beta1"}, {}),
    "name": ({"metadata": {"name": "Agent_1"}}, {"metadata": {"name": "agent.eu-1"}}),
    "selector-missing": (spec(selector={"matchLabels": None}), {}),
    "selector-mismatch": (spec(selector={"matchLabels": {"app": "other"}}), spec(template={"metadata": {"labels": {"more": "x"}}})),
    "no-containers": (pod(containers=[]), {}),
    "restart-policy": (pod(restartPolicy="OnFailure"), pod(restartPolicy="Always")),
    "negative-number": (spec(minReadySeconds=-1), spec(minReadySeconds=0)),
    "unknown-field": (spec(replicas=3), spec(revisionHistoryLimit=3)),
    "strategy-unknown": (spec(updateStrategy={"type": "Recreate", "rollingUpdate": None}), spec(updateStrategy={"type": "RollingUpdate"})),
    "budget-invalid": (rolling("150%"), rolling("9%")),
    "surge-and-unavailable": (rolling(None, 1), rolling(0, 1)),
    "budget-zero": (rolling(0), rolling("1%")),
    "on-delete": (spec(updateStrategy={"type": "OnDelete", "rollingUpdate": None}), rolling(1)),
    "on-delete-with-budget": (spec(updateStrategy={"type": "OnDelete"}), rolling(1)),
    "budget-whole-cluster": (rolling("100%"), rolling("9%")),
    "budget-grows": (rolling("10%"), rolling("9%")),
    "no-readiness": (container(readinessProbe=None), both(container(readinessProbe=None), spec(minReadySeconds=10))),
    "surge-host-port": (both(rolling(0, 1), container(**PORT)), both(rolling(0, 1), container(**PLAIN_PORT))),
    "surge-host-network": (both(rolling(0, 1), pod(hostNetwork=True)), pod(hostNetwork=True)),
    "surge-self-anti-affinity": (both(rolling(0, 1), repels("kubernetes.io/hostname")), repels("kubernetes.io/hostname")),
    "surge-min-ready": (both(rolling(0, 1), spec(minReadySeconds=10)), spec(minReadySeconds=10)),
    "no-history": (spec(revisionHistoryLimit=0), spec(revisionHistoryLimit=1)),
    "taint-not-tolerated": (pod(tolerations=POOLS), pod(tolerations=[*POOLS, {"key": CONTROL_PLANE, "operator": "Exists"}])),
    "tolerates-everything": (
        pod(affinity=None),
        pod(
            affinity={
                "nodeAffinity": {
                    REQUIRED: {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["fargate"]}]}
                        ]
                    }
                }
            }
        ),
    ),
    "noschedule-without-noexecute": (
        pod(tolerations=[{"operator": "Exists", "effect": "NoSchedule"}]),
        pod(tolerations=[{"operator": "Exists", "effect": "NoSchedule"}, {"operator": "Exists", "effect": "NoExecute"}]),
    ),
    "master-alone": (
        pod(tolerations=[*POOLS, {"key": MASTER, "operator": "Exists"}]),
        pod(tolerations=[*POOLS, {"key": MASTER, "operator": "Exists"}, {"key": CONTROL_PLANE, "operator": "Exists"}]),
    ),
    "toleration-value": (
        pod(tolerations=[*POOLS, {"key": CONTROL_PLANE, "value": "true"}]),
        pod(tolerations=[*POOLS, {"key": CONTROL_PLANE}]),
    ),
    "critical-addons-only": (
        pod(tolerations=[{"key": "CriticalAddonsOnly", "operator": "Exists"}]),
        pod(tolerations=[*POOLS, {"key": CONTROL_PLANE}, {"key": "CriticalAddonsOnly", "operator": "Exists"}]),
    ),
    "network-not-ready": (
        both(host_path("/etc/cni/net.d"), pod(tolerations=[*POOLS, {"key": CONTROL_PLANE}])),
        both(
            host_path("/etc/cni/net.d"),
            pod(tolerations=[*POOLS, {"key": CONTROL_PLANE}, {"key": "node.kubernetes.io/not-ready", "operator": "Exists"}]),
        ),
    ),
    "no-os": (pod(nodeSelector=None), pod(nodeSelector={"kubernetes.io/os": "windows"})),
    "no-node-wanted": (pod(nodeSelector={"disktype": "ssd"}), pod(nodeSelector={"nvidia.com/gpu.present": "true"})),
    "node-name": (pod(nodeName="workers-a-1"), {}),
    "preferred-only": (
        both(PREFERS, pod(tolerations=[*POOLS, {"key": CONTROL_PLANE}])),
        pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [PREFERRED]}}),
    ),
    "self-anti-affinity": (repels("topology.kubernetes.io/zone"), repels("kubernetes.io/hostname")),
    "needs-other-pods": (
        pod(affinity={"podAffinity": {REQUIRED: [COMPANION]}}),
        pod(affinity={"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": COMPANION}]}}),
    ),
    "selector-overlap": (beside(other(label="agent")), beside(other(label="other"))),
    "selector-version": (LABELLED, spec(template={"metadata": {"labels": {"helm.sh/chart": "agent-1.2.3"}}})),
    "selector-negative": (NEGATIVE, HALF_NEGATIVE),
    "disruption-budget": (beside(budget(maxUnavailable=1)), beside(budget(minAvailable=1))),
    "docker-directory": (host_path("/var/lib/docker/containers"), host_path("/var/lib/dockershim")),
    "host-port-shared": (
        [changed(container(**PORT)), other(containers=[PORT])],
        [changed(container(**PORT)), other(containers=[{"ports": [{"containerPort": 9100, "hostPort": 9100, "protocol": "UDP"}]}])],
    ),
    "pod-security": ([ENFORCED, changed(host_path("/var/log"))], [NAMESPACE, changed(host_path("/var/log"))]),
    "image-without-tag": (
        container(image="registry.example:5000/agent"),
        container(image="registry.example:5000/agent@sha256:" + "0" * 64),
    ),
    "no-requests": (container(resources=None), container(resources={"requests": None, "limits": {"memory": "16Mi"}})),
    "no-priority": (pod(priorityClassName=None), pod(priorityClassName="own")),
    "grace-shorter-than-pre-stop": (container(**SLEEP), both(container(**SLEEP), pod(terminationGracePeriodSeconds=60))),
    "grace-long": (pod(terminationGracePeriodSeconds=3600), pod(terminationGracePeriodSeconds=300)),
}
#: What some triggers set off besides, because it follows.
ALSO: dict[str, set[str]] = {
    "selector-mismatch": set(),
    "on-delete-with-budget": {"on-delete"},
    "node-name": set(),
    "tolerates-everything": set(),
    "master-alone": {"taint-not-tolerated"},
    "toleration-value": {"taint-not-tolerated"},
    "critical-addons-only": {"taint-not-tolerated"},
    "preferred-only": {"no-os"},
}


def written(change: Change, folder: Path) -> Path:
    """The case as a file."""
    objects = change if isinstance(change, list) else [changed(change)]
    file = folder / "case.yaml"
    file.write_text(yaml.safe_dump_all(objects, sort_keys=False))
    return file


def read(change: Change, folder: Path) -> Input:
    return gathered([str(written(change, folder))])


def result(change: Change, folder: Path, nodes: Nodes | None = None) -> Result:
    return check(read(change, folder), nodes or default())


def found(change: Change, folder: Path, nodes: Nodes | None = None) -> list[Advice]:
    return [each for checked in result(change, folder, nodes).checked for each in checked.advice]
