"""Node images that somebody else made: those that kind publishes, or one of the user's."""

from __future__ import annotations

import io
import re
import tarfile
import time

from conformance.components.engine.docker import Docker, DockerError
from conformance.components.images import making
from conformance.components.locks import locked
from conformance.components.progress import Progress, Step
from conformance.components.versions import Minor
from conformance.errors import UsageError

PUBLISHED = "published"
"""Stands for the image that kind's release publishes for the minor, pinned by its digest in `versions.yaml`."""
#: Seconds for an image of about 400 MB.
_PATIENCE = 1800.0
_INSTEAD = "leave --kind-image out to have an image built without a registry"


def ensure(image: str, *, minor: Minor, docker: Docker, progress: Progress) -> str:
    """Have `image` in Docker's store, pulled if need be; returns its name as kind takes it.

    UsageError if it cannot be had, is no node image, or holds another minor than the one that is asked for.
    """
    name = minor.image.reference if image == PUBLISHED else image
    if docker.inspect(name, kind="image") is None:
        _pull(name, docker, progress)
    with locked(making.lock(), lambda: progress(Step(f"looking into {name}", "waiting for another run that makes a node image"))):
        inside = _version(name, docker)
    if not inside.startswith(f"v{minor.minor}."):
        theirs = ".".join(inside.removeprefix("v").split(".")[:2])
        raise UsageError(
            f"--kind-image {image}: it holds Kubernetes {inside}, and {minor.minor} is asked for. "
            f"Say --kubernetes {theirs}, or name an image of {minor.minor}: --kind-image {PUBLISHED} is kind's own ({minor.image.version})."
        )
    return name


def _pull(name: str, docker: Docker, progress: Progress) -> None:
    subject, started = f"pulling {name}", time.monotonic()
    progress(Step(subject, "asking its registry"))
    try:
        docker.run("pull", "--quiet", name, timeout=_PATIENCE)
    except DockerError as error:
        raise UsageError(
            f"The node image {name} is not here and could not be pulled: {error.result.said} Correct --kind-image, log in to its registry "
            f"(docker login), or {_INSTEAD}."
        ) from error
    progress(Step(subject, "here", elapsed=time.monotonic() - started, last=True))


def _version(name: str, docker: Docker) -> str:
    """What a node image says about itself in /kind/version; nothing of it is run."""
    container = docker.run("create", "--label", making.label(), "--network", "none", name, "none").out.strip()
    try:
        told = docker.run("cp", f"{container}:/kind/version", "-", check=False)
    finally:
        docker.run("rm", "--force", "--volumes", container, check=False)
    version = _text(told.out).strip() if told.ok else ""
    if not re.fullmatch(r"v\d+\.\d+\.\d+\S*", version):
        raise UsageError(
            f"The image {name} is no node image of kind's: its file /kind/version "
            + (f"says {version[:80]!r}" if told.ok else "is missing")
            + f", where such an image says which Kubernetes it holds. Name another one, or {_INSTEAD}."
        )
    return version


def _text(archive: str) -> str:
    """The one file of a tar archive, as `docker cp` writes it."""
    with tarfile.open(fileobj=io.BytesIO(archive.encode())) as files:
        for file in files:
            if inside := files.extractfile(file):
                return inside.read().decode()
    return ""
