"""Released binaries in place of compiled ones: `CONFORMANCE_RELEASED`, for machines that reach the projects' download pages.

The pinned version is fetched, from the address that `versions.yaml` gives or from a mirror, and held against its
sha256: the one in `released.sha256` or in the user's own file of that form, else the one that the project itself
publishes, asked for with TLS. A mirror never vouches for what it hands out, and what nobody vouches for is not run.
In the cache it has an entry of its own: nobody's build is ever mistaken for a release."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
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
#: Names a file of the user's with more checksums, as `sha256sum` writes them of files that `wget -x` fetched.
VARIABLE_SUMS = "CONFORMANCE_RELEASED_SHA256"
PINNED = Path(__file__).with_name("released.sha256")
_YES = ("1", "yes", "true", "on")
_NO = ("", "0", "no", "false", "off")
#: Go's names for processors, which the projects use in their addresses.
_PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}
#: Seconds without a byte after which a download has failed, and how often it is tried.
_PATIENCE = 30
_ATTEMPTS = 4
_CHUNK = 1 << 20
_OTHERWISE = f"give it in the file that {VARIABLE_SUMS} names (docs/security.md)"
_SUM = re.compile(r"([0-9a-fA-F]{64}) [ *](\S+)")


@dataclass(frozen=True)
class Download:
    """One released program: where from, its sha256 or the project's page that says it, and the cache entry it becomes."""

    url: str
    digest: str
    checksums: str
    member: str
    entry: cache.Entry

    def there(self) -> bool:
        """Whether it is in the cache, whole, and not another one than its sha256 says by now."""
        return self.entry.verify() and (bool(self.member) or self.digest in ("", self.entry.digest))

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
    url = fill(release.url)
    return Download(_at(url), _known().get(url.removeprefix("https://"), ""), fill(release.checksums), fill(release.member), entry)


def _known() -> dict[str, str]:
    """Addresses without their scheme, and the sha256 of what is there: the suite's own, and those of the user for others."""
    given = os.environ.get(VARIABLE_SUMS, "")
    known: dict[str, str] = {}
    for file in (*([Path(given).expanduser()] if given else []), PINNED):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{VARIABLE_SUMS}={given}: {file} cannot be read ({error}). Name a file as sha256sum writes it.") from error
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = _SUM.fullmatch(line.rstrip())
            if found is None:
                raise UsageError(
                    f"{file}, line {number}: {line[:80]!r} is not what sha256sum writes: a sha256, two spaces, a path. Mend it."
                )
            known[found[2].removeprefix("./")] = found[1].lower()
    return known


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
            if download.there():
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
    try:
        expected = download.digest or _checksum(again(lambda: _published(download)), download)
    except RequestException as error:
        raise OSError(f"its sha256 cannot be had ({error}); {_OTHERWISE}") from error
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
    if digest.hexdigest() != expected:
        raise OSError(f"its sha256 is {digest.hexdigest()}, and it has to be {expected}")
    program = alone / download.entry.name
    if download.member:
        with tarfile.open(file) as archive, program.open("wb") as out:
            inside = archive.extractfile(download.member) if download.member in archive.getnames() else None
            if inside is None:
                raise OSError(f"there is no {download.member} in it")
            shutil.copyfileobj(inside, out)
    else:
        file.rename(program)
    progress(Step(subject, f"{size / 1e6:.0f} MB", elapsed=time.monotonic() - started, last=True))
    return program


def _read(url: str) -> Iterator[bytes]:
    import requests  # noqa: PLC0415 - slow to import

    with requests.get(url, stream=True, timeout=_PATIENCE) as answer:
        answer.raise_for_status()
        yield from answer.iter_content(_CHUNK)


def _published(download: Download) -> bytes:
    """The checksum file of the project itself, which TLS vouches for; a mirror's would say whatever the mirror likes."""
    if not download.checksums:
        raise OSError(f"its project publishes no checksum, and {PINNED.name} holds none; {_OTHERWISE}")
    import requests  # noqa: PLC0415 - slow to import

    with requests.get(download.checksums, timeout=_PATIENCE) as answer:
        answer.raise_for_status()
        if not all(one.url.startswith("https://") for one in (answer, *answer.history)):
            raise OSError(f"{download.checksums} leads to an address without TLS; {_OTHERWISE}")
        return answer.content


def _checksum(text: bytes, download: Download) -> str:
    """The sha256 of the file in a checksum file: alone in it, or on the line that ends with the file's name."""
    lines = [line.split() for line in text.decode(errors="replace").splitlines() if line.strip()]
    for words in lines:
        if len(words) == 1 == len(lines) or words[-1].lstrip("*") == download.file:
            return words[0].lower()
    raise OSError(f"{download.checksums} has no line for {download.file}")
