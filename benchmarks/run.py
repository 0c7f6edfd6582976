"""One run: a scenario on a stack that has just been started. Generators are processes of locust's; we start them, say
when it begins, let happen what is to happen, and reckon up what they have written."""

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

from benchmarks import lag
from benchmarks.circumstances import ROOT
from benchmarks.costs import Meter, slope
from benchmarks.measuring.accounts import Account, Said
from benchmarks.measuring.histogram import Histogram
from benchmarks.measuring.reckoning import Reckoning, counts, reckon, summary, timings
from benchmarks.plan import Plan
from benchmarks.processes import Roots, starting_on
from benchmarks.scenario import Fault, Scenario
from benchmarks.world import SECOND

LOCUST = ROOT / ".venv-bench" / "bin" / "locust"
COMING_TAKES_AT_MOST = 120.0  # seconds beyond what the scenario's rate needs
GOING_TAKES_AT_MOST = 30.0
MOST_BUSY = 0.7  # of a core; above that the generator measures itself
MOST_LATE = 20_000  # microseconds at the 99th percentile that the generator's own loop may be late
GROWTH_TAKES = 60  # seconds at least
Say = Callable[[str], None]


class Failed(Exception):
    """A run that came to nothing. One sentence for the person at the terminal."""


class Stack(Protocol):
    """An installation that runs, given by saas: we know it by its wire alone."""

    url: str
    roster: Sequence[Mapping[str, Any]]
    metrics: Sequence[str]
    """Addresses where the server processes tell theirs."""

    def roots(self) -> Roots: ...
    def suffer(self, fault: str) -> None: ...


@dataclass(slots=True)
class Marked:
    """Something that happened, in seconds from the beginning."""

    what: str
    began: float
    ended: float


def run(
    stack: Stack, scenario: Scenario, folder: Path, *, seed: int, workers: int, cores: Iterable[int], say: Say
) -> dict[str, Any]:
    """One round. The generators' processes run on these cores."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(folder, secrets.token_hex(4), seed, stack.url, stack.roster, scenario, workers)
    plan.write()
    with _generators(plan, cores) as pids, Meter(lambda: {**stack.roots(), "generator": pids}) as meter:
        _wait_until_all_are_here(plan, pids, say)
        began = time.monotonic_ns() + int((scenario.warm_up + 0.5) * SECOND)
        plan.beginning.write_text(str(began))
        lag_before = lag.told(stack.metrics)
        marks = _let_happen(stack, scenario, began, say)
        server_lag = lag.between(lag_before, lag.told(stack.metrics))
        _wait_for_parts(plan)
    accounts = [Account.read(plan.part(worker), plan.run) for worker in range(workers)]
    for worker in range(workers):
        plan.part(worker).unlink()
        plan.here(worker).unlink()
    plan.file.unlink()  # it holds tokens
    return _result(scenario, accounts, meter, began, marks, folder) | {"server_loop_lag_us": server_lag}


@contextmanager
def _generators(plan: Plan, cores: Iterable[int]) -> Iterator[list[int]]:
    many, rate = plan.scenario.sockets, plan.scenario.connect_rate
    command = [
        str(LOCUST), "-f", str(ROOT / "benchmarks" / "locustfile.py"), "--headless", "--only-summary",
        "--users", str(many), "--spawn-rate", str(rate), "--loglevel", "WARNING",
    ]  # fmt: skip
    if plan.workers > 1:
        command += ["--processes", str(plan.workers)]
    environment = os.environ | {"CONCLAVE_PLAN": str(plan.file), "PYTHONPATH": str(ROOT)}
    with (plan.folder / "locust.log").open("wb") as log, starting_on(cores):
        locust = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield [locust.pid]
    finally:
        plan.ending.unlink(missing_ok=True)
        plan.beginning.unlink(missing_ok=True)
        locust.terminate()
        try:
            locust.wait(GOING_TAKES_AT_MOST)
        except subprocess.TimeoutExpired:
            locust.kill()
            locust.wait()


def _wait_until_all_are_here(plan: Plan, pids: Sequence[int], say: Say) -> None:
    scenario = plan.scenario
    wanted = sum(
        scenario.many(people)
        for people in scenario.people
        if not people.arrive_within and people.who not in ("Admin", "NewOrganisation")
    )
    patience = time.monotonic() + COMING_TAKES_AT_MOST + scenario.sockets / scenario.connect_rate
    here = -1
    while here < wanted:
        if time.monotonic() > patience or not Path(f"/proc/{pids[0]}").exists() or _is_dead(pids[0]):
            lines = (plan.folder / "locust.log").read_text().splitlines()
            raise Failed(f"Of {wanted} people {max(0, here)} have come. {lines[-1] if lines else ''}")
        time.sleep(0.1)
        here = sum(_number(plan.here(worker)) for worker in range(plan.workers))
        say(f"{here} of {wanted} are here")


def _is_dead(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text()


def _number(file: Path) -> int:
    return int(file.read_text() or 0) if file.exists() else 0


def _let_happen(stack: Stack, scenario: Scenario, began: int, say: Say) -> list[Marked]:
    marks: list[Marked] = []
    going = [Thread(target=_suffer, args=(stack, fault, began, marks)) for fault in scenario.faults]
    for thread in going:
        thread.start()
    ends = began + int((scenario.measured + scenario.patience) * SECOND)
    while (left := (ends - time.monotonic_ns()) / SECOND) > 0:
        say(f"{max(0.0, scenario.measured + scenario.patience - left):.0f} of {ends / SECOND - began / SECOND:.0f} s")
        time.sleep(min(0.5, left))
    for thread in going:
        thread.join()
    return sorted(marks, key=lambda mark: mark.began)


def _suffer(stack: Stack, fault: Fault, began: int, marks: list[Marked]) -> None:
    time.sleep(max(0.0, fault.after + (began - time.monotonic_ns()) / SECOND))
    at = time.monotonic_ns()
    try:
        stack.suffer(fault.kind)
        what = fault.kind
    except Exception as error:  # the run goes on, and its report says so
        what = f"{fault.kind} failed: {error}"
    marks.append(Marked(what, (at - began) / SECOND, (time.monotonic_ns() - began) / SECOND))


def _wait_for_parts(plan: Plan) -> None:
    plan.ending.touch()
    patience = time.monotonic() + GOING_TAKES_AT_MOST
    while not all(plan.part(worker).exists() for worker in range(plan.workers)):
        if time.monotonic() > patience:
            raise Failed(f"The generator did not write what it has measured: see {plan.folder / 'locust.log'}.")
        time.sleep(0.05)


def _result(
    scenario: Scenario, accounts: Sequence[Account], meter: Meter, began: int, marks: Sequence[Marked], folder: Path
) -> dict[str, Any]:
    ended = began + int(scenario.measured * SECOND)
    whole = reckon(accounts, late_after=scenario.late_after, began=began, of=lambda said: said.step >= 0)
    cpu, busiest = meter.between(began, ended)
    own = timings(accounts)
    histograms = {"latency": whole.latency, "last recipient": whole.last_recipient, **own}
    steps, at = [], began
    for number, step in enumerate(scenario.steps):
        steps.append(_step(scenario, accounts, meter, number, at))
        histograms[f"latency, {step.name}"] = steps[-1].pop("histogram")
        at += int(step.seconds * SECOND)
    folder.joinpath("histograms.json").write_text(
        json.dumps({name: histogram.as_json() for name, histogram in histograms.items()}, separators=(",", ":"))
    )
    return whole.figures() | {
        "goal_met": meets(scenario, whole),
        "deliveries_per_second": round(whole.deliveries.delivered / scenario.measured, 1),
        "cpu_seconds": {name: round(seconds, 4) for name, seconds in cpu.items()},
        "cpu_seconds_per_million": per_million(cpu, whole.deliveries.delivered),
        "generator_busy": round(busiest, 3),
        "memory_kib": meter.looks[-1].memory,
        "memory_kib_per_socket": memory_slope(meter, accounts, began),
        "memory_kib_per_minute": _growth(meter, began, ended),
        "timings_us": {name: summary(histogram) for name, histogram in own.items()},
        "counts": counts(accounts),
        "void": void(whole, own.get("generator's loop", Histogram()), busiest),
        "steps": steps,
        "marks": [[mark.what, round(mark.began, 2), round(mark.ended, 2)] for mark in marks],
        "timeline": [
            [second, histogram.total, histogram.value_at(0.5), histogram.value_at(0.99)]
            for second, histogram in sorted(whole.seconds.items())
        ],
        "curve": thinned(whole.latency.curve()),
    }


def _step(scenario: Scenario, accounts: Sequence[Account], meter: Meter, number: int, began: int) -> dict[str, Any]:
    """Of the messages of this step; where two steps are compared, of those organisations that are looked at."""
    step, whose = scenario.steps[number], scenario.compare_organisations

    def counted(said: Said) -> bool:
        return said.step == number and (not whose or said.stamp.organisation in whose)

    own = reckon(accounts, late_after=scenario.late_after, began=began, of=counted)
    cpu, busiest = meter.between(began, began + int(step.seconds * SECOND))
    return own.figures() | {
        "name": step.name,
        "deliveries_per_second": round(own.deliveries.delivered / step.seconds, 1),
        "cpu_seconds_per_million": per_million(cpu, own.deliveries.delivered),
        "generator_busy": round(busiest, 3),
        "goal_met": meets(scenario, own),
        "histogram": own.latency,
    }


def meets(scenario: Scenario, reckoned: Reckoning) -> bool:
    p99 = reckoned.latency.value_at(0.99)
    return p99 is not None and p99 <= scenario.goal.p99 * 1e6 and reckoned.deliveries.lost <= scenario.goal.lost


def per_million(cpu: Mapping[str, float], delivered: int) -> dict[str, float]:
    return {name: round(seconds / delivered * 1e6, 2) for name, seconds in cpu.items()} if delivered else {}


def void(whole: Reckoning, loop: Histogram, busiest: float) -> list[str]:
    """Why the figures say more about the generator than about what it measured; nothing if they do not."""
    reasons = []
    if busiest > MOST_BUSY:
        reasons.append(f"the generator used {busiest:.0%} of a core, more than {MOST_BUSY:.0%}")
    lag, p99 = loop.value_at(0.99) or 0, whole.latency.value_at(0.99) or 0
    if lag > max(MOST_LATE, p99 // 2):
        reasons.append(f"the generator's own loop was {lag / 1000:.0f} ms late at p99, of {p99 / 1000:.0f} ms measured")
    behind = whole.behind.value_at(0.99) or 0
    if behind > max(MOST_LATE, p99 // 2):
        reasons.append(f"the generator spoke {behind / 1000:.0f} ms later than intended at p99")
    if not whole.latency.counts:
        reasons.append("nothing was delivered")
    return reasons


def memory_slope(meter: Meter, accounts: Sequence[Account], began: int) -> float | None:
    """KiB of the server for one more socket, while they came; None: they came too fast to tell."""
    openings = sorted(opening for account in accounts for opening in _steps_of(account))
    points = []
    for look in meter.looks:
        if look.at < began and "server" in look.memory:
            there = sum(more for when, more in openings if when <= look.at)
            if there:
                points.append((float(there), float(look.memory["server"])))
    found = slope(points)
    return round(found, 1) if found is not None else None


def _steps_of(account: Account) -> Iterator[tuple[int, int]]:
    before = 0
    for when, there in account.openings:
        yield when, there - before
        before = there


def _growth(meter: Meter, began: int, ended: int) -> float | None:
    """KiB a minute of the server, while it was measured: what a soak is for. None: too short a time to tell."""
    if ended - began < GROWTH_TAKES * SECOND:
        return None
    points = [
        ((look.at - began) / SECOND / 60, float(look.memory["server"]))
        for look in meter.looks
        if began <= look.at <= ended and "server" in look.memory
    ]
    found = slope(points)
    return round(found, 1) if found is not None else None


def thinned(curve: Sequence[tuple[float, int]], most: int = 200) -> list[list[float]]:
    """The curve with as many points as can be seen, more of them where it is steep: near 1."""
    kept, last = [], -1.0
    for part, value in curve:
        nines = (1 - 10**-6 - part) ** -0.5 if part < 1 - 10**-6 else 1e3
        if nines - last > nines / most or part == 1:
            kept.append([round(part, 6), value])
            last = nines
    return kept
