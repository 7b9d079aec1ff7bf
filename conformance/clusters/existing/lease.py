"""One run at a time on a cluster: a Lease in a namespace of the suite's own, renewed while the run lives.

A Lease that was not renewed for its whole duration is that of a dead run, and so is one whose process is known to have ended (it ran on
this machine). All times are the API server's, so that machines whose clocks differ cannot take each other for dead.
"""

from __future__ import annotations

import contextlib
import datetime
import getpass
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.clusters import waiting
from conformance.clusters.existing.holding import DURATION, NAME, Holding, is_of
from conformance.clusters.existing.owning import HOME, labels, namespace
from conformance.errors import ApiError, UsageError
from conformance.kube.api import Api
from conformance.kube.resources import path

PROCESS = "conformance.daemonset/process"
_GONE_LIMIT = 120.0


class RunLease(Holding):
    """The right to use the cluster. `dead` is the id of the run it was taken over from, if there was one."""

    def __init__(self, api: Api, run: str) -> None:
        super().__init__(api, run)
        self.dead = ""
        self._ahead = datetime.timedelta()

    def acquire(self) -> None:
        """Take the Lease; UsageError says who holds it and since when."""
        self._home()
        now = self._now()
        spec = {"holderIdentity": holder(), "leaseDurationSeconds": DURATION, "acquireTime": _text(now), "renewTime": _text(now)}
        meta = {"name": NAME, "namespace": HOME, "labels": labels(self.run), "annotations": {PROCESS: process()}}
        body: dict[str, Any] = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
        try:
            self._api.create(path("leases", HOME), body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            self._take_over(body)
        self.start()

    def release(self) -> bool:
        """Stop renewing and delete the Lease, if it is still this run's; says whether it was."""
        self.stop()
        with contextlib.suppress(ApiError):
            found = self._api.get(path("leases", HOME, NAME))
            if is_of(found, self.run):
                guard = {key: found["metadata"][key] for key in ("uid", "resourceVersion")}
                self._api.delete(path("leases", HOME, NAME), {"preconditions": guard})
                return True
        return False

    def _home(self) -> None:
        """Have the namespace. One that a run has just given up is on its way out: wait for that."""
        home = namespace(HOME, labels(self.run))
        # The creation that is not carried out tells what time it is at the server.
        probe = self._api.create(path("namespaces"), {"metadata": {"generateName": f"{HOME}-"}}, dryRun="All")
        self._ahead = _time(probe["metadata"]["creationTimestamp"]) - datetime.datetime.now(datetime.UTC)
        end = time.monotonic() + _GONE_LIMIT
        while True:
            with contextlib.suppress(ApiError):
                found = self._api.get(path("namespaces", name=HOME))
                if "deletionTimestamp" not in found["metadata"]:
                    return
                waiting.until(
                    self._api,
                    path("namespaces"),
                    lambda objects: HOME not in objects or "deletionTimestamp" not in objects[HOME]["metadata"],
                    within=max(1.0, end - time.monotonic()),
                    what=f"The end of the namespace {HOME}, which the run before gave up,",
                )
            try:
                self._api.create(path("namespaces"), home)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
            else:
                return

    def _take_over(self, body: dict[str, Any]) -> None:
        found = self._api.get(path("leases", HOME, NAME))
        if not self._dead(found):
            spec = found["spec"]
            raise UsageError(
                f"Another run is active on this cluster: {spec.get('holderIdentity')}, since {spec.get('acquireTime')} (last sign of life "
                f"{spec['renewTime']}). Wait until it ends, or end it; if it was killed, its claim lapses "
                f"{DURATION} s after its last sign of life."
            )
        self.dead = (found["metadata"].get("labels") or {}).get(next(iter(labels(""))), "")
        body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        try:
            self._api.replace(path("leases", HOME, NAME), body)
        except ApiError as error:
            if error.reason not in ("Conflict", "NotFound"):
                raise
            raise UsageError("Another run has just taken this cluster over. Wait until it ends.") from None

    def _dead(self, found: Mapping[str, Any]) -> bool:
        mine, theirs = process().split("/"), str((found["metadata"].get("annotations") or {}).get(PROCESS, "")).split("/")
        if len(mine) == len(theirs) and mine[:2] == theirs[:2] and theirs[3] != started(theirs[2]):
            return True
        # One that says nothing holds nothing; how long it may be silent is the suite's own business, whatever stands there.
        renewed = (found.get("spec") or {}).get("renewTime")
        return not renewed or self._now() - _time(renewed) > datetime.timedelta(seconds=DURATION)

    def _now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + self._ahead

    def _renewed(self, found: dict[str, Any]) -> bool:
        found["spec"]["renewTime"] = _text(self._now())
        self._api.replace(path("leases", HOME, NAME), found)
        return True


def holder() -> str:
    """Who holds a Lease, for people: host, process, user."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        user = f"uid {os.getuid()}"
    return f"{socket.gethostname()}, pid {os.getpid()}, {user}"


def process() -> str:
    """This process, so that another one can tell whether it has ended: boot, PID namespace, PID, start time."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot = namespace = ""
    return f"{boot}/{namespace}/{os.getpid()}/{started(str(os.getpid()))}" if boot else ""


def started(pid: str) -> str:
    """When a process of this machine started, as the kernel counts it; empty if there is none."""
    try:
        # Field 22; the second one is the name, which may hold anything but ends with the last parenthesis.
        return Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, ValueError):
        return ""


def _text(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
