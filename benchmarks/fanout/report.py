"""The runs as tables: for the terminal and, the same text, for a page of Markdown."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence

from benchmarks.fanout.idle import Idle
from benchmarks.fanout.rounds import ROLES, Run
from benchmarks.fanout.scenarios import IDLE, Scenario

YARDSTICKS = ("nchan", "nats", "ws")
WRONGS = ("lost", "duplicate", "foreign", "disordered", "late", "closed")
COLUMNS = ("subject", "deliveries/s", *ROLES, "CPU s/M", "p50 ms", "p99 ms", "max ms")
SUSTAINED = 0.98  # of the rate that was asked for


def tables(runs: Sequence[Run], idle: Sequence[Idle], scenarios: Iterable[Scenario]) -> str:
    parts = [_table(scenario, [run for run in runs if run.scenario == scenario.name]) for scenario in scenarios]
    return "\n\n".join(part for part in (*parts, _idle_table(idle)) if part)


def _table(scenario: Scenario, runs: list[Run]) -> str:
    names = list(dict.fromkeys(run.subject for run in runs))
    beside = [name for name in (*YARDSTICKS, *_best_stock(runs)) if name in names]
    p99 = [name for name in YARDSTICKS[:1] if name in names and scenario.rate]
    head = (*COLUMNS, *(f"CPU × {name}" for name in beside), *(f"p99 × {name}" for name in p99), "wrong")
    rows = [_row(scenario, [run for run in runs if run.subject == name], runs, beside, p99) for name in names]
    return _drawn(f"**{scenario.name}** ({scenario.title})", [head, *rows]) if rows else ""


def _row(scenario: Scenario, own: list[Run], runs: list[Run], beside: list[str], p99: list[str]) -> tuple[str, ...]:
    good = valid(own)
    shown = good or [run for run in own if not run.failed]
    if not shown:
        return own[0].subject, *[""] * (len(COLUMNS) - 1 + len(beside) + len(p99)), _wrong(scenario, own)
    roles = [_spread([run.cost[role] for run in shown if role in run.cost]) for role in ROLES]
    latencies = [_spread([run.latency(which) for run in shown]) for which in ("p50", "p99", "max")]
    return (
        own[0].subject if good else f"({own[0].subject})",
        _spread([run.rate for run in shown], _whole),
        *roles,
        _spread([run.total for run in shown]),
        *latencies,
        *(_spread(list(ratios_to(other, good, runs))) for other in beside),
        *(_spread(list(ratios_to(other, good, runs, lambda run: run.latency("p99")))) for other in p99),
        _wrong(scenario, own),
    )


def _idle_table(idle: Sequence[Idle]) -> str:
    kinds = ("handshakes", "of who is known", "into a room")
    head = ("subject", "KiB/connection", *(f"{kind} {per}" for kind in kinds for per in ("/s", "/CPU s")), "failed")
    rows = []
    for name in dict.fromkeys(each.subject for each in idle):
        own = [each for each in idle if each.subject == name]
        good = [each for each in own if not each.failed]
        entries = [[entry for each in good if (entry := getattr(each, kind))] for kind in ("first", "again", "joined")]
        rows.append(
            (
                name,
                _spread([each.kib for each in good]),
                *(
                    _spread([getattr(entry, per) for entry in some], _whole)
                    for some in entries
                    for per in ("per_second", "per_cpu_second")
                ),
                next((each.failed for each in own if each.failed), ""),
            )
        )
    return _drawn(f"**{IDLE}** (1,000 that only listen)", [head, *rows]) if rows else ""


def _drawn(title: str, lines: list[tuple[str, ...]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join([title, "", *("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)])


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
        told.append(f"{void} of {len(counted)} void: the judge's core was too busy")
    if failed := [run.failed for run in runs if run.failed]:
        told.append(f"{len(failed)} failed: {failed[0]}")
    return ", ".join(told) or "0"


def _digits(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def _spread(values: Sequence[float], form: Callable[[float], str] = _digits) -> str:
    if not values:
        return ""
    middle = form(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({form(min(values))}–{form(max(values))})"
