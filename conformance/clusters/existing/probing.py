"""What can be done with a cluster that is not ours: who we are there, what we may do, and which of its nodes can be borrowed."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance.clusters.existing import owning, undo
from conformance.clusters.existing.kubeconfig import Target
from conformance.clusters.nodes import settled
from conformance.clusters.protocol import Capability
from conformance.errors import ApiError, ClusterError, UsageError
from conformance.kube.api import Api, NotAnApiServer
from conformance.kube.resources import path

ROLES = Path(__file__).with_name("rbac.yaml")
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_PARALLEL = 8
#: Container runtimes whose kubelets are real; simulated ones name something else.
_RUNTIMES = ("containerd://", "cri-o://", "docker://")

ALWAYS_LACKING = {
    Capability.JOIN_NODE: "machines cannot be added to somebody else's cluster",
    Capability.LEAVE_NODE: "somebody else's nodes are not taken out of their cluster",
    Capability.NODE_READINESS: "somebody else's kubelets are left alone",
    Capability.SILENT_NODE: "somebody else's kubelets are left alone",
    Capability.COMPONENT_CONTROL: "somebody else's control plane is left alone",
    Capability.POD_PHASE: "a real kubelet decides the phase and the readiness of its pods; it cannot be told to report another one",
    Capability.NODE_RESTART: "somebody else's nodes are not restarted",
    Capability.NODE_PRESSURE: "somebody else's kubelets are left alone",
    Capability.NODE_ISOLATION: "somebody else's nodes are not cut off",
    Capability.STATIC_POD: "somebody else's kubelets are given no files",
    Capability.ADMISSION_POLICY: "a policy is an object of the whole cluster; somebody else's API server is not told to refuse anything",
    Capability.KUBEADM: "how its control-plane nodes were marked is not known",
    Capability.AUDIT_LOG: "the audit log of an existing cluster is not readable for the suite; who wrote what stays unknown",
}


@contextlib.contextmanager
def understood(target: Target) -> Iterator[None]:
    """Turn what the API server (or nobody) answers into one paragraph that names cause and fix."""
    try:
        yield
    except NotAnApiServer as error:
        raise _no_api_server(target, str(error)) from error
    except ClusterError as error:
        said = str(error).rstrip(".")
        raise UsageError(f"The API server of {target} cannot be used: {said}, or choose another with --kubeconfig or --context.") from error
    except ApiError as error:
        if error.code == 401:
            raise UsageError(
                f"The API server of {target} does not accept the credentials: {error}. They are wrong or have expired; log in again, "
                f"and see for yourself with `kubectl --context {target.context} auth whoami`."
            ) from error
        if error.code == 403:
            raise UsageError(f"Missing permission in {target}: {error}. Ask for the roles of {ROLES}.") from error
        if not error.reason:  # a Status, which is what an API server says no with, has one
            raise _no_api_server(target, f"it answers {error.code} ({error.text})") from error
        raise


def _no_api_server(target: Target, said: str) -> UsageError:
    return UsageError(
        f"What {target} names as its server, {target.server}, does not answer like an API server: {said}. Correct `server` in the "
        "kubeconfig, or look what stands between: a proxy, a login page."
    )


def user(api: Api) -> str:
    """Who the credentials stand for."""
    review = api.create(WHOAMI, {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    return str(review["status"]["userInfo"].get("username", ""))


def missing(api: Api, role: str) -> list[str]:
    """What of the role in rbac.yaml the user may not do, as `verb resource`."""
    asked = list(_permissions(role))
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="review") as pool:
        allowed = list(pool.map(lambda permission: _may(api, *permission), asked))
    refused = [permission for permission, may in zip(asked, allowed, strict=True) if not may]
    return [f"{verb} {resource}{f'.{group}' if group else ''}" for group, resource, verb in refused]


def refusal(target: Target, name: str, lacking: Iterable[str]) -> UsageError:
    """What to say when permissions are missing that everything needs, with the commands that give them."""
    account = name.removeprefix("system:serviceaccount:")
    subject = f"--serviceaccount={account}" if account != name else f"--user={name}"
    return UsageError(
        f"{name or 'The user'} lacks permissions in {target} that every scenario needs: {', '.join(lacking)}. Let an administrator run "
        f"`kubectl apply -f {ROLES}` and "
        f"`kubectl create clusterrolebinding daemonset-conformance --clusterrole=daemonset-conformance {subject}`."
    )


def _permissions(role: str) -> Iterator[tuple[str, str, str]]:
    [body] = [one for one in yaml.safe_load_all(ROLES.read_text(encoding="utf-8")) if one["metadata"]["name"] == role]
    for rule in body["rules"]:
        yield from itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])


def _may(api: Api, group: str, resource: str, verb: str) -> bool:
    name, _, subresource = resource.partition("/")
    attributes = {"group": group, "resource": name, "subresource": subresource, "verb": verb}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
    return bool(api.create(REVIEW, review)["status"].get("allowed"))


@dataclass(frozen=True)
class Yard:
    """The nodes that can be borrowed, those first that may be changed, and why the others cannot be.

    `changeable` is how many of them, from the first on, run nothing of others but daemons.
    """

    names: tuple[str, ...]
    changeable: int
    real: bool
    unfit: Mapping[str, str]


def yard(api: Api, *, only: Collection[str] = ()) -> Yard:
    """Look which nodes can be borrowed; with `only`, among these, which are then taken for free to be changed.

    UsageError if one of `only` is not there or unfit.
    """
    nodes = {node["metadata"]["name"]: node for node in api.list(path("nodes"))["items"]}
    if absent := [name for name in only if name not in nodes]:
        raise UsageError(f"--on-node {', '.join(absent)}: there is no such node. There are: {', '.join(sorted(nodes)) or 'none'}.")
    unfit = {name: why for name, node in nodes.items() if (why := unfitness(node))}
    if only and (bad := [f"{name} {unfit[name]}" for name in only if name in unfit]):
        raise UsageError(f"--on-node: {'; '.join(bad)}. Mend that, or take other nodes.")
    fit = sorted(name for name in nodes if name not in unfit and (not only or name in only))
    mine = {item["metadata"]["name"] for item in owning.namespaces(api)}
    busy = set() if only else {pod["spec"]["nodeName"] for pod in api.list(path("pods"))["items"] if occupies(pod, mine)}
    names = [*(name for name in fit if name not in busy), *(name for name in fit if name in busy)]
    runtimes = [nodes[name]["status"]["nodeInfo"].get("containerRuntimeVersion", "") for name in names]
    real = bool(names) and all(runtime.startswith(_RUNTIMES) for runtime in runtimes)
    return Yard(tuple(names), sum(name not in busy for name in names), real, unfit)


def unfitness(node: Mapping[str, Any]) -> str:
    """Why a node cannot be borrowed; empty if it can."""
    meta, spec = node["metadata"], node["spec"]
    if "deletionTimestamp" in meta:
        return "is being deleted"
    if not settled(node):
        return "is not Ready"
    if spec.get("unschedulable"):
        return "is cordoned"
    if taint := next((taint for taint in spec.get("taints") or () if taint["effect"] in ("NoSchedule", "NoExecute")), None):
        return f"has the taint {taint['key']}:{taint['effect']}"
    if (meta.get("labels") or {}).get("kubernetes.io/os", "linux") != "linux":
        return "does not run Linux"
    return f"has the annotation {undo.ANNOTATION}" if undo.pending(node) else ""


def occupies(pod: Mapping[str, Any], mine: Collection[str]) -> bool:
    """Whether a pod would suffer if its node were changed: neither a daemon's nor a static one, nor the suite's own, and not ended."""
    meta = pod["metadata"]
    if not pod["spec"].get("nodeName") or meta["namespace"] in mine or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return False
    owners = [owner["kind"] for owner in meta.get("ownerReferences") or () if owner.get("controller")]
    return not (owners == ["DaemonSet"] or "kubernetes.io/config.mirror" in (meta.get("annotations") or {}))


def capabilities(nodes: Yard, *, disruption: bool, refused: Collection[str]) -> tuple[frozenset[Capability], dict[Capability, str]]:
    """What the cluster can do for scenarios, and why not the rest; `refused` is what RBAC keeps from changing nodes."""
    lacking = dict(ALWAYS_LACKING)
    if not disruption:
        lacking[Capability.CHANGE_NODE] = "no node is changed without --allow-disruption"
    elif refused:
        lacking[Capability.CHANGE_NODE] = f"the user may not {', '.join(refused)}"
    elif not nodes.changeable:
        lacking[Capability.CHANGE_NODE] = "every node runs pods of others, which would suffer; --on-node names nodes where they may"
    if not nodes.real:
        for capability in (Capability.REAL_KUBELET, Capability.POD_TIMING):
            lacking[capability] = "its kubelets are simulated" if nodes.names else "no node can be borrowed"
    return frozenset(Capability) - lacking.keys(), lacking
