"""The command `conformance`: run, build, up, ps, down, judge, tell, check, reproduce, report, claims, mutate, versions, clean.

Each command calls one room and prints its answer.

Exit codes are pytest's: 0 done, 1 a promise was broken or something failed, 2 interrupted, 3 a fault of this program, 4 wrong usage.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from conformance import __version__
from conformance.check import command
from conformance.errors import ClusterError, ConformanceError, UsageError, refused
from conformance.mutate import arguments as mutating
from conformance.printable import printable

if TYPE_CHECKING:
    from conformance.components.versions import Minor


def say(text: object, *, file: TextIO | None = None) -> None:
    """A line for the terminal: what it holds of clusters and files of others stays text there."""
    print(printable(str(text)), file=file)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = argparse.Namespace(run=_run, given=given[1:]) if given[:1] == ["run"] else _parser().parse_args(given)
    code: int
    why = ""
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
    except ConformanceError as error:
        code, why = 4 if isinstance(error, UsageError) else 1, str(error)
    except KeyboardInterrupt:
        code, why = 2, "interrupted; nothing half-done was left behind"
    except BrokenPipeError:  # who reads has read enough
        _forget_output()
        code = 1
    except OSError as error:
        _forget_output()
        code, why = 1, f"the operating system refused what this takes ({refused(error)}). Mend the permissions there, or free some space."
    except Exception:  # exit code 1 would say that a promise was broken
        say(traceback.format_exc(), file=sys.stderr)
        code, why = 3, "this is a fault of the suite itself; please report it with the lines above."
    if why:
        say(f"conformance: {why}", file=sys.stderr)
    return code


def _forget_output() -> None:
    """What could not be written is not tried again at the end of Python, which would complain of it and end with its own exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    def exit(self, status: int = 0, message: str | None = None) -> None:  # type: ignore[override]
        """Wrong usage ends with pytest's exit code for it."""
        super().exit(4 if status == 2 else status, message)


def _clusters(commands: argparse._SubParsersAction[_Parser]) -> None:
    """The commands that make, show and end clusters."""
    build = commands.add_parser("build", help="build components from their pinned Go modules into the user's cache")
    build.add_argument(
        "names", nargs="*", metavar="NAME", help="components, or node-image for kind (default: all that the embedded cluster needs)"
    )
    _version(build)
    build.set_defaults(run=_build)

    prepare = commands.add_parser("prepare", help="get what kind clusters need to work here; does nothing where it works already")
    prepare.add_argument("what", choices=["docker"], metavar="docker")
    prepare.add_argument(
        "then",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="run this when Docker and a node image are there; where they cannot be had, say so and succeed without it",
    )
    prepare.set_defaults(run=_prepare)

    up = commands.add_parser("up", help="start a cluster to play with, and print its kubeconfig")
    _version(up)
    up.add_argument("--cluster", choices=["embedded", "kind"], default="embedded", metavar="KIND", help="embedded (default) or kind")
    up.add_argument("--nodes", type=int, default=3, metavar="N", help="nodes (default: 3)")
    up.add_argument("--port", type=_port, default=0, metavar="PORT", help="port of the API server (default: any free one)")
    up.set_defaults(run=_up)

    down = commands.add_parser("down", help="end clusters that `up` or `--keep` left running")
    down.add_argument("names", nargs="*", metavar="NAME", help="names that `up` printed (default: the only one there is)")
    down.add_argument("--all", action="store_true", help="end all of them")
    down.set_defaults(run=_down)

    ps = commands.add_parser("ps", help="show your clusters that are up: who started them, when, from where, and what is wrong with them")
    ps.set_defaults(run=_ps)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="conformance", description="The reference conformance suite for DaemonSets.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("run", help="run the suite's scenarios: pytest with all its options, and those that `conformance run --help` adds")
    _clusters(commands)

    judge = commands.add_parser("judge", help="judge a recorded trace again, without a cluster")
    judge.add_argument("trace", type=Path, metavar="TRACE")
    judge.set_defaults(run=_judge)

    tell = commands.add_parser("tell", help="tell what happened in a recorded trace, in a few lines to paste into an issue")
    tell.add_argument("trace", type=Path, metavar="TRACE")
    tell.add_argument("--lines", type=int, default=30, metavar="N", help="at most so many lines (default: 30)")
    tell.set_defaults(run=_tell)

    command.add(commands).set_defaults(run=_check)

    reproduce = commands.add_parser("reproduce", help="print a bash script that shows a finding with kubectl on a kind cluster of its own")
    reproduce.add_argument("finding", metavar="FINDING", help="its id, as in the report and in docs/findings.md")
    reproduce.set_defaults(run=_reproduce)

    report = commands.add_parser(
        "report", help="write the page and the statement of a report folder again, or those of several, side by side"
    )
    report.add_argument("folders", type=Path, nargs="*", metavar="DIR", help="report folders; without --merge one (default: report)")
    report.add_argument(
        "--merge",
        type=Path,
        metavar="OUT",
        help="compare the runs DIR ... (versions, kinds of clusters) in OUT/index.html and OUT/merged.json",
    )
    report.add_argument("--summary", type=Path, metavar="FILE", help="append the result in Markdown to FILE, such as $GITHUB_STEP_SUMMARY")
    report.set_defaults(run=_report)

    claims = commands.add_parser("claims", help="say which check of which scenario shows which claim, as a document in Markdown")
    claims.add_argument("--scenarios", type=Path, metavar="DIR", help="the scenarios (default: the suite's own)")
    claims.add_argument("--write", type=Path, metavar="FILE", help="write it to FILE instead of printing it")
    claims.add_argument("--kubernetes", default="", metavar="VERSION", help="what is expected of this version (default: the newest known)")
    claims.set_defaults(run=_claims)

    mutate = commands.add_parser(
        "mutate", help="plant defects into the real controller, one at a time, and say which of them the scenarios notice"
    )
    mutating.options(mutate)
    mutate.set_defaults(run=_mutate)

    known = commands.add_parser("versions", help="print the Kubernetes minors that can be tested, newest first")
    known.add_argument("versions", nargs="*", metavar="VERSION", help="only these: minors, versions, `newest`, `oldest` (default: all)")
    known.add_argument("--json", action="store_true", help="as a JSON list, for a workflow's matrix")
    known.set_defaults(run=_versions)

    clean = commands.add_parser("clean", help="remove what dead runs left behind")
    clean.add_argument("--cache", action="store_true", help="remove the built components and node images too")
    clean.add_argument("--cluster", choices=["existing"], metavar="existing", help="clean the cluster that the kubeconfig names, too")
    clean.add_argument("--kubeconfig", type=Path, metavar="FILE", help="clean this cluster, too (default: as kubectl finds it)")
    clean.add_argument("--context", default="", metavar="NAME", help="clean the cluster of this context, too (default: the current one)")
    clean.add_argument("--allow-disruption", action="store_true", help="put back what dead runs changed on nodes of that cluster")
    clean.set_defaults(run=_clean)
    for each in (parser, *commands.choices.values()):
        each.add_argument(
            "--version", action="version", version=f"daemonset-conformance {__version__}", help="print the version of the suite"
        )
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: give a number from 1 to 65535, or 0 for any that is free")
    return number


def _version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubernetes", default="", metavar="VERSION", help="minor or version, such as 1.36 (default: the newest known)")
    parser.add_argument("--component", action="append", default=[], metavar="NAME=PATH", help="use this binary instead of building one")


def _run(arguments: argparse.Namespace) -> int:
    from conformance.session import invoking  # noqa: PLC0415 - each command loads only what it needs

    return invoking.run(arguments.given)


def _build(arguments: argparse.Namespace) -> int:
    from conformance.components import build, versions  # noqa: PLC0415 - each command loads only what it needs
    from conformance.components.overrides import parse_override  # noqa: PLC0415
    from conformance.session.worker import COMPONENTS  # noqa: PLC0415

    minor = versions.resolve(arguments.kubernetes or versions.DEFAULT)
    overrides = dict(parse_override(text) for text in arguments.component)
    if "node-image" in arguments.names:
        arguments.names.remove("node-image")
        _node_image(minor, overrides)
        if not arguments.names:
            return 0
    for name, path in build.ensure(arguments.names or COMPONENTS, minor=minor.minor, overrides=overrides).items():
        say(f"{name}={path}")
    return 0


def _node_image(minor: Minor, overrides: dict[str, Path]) -> None:
    from conformance.components import images  # noqa: PLC0415
    from conformance.components.engine import usable  # noqa: PLC0415
    from conformance.components.engine.docker import Docker  # noqa: PLC0415

    docker = Docker()
    engine = usable.check(docker)
    say(f"node-image={images.ensure(minor, docker=docker, cgroups_v1=engine.cgroups_v1, overrides=overrides).name}")


def _claims(arguments: argparse.Namespace) -> int:
    from conformance import shipped  # noqa: PLC0415
    from conformance.components import versions  # noqa: PLC0415
    from conformance.session.showing import table  # noqa: PLC0415

    scenarios = arguments.scenarios or shipped.scenarios()
    if not scenarios.is_dir():
        raise UsageError(f"{scenarios} is no folder of scenarios; say with --scenarios where they are.")
    text = table(scenarios, versions.resolve(arguments.kubernetes or versions.DEFAULT).minor)
    if arguments.write is None:
        print(text, end="")
    else:
        arguments.write.write_text(text, encoding="utf-8")
    return 0


def _mutate(arguments: argparse.Namespace) -> int:
    from conformance.mutate import command  # noqa: PLC0415

    return command.run(arguments, say)


def _prepare(arguments: argparse.Namespace) -> int:
    from conformance.components import versions  # noqa: PLC0415
    from conformance.components.engine.prepare import prepare  # noqa: PLC0415

    minor = versions.resolve(os.environ.get("CONFORMANCE_KUBERNETES") or versions.DEFAULT)
    then = arguments.then[1:] if arguments.then[:1] == ["--"] else arguments.then
    try:
        engine = prepare(lambda text: say(text, file=sys.stderr))
        if then:
            _node_image(minor, {})
    except (UsageError, ClusterError) as lacking:
        if not then:
            raise
        say(f"\nLEFT OUT: {shlex.join(then)}\nReal kubelets need Docker and a node image. {lacking}\n", file=sys.stderr)
        return 0
    if then:
        sys.stdout.flush()
        os.execvp(then[0], then)  # noqa: S606 - what the caller asked to run
    say(f"Docker {engine.version}, control groups v{engine.cgroups}, runtime {engine.default_runtime}: ready for kind clusters")
    return 0


def _up(arguments: argparse.Namespace) -> int:
    from conformance.clusters.embedded import EmbeddedProvider  # noqa: PLC0415
    from conformance.components import build, versions  # noqa: PLC0415
    from conformance.components.overrides import parse_override  # noqa: PLC0415
    from conformance.session.settings import runs_folder  # noqa: PLC0415
    from conformance.session.worker import COMPONENTS  # noqa: PLC0415

    if arguments.cluster == "kind":
        return _up_kind(arguments)
    if not 0 <= arguments.nodes <= 1000:
        raise UsageError(f"--nodes {arguments.nodes}: between 0 and 1000 nodes can be simulated.")
    minor = versions.resolve(arguments.kubernetes or versions.DEFAULT)
    overrides = dict(parse_override(text) for text in arguments.component)
    binaries = build.ensure(COMPONENTS, minor=minor.minor, overrides=overrides)
    cluster = EmbeddedProvider(minor.minor, runs_folder(), binaries=binaries, port=arguments.port).open()
    try:
        cluster.add_nodes(arguments.nodes)
    except BaseException:
        cluster.close()
        raise
    cluster.detach()
    facts = cluster.facts
    say(f"Kubernetes {facts.kubernetes} with {arguments.nodes} simulated nodes is up: {facts.name}", file=sys.stderr)
    say(f"  {binaries['kubectl']} --kubeconfig {facts.kubeconfig} get nodes", file=sys.stderr)
    say(f"  conformance down {facts.name}", file=sys.stderr)
    say(facts.kubeconfig)
    return 0


def _up_kind(arguments: argparse.Namespace) -> int:
    from conformance.clusters.kind import KindProvider, provider  # noqa: PLC0415
    from conformance.components import build, versions  # noqa: PLC0415
    from conformance.components.overrides import parse_override  # noqa: PLC0415
    from conformance.session.settings import runs_folder  # noqa: PLC0415

    if arguments.port:
        raise UsageError(f"--port {arguments.port}: kind chooses the port of its API server. Leave the option out, or take embedded.")
    if not 1 <= arguments.nodes <= provider.most_nodes():
        raise UsageError(f"--nodes {arguments.nodes}: between 1 and {provider.most_nodes()} real nodes fit on this machine.")
    minor = versions.resolve(arguments.kubernetes or versions.DEFAULT)
    overrides = dict(parse_override(text) for text in arguments.component)
    kubectl = build.ensure(["kubectl"], minor=minor.minor, overrides=overrides)["kubectl"]
    cluster = KindProvider(minor, runs_folder(), kubectl=kubectl, workers=arguments.nodes, overrides=overrides).open()
    try:
        cluster.add_nodes(arguments.nodes)
    except BaseException:
        cluster.close()
        raise
    cluster.detach()
    say(f"Kubernetes {cluster.facts.kubernetes} with {arguments.nodes} real nodes is up: {cluster.facts.name}", file=sys.stderr)
    say(f"  {kubectl} --kubeconfig {cluster.facts.kubeconfig} get nodes", file=sys.stderr)
    say(f"  conformance down {cluster.facts.name}", file=sys.stderr)
    say(cluster.facts.kubeconfig)
    return 0


def _down(arguments: argparse.Namespace) -> int:
    from conformance.session import standing  # noqa: PLC0415
    from conformance.session.settings import runs_folder  # noqa: PLC0415

    wanted = standing.chosen(runs_folder(), arguments.names, everything=arguments.all)
    if not wanted:
        say("no cluster is up", file=sys.stderr)
    left = 0
    for one in wanted:
        if why := standing.down(one):
            left += 1
            say(f"conformance: {one.name} was not ended: {why}", file=sys.stderr)
        else:
            say(f"ended {one.name}")
    return 1 if left else 0


def _ps(_: argparse.Namespace) -> int:
    from conformance.session import standing  # noqa: PLC0415
    from conformance.session.settings import runs_folder  # noqa: PLC0415

    for line in standing.described(runs_folder()) or ["no cluster of yours is up"]:
        say(line)
    return 0


def _judge(arguments: argparse.Namespace) -> int:
    from conformance.guarantees.judge import judge_trace  # noqa: PLC0415
    from conformance.report.terminal import judged  # noqa: PLC0415
    from conformance.trace.store import read, understood  # noqa: PLC0415

    header, entries = read(arguments.trace)
    with understood(arguments.trace):
        tallies = judge_trace(header, entries)
    for line in judged(header, tallies):
        say(line)
    return 1 if any(tally.violated for tally in tallies) else 0


def _tell(arguments: argparse.Namespace) -> int:
    from conformance.report import telling  # noqa: PLC0415

    if arguments.lines < telling.FEWEST:
        raise UsageError(
            f"--lines {arguments.lines}: a story needs {telling.FEWEST} lines at least; name more, or leave it at {telling.LINES}."
        )
    say("\n".join(telling.told(arguments.trace, arguments.lines)))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    if arguments.live:
        from conformance.rehearsal import live  # noqa: PLC0415 - each command loads only what it needs

        answer = live.run(arguments, lambda text: say(text, file=sys.stderr))
    else:
        answer = command.run(arguments)
    print(printable(answer.text), end="")
    return answer.code


def _reproduce(arguments: argparse.Namespace) -> int:
    from conformance.claims import findings, reproducing  # noqa: PLC0415

    [finding] = findings.resolve([arguments.finding])
    print(reproducing.script(finding), end="")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from conformance.report import markdown  # noqa: PLC0415 - each command loads only what it needs
    from conformance.report.write import reported, write_merged  # noqa: PLC0415

    folders: list[Path] = arguments.folders
    code = 0
    if arguments.merge is not None:
        if not folders:
            raise UsageError(f"--merge {arguments.merge}: name the report folders to merge after it: `--merge OUT DIR DIR ...`.")
        merged, page = write_merged(arguments.merge, folders)
        for problem in merged.problems:
            say(f"conformance: {problem}", file=sys.stderr)
        text = markdown.of_runs(merged)
    elif len(folders) > 1:
        raise UsageError(f"{len(folders)} report folders were named; `--merge OUT` puts the runs of several side by side.")
    else:
        report, page = reported(*(folders or [Path("report")]))
        text = markdown.of_run(report)
        for problem in report.problems:
            say(f"conformance: {problem}", file=sys.stderr)
        code = 1 if report.problems else 0
    say(page)
    if arguments.summary is not None:
        markdown.append(text, arguments.summary)
    return code


def _versions(arguments: argparse.Namespace) -> int:
    from conformance.components import versions  # noqa: PLC0415

    minors = versions.chosen(arguments.versions)
    say(json.dumps(minors) if arguments.json else "\n".join(minors))
    return 0


def _clean(arguments: argparse.Namespace) -> int:
    from conformance.clusters.embedded import runs  # noqa: PLC0415
    from conformance.clusters.kind import owners  # noqa: PLC0415
    from conformance.components import cache, images  # noqa: PLC0415
    from conformance.components.engine import usable  # noqa: PLC0415
    from conformance.components.engine.docker import Docker  # noqa: PLC0415
    from conformance.session import existing  # noqa: PLC0415
    from conformance.session.settings import runs_folder  # noqa: PLC0415

    removed: list[object] = [*runs.sweep(runs_folder())]
    existing.tidy()
    with contextlib.suppress(UsageError):  # without Docker there is nothing of it to remove
        docker = Docker()
        usable.reach(docker)
        removed += [*owners.sweep(runs_folder(), docker), *images.clean(docker, images=arguments.cache)]
        for why in owners.strangers(docker):
            say(f"conformance: {why}", file=sys.stderr)
    if arguments.cluster or arguments.kubeconfig or arguments.context:
        done, left = existing.clean(arguments.kubeconfig, arguments.context, disruption=arguments.allow_disruption)
        removed += done
        for why in left:
            say(f"conformance: {why}", file=sys.stderr)
    for what in removed:
        say(f"removed {what}")
    freed = cache.clean(cache=arguments.cache)
    if freed or arguments.cache:
        say(f"freed {freed / 1e6:.0f} MB of the cache of built components")
    elif not removed:
        say("nothing was left by dead runs")
    return 0
