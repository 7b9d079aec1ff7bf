"""The command `conformance check`: its options, and what it answers.

Exit codes: 0 nothing as bad as `--fail-on`, 1 something is, 4 wrong usage or an input that cannot be checked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from conformance.errors import UsageError

if TYPE_CHECKING:
    from conformance.check.checking import Result

#: Seconds that a pod may take to be ready in a rehearsal.
_LONGEST = 600


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
    live = parser.add_argument_group("rehearsal", "what was said is done, on a real control plane with simulated nodes, and judged")
    live.add_argument("--live", action="store_true", help="start one, let it land, update it, break it, undo that (a minute or more)")
    live.add_argument("--from", type=Path, dest="old", metavar="OLD", help="update from this version of it (default: from itself)")
    live.add_argument("--ready-after", type=_seconds, default=1.0, metavar="S", help="seconds that its pods take to be ready (default: 1)")
    live.add_argument("--kubernetes", default="", metavar="VERSION", help="minor or version, such as 1.36 (default: the newest known)")
    live.add_argument("--report", type=Path, metavar="DIR", help="keep the traces below DIR, for `conformance tell` and `judge`")
    return parser


def _seconds(text: str) -> float:
    if not 0 <= (number := float(text)) <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text} seconds: give 0 to {_LONGEST}")
    return number


def run(arguments: argparse.Namespace) -> Answer:
    """Check the manifests that the command line names."""
    from conformance.check import outputs, told  # noqa: PLC0415 - each command loads only what it needs

    lonely = [name for name, given in (("--from", arguments.old), ("--report", arguments.report)) if given]
    if lonely:
        raise UsageError(f"{lonely[0]} is about a rehearsal: add --live.")
    result = checked(arguments)
    printed = {"text": told.told, "json": outputs.as_json, "sarif": outputs.as_sarif}[arguments.format]
    return Answer(printed(result), 1 if result.reaches(arguments.fail_on) else 0)


def checked(arguments: argparse.Namespace) -> Result:
    """The advice on the manifests that the command line names."""
    from conformance.check import checking, nodes  # noqa: PLC0415
    from conformance.check.expecting import telling  # noqa: PLC0415
    from conformance.check.gathering import gathered  # noqa: PLC0415

    ignored = _known(arguments.ignore)
    found = gathered(arguments.manifests)
    given: Path | None = arguments.nodes_from
    hand = nodes.of_file(given, telling(found.daemonsets)) if given else nodes.default()
    return checking.check(found, hand, ignored)


def _known(names: Iterable[str]) -> frozenset[str]:
    from conformance.check.rules.catalogue import rules  # noqa: PLC0415

    known = {rule.id for rule in rules()}
    for name in names:
        if name not in known:
            raise UsageError(f"--ignore {name}: there is no such rule. The rules are {', '.join(sorted(known))}.")
    return frozenset(names)
