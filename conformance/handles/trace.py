"""The trace as a scenario sees it: wait for outcomes, hold a window open, state a number, look back."""

from __future__ import annotations

from conformance.handles.daemonset import Agent
from conformance.handles.evidence import Claims, checking, shows_in_the_end
from conformance.handles.past import Past
from conformance.kube.records import ControllerRevision
from conformance.trace.conditions import Condition, When
from conformance.trace.recorder import Recorder
from conformance.trace.world import World


class Trace:
    """The running record of one scenario. Times are seconds on an ordinary machine; `--time-scale` stretches them."""

    def __init__(self, recorder: Recorder, scale: float) -> None:
        self.recorder = recorder
        self.scale = scale
        self.past = Past(recorder)

    def until(self, *conditions: Condition, within: float = 60.0, shows: Claims = ()) -> None:
        """Wait, event by event, until all conditions hold at once; that they do shows the claims of these ids.

        Raises WaitExpired after `within` seconds: what was expected, what was last seen, the events in between, how to look.
        """
        with checking(shows, _text(conditions)):
            self.recorder.until(*conditions, within=within, scale=self.scale)

    def stays(self, *conditions: Condition, seconds: float, shows: Claims = ()) -> None:
        """Hold a window open in which the conditions must hold at every event; a claim that says "never" is judged inside such a window."""
        with checking(shows, f"for {seconds:g} s: {_text(conditions)}"):
            self.recorder.stays(*conditions, seconds=seconds, scale=self.scale)

    def expect_creations(self, agent: Agent, count: int, *, shows: Claims = ()) -> None:
        """State how many pods the controller creates for this DaemonSet in the whole scenario; INV-12 judges it when it ends."""
        self.recorder.expect({"name": agent.name, "uid": agent.uid, "creations": count})
        shows_in_the_end(shows, "INV-12", f"daemonsets/{agent.name}", f"{count} pods of {agent.name} are created in all")

    def follows(self, effect: int, *, after: int, within: float, at_least: float = 0.0, shows: Claims = ()) -> None:
        """Say that one change came behind another, at most `within` seconds later (of an ordinary machine), and not before `at_least`.

        Both are resourceVersions, as `past` tells them: `trace.follows(trace.past.creation_of_pod(uid), after=trace.past.end_of_pod(name),
        within=5)`. An AssertionError says how long it took.
        """
        limit = within * self.scale
        with checking(shows, f"{at_least:g} to {within:g} s from a cause to its effect"):
            assert after < effect, f"the effect (resourceVersion {effect}) stands before its cause ({after})"
            took = self.past.seconds_from(after, effect)
            assert at_least <= took <= limit, (
                f"from resourceVersion {after} to {effect} it took {took:.3f} s, and should have taken {at_least:g} to {limit:g} s"
            )

    def note(self, text: str) -> None:
        """Write an observation into the trace, where it is seen beside what happened then; nothing is judged by it."""
        self.recorder.note("noted", {"said": text})

    def written(self, target: str, verb: str, *, by: str = "", subresource: str = "") -> When:
        """The audit log says that this user (or anybody) made a write of this kind to `pods/NAME` or `daemonsets/NAME`."""

        def authors() -> set[str]:
            return self.past.authors(target, verb, subresource=subresource)

        return When(
            "written",
            f"the audit log has a {verb} {subresource} of {target} by {by or 'somebody'}".replace("  ", " "),
            lambda _: by in authors() if by else bool(authors()),
            lambda _: f"by {', '.join(sorted(authors())) or 'nobody'}",
        )

    def revisions(self, agent: Agent) -> list[ControllerRevision]:
        """The ControllerRevisions that it owns, as last seen, oldest number first."""
        with self.recorder.lock:
            return self.recorder.live.revisions_of(agent.now())

    def has_revisions(self, agent: Agent, *numbers: int) -> When:
        """The ControllerRevisions that it owns have exactly these numbers."""

        def found(world: World) -> list[int]:
            records = world.revisions.values()
            return sorted(r.revision for r in records if r.metadata.controller is not None and r.metadata.controller.uid == agent.uid)

        return When(
            "has-revisions",
            f"{agent.name} has revisions {list(numbers)}",
            lambda world: found(world) == sorted(numbers),
            lambda world: f"revisions {found(world)}",
            f"kubectl --namespace {agent.namespace} get controllerrevisions",
        )

    def has_made_again(self, revision: ControllerRevision) -> When:
        """A ControllerRevision of this name and data is there that is not this one."""

        def again(world: World) -> bool:
            return any(
                there.metadata.name == revision.metadata.name
                and there.metadata.namespace == revision.metadata.namespace
                and there.metadata.uid != revision.metadata.uid
                and there.data == revision.data
                for there in world.revisions.values()
            )

        return When(
            "has-made-again",
            f"controllerrevisions/{revision.metadata.name} has been made again",
            again,
            lambda world: f"there are {sorted(there.metadata.name for there in world.revisions.values())}",
            f"kubectl --namespace {revision.metadata.namespace} get controllerrevisions",
        )


def _text(conditions: tuple[Condition, ...]) -> str:
    return " and ".join(condition.description for condition in conditions)
