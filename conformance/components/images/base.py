"""The base of all node images: Debian with systemd, containerd and runc, and kind's own files for nodes.

What is done here follows kind's `images/base/Dockerfile`; the files themselves come out of the pinned Go module.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from conformance.components import cache, command, toolchain
from conformance.components.engine.docker import Docker
from conformance.components.images import archive
from conformance.components.images.debian import Debian
from conformance.components.locks import sweep, workplace
from conformance.components.versions import MODULES, go_line, pinned
from conformance.errors import BuildError

FORMAT = 3
"""Counts changes of this module that make another image of the same inputs."""
#: systemd 258 and later refuse the first version of control groups; trixie has 257.
SUITE = "trixie"
PACKAGES = [
    "systemd",
    "dbus",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iptables",
    "nftables",
    "iproute2",
    "ethtool",
    "util-linux",
    "mount",
    "kmod",
    "conntrack",
    "procps",
    "socat",
    "ebtables",
    "ca-certificates",
    "curl",
    "jq",
    "libseccomp2",
    "e2fsprogs",
    "busybox-static",
    "docker-registry",
]
REPOSITORY = "daemonset-conformance/node-base"
LABEL = "conformance.daemonset/image"
CONFIG = {
    "Entrypoint": ["/usr/local/bin/entrypoint", "/sbin/init"],
    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=docker"],
    "StopSignal": "SIGRTMIN+3",
    "Labels": {LABEL: "base"},
}
#: Where every node answers for images that are pulled: an untagged image is pulled at each start, whether it is there or not. It holds the
#: few that scenarios run; the registry that an image's name says is asked after it. Not below /var, which a node copies when it starts.
REGISTRY = "127.0.0.1:5000"
REGISTRY_ROOT = "/opt/registry"
REGISTRY_FILES = {
    "etc/docker/registry/config.yml": f"""\
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {REGISTRY_ROOT}}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "{REGISTRY}"}}
""",
    "etc/containerd/certs.d/_default/hosts.toml": f"""\
[host."http://{REGISTRY}"]
  capabilities = ["pull", "resolve"]
""",
}
CNI = ("host-local", "loopback", "ptp", "portmap")
#: As in kind's Dockerfile: nothing starts by itself but what a node needs.
TRIM = """
find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete
rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* /lib/systemd/system/local-fs.target.wants/*
rm -f /lib/systemd/system/sockets.target.wants/*udev* /lib/systemd/system/sockets.target.wants/*initctl* \
/lib/systemd/system/basic.target.wants/*
echo ReadKMsg=no >> /etc/systemd/journald.conf
ln -sf /usr/lib/systemd/systemd /sbin/init
systemctl enable kubelet.service containerd.service undo-mount-hacks.service docker-registry.service
systemctl mask systemd-binfmt.service
mkdir -p /etc/kubernetes/manifests /opt/cni/bin /etc/cni/net.d
for program in containerd ctr containerd-shim-runc-v2; do ln -sf /usr/bin/$program /usr/local/bin/$program; done
ln -sf "$(command -v runc)" /usr/local/sbin/runc
ctr oci spec | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
> /etc/containerd/cri-base.json
rm -rf /var/cache/apt/* /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /var/log/*.log
"""
#: What is done in the Debian when kind's files are in it.
FINISH = TRIM + "".join(f"cp /usr/lib/cni/{plugin} /opt/cni/bin/{plugin}\n" for plugin in CNI)


def key(kind: str) -> str:
    """What the base image is made of, in a few letters."""
    inputs = [FORMAT, SUITE, PACKAGES, kind, CONFIG, REGISTRY_FILES, TRIM]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]


def kind_version() -> str:
    """The pinned version of kind's module."""
    return pinned((MODULES / "kind/go.mod").read_text(), "sigs.k8s.io/kind")


def ensure(docker: Docker, say: Callable[[str], None]) -> str:
    """The name of the base image in Docker's store; made if it is not there, by the holder of the lock of image making.

    Raises BuildError with the last lines of what failed, ToolMissing where Debian cannot be had.
    """
    version = kind_version()
    name = f"{REPOSITORY}:{version}-{key(version)}"
    if docker.inspect(name, kind="image"):
        return name
    building = cache.root() / "building"
    building.mkdir(parents=True, exist_ok=True)
    sweep(building)
    with workplace(building) as (folder, lock):
        layer = folder / "layer.tar"
        debian = Debian(SUITE, PACKAGES, lambda root: _add_kind(root, _module(version, say)), FINISH)
        debian.pack(layer, docker, folder, say, lock)
        architecture = archive.ARCHITECTURES.get(os.uname().machine, os.uname().machine)
        archive.write(folder / "image.tar", layer, CONFIG, [name], architecture=architecture)
        layer.unlink()
        say("loading it into Docker")
        docker.run("load", "--quiet", "--input", str(folder / "image.tar"))
    return name


def _module(version: str, say: Callable[[str], None]) -> Path:
    """The folder of kind's module in Go's cache, downloaded if need be; go.sum vouches for it."""
    folder = MODULES / "kind"
    go = toolchain.find(go_line((folder / "go.mod").read_text()), cache.root() / "go.json").path
    lines: list[str] = []

    def each(line: str | None) -> None:
        if line is not None:
            lines.append(line)

    say(f"fetching kind's module {version}")
    code = command.run(
        [str(go), "mod", "download", "-json", f"sigs.k8s.io/kind@{version}"],
        folder=folder,
        environment=toolchain.environment(go),
        each=each,
    )
    try:
        text = "\n".join(lines)
        return Path(json.loads(text[text.index("{") :])["Dir"])
    except (ValueError, KeyError):
        raise BuildError(
            f"kind's Go module {version} could not be had (go ended with {code}); check GOPROXY. go said:\n{text[-2000:]}"
        ) from None


def _add_kind(root: Path, module: Path) -> None:
    """Copy kind's files for nodes, which lie without their modes in a module."""
    source = module / "images/base/files"
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        name = file.relative_to(source)
        if name.parts[0] == "LICENSES":
            continue
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        target.chmod(0o755 if "bin" in name.parts[:-1] else 0o644)
    containerd = root / "etc/containerd/config.toml"
    # Without CAP_SYS_RESOURCE nobody may lower a process' oom score; with it this setting changes nothing but the score.
    text = containerd.read_text()
    changed = text.replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true")
    if changed == text:
        raise BuildError(
            f"{containerd} of kind's module is not as expected (restrict_oom_score_adj); this version of kind needs another recipe."
        )
    containerd.write_text(f'{changed}\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n')
    for file_name, content in REGISTRY_FILES.items():
        target = root / file_name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
