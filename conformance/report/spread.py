"""Room for what is too short to be seen: the points of one row moved apart, as little as can be, and never past one another."""

from __future__ import annotations

from collections.abc import Sequence

#: The least width of a state, and the least distance of two moments (pixels).
LEAST, APART = 3.0, 1.0


def spread(wanted: Sequence[float], steps: Sequence[float], spans: Sequence[tuple[int, int]], low: float, high: float) -> list[float]:
    """Places for points, as close to the wanted ones (never falling) as their distances allow, between `low` and `high`.

    `steps[i]` is the least distance from point i to point i + 1; `spans` are pairs of points that are LEAST apart. If there is not room for
    all of it, all distances shrink alike.
    """
    count = len(wanted)
    begun: list[list[int]] = [[] for _ in range(count)]
    ended: list[list[int]] = [[] for _ in range(count)]
    for first, last in spans:
        begun[first].append(last)
        ended[last].append(first)

    def rightwards(places: Sequence[float], share: float) -> list[float]:
        found: list[float] = []
        for index, place in enumerate(places):
            least = found[-1] + steps[index - 1] * share if found else low
            found.append(max(place, least, *(found[first] + LEAST * share for first in ended[index])))
        return found

    def leftwards(places: Sequence[float], share: float) -> list[float]:
        found = [high] * count
        for index in range(count - 1, -1, -1):
            most = found[index + 1] - steps[index] * share if index + 1 < count else high
            found[index] = min(places[index], most, *(found[last] - LEAST * share for last in begun[index]))
        return found

    if not count:
        return []
    needed = rightwards([low] * count, 1.0)[-1] - low
    share = min(1.0, (high - low) / needed) if needed > 0 else 1.0
    # Both keep all distances, one by moving things to the right, the other to the left; so does what lies half way between them.
    right, left = rightwards(wanted, share), leftwards(wanted, share)
    return leftwards(rightwards([(one + other) / 2 for one, other in zip(right, left, strict=True)], share), share)
