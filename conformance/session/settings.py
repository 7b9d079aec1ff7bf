"""What the user asked for on the command line, checked once and in one place."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from conformance.components.overrides import parse_override
from conformance.components.versions import DEFAULT, Minor, resolve
from conformance.errors import UsageError

Keep = Literal["never", "on-failure", "always"]
CLUSTERS = ("embedded", "kind", "existing")
#: pytest-kind's own options, which mean here what they mean there.
KIND_OPTIONS = ("cluster_name", "keep_cluster", "kubeconfig", "kind_image", "kind_bin", "kind_kubectl_bin")
EXISTING_OPTIONS = ("context", "allow_disruption", "on_node", "image_prefix", "kubernetes")
_PYTEST_KIND_NAME = "pytest-kind"


_REGISTRY = re.compile(r"[a-zA-Z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*/?")


@dataclass(frozen=True)
class KindSettings:
    """pytest-kind's options, where they were given."""

    name: str = ""
    kubeconfig: Path | None = None
    image: str = ""
    program: Path | None = None
    kubectl: Path | None = None


@dataclass(frozen=True)
class ExistingSettings:
    """The options of `--cluster existing`; `asked` is the Kubernetes version that was asked for, which the server has to have."""

    context: str = ""
    disruption: bool = False
    nodes: tuple[str, ...] = ()
    images: str = ""
    asked: str = ""


@dataclass(frozen=True)
class Settings:
    """The options of a run. `time_scale` multiplies every limit of a wait."""

    cluster: str
    minor: Minor
    overrides: dict[str, Path]
    report: Path
    keep: Keep
    time_scale: float
    kind: KindSettings = KindSettings()
    existing: ExistingSettings = ExistingSettings()

    def again(self, minor: Minor) -> list[str]:
        """The options that lead to the same kind of cluster again."""
        if self.cluster != "existing":
            return ["--cluster", self.cluster, "--kubernetes", minor.minor]
        given = self.existing
        return [
            *("--cluster", self.cluster),
            *(("--kubeconfig", str(self.kind.kubeconfig)) if self.kind.kubeconfig else ()),
            *(("--context", given.context) if given.context else ()),
            *(("--allow-disruption",) if given.disruption else ()),
            *(word for node in given.nodes for word in ("--on-node", node)),
            *(("--image-prefix", given.images) if given.images else ()),
        ]


def with_kind(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """The settings with pytest-kind's options; UsageError where they name what is not there."""
    paths: dict[str, Path | None] = {}
    for option in ("kind_bin", "kind_kubectl_bin"):
        path = Path(given[option]).expanduser().absolute() if given.get(option) else None
        if path is not None and not os.access(path, os.X_OK):
            raise UsageError(
                f"--{option.replace('_', '-')} {path}: there is no program at that path. "
                "Correct it, or leave the option out to have it built."
            )
        paths[option] = path
    name = given.get("cluster_name") or ""
    kind = KindSettings(
        name="" if name == _PYTEST_KIND_NAME else name,
        kubeconfig=Path(given["kubeconfig"]).expanduser().absolute() if given.get("kubeconfig") else None,
        image=given.get("kind_image") or "",
        program=paths["kind_bin"],
        kubectl=paths["kind_kubectl_bin"],
    )
    return replace(settings, kind=kind, keep="always" if given.get("keep_cluster") else settings.keep)


def with_existing(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """The settings with the options of an existing cluster; UsageError where they fit no other kind of cluster, or say nothing."""
    existing = ExistingSettings(
        given["context"], given["allow_disruption"], tuple(given["on_node"]), given["image_prefix"], given["kubernetes"] or ""
    )
    if settings.cluster != "existing":
        wrong = [f"--{name.replace('_', '-')}" for name in EXISTING_OPTIONS[:-1] if given[name]]
        if wrong:
            raise UsageError(f"{', '.join(wrong)}: only `--cluster existing` knows what to do with that; add it, or leave the option out.")
        return settings
    if others := [name for name in settings.overrides if name != "kubectl"]:
        raise UsageError(
            f"--component {others[0]}: an existing cluster runs its own; only kubectl can be replaced here. Use embedded or kind."
        )
    if existing.images and not _REGISTRY.fullmatch(existing.images):
        raise UsageError(f"--image-prefix {existing.images}: give a registry and, if need be, a path, such as registry.example.org/mirror.")
    return replace(settings, existing=existing)


def parse(cluster: str, kubernetes: str | None, components: list[str], report: str, keep: str, time_scale: str) -> Settings:
    """Check the options; raises UsageError with one paragraph that names the fix."""
    if cluster not in CLUSTERS:
        raise UsageError(f"--cluster {cluster}: no such kind of cluster. Known: {', '.join(CLUSTERS)}.")
    if keep not in get_args(Keep):
        raise UsageError(f"--keep {keep}: use {', '.join(get_args(Keep))}.")
    try:
        scale = float(time_scale)
    except ValueError:
        scale = 0.0
    if not 0 < scale < 1000:
        raise UsageError(f"--time-scale {time_scale}: give a positive number; 2 doubles every limit of a wait.")
    overrides = dict(parse_override(text) for text in components)
    return Settings(
        cluster,
        resolve(kubernetes or os.environ.get("CONFORMANCE_KUBERNETES") or DEFAULT),
        overrides,
        Path(report),
        cast(Keep, keep),
        scale,
    )


def runs_folder() -> Path:
    """Where running clusters keep their files: short, because a unix socket's path holds 107 bytes, and of this user alone."""
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 - made 0700 below
    folder = base / f"dsc-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    found = folder.lstat()  # not where a link leads: anybody may have made it, and dead clusters are removed from there
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UsageError(
            f"{folder} is not a folder that is private to this user (a link is none); remove it, or point TMPDIR at a folder that only you "
            "can write."
        )
    return folder.resolve()
