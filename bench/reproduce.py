"""Run the reproducers of findings with the node image of this machine: python bench/reproduce.py [FINDING ...]

A reproducer asks kind for an ordinary cluster, whose published node image this machine may not be able to pull. The image that
`conformance build node-image` makes has neither kind's network nor its proxy and DNS: a `kind` in front of the real one says so in the
configuration, and gives the nodes a network that needs no daemon. The script is run as it is printed.

Prints a line for each: whether the deviation was seen, on which version, in how many seconds. Exit code 1 if one was not seen.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.claims import findings, reproducing
from conformance.clusters.kind import configuration
from conformance.components import build, images, versions
from conformance.components.engine import usable
from conformance.components.engine.docker import Docker

#: Seconds for one of them, on a busy machine.
LIMIT = 1800
_WRAPPER = """#!/bin/sh
[ "$1 $2" = "create cluster" ] && exec {python} {here} --as-kind "$@"
exec {kind} "$@"
"""


def adapted(config: dict[str, Any], made: images.NodeImage, networks: Path) -> dict[str, Any]:
    """The same cluster of our image."""
    networking = config.setdefault("networking", {})
    connected = not networking.get("disableDefaultCNI")
    config["networking"] = networking | {"disableDefaultCNI": True, "kubeProxyMode": "none"}
    for index, node in enumerate(config["nodes"]):
        node["image"] = made.name if node["role"] == "control-plane" else made.worker
        if connected:
            file = networks / f"{index}.conflist"
            file.write_text(configuration.cni(index))
            node.setdefault("extraMounts", []).append({"hostPath": str(file), "containerPath": configuration.CNI_FILE})
    patches: list[dict[str, Any]] = [{"kind": "InitConfiguration", "skipPhases": ["preflight", "addon/coredns", "addon/kube-proxy"]}]
    if made.cgroups_v1:
        patches.append({"kind": "KubeletConfiguration", "failCgroupV1": False, "cgroupDriver": "cgroupfs"})
    config.setdefault("kubeadmConfigPatches", []).extend(json.dumps(patch) for patch in patches)
    return config


def as_kind(arguments: list[str]) -> None:
    """`kind create cluster` with the configuration that our image needs; never returns."""
    made = images.NodeImage(**json.loads(os.environ["NODE_IMAGE"]))
    file = Path(arguments[arguments.index("--config") + 1])
    file.write_text(yaml.safe_dump(adapted(yaml.safe_load(file.read_text()), made, file.parent)))
    os.execv(os.environ["REAL_KIND"], [os.environ["REAL_KIND"], *arguments])  # noqa: S606 - the kind that was built


def run(finding: findings.Finding, environment: dict[str, str]) -> bool:
    """Run one; whether the deviation was seen."""
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(
            ["bash", "-c", reproducing.script(finding)], env=environment, stdout=said, stderr=subprocess.STDOUT
        ) as script:
            try:
                code = script.wait(LIMIT)
            except BaseException:
                script.terminate()  # it removes its cluster
                raise
        said.seek(0)
        output = said.read()
    version = re.search(r"Kubernetes (v\S+)", output)
    word = {0: "seen", 1: "not seen"}.get(code, "could not be tried")
    sys.stderr.write(output)
    sys.stdout.write(f"{finding.id}: {word} on {version[1] if version else '?'} in {time.monotonic() - begin:.0f} s\n")
    sys.stdout.flush()
    return code == 0


def main(names: list[str]) -> int:
    """Run those with these ids, or all."""
    minor = versions.resolve(versions.DEFAULT)
    docker = Docker()
    made = images.ensure(minor, docker=docker, cgroups_v1=usable.check(docker).cgroups_v1)
    programs = build.ensure(["kind", "kubectl"], minor=minor.minor)
    chosen = [each for each in (findings.resolve(names) if names else findings.load().values()) if each.reproducer]
    with tempfile.TemporaryDirectory() as folder:
        wrapper = Path(folder) / "kind"
        here = [shlex.quote(each) for each in (sys.executable, str(Path(__file__).resolve()), str(programs["kind"]))]
        wrapper.write_text(_WRAPPER.format(python=here[0], here=here[1], kind=here[2]))
        wrapper.chmod(0o755)
        path = os.pathsep.join([folder, str(programs["kubectl"].parent), os.environ["PATH"]])
        made_of = json.dumps({"name": made.name, "worker": made.worker, "version": made.version, "cgroups_v1": made.cgroups_v1})
        environment = {**os.environ, "PATH": path, "NODE_IMAGE": made_of, "REAL_KIND": str(programs["kind"])}
        seen = [run(finding, environment) for finding in chosen]
    return 0 if all(seen) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as-kind"]:
        as_kind(sys.argv[2:])
    sys.exit(main(sys.argv[1:]))
