"""What the suite adds to `kind create cluster`, and how quickly nodes and pods come and go: python bench/kind.py [ROUNDS]

Both sides make a cluster of one control plane and two workers with the same configuration, in turns, and are done when all nodes are Ready.
Ours then takes the nodes out again, to have them join for scenarios, and that is counted too.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.clusters import waiting
from conformance.clusters.kind import KindProvider, configuration, owners
from conformance.clusters.kind.cluster import KindCluster
from conformance.clusters.kind.machines import ControlPlane, Machine, Yard, each, node_names
from conformance.clusters.nodes import settled
from conformance.components import build
from conformance.components.engine import usable
from conformance.components.engine.docker import Docker
from conformance.components.versions import DEFAULT
from conformance.kube.api import Api
from conformance.kube.manifests import load
from conformance.kube.resources import path
from conformance.session.settings import runs_folder

WORKERS = 2
REPEATS = 10
#: Seconds for any one thing to come about.
LIMIT = 300
ALLOWED = 1.10
AGENT = Path(__file__).parents[1] / "manifests" / "agent.yaml"


def plain(programs: dict[str, Path], images: configuration.Images) -> float:
    """Seconds until a cluster made by kind alone has all its nodes Ready."""
    docker, owner = Docker(), owners.create(runs_folder())
    name = f"bench-{owner.run.name[-6:].lower().replace('_', '0')}"
    kubeconfig = owner.run / "kubeconfig"
    configuration.prepare(owner.run)
    config = configuration.cluster(name, workers=WORKERS, run=owner.run, cgroups_v1=usable.reach(docker).cgroups_v1, images=images)
    file = owner.run / "kind.json"
    file.write_text(json.dumps(config))
    owners.ensure_network(docker)
    begin = time.perf_counter()
    try:
        command: list[str | Path] = [programs["kind"], "create", "cluster", "--name", name, "--config", file, "--kubeconfig", kubeconfig]
        subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)
        roles = node_names(docker, name)
        yard = Yard(docker, name, ControlPlane(docker, roles["control-plane"][0], 0), roles["worker"])
        each(Machine.connect, [yard.control_plane, *yard.machines])  # kind's own network is a DaemonSet, which the configuration leaves out
        api = Api.connect(kubeconfig)
        everybody = WORKERS + 1
        waiting.until(
            api,
            path("nodes"),
            lambda nodes: len(nodes) == everybody and all(settled(node) for node in nodes.values()),
            within=LIMIT,
            what="Readiness of the nodes",
        )
        return time.perf_counter() - begin
    finally:
        owners.remove(docker, owner.run)
        owner.release()


def ours(provider: KindProvider) -> tuple[float, KindCluster]:
    """Seconds until the suite has its cluster, and the cluster."""
    begin = time.perf_counter()
    cluster = provider.open()
    return time.perf_counter() - begin, cluster


def coming_and_going(cluster: KindCluster) -> dict[str, list[float]]:
    """Seconds from a node's join to its pod running, and from a pod's deletion to its object gone and to its successor running."""
    [agent] = load(AGENT)
    api, pods = cluster.api, path("pods", "bench")
    api.create(path("namespaces"), {"metadata": {"name": "bench"}})
    agent["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
    api.create(path("daemonsets", "bench"), agent)
    seen: dict[str, list[float]] = {"join_to_running": [], "deletion_to_gone": [], "deletion_to_successor_running": []}

    def running(found: dict[str, Any], but: str = "") -> bool:
        return any(pod["status"].get("phase") == "Running" and name != but for name, pod in found.items())

    for _ in range(REPEATS):
        with cluster.nodes() as nodes:
            begin = time.perf_counter()
            nodes.join()
            found = waiting.until(api, pods, lambda found: running(dict(found)), within=LIMIT, what="The pod")
            seen["join_to_running"].append(time.perf_counter() - begin)
            [old] = found
            begin = time.perf_counter()
            api.delete(path("pods", "bench", old))
            waiting.until(api, pods, lambda found, old=old: old not in found, within=LIMIT, what="The end of the pod")  # type: ignore[misc]
            seen["deletion_to_gone"].append(time.perf_counter() - begin)
            waiting.until(api, pods, lambda found, old=old: running(dict(found), old), within=LIMIT, what="Its successor")  # type: ignore[misc]
            seen["deletion_to_successor_running"].append(time.perf_counter() - begin)
    api.delete(path("namespaces", name="bench"))
    return seen


def main() -> int:
    """Print both sides, their ratio and the times of nodes and pods; 1 if the suite adds more than it may."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    programs = build.ensure(["kind", "kubectl"], minor=DEFAULT)
    provider = KindProvider(DEFAULT, runs_folder(), kubectl=programs["kubectl"], workers=WORKERS)
    images = provider.prepare()
    theirs, mine, seen = [], [], {}
    for turn in range(rounds):
        theirs.append(plain(programs, images))
        seconds, cluster = ours(provider)
        mine.append(seconds)
        try:
            if turn == rounds - 1:
                seen = coming_and_going(cluster)
        finally:
            cluster.close(keep_logs=False)
    ratio = statistics.median(mine) / statistics.median(theirs)
    result = {
        "kind_create_seconds": [round(each, 1) for each in theirs],
        "suite_open_seconds": [round(each, 1) for each in mine],
        "ratio": round(ratio, 3),
        **{name: [round(each, 2) for each in values] for name, values in seen.items()},
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if ratio <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
