"""The figures of a result, variant by variant: medians over the rounds that count, and what they may be compared by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.statistics import Interval, median

Run = Mapping[str, Any]
COUNTED = ("expected", "delivered", "lost", "late", "caught_up", "duplicate", "out_of_order", "foreign")


@dataclass(frozen=True, slots=True)
class Figure:
    """One of which less is better. `of` returns None where a run did not measure it."""

    name: str
    unit: str
    of: Callable[[Run], float | None]


def _latency(what: str, quantile: str) -> Callable[[Run], float | None]:
    def of(run: Run) -> float | None:
        value = run[what][quantile]
        return None if value is None else value / 1000

    return of


def _cpu(run: Run) -> float | None:
    """Of everything but the generator."""
    told: Mapping[str, float] = run["cpu_seconds_per_million"]
    return sum(seconds for component, seconds in told.items() if component != "generator") if told else None


def _coming_in(run: Run) -> float | None:
    value = run["timings_us"].get("coming in", {}).get("p99")
    return None if value is None else value / 1000


def _lag(run: Run) -> float | None:
    told: Mapping[str, float] | None = run["server_loop_lag_us"]
    return told["p99"] / 1000 if told else None


FIGURES = (
    Figure("p50", "ms", _latency("latency_us", "p50")),
    Figure("p99", "ms", _latency("latency_us", "p99")),
    Figure("last recipient, p50", "ms", _latency("last_recipient_us", "p50")),
    Figure("last recipient, p99", "ms", _latency("last_recipient_us", "p99")),
    Figure("coming in, p99", "ms", _coming_in),
    Figure("CPU per million", "s", _cpu),
    Figure("memory per socket", "KiB", lambda run: run["memory_kib_per_socket"]),
    Figure("memory growth", "KiB/min", lambda run: run["memory_kib_per_minute"]),
    Figure("server's event loop late, p99", "ms", _lag),
)
COMPARED = FIGURES[:6]  # memory is too small a part of a process to be compared by few rounds, and lag is told by steps


def counting(runs: Sequence[Run]) -> list[Run]:
    """Those that are not void; if all are, all: what there is has to be shown, and is marked."""
    return [run for run in runs if not run["void"]] or list(runs)


def values(runs: Sequence[Run], figure: Figure) -> list[float]:
    told = [figure.of(run) for run in counting(runs)]
    return [value for value in told if value is not None]


def middle(runs: Sequence[Run], figure: Figure) -> Interval | None:
    return median(values(runs, figure))


def total(runs: Sequence[Run], what: str) -> int:
    """Over all rounds, also void ones: what was lost was lost."""
    return sum(int(run["deliveries"][what]) for run in runs)


def typical(runs: Sequence[Run]) -> Run:
    """The round whose p99 is the middle one: what is drawn was measured, not averaged."""
    ordered = sorted(counting(runs), key=lambda run: run["latency_us"]["p99"] or 0)
    return ordered[(len(ordered) - 1) // 2]


def paired(ours: Sequence[Run], theirs: Sequence[Run], figure: Figure) -> tuple[list[float], list[float]]:
    """The values of the rounds that both have."""
    mine, other = ({run["round"]: figure.of(run) for run in counting(runs)} for runs in (ours, theirs))
    both = [(mine[number], other[number]) for number in mine.keys() & other.keys()]
    told = [(our, their) for our, their in both if our is not None and their]
    return [our for our, _ in told], [their for _, their in told]


def step_ratios(runs: Sequence[Run], compare: Sequence[str]) -> list[float]:
    """Of each round: the p99 of one step to that of another, within one run."""
    ratios = []
    for run in counting(runs):
        p99 = {step["name"]: step["latency_us"]["p99"] for step in run["steps"]}
        if p99[compare[0]] and p99[compare[1]]:
            ratios.append(p99[compare[0]] / p99[compare[1]])
    return ratios


def knee(run: Run) -> Mapping[str, Any] | None:
    """The last step that met the goal before the first that did not."""
    met = None
    for step in run["steps"]:
        if not step["goal_met"]:
            break
        met = step
    return met
