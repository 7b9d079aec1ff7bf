"""The result for programs: JSON (`check.schema.json`), and SARIF 2.1.0, as code hosts show it beside the lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from conformance import __version__
from conformance.check.checking import Checked, Result
from conformance.check.input import STANDARD_INPUT, Thing
from conformance.check.results import LEVELS, Advice, Level, Rule
from conformance.check.rules.catalogue import rules

FORMAT = 1
_SARIF_LEVELS: dict[Level, str] = {"advice": "note", "risk": "warning", "broken": "error"}


def as_json(result: Result, rehearsed: Mapping[Thing, Mapping[str, Any]] = MappingProxyType({})) -> str:
    """The whole result; the schema says what each field is. `rehearsed` is what a rehearsal adds to each DaemonSet."""
    everything = [each for checked in result.checked for each in checked.advice]
    whole = {
        "format": FORMAT,
        "suite": __version__,
        "nodes": {"given": result.nodes.given, "count": len(result.nodes.grouped)},
        "counts": {level: sum(each.level == level for each in everything) for level in LEVELS},
        "daemonsets": [{**_daemonset(checked), **rehearsed.get(checked.manifest.thing, {})} for checked in result.checked],
        "leftAlone": [_thing(thing) for thing in result.input.left_alone],
    }
    return json.dumps(whole, indent=2) + "\n"


def _thing(thing: Thing) -> dict[str, Any]:
    return {"kind": thing.kind, "namespace": thing.namespace, "name": thing.name, "file": thing.source, "line": thing.line}


def _daemonset(checked: Checked) -> dict[str, Any]:
    expectation = checked.expectation
    return {
        **_thing(checked.manifest.thing),
        "advice": [_advice(each) for each in checked.advice],
        "expected": {
            "desired": expectation.desired,
            "nodes": [
                {"group": row.group, "nodes": row.nodes, "wanted": row.wanted, "obstacle": row.obstacle, "why": row.why}
                for row in expectation.rows
            ],
            "update": {
                "strategy": checked.manifest.record.spec.update_strategy.type,
                "unavailable": expectation.unavailable,
                "surge": expectation.surge,
                "waves": expectation.waves,
                "seconds": expectation.seconds,
            },
        },
        "lacking": [each._asdict() for each in checked.lacking],
    }


def _advice(each: Advice) -> dict[str, Any]:
    return {
        "rule": each.rule.id,
        "level": each.level,
        "text": each.text,
        "field": each.path,
        "file": each.file,
        "line": each.line,
        "claim": each.rule.claim,
        "finding": each.rule.finding,
        "scenario": each.rule.scenario,
        "facts": dict(each.facts),
    }


def as_sarif(result: Result) -> str:
    """One run; advice is a note, a risk a warning, what is broken an error."""
    known = rules()
    index = {rule.id: number for number, rule in enumerate(known)}
    driver = {
        "name": "conformance check",
        "version": __version__,
        "rules": [_described(rule) for rule in known],
    }
    found = [_result(each, index[each.rule.id]) for checked in result.checked for each in checked.advice]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": found}],
    }
    return json.dumps(log, indent=2) + "\n"


def _described(rule: Rule) -> dict[str, Any]:
    stands = (
        f"Stands on claim {rule.claim}{f' and finding {rule.finding}' if rule.finding else ''}; shown live by scenario {rule.scenario}."
    )
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "help": {"text": stands},
        "defaultConfiguration": {"level": _SARIF_LEVELS[rule.level]},
    }


def _result(each: Advice, index: int) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": _uri(each.file)}, "region": {"startLine": each.line}}
    return {
        "ruleId": each.rule.id,
        "ruleIndex": index,
        "level": _SARIF_LEVELS[each.level],
        "message": {"text": each.text},
        "locations": [
            {"physicalLocation": place, "logicalLocations": [{"fullyQualifiedName": f"DaemonSet {each.thing.label} {each.path}"}]}
        ],
    }


def _uri(file: str) -> str:
    """A relative reference for a relative path, so that a code host finds the file in its checkout; what came by a pipe has a name only."""
    if file == STANDARD_INPUT:
        return "stdin"
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
