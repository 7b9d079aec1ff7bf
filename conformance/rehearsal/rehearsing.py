"""Rehearsing: a cluster for the time of it, and on it each DaemonSet of the input by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from conformance.check.checking import Checked, Result
from conformance.check.input import Input, Manifest, Thing
from conformance.clusters.embedded import EmbeddedProvider
from conformance.clusters.embedded.cluster import MAX_NODES
from conformance.components import build
from conformance.components.versions import Minor
from conformance.errors import UsageError
from conformance.guarantees.judge import Tally
from conformance.kube.records import DaemonSet
from conformance.printable import in_one_line
from conformance.rehearsal.acts import HOSTNAME, Stage
from conformance.rehearsal.results import Judged, Rehearsal
from conformance.session.run import ScenarioRun
from conformance.session.settings import Settings, runs_folder
from conformance.session.worker import COMPONENTS

Say = Callable[[str], None]
#: What is said of updates behind which there is nothing to break.
_ENDS = {"": "the update was refused", "no-nodes": "no node should run the new version"}


def rehearse(
    result: Result, *, old: Input | None, minor: Minor, report: Path, ready_after: float, overrides: Mapping[str, Path], say: Say
) -> dict[Thing, Rehearsal]:
    """Rehearse each DaemonSet that was checked; traces are written below `report`. `old` has the versions that are updated from."""
    if len(result.nodes.grouped) > MAX_NODES:
        raise UsageError(f"{len(result.nodes.grouped)} nodes are more than can be simulated ({MAX_NODES}). Give fewer with --nodes-from.")
    pairs = [(checked, _before(checked.manifest, old)) for checked in result.checked]
    binaries = build.ensure(COMPONENTS, minor=minor.minor, overrides=overrides)
    settings = Settings("embedded", minor, dict(overrides), report, "never", 1.0)
    say(f"starting Kubernetes {minor.minor} …")
    cluster = EmbeddedProvider(minor.minor, runs_folder(), binaries=binaries).open()
    try:
        rehearsed = {}
        for checked, before in pairs:
            if any(names_nodes(each.record) for each in (checked.manifest, before) if each):
                left_out = "it names nodes, and simulated ones have names of their own"
                rehearsed[checked.manifest.thing] = Rehearsal(cluster.facts.kubernetes, 0, 0, left_out=left_out)
                continue
            say(in_one_line(f"rehearsing {checked.manifest.thing.label} …"))
            run = ScenarioRun(
                cluster,
                settings,
                binaries["kubectl"],
                Path("manifests"),
                family="rehearsal",
                scenario=f"rehearsal of {checked.manifest.thing.label}",
                node_id=f"rehearsal::{checked.manifest.thing.label}",
                claims=[],
            )
            try:
                rehearsed[checked.manifest.thing] = _rehearsed(run, checked, before, result, ready_after)
            finally:
                run.end()
        return rehearsed
    finally:
        cluster.close()


def _rehearsed(run: ScenarioRun, checked: Checked, before: Manifest | None, result: Result, ready_after: float) -> Rehearsal:
    manifest = checked.manifest
    stage = Stage(run.begin(), run.trace, manifest, ready_after=ready_after)
    joined = stage.join(result.nodes)
    told = Rehearsal(run.header.kubernetes, joined, stage.virtual, made=stage.make())
    told = told._replace(landing=stage.land(before or manifest))
    if told.landing is None or not told.landing.wanted:
        return told._replace(judged=_judged(run.finish()), left_out="no node should run it, so there is nothing to update")
    if not told.landing.as_derived:
        return told._replace(judged=_judged(run.finish()), left_out="it did not land as derived, so an update would say nothing")
    told = told._replace(update=stage.update(manifest if before else None))
    if told.update is not None and told.update.state in ("done", "on-delete"):
        told = told._replace(broken=stage.breaks())
    elif told.update is not None:
        told = told._replace(left_out=f"{_ENDS.get(told.update.state, 'the update did not end')}, so a broken one would say nothing")
    return told._replace(judged=_judged(run.finish()))


def names_nodes(daemonset: DaemonSet) -> bool:
    """Whether its template chooses nodes by their names: nodeName, metadata.name, or the label that repeats it."""
    spec = daemonset.spec.template.spec
    affinity = spec.affinity and spec.affinity.node_affinity
    required = affinity and affinity.required_during_scheduling_ignored_during_execution
    terms = required.node_selector_terms if required else ()
    asked = {*spec.node_selector, *(each.key for term in terms for each in term.match_expressions)}
    return bool(spec.node_name) or any(term.match_fields for term in terms) or HOSTNAME in asked


def _judged(tallies: list[Tally]) -> Judged:
    violated = tuple(tally.id for tally in tallies if tally.violated)
    undecided = tuple(tally.id for tally in tallies if not tally.violated and tally.verdict == "unknown" and tally.evaluated)
    return Judged(sum(tally.verdict == "holds" for tally in tallies), violated, undecided)


def _before(manifest: Manifest, old: Input | None) -> Manifest | None:
    """The version of a DaemonSet that is updated from: that of its name, or the only one there is."""
    if old is None:
        return None
    same = [each for each in old.daemonsets if each.thing.name == manifest.thing.name]
    if len(same) == 1:
        return same[0]
    names = ", ".join(each.thing.label for each in old.daemonsets)
    many = "several DaemonSets" if same else "no DaemonSet"
    raise UsageError(f"--from has {many} called {manifest.thing.name}, but {names}: name a file with its old version.")
