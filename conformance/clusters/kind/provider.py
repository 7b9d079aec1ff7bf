"""Starting a kind cluster."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from conformance.clusters import waiting
from conformance.clusters.kind import configuration, owners
from conformance.clusters.kind.cluster import CAPABILITIES, LACKING, KindCluster
from conformance.clusters.kind.driver import Driver
from conformance.clusters.kind.machines import ControlPlane, Machine, Yard, each, node_names
from conformance.clusters.kind.nodes import GONE_LIMIT, clear_pods
from conformance.clusters.nodes import settled
from conformance.clusters.protocol import Capability, Facts
from conformance.components import build, images
from conformance.components.engine import usable
from conformance.components.engine.docker import Docker
from conformance.components.images import published
from conformance.components.progress import Printer
from conformance.components.versions import Minor, resolve
from conformance.errors import ApiError, ClusterError, UsageError
from conformance.kube.api import Api
from conformance.kube.resources import path

#: Seconds for the nodes of a new cluster to be Ready, once kind is done.
READY_LIMIT = 180.0


def most_nodes() -> int:
    """How many real nodes this machine takes at once."""
    return max(4, 3 * (os.cpu_count() or 1))


class KindProvider:
    """Starts kind clusters of one Kubernetes minor.

    `image` is a node image to take instead of building one (`published`: the one that kind publishes for this minor); `kind` a kind program
    instead of the pinned one. `workers` are made in the beginning, more of them when a scenario needs them; `side_by_side` clusters like
    this one run at once. kind writes into `kubeconfig`, if one is given. `keep` is the folder for logs that are to be kept. `time_scale`
    multiplies the limits of waits, kubeadm's among them.
    """

    name = "kind"

    def __init__(
        self,
        minor: Minor | str,
        run_dir: Path,
        *,
        kubectl: Path,
        workers: int = 2,
        side_by_side: int = 1,
        image: str = "",
        kind: Path | None = None,
        kubeconfig: Path | None = None,
        cluster_name: str = "",
        overrides: Mapping[str, Path] | None = None,
        keep: Path | None = None,
        time_scale: float = 1.0,
    ) -> None:
        self.minor = minor if isinstance(minor, Minor) else resolve(minor)
        self._run_dir = run_dir
        self._kubectl = kubectl
        self._workers = max(1, min(workers, most_nodes()))
        self._side_by_side = side_by_side
        self._image = image
        self._kind = kind
        self._kubeconfig = kubeconfig
        self._cluster_name = cluster_name
        self._overrides = dict(overrides or {})
        self._keep = keep
        self._time_scale = time_scale

    def prepare(self) -> configuration.Images:
        """Check Docker, remove what dead runs left, and have kind and node images; returns their names.

        UsageError names what is in the way of Docker and the fix.
        """
        docker = Docker(time_scale=self._time_scale)
        engine = usable.check(docker, nodes=self._side_by_side * (self._workers + 1))
        owners.sweep(self._run_dir, docker)
        self._kind = self._kind or build.ensure(["kind"], overrides=self._overrides)["kind"]
        if not self._image:
            made = images.ensure(self.minor, docker=docker, cgroups_v1=engine.cgroups_v1, overrides=self._overrides)
            return configuration.Images(made.name, made.worker, own=True)
        theirs = published.ensure(self._image, minor=self.minor, docker=docker, progress=Printer())
        return configuration.Images(theirs, theirs, own=False)

    def open(self) -> KindCluster:
        """Create a cluster; returns when all its nodes have been Ready, and wait to join."""
        made = self.prepare()
        docker = Docker(time_scale=self._time_scale)
        engine = usable.reach(docker)
        if self._cluster_name and node_names(docker, self._cluster_name):
            raise UsageError(
                f"There is a kind cluster called {self._cluster_name} already, and it may be anybody's. Take another --cluster-name, "
                f"or remove it: `kind delete cluster --name {self._cluster_name}`."
            )
        owners.ensure_network(docker)
        owner = owners.create(self._run_dir)
        name = self._cluster_name or f"dsc-{secrets.token_hex(3)}"
        assert self._kind is not None
        driver = Driver(name, owner.run, kind=self._kind, kubectl=self._kubectl, kubeconfig=self._kubeconfig)
        try:
            configuration.prepare(owner.run)
            config = configuration.cluster(
                name,
                workers=self._workers,
                run=owner.run,
                cgroups_v1=engine.cgroups_v1,
                images=made,
                time_scale=self._time_scale,
            )
            file = owner.run / "kind.json"
            file.write_text(json.dumps(config))
            driver.create(file)
            return self._ready(docker, driver, owner, name)
        except BaseException:
            with contextlib.suppress(ClusterError):
                driver.delete()
            owners.remove(docker, owner.run)
            owners.remove_network(docker)
            owner.release()
            raise

    def _ready(self, docker: Docker, driver: Driver, owner: owners.Owner, name: str) -> KindCluster:
        roles = node_names(docker, name)
        [control_plane] = roles["control-plane"]
        yard = Yard(docker, name, ControlPlane(docker, control_plane, 0), roles["worker"])
        each(Machine.connect, [yard.control_plane, *yard.machines])
        api = Api.connect(driver.kubeconfig, scratch=owner.run)  # the file may lie in the user's own folder
        everybody = {control_plane, *roles["worker"]}
        nodes = waiting.until(
            api,
            path("nodes"),
            lambda objects: everybody <= objects.keys() and all(settled(objects[one]) for one in everybody),
            within=READY_LIMIT * self._time_scale,
            what=f"Readiness of {', '.join(sorted(everybody))}",
        )
        waiting.until(
            api,
            path("serviceaccounts", "default"),
            lambda objects: "default" in objects,
            within=READY_LIMIT * self._time_scale,
            what="The ServiceAccount default, which the controller manager makes,",
        )
        capacity = nodes[roles["worker"][0]]["status"]["capacity"]
        self._park(api, yard)
        audit_log = owner.run / "audit" / "audit.log"
        lacking = dict(LACKING)
        capabilities = CAPABILITIES
        if not os.access(audit_log, os.R_OK):
            lacking[Capability.AUDIT_LOG] = f"{audit_log} is not readable for this user"
            capabilities = capabilities - {Capability.AUDIT_LOG}
        facts = Facts(
            name=name,
            provider=self.name,
            kubernetes=api.version(),
            kubeconfig=driver.kubeconfig,
            capabilities=capabilities,
            max_nodes=most_nodes(),
            lacking=lacking,
            audit_log=audit_log if Capability.AUDIT_LOG in capabilities else None,
            run=owner.run,
            time_scale=self._time_scale,
        )
        return KindCluster(docker, driver, owner, yard, api, facts, capacity, keep=self._keep)

    def _park(self, api: Api, yard: Yard) -> None:
        """Let every node leave, the control plane's too: each scenario finds the cluster empty, and has its nodes join."""
        machines = [yard.control_plane, *yard.machines]
        each(lambda machine: machine.park(), machines)
        for machine in machines:
            with contextlib.suppress(ApiError):
                api.delete(path("nodes", name=machine.name))
        clear_pods(api, within=GONE_LIMIT * self._time_scale)
