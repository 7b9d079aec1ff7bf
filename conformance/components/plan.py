"""How a component is built, and the one cache entry that this leads to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from conformance.components import cache, toolchain
from conformance.components.versions import Component, Minor, go_line, pinned

STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
"""Where Kubernetes keeps its version; unstamped, every component calls itself v0.0.0."""


@dataclass(frozen=True)
class Module:
    """A pinned Go module as it lies on disk, and the Go that will build it."""

    folder: Path
    text: str
    fingerprint: str
    go: toolchain.Go

    @classmethod
    def read(cls, folder: Path) -> Module:
        """Read the module in `folder` and find a Go for it; raises ToolMissing if there is none that is new enough."""
        text = (folder / "go.mod").read_text()
        fingerprint = hashlib.sha256(text.encode() + b"\0" + (folder / "go.sum").read_bytes()).hexdigest()
        return cls(folder, text, fingerprint, toolchain.find(go_line(text), cache.root() / "go.json"))


@dataclass(frozen=True)
class Job:
    """One program to be built: from what, with which flags of `go build`, and where it goes."""

    component: Component
    flags: tuple[str, ...]
    entry: cache.Entry

    @property
    def output(self) -> str:
        """The file name that `go build` gives it: the last element of the package path that is not a major version."""
        parts = self.component.package.split("/")
        return parts[-2] if parts[-1][0] == "v" and parts[-1][1:].isdigit() else parts[-1]


def plan(wanted: Component, minor: Minor, module: Module) -> Job:
    """The job for `wanted`; its entry's key covers go.mod, go.sum, the Go version, the flags and the package."""
    stamps = [] if wanted.module else _stamps(minor)
    flags = ("-trimpath", "-ldflags", " ".join(["-s", "-w", *stamps]))
    inputs = json.dumps([module.fingerprint, module.go.version, toolchain.FIXED, flags, wanted.package])
    key = hashlib.sha256(inputs.encode()).hexdigest()[:16]
    return Job(wanted, flags, cache.Entry(cache.root(), wanted.name, pinned(module.text, wanted.package), key))


def _stamps(minor: Minor) -> list[str]:
    major, _, second = minor.minor.partition(".")
    values = {
        "gitVersion": minor.version,
        "gitMajor": major,
        "gitMinor": second,
        "gitTreeState": "clean",
        "gitCommit": minor.commit or minor.version,
        "buildDate": minor.date,
    }
    return [f"-X {package}.{name}={value}" for package in STAMPED for name, value in values.items()]
