"""An HDR histogram of microseconds: exact below 2,048, three significant digits above, added up without loss.

Written here, because it is these lines, and because a report is made where locust is not installed.
"""

from collections.abc import Iterable
from typing import Self

BITS = 11  # of a value that are kept: 1 part in 1,024 is lost at most


def bucket(value: int) -> int:
    """The lowest value that is not told apart from this one."""
    shift = value.bit_length() - BITS
    return value if shift <= 0 else value >> shift << shift


class Histogram:
    __slots__ = ("counts",)

    def __init__(self, counts: dict[int, int] | None = None) -> None:
        self.counts = counts if counts is not None else {}

    def record(self, value: int) -> None:
        lowest = bucket(max(0, value))
        self.counts[lowest] = self.counts.get(lowest, 0) + 1

    def add(self, other: "Histogram") -> Self:
        for lowest, count in other.counts.items():
            self.counts[lowest] = self.counts.get(lowest, 0) + count
        return self

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def value_at(self, quantile: float) -> int | None:
        """The value that this part of all does not exceed; None if there are none."""
        rank, seen = max(1, -int(-quantile * self.total // 1)), 0
        for lowest in sorted(self.counts):
            seen += self.counts[lowest]
            if seen >= rank:
                return lowest
        return None

    @property
    def most(self) -> int | None:
        return max(self.counts, default=None)

    def curve(self) -> list[tuple[float, int]]:
        """(part of all, value not exceeded by it), for drawing."""
        points, seen, total = [], 0, self.total
        for lowest in sorted(self.counts):
            seen += self.counts[lowest]
            points.append((seen / total, lowest))
        return points

    def as_json(self) -> list[list[int]]:
        return [[lowest, self.counts[lowest]] for lowest in sorted(self.counts)]

    @classmethod
    def of_json(cls, pairs: Iterable[tuple[int, int]]) -> "Histogram":
        return cls(dict(pairs))


def together(histograms: Iterable[Histogram]) -> Histogram:
    whole = Histogram()
    for each in histograms:
        whole.add(each)
    return whole
