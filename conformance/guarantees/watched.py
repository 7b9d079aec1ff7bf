"""What is remembered of one DaemonSet: its nodes, its pods by node, its former specs, who did what last."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

import msgspec

from conformance.guarantees.recent import KEPT, Recent
from conformance.kube.records import DaemonSet, Node, Pod
from conformance.model import revisions
from conformance.model.availability import is_available
from conformance.model.budgets import surges
from conformance.model.eligibility import EXCLUDED, Eligibility, eligibility
from conformance.trace.world import Key, World

#: Seconds by which the controller may be behind the store: it acts on what its watches told it. Nothing that had changed within this
#: time before a decision is held against it.
LAG = 1.0
#: Seconds between two writes of one sync at most: at the default rate limit of 20 requests a second there are 0.05.
PACE = 0.5
#: Seconds by which a timestamp of one second's resolution, and the wall clock estimated from such, may be off.
CLOCK = 1.5
#: Changes by others that are remembered: more than happen to one DaemonSet while its status is in doubt.
OTHERS = 64


class Watched:
    """One DaemonSet, by UID, from its first mention on. It outlives the object: pods may come and go after it."""

    def __init__(self, uid: str, world: World) -> None:
        self.uid = uid
        self.world = world
        self.specs: Recent[DaemonSet] | None = None
        #: the raw DaemonSet that last brought a new template
        self.document: msgspec.Raw = msgspec.Raw(b"null")
        self.doomed_at: float | None = None
        self.gone = False
        self.pods: dict[str, dict[Key, Pod]] = {}
        self.eligible: dict[str, Eligibility] = {}
        self.hashes: Recent[str] = Recent("", 0.0)
        #: node -> since when it has no ready pod that is not terminating, and whether the controller did that (None: nobody knows)
        self.down: dict[str, tuple[float, bool | None]] = {}
        #: node -> when the object of its last pod went, until there is another one
        self.emptied: dict[str, float] = {}
        #: node -> when one of its pods there, or the node's eligibility, last changed
        self.stirred: dict[str, float] = {}
        #: node -> pods of it that have ended there by themselves
        self.ended: Counter[str] = Counter()
        #: pod UID -> when its readiness last changed
        self.flipped: dict[str, float] = {}
        #: number of the last change that concerns it, and when it was; when the last one was that the controller did not make itself
        self.version = 0
        self.changed_at = 0.0
        self.others_at = 0.0
        #: when the API server had answered the last change (its clock; 0.0: not known), and when news of a write of the controller came so
        #: late that it had seemed quiet, which it was not by that clock
        self.changed_done = 0.0
        self.restless_at = float("-inf")
        #: the last changes by others: when they were seen, and when the API server had answered their requests
        self.others: deque[tuple[float, float]] = deque(maxlen=OTHERS)
        #: when something last changed that makes the controller look at it, and something that does not
        self.woken_at = 0.0
        self.silent_at = float("-inf")
        self.asleep = True
        self.burst_from: float | None = None
        self.wrote_at = float("-inf")
        self.deleting = False
        self.known_at = float("-inf")
        #: when its pods were first and last refused, without a pause that would have been too long for the next try
        self.refused_from = self.refused_at = float("-inf")
        #: the Events that said so, between the two
        self.refusals = 0

    # -- the DaemonSet itself -------------------------------------------------------------------------------------------------------------

    @property
    def record(self) -> DaemonSet | None:
        """Its present or last known record."""
        return self.specs.now if self.specs else None

    @property
    def alive(self) -> DaemonSet | None:
        """Its record while it is there and nobody has asked for its deletion."""
        return self.specs.now if self.specs and self.doomed_at is None else None

    @property
    def name(self) -> str:
        """Its name for messages."""
        return self.specs.now.metadata.name if self.specs else f"(uid {self.uid})"

    def specs_within(self, since: float) -> Iterator[DaemonSet]:
        """Its record now and all that were current at or after `since`."""
        return self.specs.within(since) if self.specs else iter(())

    def surged_within(self, since: float) -> bool:
        """Whether its strategy was a surge at any time from `since` on."""
        return any(surges(ds) for ds in self.specs_within(since))

    def horizon(self, at: float) -> float:
        """The oldest moment whose world the controller may have acted on in a write at `at`.

        One sync decides first and then writes, up to 250 pods, at the pace its client's rate limit allows; so what matters is when the
        present burst of writes began, not when this write came.
        """
        began = at if self.burst_from is None or at - self.wrote_at > PACE else min(at, self.burst_from)
        return began - LAG

    def informed(self, at: float) -> float:
        """The moment from which on the controller need not have known of changes that lead to fewer unavailable nodes, in a write at `at`.

        That is its horizon, or later if its own status has shown since that it knew all of them to be available.
        """
        return max(self.horizon(at), self.known_at)

    def counted(self, at: float) -> None:
        """The controller wrote a status: if it counts every node as available, and every one is, it has seen them all."""
        ds = self.record
        if ds is None or ds.status.number_available != ds.status.desired_number_scheduled:
            return
        desired = self.desired()
        if len(desired) == ds.status.desired_number_scheduled and not any(name in self.down for name in desired):
            self.known_at = at

    def wrote(self, at: float, *, deleting: bool) -> None:
        """Note that the controller created or deleted a pod: one sync creates first, then deletes, then writes the status."""
        if self.burst_from is None or at - self.wrote_at > PACE or (self.deleting and not deleting):
            self.burst_from = at
        self.wrote_at = at
        self.deleting = deleting

    def refused(self, at: float) -> None:
        """The API server refused a pod of it."""
        never = self.refused_at == float("-inf")
        if never or at - self.refused_at > 2 * (self.refused_at - self.refused_from) + KEPT:
            self.refused_from = at
            self.refusals = 0
        self.refused_at = at
        self.refusals += 1

    # -- nodes ----------------------------------------------------------------------------------------------------------------------------

    def judge_node(self, node: Node) -> Eligibility:
        """Work out (and remember) the node's eligibility."""
        ds = self.record
        found = eligibility(node, ds) if ds else EXCLUDED
        self.eligible[node.metadata.name] = found
        return found

    def judge_nodes(self) -> None:
        """Work out the eligibility of all nodes anew."""
        self.eligible.clear()
        for node in self.world.nodes.values():
            self.judge_node(node)

    def desired(self) -> list[str]:
        """The nodes that should run a pod."""
        return [name for name, found in self.eligible.items() if found.run]

    # -- pods -----------------------------------------------------------------------------------------------------------------------------

    def on(self, node: str) -> dict[Key, Pod]:
        """Its pods on the node or aimed at it."""
        return self.pods.get(node) or {}

    def put(self, key: Key, before: Pod | None, after: Pod | None) -> None:
        """Replace a pod by its newer self; None: not one of its pods."""
        if before is not None:
            node = before.target
            there = self.pods.get(node)
            if there is not None:
                there.pop(key, None)
                if not there:
                    del self.pods[node]
                    self.emptied[node] = self.world.at
        if after is not None:
            self.emptied.pop(after.target, None)
            self.pods.setdefault(after.target, {})[key] = after

    def refresh(self, node: str, at: float, *, by_controller: bool | None) -> None:
        """Note whether the node has a ready pod that is not terminating."""
        for pod in self.on(node).values():
            if not pod.terminating and pod.ready:
                self.down.pop(node, None)
                return
        self.down.setdefault(node, (at, by_controller))

    def available_on(self, node: str, wall: float) -> bool:
        """Whether the node has an available pod that is not terminating, at the wall time `wall`."""
        ds = self.record
        seconds = ds.spec.min_ready_seconds if ds else 0
        return any(not pod.terminating and is_available(pod, seconds, wall) for pod in self.on(node).values())

    def is_current(self, pod: Pod, since: float) -> bool | None:
        """Whether the pod is of the current revision; None if that changed after `since`, or no current revision is known."""
        answers = {pod.hash == current if current else None for current in self.hashes.within(since)}
        return answers.pop() if len(answers) == 1 else None

    def revision_changed(self, at: float) -> None:
        """Find out which revision is current now."""
        ds = self.record
        if ds is None:
            return
        mine = self.world.revisions_of(ds)
        found = revisions.current(mine, revisions.essence(revisions.template(self.document))) if mine else None
        current = revisions.hash_of(found) if found else ""
        if current != self.hashes.now:
            self.hashes.set(current, at)
