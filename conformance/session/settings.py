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

from conformance.clusters.embedded.components import NAMES
from conformance.components.images.node import PROGRAMS
from conformance.components.overrides import parse_override
from conformance.components.versions import DEFAULT, Minor, resolve
from conformance.errors import UsageError, refused

Keep = Literal["never", "on-failure", "always"]
CLUSTERS = ("embedded", "kind", "existing")
#: pytest-kind's own options, which mean here what they mean there.
KIND_OPTIONS = ("cluster_name", "keep_cluster", "kubeconfig", "kind_image", "kind_bin", "kind_kubectl_bin")
#: The least and the greatest that limits of waits can be multiplied by: no cluster starts in a hundredth of the usual time.
SCALES = (0.1, 1000.0)
EXISTING_OPTIONS = ("context", "allow_disruption", "on_node", "image_prefix", "kubernetes")
#: The kinds of clusters that each of them says something to; a cluster of any kind can be kept.
_KINDS_OF = {
    "cluster_name": ("kind",),
    "kubeconfig": ("existing", "kind"),
    "kind_image": ("kind",),
    "kind_bin": ("kind",),
    "kind_kubectl_bin": ("kind",),
}
#: The components that can be replaced in each kind of cluster; with_existing() has more to say of the third.
_COMPONENTS_OF = {"embedded": (*NAMES, "kubectl"), "kind": (*PROGRAMS, "kind")}
#: What pytest-kind takes where nothing was said.
_UNSAID = {"cluster_name": "pytest-kind"}

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
        """The options that lead to the same cluster again: its kind and version, and everything that shaped it or its pace."""
        pace = ["--time-scale", f"{self.time_scale:g}"] if self.time_scale != 1 else []
        replaced = [word for name, path in self.overrides.items() for word in ("--component", f"{name}={path}")]
        if self.cluster != "existing":
            made = ["--kind-image", self.kind.image] if self.cluster == "kind" and self.kind.image else []
            return ["--cluster", self.cluster, "--kubernetes", minor.minor, *replaced, *made, *pace]
        given = self.existing
        return [
            *("--cluster", self.cluster),
            *(("--kubeconfig", str(self.kind.kubeconfig)) if self.kind.kubeconfig else ()),
            *(("--context", given.context) if given.context else ()),
            *(("--allow-disruption",) if given.disruption else ()),
            *(word for node in given.nodes for word in ("--on-node", node)),
            *(("--image-prefix", given.images) if given.images else ()),
            *replaced,
            *pace,
        ]


def with_kind(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """The settings with pytest-kind's options; UsageError where they name what is not there."""
    _heard(settings, given)
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
        name="" if name == _UNSAID["cluster_name"] else name,
        kubeconfig=Path(given["kubeconfig"]).expanduser().absolute() if given.get("kubeconfig") else None,
        image=given.get("kind_image") or "",
        program=paths["kind_bin"],
        kubectl=paths["kind_kubectl_bin"],
    )
    return replace(settings, kind=kind, keep="always" if given.get("keep_cluster") else settings.keep)


def _heard(settings: Settings, given: Mapping[str, Any]) -> None:
    """Raise UsageError for an option that means nothing for this kind of cluster: it would pass unheard."""
    cluster = settings.cluster
    for option, kinds in _KINDS_OF.items():
        value = given.get(option)
        if value and value != _UNSAID.get(option) and cluster not in kinds:
            wanted = " or ".join(f"`--cluster {kind}`" for kind in kinds)
            raise UsageError(
                f"--{option.replace('_', '-')} {value}: this says nothing to `--cluster {cluster}`. Add {wanted}, or leave the option out."
            )
    if lost := [name for name in settings.overrides if name not in _COMPONENTS_OF.get(cluster, settings.overrides)]:
        raise UsageError(f"--component {lost[0]}: `--cluster {cluster}` runs no such thing. Take another kind, or leave the option out.")
    if given.get("kind_image") and (lost := [name for name in settings.overrides if name in PROGRAMS and name != "kubectl"]):
        raise UsageError(
            f"--component {lost[0]}: the node image {given['kind_image']} has its own. Leave --kind-image out to have one made with yours."
        )


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
    if not SCALES[0] <= scale <= SCALES[1]:
        raise UsageError(
            f"--time-scale {time_scale}: give a number from {SCALES[0]:g} to {SCALES[1]:g}; 2 doubles every limit of a wait, "
            "less than 1 is for machines that are faster than an ordinary one."
        )
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
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700, parents=True)
        found = folder.lstat()  # not where a link leads: anybody may have made it, and dead clusters are removed from there
    except OSError as error:
        raise UsageError(
            f"Running clusters cannot keep their files in {folder} ({refused(error)}). Point TMPDIR at a folder that you can write "
            "(XDG_RUNTIME_DIR comes first, where it is set), or mend this one."
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UsageError(
            f"{folder} is not a folder that is private to this user (a link is none); remove it, or point TMPDIR at a folder that only you "
            "can write."
        )
    return folder.resolve()
