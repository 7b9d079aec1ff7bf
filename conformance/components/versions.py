"""Which Kubernetes versions and which components there are: `versions.yaml`, read once and typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from conformance.errors import UsageError

HERE = Path(__file__).parent
MODULES = HERE / "modules"
"""One folder a pinned Go module: go.mod and go.sum, and no Go code."""


class NodeImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """kind's published node image of one minor, with the kind release that it belongs to."""

    kind: str
    version: str
    digest: str

    @property
    def reference(self) -> str:
        """The image as kind's `--image` takes it; the digest decides, the tag is for people."""
        return f"kindest/node:{self.version}@{self.digest}"


class Minor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One Kubernetes minor: the patch version that is built for it, and the module that pins it."""

    minor: str
    version: str
    module: str
    date: str
    image: NodeImage
    commit: str = ""


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a project publishes its binary: `{name}`, `{version}` and `{arch}` are filled in; `member` is its place in a tar archive."""

    url: str
    checksums: str = ""
    member: str = ""


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One program: its Go package, the module that pins it (empty: the minor's), how to ask for its version, and words its answer has.

    `release` is left out where there is no binary to download.
    """

    name: str
    package: str
    module: str = ""
    ask: tuple[str, ...] = ("--version",)
    says: str = ""
    release: Release | None = None


def _read() -> tuple[str, dict[str, Minor], dict[str, Component]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data: dict[str, Any] = yaml.load((HERE / "versions.yaml").read_text(), Loader=loader)  # noqa: S506 - a safe loader, in C
    minors = msgspec.convert(data["minors"], list[Minor])
    components = [msgspec.convert({"name": name, **fields}, Component) for name, fields in data["components"].items()]
    return data["default"], {m.minor: m for m in minors}, {c.name: c for c in components}


DEFAULT, MINORS, COMPONENTS = _read()


def resolve(version: str) -> Minor:
    """The minor that `1.36`, `1.36.4` or `v1.36.4` names; UsageError lists what is known."""
    bare = version.strip().removeprefix("v")
    for known in MINORS.values():
        if bare in (known.minor, known.version.removeprefix("v")):
            return known
    listed = ", ".join(f"{known.minor} ({known.version})" for known in MINORS.values())
    raise UsageError(f"Kubernetes version {version!r} is not among the pinned ones; choose one of {listed}.")


def chosen(names: Sequence[str]) -> list[str]:
    """The minors that `names` stand for, newest first: minors, versions, `newest` and `oldest`; all of them without names."""
    ordered = sorted(MINORS, key=lambda minor: tuple(int(part) for part in minor.split(".")), reverse=True)
    ends = {"newest": ordered[0], "oldest": ordered[-1]}
    wanted = {ends.get(name) or resolve(name).minor for name in names} or set(ordered)
    return [minor for minor in ordered if minor in wanted]


def component(name: str) -> Component:
    """The component called `name`; UsageError lists what is known."""
    try:
        return COMPONENTS[name]
    except KeyError:
        raise UsageError(f"there is no component {name!r}; the known ones are {', '.join(COMPONENTS)}.") from None


def module_of(component: Component, minor: Minor) -> Path:
    """The folder of the Go module that pins `component` for `minor`."""
    return MODULES / (component.module or minor.module)


def pinned(go_mod: str, package: str) -> str:
    """The version at which `go_mod`, the text of a go.mod, requires the module that holds `package`."""
    required = re.findall(r"^\s*(?:require )?([\w./-]+) (v[\w.+-]+)", go_mod, re.MULTILINE)
    holders = [(path, version) for path, version in required if package == path or package.startswith(f"{path}/")]
    _, version = max(holders, key=lambda holder: len(holder[0]))
    return str(version)


def go_line(go_mod: str) -> tuple[int, ...]:
    """The Go version that `go_mod`, the text of a go.mod, asks for at least, e.g. `(1, 26, 0)`."""
    found = re.search(r"^go (\d+(?:\.\d+)*)$", go_mod, re.MULTILINE)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
