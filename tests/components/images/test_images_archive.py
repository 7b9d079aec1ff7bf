"""Images as files: what is in them, and that the same content gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

from conformance.components.images import archive, contents, node

LISTED = [
    "registry.k8s.io/kube-apiserver:v1.37.1",
    "registry.k8s.io/kube-controller-manager:v1.37.1",
    "registry.k8s.io/kube-scheduler:v1.37.1",
    "registry.k8s.io/kube-proxy:v1.37.1",
    "registry.k8s.io/coredns/coredns:v1.14.6",
    "registry.k8s.io/pause:3.10.2",
    "registry.k8s.io/etcd:3.7.0-0",
]


def program(folder: Path, name: str = "tool", text: str = "#!/bin/sh\n") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_a_layer_holds_programs_links_and_their_folders(tmp_path: Path) -> None:
    target = tmp_path / "layer.tar"
    archive.layer(target, archive.Content({"bin/tool": program(tmp_path)}, {"bin/sh": "tool"}))
    with tarfile.open(target) as tar:
        entries = {entry.name: entry for entry in tar.getmembers()}
        assert set(entries) == {"bin", "bin/tool", "bin/sh", "tmp"}
        assert entries["bin/tool"].mode == 0o755
        assert (entries["bin/sh"].issym(), entries["bin/sh"].linkname) == (True, "tool")
        assert entries["tmp"].mode == 0o1777
        stream = tar.extractfile("bin/tool")
        assert stream is not None
        assert stream.read() == b"#!/bin/sh\n"
    again = tmp_path / "again.tar"
    archive.layer(again, archive.Content({"bin/tool": tmp_path / "tool"}, {"bin/sh": "tool"}))
    assert again.read_bytes() == target.read_bytes()


def test_an_image_names_its_layer_by_its_bytes(tmp_path: Path) -> None:
    layer = tmp_path / "layer.tar"
    archive.layer(layer, archive.Content({"bin/tool": program(tmp_path)}))
    target = tmp_path / "image.tar"
    archive.write(target, layer, {"Entrypoint": ["tool"], "StopSignal": "SIGRTMIN+3"}, ["a:1", "b:2"], architecture="amd64")
    with tarfile.open(target) as tar:

        def read(name: str) -> bytes:
            stream = tar.extractfile(name)
            assert stream is not None
            return stream.read()

        [manifest] = json.loads(read("manifest.json"))
        config = json.loads(read(manifest["Config"]))
        assert manifest["RepoTags"] == ["a:1", "b:2"]
        assert manifest["Config"] == hashlib.sha256(read(manifest["Config"])).hexdigest() + ".json"
        assert config["config"] == {"Entrypoint": ["tool"], "StopSignal": "SIGRTMIN+3"}
        assert (config["architecture"], config["os"]) == ("amd64", "linux")
        [layer_name] = manifest["Layers"]
        assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(read(layer_name)).hexdigest()]
        assert read(layer_name) == layer.read_bytes()


def test_every_program_of_the_control_plane_gets_the_name_that_kubeadm_wants() -> None:
    by_program = {image.program: image for image in contents.control_plane(LISTED)}
    assert {name: image.tags for name, image in by_program.items()} == {
        "kube-apiserver": ("registry.k8s.io/kube-apiserver:v1.37.1",),
        "kube-controller-manager": ("registry.k8s.io/kube-controller-manager:v1.37.1",),
        "kube-scheduler": ("registry.k8s.io/kube-scheduler:v1.37.1",),
        "etcd": ("registry.k8s.io/etcd:3.7.0-0",),
    }
    for name, image in by_program.items():
        assert image.config["Entrypoint"] == [name]
        assert f"/{contents.PROGRAMS}" in image.config["Env"][0], "static pods start their programs by name"


def test_what_scenarios_run_is_there_and_ends_when_asked() -> None:
    [sleeper] = [image for image in contents.everywhere(LISTED) if image.config.get("Entrypoint") == contents.SLEEP]
    for tag in ("3.6", "3.8", "3.9", "3.10", "3.10.2"):
        assert f"registry.k8s.io/pause:{tag}" in sleeper.tags
    assert "TERM" in contents.SLEEP[-1]
    assert len(set(sleeper.tags)) == len(sleeper.tags)


def test_the_key_changes_with_every_input(tmp_path: Path) -> None:
    programs = {"kubelet": program(tmp_path, "kubelet", "one"), "kubeadm": program(tmp_path, "kubeadm", "two")}
    first = node.key(programs, cgroups_v1=True)
    assert node.key(dict(reversed(programs.items())), cgroups_v1=True) == first
    assert node.key(programs, cgroups_v1=False) != first
    program(tmp_path, "kubelet", "patched")
    assert node.key(programs, cgroups_v1=True) != first
