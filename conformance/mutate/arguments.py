"""What `conformance mutate` takes; apart from what it does, which takes longer to load."""

from __future__ import annotations

import argparse
from pathlib import Path


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--kubernetes", default="", metavar="VERSION", help="minor or version, such as 1.36 (default: the newest known)")
    parser.add_argument("--list", action="store_true", help="print the defects of this version, and build and run nothing")
    parser.add_argument("--only", default="", metavar="WHICH", help="these: numbers, ids and functions, with commas between")
    parser.add_argument("--fixed", action="store_true", help="the few that have to be noticed on every change of the suite")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many of them, by lot")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the lot; the same one draws the same defects (default: 1)")
    parser.add_argument(
        "--groups", default="", metavar="NAMES", help="ask these groups of scenarios only (default: all; first, second, and each file)"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="W", help="clusters side by side, half a GiB each (default: 1)")
    parser.add_argument("--scenarios", type=Path, metavar="DIR", help="the scenarios (default: the suite's own)")
    parser.add_argument("--time-scale", type=float, default=1.0, metavar="F", help="as pytest's: multiply the limits of waits (default: 1)")
    parser.add_argument(
        "--out", type=Path, default=Path("mutants"), metavar="DIR", help="results; a run that was killed goes on there (default: mutants)"
    )
