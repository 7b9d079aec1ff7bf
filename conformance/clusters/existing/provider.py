"""Using a cluster that is there: reach it, look what it is, take the Lease, and leave no trace at the end."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conformance.clusters.existing import login, owning, probing, records
from conformance.clusters.existing.cluster import ExistingCluster
from conformance.clusters.existing.kubeconfig import Target
from conformance.clusters.existing.lease import RunLease
from conformance.clusters.protocol import Capability, Facts
from conformance.components.versions import MINORS, Minor
from conformance.errors import LeaseLost, UsageError
from conformance.kube.api import Api

#: Seconds in which a server that does not answer is asked again: the first question decides whether there is a cluster at all.
PATIENCE = 3.0


@dataclass(frozen=True)
class Reached:
    """A cluster that answers and knows us. `minor` is the one whose kubectl fits; `note` says if that is not the server's own."""

    target: Target
    kubeconfig: Path
    user: str
    kubernetes: str
    minor: Minor
    note: str = ""


@dataclass(frozen=True)
class Terms:
    """What the user allows: nodes may be changed; nodes to keep to; where images come from; how much longer waits for nodes may take."""

    disruption: bool = False
    only: Sequence[str] = ()
    images: str = ""
    time_scale: float = 1.0


def reach(target: Target, kubeconfig: Path) -> Reached:
    """Ask the server for its version and who we are; UsageError names what is in the way and the fix."""
    with probing.understood(target), contextlib.closing(connect(target, kubeconfig, patience=PATIENCE)) as api:
        if api.anonymous:
            raise login.failed(target)
        user = probing.user(api)
        version = api.version()
        minor, note = nearest(version)
        return Reached(target, kubeconfig, user, version, minor, note)


def connect(target: Target, kubeconfig: Path, *, patience: float = 15.0) -> Api:
    """The API with the private copy of the kubeconfig; messages name the user's own."""
    return Api.connect(kubeconfig, patience=patience, source=target.files)


def nearest(version: str) -> tuple[Minor, str]:
    """The pinned minor of a server's version, or the nearest one and a note."""
    # The whole of it: it is printed, and goes into reports.
    found = re.fullmatch(r"v?(\d{1,4})\.(\d{1,4})(\.\d+)?([-+.][0-9A-Za-z.+~_-]+)?", version)
    if found is None:
        raise UsageError(f"The API server says that its version is {version!r}, which is not a version of Kubernetes.")
    minor = f"{found[1]}.{found[2]}"
    if minor in MINORS:
        return MINORS[minor], ""
    closest = min(MINORS, key=lambda known: (abs(int(known.split(".")[1]) - int(found[2])), known))
    return MINORS[closest], (
        f"Kubernetes {version} is not among the versions that this suite knows ({', '.join(MINORS)}): kubectl and expectations are those "
        f"of {closest}, so what differs between the two looks like a deviation."
    )


class Session:
    """One run on one cluster, held by the process that controls it: its Lease and its end."""

    def __init__(self, reached: Reached, terms: Terms) -> None:
        self.run = secrets.token_hex(4)
        self.reached = reached
        self._api = connect(reached.target, reached.kubeconfig)
        self._lease = RunLease(self._api, self.run)
        self._terms = terms
        self._held = False
        #: node -> why it cannot be borrowed, as it was in the beginning
        self.unfit: Mapping[str, str] = {}
        #: node -> why changes that are noted on it are left as they are
        self.left: Mapping[str, str] = {}

    def begin(self) -> list[str]:
        """Check the permissions, take the Lease, and remove what dead runs left; says what was removed. UsageError names cause and fix."""
        target = self.reached.target
        with probing.understood(target):
            if lacking := probing.missing(self._api, "daemonset-conformance"):
                raise probing.refusal(target, self.reached.user, lacking)
            if self._terms.only:
                probing.yard(self._api, only=self._terms.only)
            self._lease.acquire()
            self._held = True
            removed = [*self._put_back(), *owning.sweep(self._api)]
            self.unfit = probing.yard(self._api, only=self._terms.only).unfit
            return removed

    def _put_back(self) -> list[str]:
        """Take back what dead runs changed on nodes, if nodes may be changed; what is left as it is stands in `left`."""
        if not self._terms.disruption:
            self.left = {
                name: why or "a run that died has changed it; with --allow-disruption the next run, or `conformance clean`, puts it back"
                for name, why in records.outstanding(self._api).items()
            }
            return []
        came = records.put_back(self._api)
        self.left = came.left
        return came.done

    def check(self) -> None:
        """Raise LeaseLost if the Lease is lost."""
        self._lease.check()

    def lost(self) -> str:
        """Why the Lease is not the run's any more, also if nobody has noticed yet; empty if it is."""
        if not self._held:
            return ""
        try:
            self._lease.check()
        except LeaseLost as lost:
            return str(lost)
        return (
            "" if self._lease.held() else "The Lease of this run is not its own any more: another run may have used the cluster meanwhile."
        )

    def end(self, *, keep: bool = False) -> None:
        """Remove all that the run made, and give up the Lease; with `keep` only the latter. Calling it again changes nothing."""
        if not self._held:
            self._api.close()
            return
        self._held = False
        try:
            if not keep:
                # Without the Lease, changes of nodes may be another run's by now.
                if self._terms.disruption and self._lease.held():
                    records.put_back(self._api)
                owning.sweep(self._api, of=self.run)
        finally:
            # The records of what is still to be taken back stand in that namespace.
            if self._lease.release() and not keep and all(records.outstanding(self._api).values()):
                owning.give_up_home(self._api)
            self._api.close()


@dataclass
class ExistingProvider:
    """Connects one process of a run with the cluster. Where nodes may be changed, processes divide them: this is `index` of `count`."""

    reached: Reached
    run: str
    terms: Terms
    index: int = 0
    count: int = 1
    alive: Callable[[], None] = lambda: None
    name: str = field(default="existing", init=False)

    def open(self) -> ExistingCluster:
        """Look what can be done there, and connect."""
        self.alive()
        target = self.reached.target
        api = connect(target, self.reached.kubeconfig)
        with probing.understood(target):
            nodes = probing.yard(api, only=self.terms.only)
            refused = probing.missing(api, "daemonset-conformance-disruption") if self.terms.disruption else []
        nodes = self._share(nodes)
        offered, lacking = probing.capabilities(nodes, disruption=self.terms.disruption, refused=refused)
        facts = Facts(
            name=target.context,
            provider=self.name,
            kubernetes=self.reached.kubernetes,
            kubeconfig=self.reached.kubeconfig,
            capabilities=offered,
            max_nodes=len(nodes.names),
            lacking=lacking,
            changeable=nodes.changeable if Capability.CHANGE_NODE in offered else None,
            labels=owning.labels(self.run),
            images=self.terms.images,
            plugin=target.plugin,
            farewell=f"conformance clean --cluster existing --context {target.context}",
            time_scale=self.terms.time_scale,
        )
        return ExistingCluster(api, facts, nodes, self.run, self.alive)

    def _share(self, nodes: probing.Yard) -> probing.Yard:
        if not self.terms.disruption:
            turn = self.index % len(nodes.names) if nodes.names else 0
            return probing.Yard((*nodes.names[turn:], *nodes.names[:turn]), nodes.changeable, nodes.real, nodes.unfit)
        free, busy = nodes.names[: nodes.changeable], nodes.names[nodes.changeable :]
        mine = free[self.index :: self.count]
        return probing.Yard((*mine, *busy[self.index :: self.count]), len(mine), nodes.real, nodes.unfit)
