"""What a connection takes that only listens, as a slope of memory, and what it costs to let one in.

Each time on a server that has just been started: memory that was used before is used again, and would look like none.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.fanout.dialects import Conclave, Dialect
from benchmarks.fanout.judge import Failed, Judge, judging
from benchmarks.fanout.processes import Clock, cores, keep_on
from benchmarks.fanout.progress import say
from benchmarks.fanout.scenarios import IDLE, ONE
from benchmarks.fanout.subjects import Machine, Running, Subject
from benchmarks.processes import memory

STEPS = 10
AT_ONCE = 32  # handshakes under way


@dataclass(frozen=True, slots=True)
class Entry:
    """Some handshakes in a row."""

    count: int
    seconds: float
    cost: dict[str, float]
    """CPU seconds by role."""

    @property
    def per_second(self) -> float:
        return self.count / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.count / max(1e-9, sum(self.cost.values()))


@dataclass(frozen=True, slots=True)
class Idle:
    subject: str
    round: int
    kib: float = 0.0  # of the server, per connection that hears a room
    joined: Entry | None = None  # until they hear a room, of people whom the server has never seen
    first: Entry | None = None  # until the first word, of people whom it has never seen
    again: Entry | None = None  # the same people, who come back
    judge_busy: float = 0.0
    failed: str = ""

    def plain(self) -> dict[str, Any]:
        return asdict(self) | {"scenario": IDLE}


def measured(machine: Machine, subjects: Sequence[Subject], rounds: int) -> Iterator[Idle]:
    for number in range(1, rounds + 1):
        for subject in subjects:
            yield from _of(machine, subject, number, rounds)


def _of(machine: Machine, subject: Subject, number: int, rounds: int) -> Iterator[Idle]:
    for how in ("sessions", "tokens") if subject.stores else ("",):
        name = f"{subject.name}, {how}" if how else subject.name
        say(f"round {number} of {rounds} · {name} · {IDLE}")
        try:
            with subject.start(machine) as running:
                keep_on(cores()[0], running.roots)
                kib, joined = _slope(running, _with(running.dialect, how, joins=True))
            with subject.start(machine) as running:
                keep_on(cores()[0], running.roots)
                first, again, busy = _handshakes(running, _with(running.dialect, how, joins=False))
            yield Idle(name, number, kib, joined, first, again, busy)
        except Failed as failure:
            yield Idle(name, number, failed=str(failure))


def _with(dialect: Dialect, how: str, *, joins: bool) -> Dialect:
    """Other servers know no difference between being there and hearing something."""
    return replace(dialect, with_sessions=how == "sessions", joins=joins) if isinstance(dialect, Conclave) else dialect


def _slope(running: Running, dialect: Dialect) -> tuple[float, Entry]:
    step, clock = ONE.people // STEPS, Clock(running.roots, cores()[1])
    points, entries = [], []
    with judging(dialect.plan(running.port, ONE), cores()[1]) as judge:
        for connected in range(step, ONE.people + 1, step):
            entries.append(_enter(judge, clock, step))
            judge.settle()
            points.append((connected, memory(running.roots["server"], kind="Pss:")))
    return statistics.linear_regression(*zip(*points, strict=True)).slope, _sum(entries[1:])


def _handshakes(running: Running, dialect: Dialect) -> tuple[Entry, Entry, float]:
    step, clock = ONE.people // STEPS, Clock(running.roots, cores()[1])
    plan = dialect.plan(running.port, ONE)
    with judging(plan, cores()[1]) as judge:
        _enter(judge, clock, step)
        first = _enter(judge, clock, ONE.people - step)
    with judging(plan, cores()[1]) as judge:
        return first, _enter(judge, clock, ONE.people), clock.busy()


def _enter(judge: Judge, clock: Clock, count: int) -> Entry:
    clock.look()
    seconds = judge.connect(count, AT_ONCE)
    clock.look()
    return Entry(count, seconds, clock.seconds())


def _sum(entries: Sequence[Entry]) -> Entry:
    """The first ones left out, who come to a server that still has to wake up."""
    cost = {role: sum(entry.cost[role] for entry in entries) for role in entries[0].cost}
    return Entry(sum(entry.count for entry in entries), sum(entry.seconds for entry in entries), cost)
