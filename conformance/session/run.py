"""The life of one scenario: a namespace and nodes of its own, a recorder around it, a judge at its end."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import conformance
from conformance.clusters import waiting
from conformance.clusters.existing import owning
from conformance.clusters.protocol import Cluster
from conformance.errors import ApiError, ConformanceError
from conformance.guarantees.judge import Judge, Tally, judge_trace
from conformance.handles.cluster import ScenarioCluster
from conformance.handles.trace import Trace
from conformance.kube.resources import path
from conformance.report.gather import promises
from conformance.report.terminal import plural
from conformance.session.settings import Settings
from conformance.trace.entries import Header
from conformance.trace.recorder import Recorder, Recording
from conformance.trace.waits import Access

#: Agents use the host's network and paths, as the documents' manifests do; a cluster's Pod Security default might refuse that.
NAMESPACE_LABELS = {"app.kubernetes.io/managed-by": "daemonset-conformance", "pod-security.kubernetes.io/enforce": "privileged"}


#: Characters of a node id that are kept in the names of its files: with what comes after them they fit every file system.
_READABLE = 150


def stem_of(node_id: str) -> str:
    """What the files of a pytest item are called: the readable part of its node id, and a sum of all of it, as others may look the same."""
    readable = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in node_id.rpartition("/")[2].replace("::", "-"))
    return f"{readable[:_READABLE].rstrip('-')}-{hashlib.sha256(node_id.encode()).hexdigest()[:6]}"


class PromiseBroken(ConformanceError, AssertionError):
    """A guarantee was violated while the scenario ran."""


class ScenarioRun:
    """One scenario on one cluster, from its namespace to its verdicts."""

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        kubectl: Path,
        manifests: Path,
        *,
        family: str,
        scenario: str,
        node_id: str,
        claims: list[str],
    ) -> None:
        self.host = cluster
        self.namespace = f"{family.lower()}-{secrets.token_hex(3)}"
        self._kubectl = kubectl
        self._manifests = manifests
        facts = cluster.facts
        self.header = Header(
            format=1,
            scenario=scenario,
            node_id=node_id,
            kubernetes=facts.kubernetes,
            cluster=facts.provider,
            capabilities=sorted(facts.capabilities),
            claims=claims,
            started=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            audited=facts.audit_log is not None,
            suite=conformance.__version__,
        )
        self.judge = Judge(audited=self.header.audited)
        stem = stem_of(node_id)
        self.file = settings.report / "traces" / f"{stem}.jsonl"
        self._diagnostics = settings.report / "diagnostics" / stem
        self.recorder = Recorder(
            cluster.api,
            self.header,
            self.file,
            audit_log=facts.audit_log,
            namespaces=(self.namespace,),
            on_entry=self.judge.see,
            alive=cluster.check,
            settle=facts.audit_log is None,
            # One that was there before is there afterwards, too.
            access=Access(cluster.api.kubeconfig, str(kubectl)) if settings.keep != "never" or facts.farewell else Access(),
        )
        self.trace = Trace(self.recorder, settings.time_scale)
        self._stack = contextlib.ExitStack()
        self.recording: Recording | None = None
        self._recorded = False
        self.tallies: list[Tally] = []

    def begin(self) -> ScenarioCluster:
        """Make the namespace, start recording, hand out the cluster."""
        api = self.host.api
        api.create(path("namespaces"), owning.namespace(self.namespace, {**NAMESPACE_LABELS, **self.host.facts.labels}))
        self._stack.callback(self._remove_namespace)
        self.recorder.start()
        self._recorded = True
        self._stack.callback(self.finish)
        self.host.journal = self._journal
        nodes = self._stack.enter_context(self.host.nodes())
        self._stack.callback(self._remove_workloads)
        # Pods are refused until the namespace has it.
        account = path("serviceaccounts", self.namespace)
        within = 30 * self.host.facts.time_scale
        waiting.until(
            api, account, lambda found: "default" in found, within=within, what="The ServiceAccount default", check=self.host.check
        )
        return ScenarioCluster(self.host, nodes, self.namespace, self.recorder, self._kubectl, self._manifests)

    def finish(self) -> list[Tally]:
        """Stop recording and judge; calling it again changes nothing, and without a recording there is nothing to judge."""
        if self._recorded and self.recording is None:
            self._recorded = False  # what keeps it from being written is said once
            self.recording = self.recorder.stop()
            if self.recording.late:
                self.tallies = judge_trace(self.recording.header, self.recording.entries)
            else:
                self.tallies = self.judge.finish()
        return self.tallies

    def diagnose(self) -> None:
        """Write down what can be seen of the cluster now that something went wrong; later it would be another one."""
        write = getattr(self.host, "diagnose", None)
        if write is not None:
            with contextlib.suppress(ConformanceError, OSError):
                write(self._diagnostics, self.namespace)

    @property
    def diagnostics(self) -> list[Path]:
        """What was written down when something went wrong: files, and folders of many."""
        return sorted(self._diagnostics.iterdir()) if self._diagnostics.is_dir() else []

    @property
    def again(self) -> str:
        """The command that judges its trace again, as a shell takes it."""
        return shlex.join(["python", "-m", "conformance", "judge", str(self.file)])

    def verdict(self) -> None:
        """Raise PromiseBroken if any guarantee was violated; the message quotes the promise and shows where."""
        broken = [tally for tally in self.finish() if tally.violated]
        if not broken:
            return
        lines = []
        for tally in broken:
            promise, source = promises().get(tally.id, ("", ""))
            lines.append(f"{tally.id} was violated {plural(tally.violated, 'time')}. The promise ({source}): “{promise}”")
            lines += [f"  at {broken.at:.3f} s, entry {broken.seq}: {broken.message}" for broken in tally.violations[:5]]
        lines.append(f"Judge it again: {self.again}")
        raise PromiseBroken("\n".join(lines))

    def end(self, *, clean: bool = True) -> None:
        """Give back everything the scenario had; with clean=False the cluster is left as it is, for somebody to look at."""
        self.finish()
        if clean:
            self._stack.close()
        else:
            self._stack.pop_all()

    def _journal(self, verb: str, target: str, detail: Mapping[str, Any]) -> None:
        if self.recording is None:
            self.recorder.action(verb, target, detail)

    def _remove_workloads(self) -> None:
        """Before the nodes go: DaemonSets first, or they would make new pods; pods without grace, nobody is left to wait for."""
        self.finish()
        for namespace in {self.namespace}:
            for resource in ("daemonsets", "deployments", "replicasets", "pods", "controllerrevisions"):
                body = {"gracePeriodSeconds": 0} if resource == "pods" else {"propagationPolicy": "Background"}
                with contextlib.suppress(ApiError):
                    self.host.api.delete(path(resource, namespace), body)

    def _remove_namespace(self) -> None:
        with contextlib.suppress(ApiError):
            self.host.api.delete(path("namespaces", name=self.namespace))
