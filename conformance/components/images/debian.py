"""The Debian that a node image begins with: unpacked by debootstrap where that is there and we are root, else made in a container.

debootstrap needs no registry of images; a container needs no root, and no Debian around it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.components import command
from conformance.components.engine.docker import Docker, DockerError
from conformance.components.images import making
from conformance.errors import BuildError, ToolMissing

#: Debian's own image in Docker's official library, which kind's node images begin with too.
IMAGE = "debian:{suite}-slim"
#: Seconds to pull it: some 30 MB.
_PATIENCE = 600.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BARE = {"PATH": _PATH, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


@dataclass(frozen=True)
class Debian:
    """One suite with some packages; `add` puts files into a folder that stands for its root, then the shell script `finish` runs."""

    suite: str
    packages: Sequence[str]
    add: Callable[[Path], None]
    finish: str

    def pack(self, layer: Path, docker: Docker, folder: Path, say: Callable[[str], None], lock: int) -> None:
        """Write the whole of it to the tar archive `layer`; `folder` is a place to work in, `lock` a descriptor that its programs hold."""
        work = _Work(folder, say, lock)
        if os.geteuid() == 0 and shutil.which("debootstrap"):
            self._unpack(layer, work)
        else:
            self._contain(layer, docker, work)

    def _unpack(self, layer: Path, work: _Work) -> None:
        root = work.folder / "root"
        work.say(f"unpacking Debian {self.suite}")
        environment = _BARE | _proxies()
        # Where the keyring is missing it would only warn, and take what the network gives.
        options = ["--force-check-gpg", "--variant=minbase", f"--include={','.join(self.packages)}"]
        work.call(["debootstrap", *options, self.suite, str(root)], environment)
        work.say("adding kind's files")
        self.add(root)
        root.chmod(stat.S_IMODE(root.stat().st_mode) | 0o055)
        work.call(["chroot", str(root), "/bin/sh", "-euc", self.finish], environment)
        work.say("packing it")
        excluded = [f"--exclude=./{name}/*" for name in ("proc", "sys", "dev", "run", "tmp")]
        work.call(["tar", "--numeric-owner", "--xattrs", "-C", str(root), *excluded, "-cf", str(layer), "."], environment)
        shutil.rmtree(root)

    def _contain(self, layer: Path, docker: Docker, work: _Work) -> None:
        image = IMAGE.format(suite=self.suite)
        if docker.inspect(image, kind="image") is None:
            work.say(f"pulling {image}")
            self._pull(image, docker)
        settings = [f"--env={name}={value}" for name, value in (_BARE | _proxies()).items()]
        # The host's network: Debian's packages come the way that whatever else is downloaded comes.
        with making.container(docker, image, "--network", "host", *settings) as container:
            work.say(f"installing Debian's packages in a container of {image}")
            install = f"apt-get update -q && apt-get install -qy --no-install-recommends {' '.join(self.packages)}"
            inside = [str(docker.program), "exec", container, "/bin/sh", "-euc"]
            work.call([*inside, install], os.environ)
            work.say("adding kind's files")
            files = self._files(work)
            docker.run("cp", str(files), f"{container}:/files.tar")
            work.call([*inside, "tar -C / --keep-directory-symlink -xf /files.tar && rm /files.tar"], os.environ)
            work.call([*inside, self.finish], os.environ)
            work.say("packing it")
            docker.run("export", "--output", str(layer), container)

    def _pull(self, image: str, docker: Docker) -> None:
        try:
            docker.run("pull", "--quiet", image, timeout=_PATIENCE)
        except DockerError as error:
            missing = "this user is not root" if os.geteuid() else "there is no debootstrap on PATH"
            raise ToolMissing(
                f"A node image begins with Debian. debootstrap did not unpack it, for {missing}, and {image} could not be pulled: "
                f"{error.result.said} "
                "Let Docker reach a registry that has it, or call again as root with debootstrap, which most distributions package "
                "(as root `conformance prepare docker` installs it on Debian and Ubuntu)."
            ) from error

    def _files(self, work: _Work) -> Path:
        """The added files as an archive, root's whoever we are; without folders, for some are links in a Debian."""
        root, files = work.folder / "files", work.folder / "files.tar"
        root.mkdir()
        self.add(root)
        names = sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())
        work.call(["tar", "--owner=0", "--group=0", "--numeric-owner", "-C", str(root), "-cf", str(files), "--", *names], _BARE)
        return files


@dataclass(frozen=True)
class _Work:
    """Where it is done, whom is told of it, and what its programs hold."""

    folder: Path
    say: Callable[[str], None]
    lock: int

    def call(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a program to its end; BuildError has the last lines of one that failed."""
        lines: list[str] = []

        def each(line: str | None) -> None:
            if line is not None:
                lines.append(line)
                if line.startswith("I: "):
                    self.say(line[3:].rstrip("."))
            else:
                self.say("")

        code = command.run(arguments, folder=self.folder, environment=environment, each=each, descriptors=(self.lock,))
        if code:
            shown = " ".join(arguments[:3])
            raise BuildError(f"`{shown} …` ended with exit code {code}; its last lines:\n" + "\n".join(lines[-20:]))


def _proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
