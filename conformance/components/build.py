"""Building components from pinned Go modules, once for each user and version.

`ensure` is the one entrance: what is built already costs a few system calls, what is missing is compiled with one
`go build` for each module, or downloaded if the user asked for released binaries.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.components import cache, failures, released
from conformance.components.compiling import Watch, compile_all
from conformance.components.fetching import fetching
from conformance.components.locks import locked, sweep, workplace
from conformance.components.plan import Job, Module, plan
from conformance.components.progress import Printer, Progress, Step
from conformance.components.versions import DEFAULT, component, module_of, resolve


def ensure(
    names: Sequence[str],
    *,
    minor: str = DEFAULT,
    overrides: Mapping[str, Path] | None = None,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """The programs called `names` for one Kubernetes minor, built if need be; `overrides` are taken as they are.

    Raises UsageError for unknown names and versions, ToolMissing without a Go that is new enough, BuildError when go
    fails or the disk is full.
    """
    given = overrides or {}
    for name in given:
        component(name)
    asked = [name for name in dict.fromkeys(names) if name not in given]
    loaded = _download(asked, minor, progress or Printer()) if released.wanted() else {}
    jobs = _plan([name for name in asked if name not in loaded], minor)
    missing: dict[Path, tuple[Module, list[Job]]] = {}
    for module, job in jobs:
        if not job.entry.verify():  # before it is run: what was restored into a cache may be damaged
            missing.setdefault(module.folder, (module, []))[1].append(job)
    builds = list(missing.values())
    with fetching(builds[1:]):
        for module, wanted in builds:
            _build(module, wanted, progress or Printer())
    built = loaded | {job.component.name: job.entry.binary for _, job in jobs}
    return {name: given.get(name) or built[name] for name in names}


def _download(names: Sequence[str], minor: str, progress: Progress) -> dict[str, Path]:
    found = {name: released.find(component(name), resolve(minor)) for name in names}
    for download in found.values():
        if download is not None and not download.there():
            released.fetch(download, progress)
    return {name: download.entry.binary for name, download in found.items() if download is not None}


def verify(names: Sequence[str], *, minor: str = DEFAULT) -> list[str]:
    """Which of `names` are not in the cache byte for byte as they were built; reads the files whole."""
    return [job.component.name for _, job in _plan(names, minor) if not job.entry.verify()]


def _plan(names: Sequence[str], minor: str) -> list[tuple[Module, Job]]:
    chosen = resolve(minor)
    read = functools.cache(Module.read)
    wanted = [(component(name), read(module_of(component(name), chosen))) for name in names]
    return [(module, plan(what, chosen, module)) for what, module in wanted]


def _build(module: Module, jobs: Sequence[Job], progress: Progress) -> None:
    jobs = sorted(jobs, key=lambda job: job.entry.label)  # one order for all runs, so two never wait for each other
    subject = f"building {module.folder.name.partition('-')[0]} {jobs[0].entry.version.removeprefix('v')}"
    try:
        with contextlib.ExitStack() as stack:
            locks = []
            for job in jobs:
                step = Step(subject, f"waiting for another run that builds {job.component.name}")
                locks.append(stack.enter_context(locked(job.entry.lock, functools.partial(progress, step))))
            watch = Watch(subject, progress)
            jobs = [job for job in jobs if not job.entry.verify()]
            if not jobs:
                watch.end("built by another run")
                return
            building = cache.root() / "building"
            sweep(building)
            temp, lock = stack.enter_context(workplace(building))
            try:
                compile_all(module, jobs, temp, watch, [*locks, lock])
            except BaseException:
                watch.end("stopped")
                raise
            watch.end(f"built {', '.join(job.component.name for job in jobs)}")
    except OSError as error:
        raise failures.of_system(error, module.go.path) from error
