"""The containers in which images are made or looked into: one at a time, and none outlives a run that was killed."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from conformance.components import cache
from conformance.components.engine.docker import Docker

#: Marks these containers, with whose they are.
OWNER = "conformance.daemonset/building"


def lock() -> Path:
    """One image is made at a time: they share a base, and the disk."""
    return cache.root() / "locks" / "node-image.lock"


def label() -> str:
    """What a container carries that only the holder of the lock may have: who takes the lock next removes it, if its run was killed."""
    # The lock lies in the cache, so only who shares the cache can tell that somebody holds it: not every user 0 of one Docker does.
    return f"{OWNER}=uid-{os.getuid()}-{cache.identity()}"


def sweep(docker: Docker) -> list[str]:
    """Remove what builds of this user left that were killed; the caller holds the lock."""
    left = docker.names("container", f"label={label()}")
    if left:
        docker.run("rm", "--force", "--volumes", *left, check=False)
    return left


@contextlib.contextmanager
def container(docker: Docker, image: str, *options: str) -> Iterator[str]:
    """A container of `image` in which nothing runs yet; it is gone afterwards. `options` are those of `docker run`, such as --network."""
    name = f"conformance-image-{secrets.token_hex(4)}"
    options = ("--detach", "--name", name, "--label", label(), "--entrypoint", "/bin/sleep", *options)
    try:
        docker.run("run", *options, image, "infinity")
        yield name
    finally:
        docker.run("rm", "--force", "--volumes", name, check=False)
