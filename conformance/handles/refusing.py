"""What makes the API server refuse pods while a block runs: a ResourceQuota, a ValidatingAdmissionPolicy.

The API server enforces neither when it has stored it, but when its admission plugin has heard of it (a policy: looked again, which it does
once a second). That can be seen by asking only: dry runs of something that has to be refused, one after the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tenacity

from conformance.errors import ApiError, ClusterError, ConformanceError
from conformance.kube.api import Api
from conformance.kube.resources import path, resource_of
from conformance.trace.recorder import Recorder

#: A quota that is gone may be remembered for half a minute (the live look-up of its admission plugin).
LIMIT = 60.0
_STEP = 0.05
QUOTA = "scenario-quota"
#: Counted by the quota beside what it is for, and never made: a dry run of one tells whether this very quota is in force.
_COUNTED = "replicationcontrollers"


@dataclass(frozen=True)
class Refusing:
    """Objects that make the API server refuse something: `asked` is posted to `where` as a dry run, and the refusal holds `says`."""

    name: str
    objects: Sequence[Mapping[str, Any]]
    where: str
    asked: Mapping[str, Any]
    says: str


@contextlib.contextmanager
def in_force(api: Api, recorder: Recorder, what: Refusing, *, limit: float = LIMIT) -> Iterator[None]:
    """Make the objects and wait until they are in force; on leaving delete them and wait until they no longer are.

    ClusterError after `limit` seconds of either. A block that ends by an exception does not wait: nothing comes after it.
    """
    made: list[Mapping[str, Any]] = []
    try:
        for body in what.objects:
            recorder.action("create", _target(body), {key: value for key, value in body.items() if key == "spec"})
            made.append(body)  # it may be there although the answer is lost
            api.create(_collection(body), body)
        _until(lambda: what.says in _refusal(api, what), limit, f"{what.name} was made, and the API server does not enforce it")
        recorder.note(f"{what.name} is in force")
        yield
    except BaseException:
        for body in reversed(made):
            with contextlib.suppress(ConformanceError):
                _delete(api, recorder, [body])
        raise
    _delete(api, recorder, made)
    _until(lambda: what.name not in _refusal(api, what), limit, f"{what.name} is deleted, and the API server goes on enforcing it")
    recorder.note(f"{what.name} is no longer in force")


def quota(namespace: str, hard: Mapping[str, int | str], labels: Mapping[str, str]) -> Refusing:
    """A ResourceQuota of these amounts (`pods`, `requests.cpu` …)."""
    amounts = {**{key: str(value) for key, value in hard.items()}, _COUNTED: "0"}
    meta = {"name": QUOTA, "namespace": namespace, "labels": dict(labels)}
    pod = {"metadata": {"labels": {"app": "asks"}}, "spec": {"containers": [{"name": "asks", "image": "registry.invalid/asks"}]}}
    asked = {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "asks", "namespace": namespace},
        "spec": {"replicas": 0, "selector": {"app": "asks"}, "template": pod},
    }
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": amounts}}
    return Refusing(QUOTA, [body], path(_COUNTED, namespace), asked, f"exceeded quota: {QUOTA}")


def policy(namespace: str, nodes: Iterable[str], labels: Mapping[str, str]) -> Refusing:
    """A ValidatingAdmissionPolicy that refuses new pods of the namespace that are bound to, or aimed at, one of the nodes; none: all."""
    name = f"{namespace}-refuses-pods"  # an object of the whole cluster, and the namespace is the scenario's own
    wanted = sorted(nodes)
    kind = {"apiVersion": "admissionregistration.k8s.io/v1"}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": _elsewhere(wanted) if wanted else "false", "message": f"refused by {name}"}],
    }
    only = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    bound = {"policyName": name, "validationActions": ["Deny"], "matchResources": only}
    meta = {"name": name, "labels": dict(labels)}
    asked = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "asks", "namespace": namespace},
        "spec": {"containers": [{"name": "asks", "image": "registry.invalid/asks"}], **({"nodeName": wanted[0]} if wanted else {})},
    }
    objects = [
        {**kind, "kind": "ValidatingAdmissionPolicy", "metadata": meta, "spec": spec},
        {**kind, "kind": "ValidatingAdmissionPolicyBinding", "metadata": meta, "spec": bound},
    ]
    return Refusing(name, objects, path("pods", namespace), asked, f"refused by {name}")


def _elsewhere(nodes: Sequence[str]) -> str:
    """CEL: the pod is neither bound to one of the nodes nor aimed at it, as the controller aims daemon pods (a field of node affinity)."""
    names = "[" + ", ".join(f"'{name}'" for name in nodes) + "]"
    required = "object.spec.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([])"
    fields = f"{required}.exists(term, term.?matchFields.orValue([]).exists(field, field.operator == 'In' && field.?values.orValue([]).exists(name, name in {names})))"
    return f"!(object.spec.?nodeName.orValue('') in {names}) && !{fields}"


def _refusal(api: Api, what: Refusing) -> str:
    """What the API server says against what is asked for; empty: nothing."""
    try:
        api.create(what.where, what.asked, dryRun="All")
    except ApiError as refused:
        if refused.code not in (400, 403, 409, 422):
            raise
        return refused.text
    return ""


def _delete(api: Api, recorder: Recorder, made: Sequence[Mapping[str, Any]]) -> None:
    for body in reversed(made):
        meta = body["metadata"]
        recorder.action("delete", _target(body))
        try:
            api.delete(path(resource_of(body).name, meta.get("namespace", ""), meta["name"]))
        except ApiError as error:
            if error.code != 404:  # the scenario itself may have deleted it
                raise


def _collection(body: Mapping[str, Any]) -> str:
    return path(resource_of(body).name, body["metadata"].get("namespace", ""))


def _target(body: Mapping[str, Any]) -> str:
    return f"{resource_of(body).name}/{body['metadata']['name']}"


def _until(holds: Callable[[], bool], limit: float, otherwise: str) -> None:
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda held: not held), wait=tenacity.wait_fixed(_STEP), stop=tenacity.stop_after_delay(limit)
    )
    try:
        retrying(holds)
    except tenacity.RetryError:
        raise ClusterError(f"{otherwise} after {limit:g} s; look whether its admission plugin is switched on") from None
