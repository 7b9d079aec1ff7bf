"""What a run makes in a cluster carries its label, and all of it can be found and removed by that, also when the run was killed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from conformance.clusters import waiting
from conformance.errors import ApiError
from conformance.kube.api import Api
from conformance.kube.resources import path

#: The namespace of the Lease. Each scenario has a namespace of its own besides.
HOME = "daemonset-conformance"
MANAGED = {"app.kubernetes.io/managed-by": "daemonset-conformance"}
RUN = "conformance.daemonset/run"
NAMED = "conformance.daemonset/namespace"
#: Seconds for namespaces to go, with all that is in them.
GONE_LIMIT = 120.0


def labels(run: str) -> dict[str, str]:
    """The labels of what a run makes."""
    return {RUN: run, **MANAGED}


def namespace(name: str, more: Mapping[str, str]) -> dict[str, Any]:
    """A namespace of the suite's own with these labels. It names itself, so that labels that were copied elsewhere prove nothing."""
    return {"metadata": {"name": name, "labels": dict(more), "annotations": {NAMED: name}}}


def ours(found: Mapping[str, Any]) -> bool:
    """Whether a namespace was made by this suite."""
    meta = found["metadata"]
    there = meta.get("labels") or {}
    return MANAGED.items() <= there.items() and RUN in there and (meta.get("annotations") or {}).get(NAMED) == meta["name"]


def namespaces(api: Api, run: str = "") -> list[dict[str, Any]]:
    """The namespaces that this run (any, without one) has made; the one of the Lease is not among them."""
    items = api.list(path("namespaces"), labelSelector=selector(run))["items"]
    return [item for item in items if ours(item) and item["metadata"]["name"] != HOME]


def sweep(api: Api, *, of: str = "") -> list[str]:
    """Remove the namespaces of one run (of all without any), and wait until they are gone; says what was done.

    Only for the holder of the Lease: it does not ask whether the run is alive. The namespace of the Lease stays.
    """
    done = []
    found = namespaces(api, of)
    for item in found:
        name = item["metadata"]["name"]
        _release_pods(api, name)
        with contextlib.suppress(ApiError):
            api.delete(path("namespaces", name=name), {"preconditions": {"uid": item["metadata"]["uid"]}})
            done.append(f"namespace {name}")
    if found:
        gone(api, [item["metadata"]["name"] for item in found])
    return done


def gone(api: Api, names: list[str]) -> None:
    """Wait until the namespaces are gone; ClusterError if they do not go."""
    waiting.until(
        api,
        path("namespaces"),
        lambda objects: not objects.keys() & set(names),
        within=GONE_LIMIT,
        what=f"The end of the namespace{'s' if len(names) > 1 else ''} {', '.join(sorted(names))}",
    )


def give_up_home(api: Api) -> None:
    """Remove the namespace of the Lease; what the user keeps in it besides would go too, so it must be the suite's own."""
    with contextlib.suppress(ApiError):
        home = api.get(path("namespaces", name=HOME))
        if ours(home):
            api.delete(path("namespaces", name=HOME), {"preconditions": {"uid": home["metadata"]["uid"]}})
            gone(api, [HOME])


def selector(run: str = "") -> str:
    """The label selector for what a run, or any, has made."""
    managed = ",".join(f"{key}={value}" for key, value in MANAGED.items())
    return f"{managed},{RUN}={run}" if run else f"{managed},{RUN}"


def _release_pods(api: Api, namespace: str) -> None:
    """A finalizer that a scenario put on a pod would hold the namespace for ever."""
    for pod in api.list(path("pods", namespace))["items"]:
        meta = pod["metadata"]
        if meta.get("finalizers"):
            with contextlib.suppress(ApiError):
                api.patch(path("pods", namespace, meta["name"]), {"metadata": {"finalizers": None}})
