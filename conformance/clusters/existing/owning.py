"""What a run makes in a cluster carries its label, and all of it can be found and removed by that, also when the run was killed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from conformance.clusters import waiting
from conformance.clusters.existing import undo
from conformance.errors import ApiError
from conformance.kube.api import Api
from conformance.kube.resources import path

#: The namespace of the Lease. Each scenario has a namespace of its own besides.
HOME = "daemonset-conformance"
MANAGED = {"app.kubernetes.io/managed-by": "daemonset-conformance"}
RUN = "conformance.daemonset/run"
#: Seconds for namespaces to go, with all that is in them.
GONE_LIMIT = 120.0


def labels(run: str) -> dict[str, str]:
    """The labels of what a run makes."""
    return {RUN: run, **MANAGED}


def sweep(api: Api, *, of: str = "", nodes: bool = True) -> list[str]:
    """Put changed nodes back (with `nodes`), remove the namespaces of one run (of all without any), and wait until they are gone.

    Says what was done. Only for the holder of the Lease: it does not ask whether the run is alive. The namespace of the Lease stays.
    """
    done = put_back(api) if nodes else []
    wanted = selector(of)
    names = [item["metadata"]["name"] for item in api.list(path("namespaces"), labelSelector=wanted)["items"]]
    names = [name for name in names if name != HOME]
    for name in names:
        _release_pods(api, name)
        with contextlib.suppress(ApiError):
            api.delete(path("namespaces", name=name))
            done.append(f"namespace {name}")
    if names:
        gone(api, names)
    return done


def put_back(api: Api, nodes: set[str] | None = None) -> list[str]:
    """Undo what was changed on these nodes (on all of them without any)."""
    done = []
    for node in api.list(path("nodes"))["items"]:
        name = node["metadata"]["name"]
        if undo.pending(node) and (nodes is None or name in nodes):
            _undo(api, node)
            done.append(f"changes of node {name}")
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
        if MANAGED.items() <= (home["metadata"].get("labels") or {}).items():
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


def _undo(api: Api, node: Mapping[str, Any]) -> None:
    where = path("nodes", name=node["metadata"]["name"])
    while True:
        try:
            api.patch(where, undo.undone(node))
        except ApiError as error:
            if error.code == 404:
                return
            if error.reason != "Conflict":
                raise
            node = api.get(where)
        else:
            return
