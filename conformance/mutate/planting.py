"""The list of defects of one Kubernetes version, and the source with all of them in it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from conformance.components import failures, toolchain
from conformance.components.plan import Module
from conformance.errors import UsageError
from conformance.mutate.planning import HERE, plan

GOLANG = HERE / "golang"
#: The package that the planted code imports; it is in no module but the one that is built here.
DEFECTS = "conformance/defects"


class Mutant(msgspec.Struct, frozen=True):
    """One defect: its switch in this build, its lasting id (function, operator, digest of the code), and what it does where.

    `before` and `after` are code as it is read; they are shown and not stored with the suite.
    """

    number: int
    id: str
    file: str
    line: int
    function: str
    operator: str
    before: str
    after: str


def fingerprint() -> str:
    """A digest of everything here that decides which defects there are."""
    parts = [*sorted(GOLANG.glob("*/*.go")), HERE / "plan.yaml"]
    targets = json.dumps(msgspec.to_builtins(plan().targets))
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts[:-1]) + targets.encode()).hexdigest()


def source(module: Module) -> Path:
    """The folder of the Kubernetes source that `module` pins, downloaded if need be. BuildError if that fails."""
    answer: dict[str, Any] = json.loads(_go(module, ["mod", "download", "-json", plan().module], module.folder))
    return Path(answer["Dir"])


def planted(module: Module, root: Path, out: Path) -> list[Mutant]:
    """Write the target files of the source in `root` with all defects into `out`, and list these.

    Raises UsageError if this version has not all of the files.
    """
    mutants: list[Mutant] = []
    program = out / "rewrite"
    _go(module, ["build", "-o", str(program), str(GOLANG / "rewrite" / "rewrite.go")], out)
    for target in plan().targets:
        files = [root / target.folder / name for name in target.files]
        if lost := [file for file in files if not file.is_file()]:
            raise UsageError(
                f"the source of {root.name} has no {lost[0].relative_to(root)}, where defects are to be planted. Name what this "
                f"version has in {HERE / 'plan.yaml'}, or choose another version with --kubernetes."
            )
        folder = out / target.folder
        folder.mkdir(parents=True)
        run = subprocess.run(
            [program, folder, str(len(mutants) + 1), *files], capture_output=True, check=False, env=toolchain.environment(module.go.path)
        )
        if run.returncode:
            raise UsageError(f"the source of {root.name} could not be read as Go: {run.stderr.decode(errors='replace').strip()}")
        mutants += msgspec.json.decode(run.stdout, type=list[Mutant])
    return mutants


def overlay(root: Path, packages: Sequence[Path], out: Path, work: Path) -> Path:
    """The overlay file of a module in `work`/source that is made of files elsewhere; the Go module cache stays untouched.

    `packages` are the folders of the source `root` that the program needs, `out` holds the files that take the place of theirs.
    """
    virtual = work / "source"
    replace: dict[str, str] = {str(virtual / "go.mod"): str(root / "go.mod")}
    for folder in packages:
        files = [file for file in folder.iterdir() if file.is_file() and not file.name.endswith("_test.go")]
        replace |= {str(virtual / file.relative_to(root)): str(file) for file in files}
    for target in plan().targets:
        for name in target.files:
            replace[str(virtual / target.folder / name)] = str(out / target.folder / name)
        [package] = {_package(out / target.folder / name) for name in target.files}
        helper = out / target.folder / "planted.go"
        helper.write_text((GOLANG / "planted" / "planted.go").read_text().replace("package planted", f"package {package}", 1))
        replace[str(virtual / target.folder / "zz_planted.go")] = str(helper)
    replace[str(virtual / DEFECTS / "defects.go")] = str(GOLANG / "defects" / "defects.go")
    file = work / "overlay.json"
    file.write_text(json.dumps({"Replace": replace}))
    return file


def _package(file: Path) -> str:
    return next(line.split()[1] for line in file.read_text().splitlines() if line.startswith("package "))


def _go(module: Module, arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> bytes:
    settings = environment or toolchain.environment(module.go.path)
    command = [str(module.go.path), *arguments]
    run = subprocess.run(command, cwd=folder, env=dict(settings), capture_output=True, check=False)
    if run.returncode:
        said = [*run.stderr.decode(errors="replace").splitlines(), *run.stdout.decode(errors="replace").splitlines()]
        raise failures.of_go(command, run.returncode, said, folder, settings)
    return run.stdout
