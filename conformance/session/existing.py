"""`--cluster existing` for one pytest process: the controller holds the Lease, pytest-xdist workers share the cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.clusters.existing import ExistingProvider
from conformance.clusters.existing.holding import LookingOn
from conformance.clusters.existing.kubeconfig import Target, find
from conformance.clusters.existing.provider import Reached, Session, Terms, connect, reach
from conformance.components import locks
from conformance.components.versions import MINORS, resolve
from conformance.errors import UsageError
from conformance.session.settings import Settings, runs_folder

if TYPE_CHECKING:
    from conformance.session.worker import Worker

TOLD = "conformance_existing"
PRIVATE = "existing"
#: How many nodes that were not borrowed are told with their reasons.
_LISTED = 5


@dataclass
class Existing:
    """What a process knows of the cluster; `session` and what `stack` holds are the controller's alone."""

    settings: Settings
    provider: ExistingProvider
    session: Session | None = None
    stack: contextlib.ExitStack | None = None
    lost: str = ""

    @property
    def reached(self) -> Reached:
        """The cluster as it was found in the beginning."""
        return self.provider.reached

    def notes(self) -> list[str]:
        """What a reader of the result has to know."""
        notes = ["every DaemonSet was confined to the nodes that its scenario had borrowed, by a required node affinity"]
        if self.session is not None and self.session.unfit:
            notes.append("not borrowed: " + "; ".join(f"{name} {why}" for name, why in list(self.session.unfit.items())[:_LISTED]))
        return [*notes, self.reached.note] if self.reached.note else notes

    def told(self) -> dict[str, Any]:
        """What a pytest-xdist worker needs to know; plain data."""
        reached = self.reached
        return {
            "run": self.provider.run,
            "server": reached.target.server,
            "context": reached.target.context,
            "source": reached.target.source,
            "plugin": reached.target.plugin,
            "files": reached.target.files,
            "kubeconfig": str(reached.kubeconfig),
            "user": reached.user,
            "kubernetes": reached.kubernetes,
            "minor": reached.minor.minor,
            "note": reached.note,
        }

    def end(self, *, keep: bool = False) -> None:
        """In the controller: leave the cluster as it was found (or, with `keep`, as it is), and remove the copy of the credentials.

        `lost` says afterwards why the run had no right to the cluster any more, if so.
        """
        stack, self.stack = self.stack, None
        if stack is None or self.session is None:
            return
        with stack:
            try:
                self.lost = self.session.lost()
            finally:
                self.session.end(keep=keep)


def begin(worker: Worker) -> Existing:
    """In the controller: reach the cluster, take its Lease, remove what dead runs left. UsageError names cause and fix."""
    settings = worker.settings
    given = settings.existing
    target = find(settings.kind.kubeconfig, given.context)
    with contextlib.ExitStack() as stack:
        reached = reach(target, stack.enter_context(private(target)))
        if given.asked and (reached.note or resolve(given.asked).minor != reached.minor.minor):
            raise UsageError(
                f"--kubernetes {given.asked}: the API server of {target} is {reached.kubernetes}. Leave the option out: the server decides."
            )
        terms = terms_of(settings)
        session = Session(reached, terms)
        stack.callback(session.end)
        for what in session.begin():
            worker.say(f"removed what a dead run left: {what}")
        for node, why in session.left.items():
            worker.say(f"node {node} is left as it is: {why}")
        provider = ExistingProvider(reached, session.run, terms, alive=session.check)
        made = Existing(replace(settings, minor=reached.minor), provider, session, stack.pop_all())
    # Called whatever happens, also when the session never gets to its end.
    worker.config.add_cleanup(made.end)
    return made


def join(worker: Worker) -> Existing:
    """In a pytest-xdist worker: use what the controller has found."""
    given = worker.config.workerinput  # type: ignore[attr-defined]
    told = given[TOLD]
    config = {"clusters": [{"cluster": {"server": told["server"]}}]}  # the rest is in the file
    target = Target(config, told["context"], told["source"], told["plugin"], told["files"])
    minor = MINORS[told["minor"]]
    reached = Reached(target, Path(told["kubeconfig"]), told["user"], told["kubernetes"], minor, told["note"])
    index = int(given["workerid"].removeprefix("gw"))
    looking_on = LookingOn(connect(target, reached.kubeconfig), told["run"])
    looking_on.start()
    provider = ExistingProvider(reached, told["run"], terms_of(worker.settings), index, given["workercount"], looking_on.check)
    return Existing(replace(worker.settings, minor=minor), provider)


def terms_of(settings: Settings) -> Terms:
    """What the user allows."""
    given = settings.existing
    return Terms(given.disruption, given.nodes, given.images, settings.time_scale)


def tidy() -> Path:
    """Remove what killed runs left of credentials; returns the folder for those of this run, which need not be there."""
    home = runs_folder() / PRIVATE
    locks.sweep(home)
    _leave(home)
    return home


def _leave(home: Path) -> None:
    with contextlib.suppress(OSError):  # it is not there, or another run's copy is in it
        home.rmdir()


@contextlib.contextmanager
def private(target: Target) -> Iterator[Path]:
    """A copy of the kubeconfig for this run alone, in a folder of its own; what killed runs left of such goes first."""
    home = tidy()
    home.mkdir(mode=0o700, exist_ok=True)
    try:
        with locks.workplace(home) as (folder, _):
            yield target.write(folder)
    finally:
        _leave(home)


def clean(kubeconfig: Path | None, context: str, *, disruption: bool = False) -> tuple[list[str], list[str]]:
    """Remove what dead runs left in a cluster; says what, and what not. Nodes are put back only with `disruption`.

    UsageError if a run is active there.
    """
    target = find(kubeconfig, context)
    with private(target) as file:
        session = Session(reach(target, file), Terms(disruption))
        try:
            return session.begin(), [f"node {node} is left as it is: {why}" for node, why in session.left.items()]
        finally:
            session.end()
