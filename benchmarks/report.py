"""conclave bench report FOLDER: what was measured, as report.md to keep and as report.html to look at."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import combinations
from pathlib import Path
from typing import Any

from benchmarks import charts, figures
from benchmarks.figures import COUNTED, FIGURES, Run
from benchmarks.statistics import FEWEST, Interval, median, paired_ratio, verdict

STYLE = Path(__file__).with_name("report.css")
Runs = Mapping[str, Sequence[Run]]
Rows = list[list[str]]
NOT_MEASURED = "–"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="conclave bench report", description=__doc__)
    parser.add_argument("folder", type=Path, help="with a results.json")
    folder: Path = parser.parse_args(arguments).folder
    if not (folder / "results.json").is_file():
        print(f"There is no results.json in {folder}.", file=sys.stderr)
        return 2
    write(folder)
    return 0


def write(folder: Path) -> None:
    result = json.loads(folder.joinpath("results.json").read_text())
    folder.joinpath("report.md").write_text(markdown(result))
    folder.joinpath("report.html").write_text(html(result))


def measured(result: Mapping[str, Any]) -> Runs:
    return {name: runs for name, runs in result["runs"].items() if runs}


# What both reports say.


def figures_table(runs: Runs) -> Rows:
    head = ["", *runs]
    rows = [
        [f"{each.name}, {each.unit}", *(told(figures.middle(own, each)) for own in runs.values())] for each in FIGURES
    ]
    return [head, *(row for row in rows if set(row[1:]) != {NOT_MEASURED})]


def deliveries_table(runs: Runs) -> Rows:
    rows = [[what.replace("_", " "), *(f"{figures.total(own, what):,}" for own in runs.values())] for what in COUNTED]
    return [["all rounds", *runs], *rows]


def costs_table(runs: Runs) -> Rows:
    components = list(
        dict.fromkeys(name for own in runs.values() for run in own for name in run["cpu_seconds_per_million"])
    )
    rows = [[component, *(told(_cost(own, component)) for own in runs.values())] for component in components]
    return [["CPU seconds per million deliveries", *runs], *rows]


def _cost(runs: Sequence[Run], component: str) -> Interval | None:
    costs = [run["cpu_seconds_per_million"].get(component) for run in figures.counting(runs)]
    return median([cost for cost in costs if cost is not None])


def events_table(runs: Runs) -> Rows:
    """What else happened: closings and refusals by code, what was late, how long other things took."""
    counts = sorted({what for own in runs.values() for run in own for what in run["counts"]})
    rows = [
        [what, *(f"{sum(run['counts'].get(what, 0) for run in own):,}" for own in runs.values())] for what in counts
    ]
    timed = sorted({what for own in runs.values() for run in own for what in run["timings_us"]})
    for what in timed:
        p99s = [[run["timings_us"].get(what, {}).get("p99") for run in figures.counting(own)] for own in runs.values()]
        rows.append([f"{what}, p99, ms", *(told(median([p99 / 1000 for p99 in own if p99])) for own in p99s)])
    return [["what else happened", *runs], *rows]


def steps_table(runs: Runs) -> Rows:
    names = [step["name"] for step in next(iter(runs.values()))[0]["steps"]]
    rows: Rows = [["p99 by step, ms", *runs]]
    for number, name in enumerate(names):
        p99s = [[run["steps"][number]["latency_us"]["p99"] for run in figures.counting(own)] for own in runs.values()]
        rows.append([name, *(told(median([p99 / 1000 for p99 in own if p99 is not None])) for own in p99s)])
    return rows


def sentences(result: Mapping[str, Any]) -> Iterator[str]:
    """What may be concluded, and what may not."""
    runs, scenario = measured(result), result["scenario"]
    for one, other in pairs(list(runs)):
        for figure in figures.COMPARED:
            ours, theirs = figures.paired(runs[one], runs[other], figure)
            interval = paired_ratio(ours, theirs)
            if interval is not None:
                yield f"{figure.name}: {one} to {other} {told(interval)}: {verdict(interval, len(ours))}."
    if scenario["compare"]:
        first, second = scenario["compare"]
        for name, own in runs.items():
            interval = median(figures.step_ratios(own, scenario["compare"]))
            if interval:
                yield f"{name}: p99 of the others {first} to {second}: {told(interval)}."
    goal = f"p99 at most {scenario['goal']['p99'] * 1000:g} ms, {scenario['goal']['lost']} lost"
    for name, own in runs.items():
        if len(scenario["steps"]) == 1:
            met = sum(run["goal_met"] for run in figures.counting(own))
            yield f"{name}: {met} of {len(figures.counting(own))} rounds met the goal ({goal})."
        elif not scenario["compare"]:
            knee = figures.knee(figures.typical(own))
            yield f"{name}: {'up to ' + knee['name'] if knee else 'no step'} within the goal ({goal})."


def pairs(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each with each; of many, the first with each: nobody reads a hundred sentences."""
    yield from combinations(names, 2) if len(names) <= 3 else ((names[0], other) for other in names[1:])


def warnings(result: Mapping[str, Any]) -> Iterator[str]:
    for name, own in result["runs"].items():
        for run in own:
            for reason in run["void"]:
                yield f"Round {run['round'] + 1} of {name} is void: {reason}."
    yield from (f"Failed: {failure}" for failure in result["failures"])
    if any(own and all(run["void"] for run in own) for own in result["runs"].values()):
        yield "Where all rounds are void, their figures are shown all the same, and prove nothing."
    rounds = min((len(own) for own in measured(result).values()), default=0)
    if rounds < FEWEST:
        yield f"{rounds} rounds are too few to call a difference one: {FEWEST} are needed. Brackets are least and most."
    if any(run["server_loop_lag_us"] is None for own in result["runs"].values() for run in own):
        yield "Not measured: the event-loop lag of the server, which tells it to nobody."


def told(interval: Interval | None) -> str:
    if interval is None:
        return NOT_MEASURED
    if interval.low == interval.high:
        return _number(interval.middle)
    return f"{_number(interval.middle)} ({_number(interval.low)}–{_number(interval.high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def circumstances(result: Mapping[str, Any]) -> Rows:
    loads = [run["load"] for own in result["runs"].values() for run in own]
    about = dict(result["circumstances"]) | {
        "load": f"{min(loads, default=0)}–{max(loads, default=0)} before each round"
    }
    scenario = result["scenario"]
    about |= {
        "seed": str(result["seed"]),
        "took": f"{result['seconds']} s",
        "server processes": str(scenario["workers"]),
    }
    return [["", ""], *([name, str(value)] for name, value in about.items())]


# Markdown.


def markdown(result: Mapping[str, Any]) -> str:
    runs, scenario = measured(result), result["scenario"]
    parts = [f"# {scenario['title']}", scenario["question"]]
    if runs:
        parts += [table(figures_table(runs)), "\n".join(f"- {each}" for each in sentences(result))]
        parts += [table(deliveries_table(runs)), table(costs_table(runs)), table(steps_table(runs))]
        parts.append(table(events_table(runs)))
    parts.append("\n".join(f"- {each}" for each in warnings(result)))
    parts += [f"    {result['reproduce']}", table(circumstances(result))]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(rows: Rows) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]])


# HTML.


PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}: Conclave</title>
<style>{style}</style></head>
<body>
<header><h1>{title}</h1><p>{question}</p></header>
<main>
<section class="charts">{charts}</section>
<section><h2>What this says</h2>{sentences}</section>
<section><h2>What to know about it</h2>{warnings}</section>
<section><h2>Figures</h2><p>Medians of {rounds} rounds, with 95 % confidence intervals.</p>{tables}</section>
<section><h2>How to get it again</h2><pre>{reproduce}</pre>{circumstances}</section>
</main>
</body>
</html>
"""


def html(result: Mapping[str, Any]) -> str:
    runs, scenario = measured(result), result["scenario"]
    tables = (figures_table, deliveries_table, costs_table, steps_table, events_table) if runs else ()
    return PAGE.format(
        title=escape(scenario["title"]),
        question=escape(scenario["question"]),
        style=STYLE.read_text(),
        charts="".join(_charts(runs)) if runs else "",
        sentences=_list(sentences(result)),
        warnings=_list(warnings(result)),
        rounds=scenario["rounds"],
        tables="".join(_table(rows(runs)) for rows in tables),
        reproduce=escape(result["reproduce"]),
        circumstances=_table(circumstances(result)),
    )


def _charts(runs: Runs) -> Iterator[str]:
    typical = {name: figures.typical(own) for name, own in runs.items()}
    heard = {name: run for name, run in typical.items() if run["curve"]}
    if heard:
        yield _distribution(heard)
    if any(len(run["steps"]) > 1 for run in typical.values()):
        yield _throughput(typical)
    yield _costs(typical)
    if heard:
        yield from (_timeline(name, run, number) for number, (name, run) in enumerate(heard.items()))


def _distribution(runs: Mapping[str, Run]) -> str:
    most = max(run["curve"][-1][1] for run in runs.values()) / 1000
    least = min(run["curve"][0][1] for run in runs.values()) / 1000
    count = max(run["latency_us"]["count"] for run in runs.values())
    drawn = [
        charts.Line(
            name, [(charts.as_nines(part), value / 1000) for part, value in run["curve"]], number, bool(run["void"])
        )
        for number, (name, run) in enumerate(runs.items())
    ]
    x, y = charts.nines(1 - 1 / count), charts.logarithmic("milliseconds from the intended time", least, most)
    return charts.lines("How long a message takes to be heard", x, y, drawn)


def _throughput(runs: Mapping[str, Run]) -> str:
    drawn = []
    for number, (name, run) in enumerate(runs.items()):
        points = [
            (s["deliveries_per_second"], s["latency_us"]["p99"] / 1000) for s in run["steps"] if s["latency_us"]["p99"]
        ]
        drawn.append(charts.Line(name, points, number, bool(run["void"])))
    every = [point for line in drawn for point in line.points] or [(1.0, 1.0)]
    x = charts.plain("deliveries a second", max(a for a, _ in every))
    y = charts.logarithmic("p99, milliseconds", min(b for _, b in every), max(b for _, b in every))
    return charts.lines("Throughput against p99, step by step", x, y, drawn, dots=True)


def _costs(runs: Mapping[str, Run]) -> str:
    bars = [(name, list(run["cpu_seconds_per_million"].items())) for name, run in runs.items()]
    return charts.stacked("What it costs, by component", "CPU seconds per million deliveries", bars)


def _timeline(name: str, run: Run, number: int) -> str:
    told = [each for each in run["timeline"] if each[3] is not None]
    lines = [
        charts.Line("p99", [(second + 0.5, p99 / 1000) for second, _, _, p99 in told], number),
        charts.Line("p50", [(second + 0.5, p50 / 1000) for second, _, p50, _ in told], number + 4),
    ]
    every = [value for line in lines for _, value in line.points]
    x = charts.plain("seconds, by the intended time", max(second for second, *_ in told) + 1)
    y = charts.logarithmic("milliseconds", min(every), max(every))
    marks = [charts.Mark(what, began, ended) for what, began, ended in run["marks"]]
    return charts.lines(f"Second by second: {name}", x, y, lines, marks)


def _table(rows: Rows) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td>{escape(c)}</td>' for c in row[1:])}</tr>" for row in rows[1:]
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _list(lines: Iterator[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
