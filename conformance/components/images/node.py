"""A node image of one Kubernetes version: the base, kubelet and kubeadm, and the images that containerd needs, made once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.components import build, cache
from conformance.components.engine.docker import Docker
from conformance.components.images import archive, base, contents, making
from conformance.components.locks import locked, sweep, workplace
from conformance.components.progress import Printer, Progress, Step
from conformance.components.versions import Minor, resolve
from conformance.errors import BuildError

FORMAT = 4
"""Counts changes of this module that make another image of the same inputs."""
REPOSITORY = "daemonset-conformance/node"
#: A worker has no use for the programs of the control plane, and each node copies /var, where its images are, when it starts.
WORKERS = "daemonset-conformance/node-worker"
PROGRAMS = (*contents.CONTROL_PLANE, "kubelet", "kubeadm", "kubectl")
IN_PATH = ("kubelet", "kubeadm", "kubectl")

_IMPORT = """
containerd >/tmp/containerd.log 2>&1 & pid=$!
for attempt in $(seq 300); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
for image in /images/*.tar; do ctr -n k8s.io images import --no-unpack "$image"; done
for name in $(ctr -n k8s.io images ls -q); do ctr -n k8s.io images label "$name" io.cri-containerd.pinned=pinned >/dev/null; done
"""
#: Puts the same images into the registry that answers on every node, each below its name without the registry's.
_SERVE = f"""
docker-registry serve /etc/docker/registry/config.yml >/tmp/registry.log 2>&1 & registry=$!
curl --silent --fail --output /dev/null --retry 100 --retry-delay 0 --retry-max-time 30 --retry-all-errors http://{base.REGISTRY}/v2/
for name in $(ctr -n k8s.io images ls -q | grep -v sha256: | grep /); do
    served="{base.REGISTRY}/${{name#*/}}"
    ctr -n k8s.io images tag "$name" "$served" >/dev/null
    ctr -n k8s.io images push --plain-http "$served" >/dev/null
    ctr -n k8s.io images rm "$served" >/dev/null
done
kill $registry; wait $registry || true
chown -R 0:0 /usr/bin/kubelet /usr/bin/kubeadm /usr/bin/kubectl /kind
"""
_END = """
kill $pid; wait $pid || true
rm -rf /images /tmp/* /run/containerd
"""
#: containerd's control groups have to be driven as the kubelet's are.
_CGROUPFS = "sed -i 's/SystemdCgroup = true/SystemdCgroup = false/' /etc/containerd/config.toml\n"


@dataclass(frozen=True)
class NodeImage:
    """A node image in Docker's store: `name` for the control plane, `worker` for the others."""

    name: str
    worker: str
    version: str
    cgroups_v1: bool


def ensure(
    minor: Minor | str,
    *,
    docker: Docker,
    cgroups_v1: bool,
    overrides: Mapping[str, Path] | None = None,
    progress: Progress | None = None,
) -> NodeImage:
    """The node image for a Kubernetes minor on hosts of this kind, built if it is not there.

    `overrides` are programs to take instead of the pinned ones. Raises BuildError with the last lines of what failed.
    """
    chosen = minor if isinstance(minor, Minor) else resolve(minor)
    programs = build.ensure(
        PROGRAMS, minor=chosen.minor, overrides={n: p for n, p in (overrides or {}).items() if n in PROGRAMS}, progress=progress
    )
    tag = f"{chosen.version}-{key(programs, cgroups_v1=cgroups_v1)}"
    made = NodeImage(f"{REPOSITORY}:{tag}", f"{WORKERS}:{tag}", chosen.version, cgroups_v1)
    if _there(docker, made):
        return made
    reporter = _Reporter(f"building node image {chosen.version.removeprefix('v')}", progress or Printer())
    with locked(making.lock(), lambda: reporter.say("waiting for another run that builds one")):
        if _there(docker, made):
            return made
        making.sweep(docker)
        try:
            _make(docker, made, programs, reporter)
        except BaseException:
            reporter.end("stopped")
            raise
    reporter.end(f"built {made.name}")
    return made


def _there(docker: Docker, image: NodeImage) -> bool:
    return all(docker.inspect(name, kind="image") for name in (image.name, image.worker))


def clean(docker: Docker, *, images: bool) -> list[str]:
    """Remove the containers of killed builds, and with `images` all node images that nothing uses; returns the names.

    A running build is left alone.
    """
    with contextlib.suppress(BlockingIOError), locked(making.lock()):
        removed = making.sweep(docker)
        if images:
            for name in docker.run("image", "ls", "--filter", f"label={base.LABEL}", "--format", "{{.Repository}}:{{.Tag}}").out.split():
                if docker.run("image", "rm", name, check=False).ok:
                    removed.append(name)
        return removed
    return []


def key(programs: Mapping[str, Path], *, cgroups_v1: bool) -> str:
    """What a node image is made of, in a few letters: built programs are named by their cache entries, others by their bytes."""
    inputs = [
        FORMAT,
        base.key(base.kind_version()),
        cgroups_v1,
        _IMPORT,
        _SERVE,
        contents.SLEEPERS,
        contents.TOOLS,
        contents.SLEEP,
        contents.APPLETS,
    ]
    inputs += [[name, _identity(path)] for name, path in sorted(programs.items())]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:12]


def _identity(program: Path) -> str:
    if program.parent.parent == cache.root() / "components":
        return program.parent.name
    with program.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _make(docker: Docker, image: NodeImage, programs: Mapping[str, Path], reporter: _Reporter) -> None:
    below = base.ensure(docker, reporter.say)
    building = cache.root() / "building"
    building.mkdir(parents=True, exist_ok=True)
    sweep(building)
    with workplace(building) as (folder, _):
        listed = _listed(programs["kubeadm"], image.version)
        with _becoming(docker, image.worker, below) as container:
            reporter.say("copying programs and images")
            docker.run("cp", f"{container}:/usr/bin/busybox", str(folder / "busybox"))
            for program in IN_PATH:
                docker.run("cp", "--follow-link", str(programs[program]), f"{container}:/usr/bin/{program}")
            (folder / "version").write_text(f"{image.version}\n")
            docker.run("cp", str(folder / "version"), f"{container}:/kind/version")
            _images(folder, programs, contents.everywhere(listed))
            docker.run("cp", str(folder / "images"), f"{container}:/images")
            reporter.say("importing the images of all nodes into containerd")
            docker.shell(container, (_CGROUPFS if image.cgroups_v1 else "") + _IMPORT + _SERVE + _END, timeout=600)
        with _becoming(docker, image.name, image.worker) as container:
            reporter.say("adding the images of the control plane")
            _images(folder, programs, contents.control_plane(listed))
            docker.run("cp", str(folder / "images"), f"{container}:/images")
            docker.shell(container, _IMPORT + _END, timeout=600)
            reporter.say("committing")


@contextlib.contextmanager
def _becoming(docker: Docker, name: str, below: str) -> Iterator[str]:
    """A container of the image `below` in which something is done, and that becomes the image `name` if it succeeds."""
    with making.container(docker, below, "--privileged", "--security-opt", "seccomp=unconfined", "--network", "none") as container:
        yield container
        entrypoint = json.dumps(base.CONFIG["Entrypoint"])
        labels = f"LABEL {base.LABEL}=node {making.OWNER}="
        docker.run("commit", "--change", f"ENTRYPOINT {entrypoint}", "--change", "CMD []", "--change", labels, container, name)


def _images(folder: Path, programs: Mapping[str, Path], images: Sequence[contents.Image]) -> None:
    """Write the images into the folder `images`, alone."""
    shutil.rmtree(folder / "images", ignore_errors=True)
    (folder / "images").mkdir()
    architecture = archive.ARCHITECTURES.get(os.uname().machine, os.uname().machine)
    for number, image in enumerate(images):
        layer = folder / "layer.tar"
        if image.program == "busybox":
            links = {f"bin/{applet}": "busybox" for applet in contents.APPLETS}
            archive.layer(layer, archive.Content({"bin/busybox": folder / "busybox"}, links))
        else:
            archive.layer(layer, archive.Content({f"{contents.PROGRAMS}/{image.program}": programs[image.program]}))
        archive.write(folder / "images" / f"{number}.tar", layer, image.config, image.tags, architecture=architecture)
        layer.unlink()


def _listed(kubeadm: Path, version: str) -> list[str]:
    done = subprocess.run(
        [kubeadm, "config", "images", "list", "--kubernetes-version", version], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise BuildError(f"{kubeadm} does not list its images: {done.stderr.strip()}")
    return done.stdout.split()


class _Reporter:
    """Says where the making of an image stands; an empty text is a sign of life."""

    def __init__(self, subject: str, progress: Progress) -> None:
        self._subject, self._progress, self._doing, self._started = subject, progress, "starting", time.monotonic()

    @property
    def say(self) -> Callable[[str], None]:
        return self._say

    def _say(self, doing: str) -> None:
        self._doing = doing or self._doing
        self._progress(Step(self._subject, self._doing, elapsed=time.monotonic() - self._started))

    def end(self, doing: str) -> None:
        self._progress(Step(self._subject, doing, elapsed=time.monotonic() - self._started, last=True))
