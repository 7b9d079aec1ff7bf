"""The control plane of a kind cluster: static pods, which the control-plane node's kubelet runs from manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.errors import ClusterError

if TYPE_CHECKING:
    from conformance.clusters.kind.cluster import KindCluster

#: Where each one answers when it serves, seen from the node.
HEALTH = {
    "kube-apiserver": "https://127.0.0.1:6443/readyz",
    "kube-controller-manager": "https://127.0.0.1:10257/healthz",
    "kube-scheduler": "https://127.0.0.1:10259/healthz",
    "etcd": "http://127.0.0.1:2381/health",
}
NAMES = tuple(HEALTH)
_MANIFESTS, _ASIDE = "/etc/kubernetes/manifests", "/etc/kubernetes/aside"
#: Seconds for a component to end or to serve again.
LIMIT = 120


class StaticPod:
    """One component of the control plane."""

    def __init__(self, cluster: KindCluster, name: str) -> None:
        self._cluster = cluster
        self.name = name
        #: whether a scenario has ended or halted it, and not let it go on
        self.off = False
        # Linux keeps fifteen letters of a program's name.
        self._limit = round(LIMIT * cluster.facts.time_scale)
        self._pids = f"pgrep -x {name[:15]}"

    def stop(self) -> None:
        """Take its manifest away; returns when the kubelet has ended it."""
        self._tell("stop")
        self._end(f"pids=$({self._pids} || true); {self._take_away()}")

    def kill(self) -> None:
        """End it without notice. Its manifest goes first, or the kubelet would start it again; `start` brings it back."""
        self._tell("kill")
        self._end(f"pids=$({self._pids} || true); {self._take_away()}; kill -KILL $pids 2>/dev/null || true")

    def start(self) -> None:
        """Put its manifest back; returns when it serves."""
        # Its kubelet takes its time: nothing is expected of it before it serves.
        self._tell("starting")
        self._sh(
            f"mv {_ASIDE}/{self.name}.yaml {_MANIFESTS}/ 2>/dev/null || true; "
            f"curl --silent --show-error --fail --insecure --output /dev/null --max-time 5 "
            f"--retry {self._limit * 5} --retry-delay 0 --retry-max-time {self._limit} --retry-all-errors {HEALTH[self.name]}",
            "did not serve again",
        )
        self._tell("start")

    def pause(self) -> None:
        """Stop its process where it stands. Its liveness probe ends a long pause: after 80 seconds the kubelet kills it."""
        self._tell("pause")
        self._sh(f"kill -STOP $({self._pids})", "could not be paused")

    def resume(self) -> None:
        """Let its process go on."""
        self._tell("resume")
        self._sh(f"kill -CONT $({self._pids})", "could not be resumed")

    def _tell(self, verb: str) -> None:
        self.off = verb not in ("start", "resume")
        self._cluster.journal(verb, f"components/{self.name}", {})

    def _take_away(self) -> str:
        return f"mkdir -p {_ASIDE}; mv {_MANIFESTS}/{self.name}.yaml {_ASIDE}/"

    def _end(self, script: str) -> None:
        # tail is the one program in every node image that ends when a process that is not its child does.
        self._sh(
            f"{script}; for pid in $pids; do timeout {self._limit} tail --pid=$pid --sleep-interval=0.02 -f /dev/null; done", "did not end"
        )

    def _sh(self, script: str, problem: str) -> None:
        from conformance.components.engine.docker import DockerError  # noqa: PLC0415

        try:
            self._cluster.yard.control_plane.sh(script, timeout=LIMIT + 30)
        except DockerError as error:
            raise ClusterError(f"{self.name} {problem}: {error.result.said}") from error
