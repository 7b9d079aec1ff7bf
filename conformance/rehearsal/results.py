"""What a rehearsal shows, as data. Times are seconds, numbers are nodes."""

from __future__ import annotations

from typing import NamedTuple


class Landing(NamedTuple):
    """Where it landed.

    `missing` are nodes that should have an available pod and have none, each with what the scheduler says, if it does; `surplus` are
    nodes that have a pod and should not. Both are empty where it landed as derived.
    """

    wanted: int
    seconds: float
    missing: tuple[tuple[str, str], ...] = ()
    surplus: tuple[str, ...] = ()

    @property
    def as_derived(self) -> bool:
        """Whether it landed where the model says."""
        return not self.missing and not self.surplus


class Update(NamedTuple):
    """An update.

    `state` is that of `conformance.rolled_out` at its end, `most` how many nodes it left without a ready pod at once, `surplus` how
    many had a second one. `refused` is what the API server said, where it did not take the update.
    """

    state: str = ""
    seconds: float = 0.0
    most: int = 0
    surplus: int = 0
    refused: str = ""


class Broken(NamedTuple):
    """A version that never becomes ready.

    `lost` nodes had no available pod when the update stood still; `stood` is whether it did. `undone` seconds after `kubectl rollout undo`
    all had one again; None if they had not within the time for it.
    """

    lost: int
    stood: bool
    undone: float | None


class Judged(NamedTuple):
    """What the guarantees say of all of it: how many held, and the ids of those that were violated or could not be decided."""

    held: int
    violated: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()


class Rehearsal(NamedTuple):
    """What one DaemonSet did. `left_out` says in a sentence why there is nothing (more) to show; acts that did not come are None."""

    kubernetes: str
    nodes: int
    virtual: int
    made: tuple[str, ...] = ()
    landing: Landing | None = None
    update: Update | None = None
    broken: Broken | None = None
    judged: Judged | None = None
    left_out: str = ""

    @property
    def as_promised(self) -> bool:
        """Whether nothing happened that the model and the guarantees do not say."""
        return not (self.landing and not self.landing.as_derived) and not (self.judged and self.judged.violated)
