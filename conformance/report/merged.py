"""The merged statement: several runs side by side for machines, held to a schema (merged.schema.json, in this package)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from conformance import __version__, whole
from conformance.report.columns import Column
from conformance.report.comparing import Merged
from conformance.report.rows import Row, Side
from conformance.report.style import asset

FORMAT = 2
NAME = "merged.json"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a merged statement."""
    loaded: dict[str, Any] = json.loads(asset("merged.schema.json"))
    return loaded


def statement(merged: Merged, out: Path) -> dict[str, Any]:
    """The merged statement as plain values, in a fixed order; paths in it are relative to `out`."""
    return {
        "format": FORMAT,
        "suite": __version__,
        "runs": [_run(column, out) for column in merged.columns],
        "superseded": [
            {"folder": relative(each.report.folder, out), "by": relative(each.by.folder, out), "started": each.report.run.started}
            for each in merged.superseded
        ],
        "problems": list(merged.problems),
        "claims": [
            _row(row, "verdicts")
            | ({"source": row.claim.source, "status": row.claim.status} if row.claim else {})
            | {"scenarios": list(row.evidence)}
            for row in merged.claims
        ],
        "scenarios": [_row(row, "outcomes") for row in merged.scenarios],
        "guarantees": [_row(row, "verdicts") for row in merged.guarantees],
    }


def write(merged: Merged, out: Path) -> Path:
    """Write merged.json into the folder."""
    file = out / NAME
    whole.write(file, json.dumps(statement(merged, out), indent=2, ensure_ascii=False) + "\n")
    return file


def relative(path: Path, out: Path) -> str:
    """The path as a page or statement in `out` names it."""
    return Path(os.path.relpath(path.resolve(), out.resolve())).as_posix()


def _run(column: Column, out: Path) -> dict[str, Any]:
    run, report = column.run, column.report
    return {
        "name": column.name,
        "kubernetes": run.kubernetes,
        "minor": column.minor,
        "cluster": column.cluster,
        "suite": run.suite,
        "components": dict(sorted(run.components.items())),
        "started": run.started,
        "seconds": run.seconds,
        "conforms": report.conforms,
        "complete": report.complete,
        "outcomes": dict(report.outcomes),
        "verdicts": report.verdicts,
        "folder": relative(report.folder, out),
    }


def _row(row: Row, words: str) -> dict[str, Any]:
    said = {name: side.word for name, side in row.sides.items() if side.word != "not run"}
    known: dict[str, Any] = {"id": row.id, "text": row.text, words: said, "differences": list(row.differences)}
    if reasons := {name: side.reason for name, side in row.sides.items() if side.reason}:
        known["reasons"] = reasons
    if row.disagreements:
        known["disagreements"] = [
            {"kind": each.kind, "among": each.among, "runs": {side.column.name: _side(side) for side in each.sides}}
            for each in row.disagreements
        ]
    return known


def _side(side: Side) -> dict[str, Any]:
    outcomes = {name: outcome for name, outcome in side.outcomes.items() if outcome != "not run"}
    optional = {"outcomes": outcomes, "reason": side.reason}
    return {"word": side.word} | {name: value for name, value in optional.items() if value}
