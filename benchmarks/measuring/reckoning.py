"""The accounts of all processes, reckoned up: every delivery that was owed, and what became of it."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.measuring.accounts import Account, Said
from benchmarks.measuring.histogram import Histogram, together

SECOND = 1_000_000_000  # nanoseconds


@dataclass(slots=True)
class Deliveries:
    """`expected` = `delivered` + `lost`. Of the delivered, some came late, after the deadline of the scenario, and some
    were caught up on: by a replay, after having been away."""

    expected: int = 0
    delivered: int = 0
    lost: int = 0
    late: int = 0
    caught_up: int = 0
    duplicate: int = 0
    out_of_order: int = 0
    foreign: int = 0


@dataclass(slots=True)
class Reckoning:
    said: int = 0
    refused: int = 0
    unanswered: int = 0
    deliveries: Deliveries = field(default_factory=Deliveries)
    latency: Histogram = field(default_factory=Histogram)  # each delivery, from the intended time
    median_recipient: Histogram = field(default_factory=Histogram)  # of each broadcast
    last_recipient: Histogram = field(default_factory=Histogram)
    behind: Histogram = field(default_factory=Histogram)  # said later than intended: the generator's own doing
    answers: Histogram = field(default_factory=Histogram)  # from the intended time to the acknowledgement
    seconds: dict[int, Histogram] = field(default_factory=dict)  # latency by second of the intended time

    def figures(self) -> dict[str, Any]:
        return {
            "said": self.said,
            "refused": self.refused,
            "unanswered": self.unanswered,
            "deliveries": asdict(self.deliveries),
            "latency_us": summary(self.latency),
            "median_recipient_us": summary(self.median_recipient),
            "last_recipient_us": summary(self.last_recipient),
            "answers_us": summary(self.answers),
            "behind_us": summary(self.behind),
        }


def everything(said: Said) -> bool:
    return True


def reckon(
    accounts: Sequence[Account],
    *,
    late_after: float,
    began: int,
    of: Callable[[Said], bool] = everything,
) -> Reckoning:
    """`late_after` in seconds; `began`: when second 0 was; `of`: which messages are counted."""
    whole = Reckoning()
    whole.deliveries.foreign = sum(account.foreign for account in accounts)
    for said in (each for account in accounts for each in account.said.values()):
        if not of(said):
            continue
        whole.said += 1
        if said.acknowledged is None:
            whole.refused += bool(said.refused)
            whole.unanswered += not said.refused
            continue
        whole.behind.record((said.stamp.said - said.stamp.intended) // 1000)
        whole.answers.record((said.acknowledged - said.stamp.intended) // 1000)
        _reckon_one(whole, said, accounts, int(late_after * 1_000_000), began)
    return whole


def _reckon_one(whole: Reckoning, said: Said, accounts: Sequence[Account], late_after: int, began: int) -> None:
    deliveries, last, latency = whole.deliveries, 0, Histogram()
    for account in accounts:
        expected = bisect_right(account.births.get(said.stamp.organisation, []), said.stamp.said)
        deliveries.expected += expected
        heard = account.heard.get(said.stamp.name)
        if heard is None:
            deliveries.lost += expected
            continue
        missing = max(0, expected - len(heard.flags)) + heard.flags.count(0, 0, expected)
        deliveries.lost += missing
        deliveries.delivered += expected - missing
        deliveries.duplicate += heard.duplicates
        deliveries.out_of_order += heard.out_of_order
        deliveries.caught_up += heard.caught_up
        latency.add(heard.live)
        last = max(last, heard.last)
    deliveries.late += sum(count for lowest, count in latency.counts.items() if lowest > late_after)
    if latency.counts:
        whole.latency.add(latency)
        whole.seconds.setdefault((said.stamp.intended - began) // SECOND, Histogram()).add(latency)
        whole.median_recipient.record(latency.value_at(0.5) or 0)
        whole.last_recipient.record(last)


def summary(histogram: Histogram) -> dict[str, int | None]:
    """A quantile is told only where there are enough values for it: ten beyond it."""
    total = histogram.total
    told: dict[str, int | None] = {"count": total}
    for name, quantile in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)):
        told[name] = histogram.value_at(quantile) if total * (1 - quantile) >= 10 or quantile <= 0.99 else None
    return told | {"max": histogram.most}


def timings(accounts: Iterable[Account]) -> dict[str, Histogram]:
    """What the processes timed beside deliveries, by name."""
    accounts = list(accounts)
    names = sorted({name for account in accounts for name in account.timings})
    return {name: together(each.timings[name] for each in accounts if name in each.timings) for name in names}


def counts(accounts: Iterable[Account]) -> dict[str, int]:
    told: dict[str, int] = {}
    for account in accounts:
        for what, many in account.counts.items():
            told[what] = told.get(what, 0) + many
    return told
