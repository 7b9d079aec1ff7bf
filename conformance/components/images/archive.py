"""Writing container images as files: one layer, in the form that `docker load` and `ctr images import` both take."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Goarch of this machine, by what uname calls it.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Content:
    """What goes into a layer: files by their path, with the program bit, and links."""

    files: Mapping[str, Path]
    links: Mapping[str, str] = field(default_factory=dict)
    folders: Sequence[str] = ("tmp",)


def layer(target: Path, content: Content) -> None:
    """Write a layer; the same content gives the same bytes."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        parents = {str(parent) for name in [*content.files, *content.links] for parent in Path(name).parents if str(parent) != "."}
        for folder in sorted({*content.folders, *parents}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for name, source in sorted(content.files.items()):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = 0o755, source.stat().st_size
            with source.open("rb") as stream:
                tar.addfile(entry, stream)
        for name, points_at in sorted(content.links.items()):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, points_at, 0o777
            tar.addfile(entry)


def write(target: Path, layer_file: Path, config: Mapping[str, Any], tags: Sequence[str], *, architecture: str) -> None:
    """Write an image of one layer. `config` is its runtime configuration (Entrypoint, Env …) as in the OCI image specification."""
    with layer_file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    description = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "daemonset-conformance"}],
        },
        sort_keys=True,
    ).encode()
    name = f"{hashlib.sha256(description).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": list(tags), "Layers": [f"{digest}/layer.tar"]}]).encode()
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for file, data in ((name, description), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(file)
            entry.mode, entry.size = 0o644, len(data)
            tar.addfile(entry, io.BytesIO(data))
        entry = tarfile.TarInfo(f"{digest}/layer.tar")
        entry.mode, entry.size = 0o644, layer_file.stat().st_size
        with layer_file.open("rb") as stream:
            tar.addfile(entry, stream)
