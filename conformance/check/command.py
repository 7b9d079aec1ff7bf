"""The command `conformance check`: its options, and what it answers.

Exit codes: 0 nothing as bad as `--fail-on`, 1 something is, 4 wrong usage or an input that cannot be checked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from conformance.errors import UsageError


class Answer(NamedTuple):
    """What is printed, and the exit code."""

    text: str
    code: int


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the parser to the commands of the program (argparse's subparsers); who calls it sets what is run."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "check", help="say what DaemonSets of your own will do, from their manifests, before any cluster is touched"
    )
    parser.add_argument(
        "manifests",
        nargs="+",
        metavar="MANIFEST",
        help="files, folders, or - for standard input: helm template NAME CHART | conformance check -",
    )
    parser.add_argument(
        "--nodes-from", type=Path, metavar="FILE", help="your nodes: kubectl get nodes -o json (default: a set of many kinds)"
    )
    parser.add_argument("--format", choices=["text", "json", "sarif"], default="text", help="how it is printed (default: text)")
    parser.add_argument(
        "--fail-on",
        choices=["advice", "risk", "broken"],
        default="broken",
        help="the level from which on the exit code is 1 (default: broken)",
    )
    parser.add_argument("--ignore", action="append", default=[], metavar="RULE", help="leave out this rule, by its id; may be repeated")
    return parser


def run(arguments: argparse.Namespace) -> Answer:
    """Check the manifests that the command line names."""
    from conformance.check import checking, nodes, outputs, told  # noqa: PLC0415 - each command loads only what it needs
    from conformance.check.expecting import telling  # noqa: PLC0415
    from conformance.check.input import gathered  # noqa: PLC0415

    ignored = _known(arguments.ignore)
    found = gathered(arguments.manifests)
    given: Path | None = arguments.nodes_from
    hand = nodes.of_file(given, telling(found.daemonsets)) if given else nodes.default()
    result = checking.check(found, hand, ignored)
    printed = {"text": told.told, "json": outputs.as_json, "sarif": outputs.as_sarif}[arguments.format]
    return Answer(printed(result), 1 if result.reaches(arguments.fail_on) else 0)


def _known(names: Iterable[str]) -> frozenset[str]:
    from conformance.check.rules.catalogue import rules  # noqa: PLC0415

    known = {rule.id for rule in rules()}
    for name in names:
        if name not in known:
            raise UsageError(f"--ignore {name}: there is no such rule. The rules are {', '.join(sorted(known))}.")
    return frozenset(names)
