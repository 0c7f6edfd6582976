"""What a few rounds allow to be said: medians, how sure they are, and whether two of them differ."""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

AGAIN = 2000  # samples drawn
SURE = 0.95
FEWEST = 5  # rounds, to call a difference one
TOO_SMALL = 0.05  # a difference that nobody should act on, however sure it is

Values = Sequence[float]


@dataclass(frozen=True, slots=True)
class Interval:
    """A median, and between what it lies with 95 %; of fewer than five values, between the least and the most."""

    middle: float
    low: float
    high: float


def median(values: Values) -> Interval | None:
    if not values:
        return None
    middle = statistics.median(values)
    if len(values) < FEWEST:
        return Interval(middle, min(values), max(values))
    return Interval(middle, *_bounds(lambda luck: statistics.median(luck.choices(values, k=len(values)))))


def ratio(ours: Values, theirs: Values) -> Interval | None:
    """Of two medians, measured apart."""
    if not ours or not theirs or not all(theirs):
        return None
    middle = statistics.median(ours) / statistics.median(theirs)
    return Interval(middle, *_bounds(lambda luck: _drawn(luck, ours) / _drawn(luck, theirs)))


def paired_ratio(ours: Values, theirs: Values) -> Interval | None:
    """The median of the ratios of each round: what a round was like for both goes out of it."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=True) if their]
    return median(ratios)


def verdict(interval: Interval | None, rounds: int) -> str:
    """What to call the ratio of a figure of which less is better."""
    if interval is None:
        return "not measured"
    if rounds < FEWEST:
        return f"too few rounds to say ({rounds} of {FEWEST})"
    if interval.low <= 1 <= interval.high or abs(interval.middle - 1) < TOO_SMALL:
        return "within noise"
    return "less" if interval.middle < 1 else "more"


def _drawn(luck: random.Random, values: Values) -> float:
    return statistics.median(luck.choices(values, k=len(values)))


def _bounds(draw: Callable[[random.Random], float]) -> tuple[float, float]:
    luck = random.Random(1)  # the same report from the same figures
    drawn = sorted(draw(luck) for _ in range(AGAIN))
    outside = (1 - SURE) / 2
    return drawn[int(AGAIN * outside)], drawn[int(AGAIN * (1 - outside)) - 1]
