"""The binary with all defects: built once for each Kubernetes version and set of defects, and kept with the other components."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from conformance.components import cache, command, failures, plan, toolchain
from conformance.components.compiling import Watch, compile_all
from conformance.components.locks import locked, sweep, workplace
from conformance.components.plan import Job, Module
from conformance.components.progress import Printer, Progress, Step
from conformance.components.versions import component, module_of, resolve
from conformance.mutate import planting
from conformance.mutate.planning import plan as what
from conformance.mutate.planting import Mutant

NAME = "kube-controller-manager-mutants"
PACKAGES = '{{{{with .Module}}}}{{{{if eq .Path "{module}"}}}}{{{{$.Dir}}}}{{{{end}}}}{{{{end}}}}'


@dataclass(frozen=True)
class Planted:
    """The defects of one version, and the program that has them; `key` tells it from every other build."""

    kubernetes: str
    mutants: list[Mutant]
    program: Path
    key: str


def listed(minor: str) -> list[Mutant]:
    """The defects of a version, without building anything but the program that finds them."""
    module = _module(minor)
    with _work() as (work, _):
        return planting.planted(module, planting.source(module), work)


def build(minor: str, progress: Progress | None = None) -> Planted:
    """The binary with the defects, built if need be. ToolMissing without Go, BuildError if it does not compile or the disk is full."""
    chosen = resolve(minor)
    module = _module(minor)
    ready = plan.plan(component(what().component), chosen, module)
    key = hashlib.sha256(f"{ready.entry.key} {planting.fingerprint()}".encode()).hexdigest()[:16]
    entry = cache.Entry(cache.root(), NAME, ready.entry.version, key)
    show = progress or Printer()
    subject = f"building {what().component} {chosen.version.removeprefix('v')} with defects"
    try:
        with (
            locked(entry.lock, functools.partial(show, Step(subject, "waiting for another run that builds it"))) as lock,
            _work() as (work, place),
        ):
            root = planting.source(module)
            mutants = planting.planted(module, root, work)
            if not entry.verify():
                watch = Watch(subject, show)
                _compile(module, ready, entry, root, work, watch, [lock, place])
                watch.end(f"built with {len(mutants)} defects")
    except OSError as error:
        raise failures.of_system(error, module.go.path) from error
    return Planted(chosen.version, mutants, entry.binary, key)


def _compile(module: Module, ready: Job, entry: cache.Entry, root: Path, work: Path, watch: Watch, locks: list[int]) -> None:
    environment = toolchain.environment(module.go.path)
    folders: set[str] = set()

    def each(line: str | None) -> None:
        if line is not None and Path(line).is_relative_to(root):
            folders.add(line)
        else:
            watch.listing(line)

    pattern = PACKAGES.format(module=what().module)
    arguments = [str(module.go.path), "list", "-deps", "-f", pattern, ready.component.package]
    if code := command.run(arguments, folder=module.folder, environment=environment, each=each, descriptors=locks):
        raise failures.of_go(arguments, code, list(watch.output), module.folder, environment)
    overlay = planting.overlay(root, [Path(folder) for folder in sorted(folders)], work, work)
    pinned = work / "go.mod"
    pinned.write_text(f"{module.text}\nreplace {what().module} => {work / 'source'}\n")
    (work / "go.sum").write_bytes((module.folder / "go.sum").read_bytes())
    job = Job(msgspec.structs.replace(ready.component, name=NAME), (*ready.flags, f"-modfile={pinned}", f"-overlay={overlay}"), entry)
    compile_all(module, [job], work, watch, locks)


def _module(minor: str) -> Module:
    return Module.read(module_of(component(what().component), resolve(minor)))


@contextlib.contextmanager
def _work() -> Iterator[tuple[Path, int]]:
    building = cache.root() / "building"
    sweep(building)
    with workplace(building) as place:
        yield place
