"""Released binaries in place of compiled ones: `CONFORMANCE_RELEASED`, for machines that reach the projects' download pages.

The pinned version is fetched, from the address that `versions.yaml` gives, and held against the checksum that the project publishes
beside it. In the cache it has an entry of its own: nobody's build is ever mistaken for a release.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from conformance.components import cache
from conformance.components.failures import not_downloaded
from conformance.components.locks import locked, sweep, workplace
from conformance.components.progress import Progress, Step
from conformance.components.versions import Component, Minor, module_of, pinned
from conformance.errors import UsageError

VARIABLE = "CONFORMANCE_RELEASED"
_YES = ("1", "yes", "true", "on")
_NO = ("", "0", "no", "false", "off")
#: Go's names for processors, which the projects use in their addresses.
_PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}
#: Seconds without a byte after which a download has failed, and how often it is tried.
_PATIENCE = 30
_ATTEMPTS = 4
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Download:
    """One released program: where from, which checksum file speaks for it, and the cache entry it becomes."""

    url: str
    checksums: str
    member: str
    entry: cache.Entry

    @property
    def file(self) -> str:
        """The name of the file that is downloaded, as a checksum file names it."""
        return self.url.rsplit("/", 1)[-1]


def wanted() -> bool:
    """Whether the user asked for released binaries; UsageError for a value that is neither yes, no nor an address."""
    value = os.environ.get(VARIABLE, "")
    if value.lower() in _NO:
        return False
    if value.lower() not in _YES and urlsplit(value).scheme not in ("http", "https"):
        raise UsageError(
            f"{VARIABLE}={value}: say 1 for the projects' own download pages, or the address of a mirror (http:// or https://)."
        )
    return True


def find(component: Component, minor: Minor) -> Download | None:
    """Where the released `component` is; None if its project releases none, and it has to be built."""
    release = component.release
    if release is None:
        return None
    version = pinned((module_of(component, minor) / "go.mod").read_text(), component.package) if component.module else minor.version
    machine = _PROCESSORS.get(platform.machine(), platform.machine())
    fill = functools.partial(str.format, name=component.name, version=version, arch=machine)
    entry = cache.Entry(cache.root(), component.name, version, f"released.{machine}")
    return Download(_at(fill(release.url)), _at(fill(release.checksums)), fill(release.member), entry)


def _at(url: str) -> str:
    """The address, or its place on the mirror: below the name of the original host, as `wget -x` lays it out."""
    mirror = os.environ.get(VARIABLE, "")
    parts = urlsplit(url)
    return url if mirror.lower() in _YES or not url else f"{mirror.rstrip('/')}/{parts.netloc}{parts.path}"


def fetch(download: Download, progress: Progress) -> None:
    """Download into the cache what is not there yet; BuildError says what kept it from coming."""
    entry = download.entry
    subject = f"downloading {entry.name} {entry.version}"
    building = cache.root() / "building"
    try:
        with locked(entry.lock, lambda: progress(Step(subject, "waiting for another run that downloads it"))):
            if entry.intact():
                return
            sweep(building)
            with workplace(building) as (temp, _):
                alone = temp / "alone"
                alone.mkdir()
                entry.put(_fetch(download, temp, alone, subject, progress))
    except (OSError, tarfile.TarError) as error:  # what requests raises is an OSError too
        raise not_downloaded(error, download.url, VARIABLE) from error


def _fetch(download: Download, temp: Path, alone: Path, subject: str, progress: Progress) -> Path:
    from requests import RequestException  # noqa: PLC0415 - nothing else needs it
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter  # noqa: PLC0415

    def passing(error: BaseException) -> bool:
        answer = getattr(error, "response", None)
        return isinstance(error, RequestException) and (answer is None or answer.status_code >= 500)

    again = Retrying(retry=retry_if_exception(passing), stop=stop_after_attempt(_ATTEMPTS), wait=wait_exponential_jitter(), reraise=True)
    started = time.monotonic()
    file, size = temp / download.file, 0
    expected = _checksum(again(lambda: b"".join(_read(download.checksums))), download) if download.checksums else ""
    digest = hashlib.sha256()

    def load() -> None:
        nonlocal digest, size
        digest, size = hashlib.sha256(), 0
        with file.open("wb") as out:
            for chunk in _read(download.url):
                out.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                progress(Step(subject, f"{size / 1e6:.0f} MB", elapsed=time.monotonic() - started))

    again(load)
    if expected and digest.hexdigest() != expected:
        raise OSError(f"its sha256 is {digest.hexdigest()}, and {download.checksums} says {expected}")
    program = alone / download.entry.name
    if download.member:
        with tarfile.open(file) as archive, program.open("wb") as out:
            inside = archive.extractfile(download.member) if download.member in archive.getnames() else None
            if inside is None:
                raise OSError(f"there is no {download.member} in it")
            shutil.copyfileobj(inside, out)
    else:
        file.rename(program)
    progress(
        Step(
            subject, f"{size / 1e6:.0f} MB" + ("" if expected else ", no checksum published"), elapsed=time.monotonic() - started, last=True
        )
    )
    return program


def _read(url: str) -> Iterator[bytes]:
    import requests  # noqa: PLC0415 - slow to import

    with requests.get(url, stream=True, timeout=_PATIENCE) as answer:
        answer.raise_for_status()
        yield from answer.iter_content(_CHUNK)


def _checksum(text: bytes, download: Download) -> str:
    """The sha256 of the file in a checksum file: alone in it, or on the line that ends with the file's name."""
    lines = [line.split() for line in text.decode(errors="replace").splitlines() if line.strip()]
    for words in lines:
        if len(words) == 1 == len(lines) or words[-1].lstrip("*") == download.file:
            return words[0].lower()
    raise OSError(f"{download.checksums} has no line for {download.file}")
