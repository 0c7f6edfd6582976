"""The runs as tables: for the terminal and, the same text, for a page of Markdown."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence

from benchmarks.fanout.rounds import ROLES, Run
from benchmarks.fanout.scenarios import Scenario

YARDSTICKS = ("nchan", "nats", "ws")
WRONGS = ("lost", "duplicate", "foreign", "disordered", "late", "closed")
COLUMNS = ("subject", "deliveries/s", *ROLES, "CPU s/M", "p50 ms", "p99 ms", "max ms")
SUSTAINED = 0.98  # of the rate that was asked for


def tables(runs: Sequence[Run], scenarios: Iterable[Scenario]) -> str:
    parts = [_table(scenario, [run for run in runs if run.scenario == scenario.name]) for scenario in scenarios]
    return "\n\n".join(part for part in parts if part)


def _table(scenario: Scenario, runs: list[Run]) -> str:
    names = list(dict.fromkeys(run.subject for run in runs))
    if not names:
        return ""
    beside = [name for name in (*YARDSTICKS, *_best_stock(runs)) if name in names]
    lines = [(*COLUMNS, *(f"× {name}" for name in beside), "wrong")]
    lines += [_row(scenario, [run for run in runs if run.subject == name], runs, beside) for name in names]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, tuple("-" * width for width in widths))
    rows = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    return "\n".join([f"**{scenario.name}** ({scenario.title})", "", *rows])


def _row(scenario: Scenario, own: list[Run], runs: list[Run], beside: list[str]) -> tuple[str, ...]:
    name, good = own[0].subject, valid(own)
    if not good:
        why = next((run.failed for run in own if run.failed), "void: the judge's core was too busy")
        return name, *[""] * (len(COLUMNS) - 1 + len(beside)), why
    roles = [_spread([run.cost[role] for run in good]) if role in good[0].cost else "" for role in ROLES]
    latencies = [_spread([float(run.told[which]) for run in good]) for which in ("p50", "p99", "max")]
    ratios = [_spread(list(ratios_to(other, good, runs))) for other in beside]
    rate = _spread([run.rate for run in good], lambda each: f"{each:,.0f}")
    return name, rate, *roles, _spread([run.total for run in good]), *latencies, *ratios, _wrong(scenario, own)


def valid(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if not run.failed and not run.is_void]


def ratios_to(
    other: str, own: Iterable[Run], runs: Iterable[Run], value: Callable[[Run], float] = lambda run: run.total
) -> Iterator[float]:
    """Ours by theirs, round by round."""
    theirs = {run.round: value(run) for run in valid(runs) if run.subject == other}
    return (value(run) / theirs[run.round] for run in own if run.round in theirs)


def _best_stock(runs: Iterable[Run]) -> list[str]:
    totals: dict[str, list[float]] = {}
    for run in valid(runs):
        if run.subject.startswith("stock-"):
            totals.setdefault(run.subject, []).append(run.total)
    return sorted(totals, key=lambda name: statistics.median(totals[name]))[:1]


def _wrong(scenario: Scenario, runs: Iterable[Run]) -> str:
    """All that must not be, over all rounds, also void ones."""
    counted = [run for run in runs if not run.failed]
    told = [f"{number} {what}" for what in WRONGS if (number := sum(int(run.told[what]) for run in counted))]
    if scenario.wanted and (short := [run for run in counted if run.rate < SUSTAINED * scenario.wanted]):
        told.append(f"rate not held in {len(short)}")
    if void := sum(run.is_void for run in counted):
        told.append(f"{void} void")
    if failed := [run.failed for run in runs if run.failed]:
        told.append(f"{len(failed)} failed: {failed[0]}")
    return ", ".join(told) or "0"


def _spread(values: Sequence[float], form: Callable[[float], str] = lambda each: _digits(each)) -> str:
    if not values:
        return ""
    middle = form(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({form(min(values))}–{form(max(values))})"


def _digits(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"
