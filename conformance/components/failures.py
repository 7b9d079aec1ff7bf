"""Why a build failed, in a paragraph that says what to do."""

from __future__ import annotations

import errno
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.components import cache, toolchain
from conformance.errors import BuildError

SHOWN = 30
"""Lines of go's output that an error quotes."""
_FULL = ("no space left on device", "disk quota exceeded")
_OFFLINE = ("dial tcp", "no such host", "i/o timeout", "proxyconnect", "module lookup disabled")


def of_go(arguments: Sequence[str], code: int, output: Sequence[str], folder: Path, environment: Mapping[str, str]) -> BuildError:
    """The error for a go command that ended with `code`."""
    text = "\n".join(output).lower()
    if any(sign in text for sign in _FULL):
        return _full(arguments[0], environment)
    settings = [f"{name}={value}" for name, value in toolchain.FIXED.items()]
    repeat = f"cd {shlex.quote(str(folder))} && {shlex.join(['env', *settings, *arguments])}"
    hint = ""
    if any(sign in text for sign in _OFFLINE):
        hint = " It seems that no Go module proxy was reached: check the network, or name one that is with GOPROXY."
    quoted = "\n".join(f"  {line}" for line in output[-SHOWN:])
    return BuildError(f"`go {arguments[1]}` failed with exit code {code}.{hint} To repeat it: {repeat}\nThe end of its output:\n{quoted}")


def of_system(error: OSError, go: Path) -> BuildError:
    """The error for something that the operating system refused us."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(str(go), toolchain.environment(go))
    return BuildError(
        f"the components could not be built in {cache.root()}: {error}. Make that folder writable for you, "
        f"or choose another place for it with the environment variable XDG_CACHE_HOME."
    )


def not_downloaded(error: Exception, url: str, variable: str) -> BuildError:
    """The error for a released binary that did not come."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return BuildError(
            f"the disk is full: {cache.free(cache.root()) / 1e6:.0f} MB are free at {cache.root()}; `conformance clean --cache` frees "
            f"{cache.size() / 1e6:.0f} MB, and XDG_CACHE_HOME moves the cache to a larger disk."
        )
    return BuildError(
        f"{url} could not be downloaded: {error}. Check the network (a proxy is taken from HTTPS_PROXY), name a mirror with "
        f"{variable}=https://…, or unset {variable} to have the component compiled."
    )


def _full(go: str, environment: Mapping[str, str]) -> BuildError:
    folders = {"the cache of built components": cache.root()}
    asked = ["GOCACHE", "GOMODCACHE", "GOTMPDIR"]
    run = subprocess.run([go, "env", *asked], env=dict(environment), capture_output=True, text=True, check=False)
    if run.returncode == 0:
        folders |= {name: Path(value) for name, value in zip(asked, run.stdout.splitlines(), strict=False) if value}
    use, folder = min(folders.items(), key=lambda item: cache.free(item[1]))
    return BuildError(
        f"the disk is full: {cache.free(folder) / 1e6:.0f} MB are free at {folder} ({use}), and a first build needs "
        f"about 6 GB in all. `conformance clean --cache` frees what was built here ({cache.size() / 1e6:.0f} MB), "
        f"`go clean -cache` what Go keeps; XDG_CACHE_HOME, GOCACHE and GOMODCACHE move the caches to a larger disk."
    )
