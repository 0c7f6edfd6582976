"""The measuring: every subject in every round, so that all of them see the same weather."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.fanout.judge import Failed, Judge, judging
from benchmarks.fanout.processes import Clock, cores, keep_on
from benchmarks.fanout.progress import say
from benchmarks.fanout.scenarios import STORED, Crowd, Scenario
from benchmarks.fanout.subjects import Machine, Running, Subject

ROLES = ("server", "broker", "database")
TOO_BUSY = 0.95  # of the judge's core: then it may be the judge that is measured
ATTEMPTS = 3  # at a run that was void


@dataclass(frozen=True, slots=True)
class Run:
    """One subject in one scenario in one round."""

    subject: str
    scenario: str
    round: int
    cost: dict[str, float] = field(default_factory=dict)
    """CPU seconds per million deliveries, by role."""
    told: dict[str, Any] = field(default_factory=dict)
    """What the judge has counted."""
    judge_busy: float = 0.0
    failed: str = ""

    @property
    def total(self) -> float:
        return sum(self.cost.values())

    @property
    def is_void(self) -> bool:
        return self.judge_busy > TOO_BUSY

    @property
    def rate(self) -> float:
        """Deliveries a second."""
        return float(self.told["deliveries"] / self.told["seconds"])

    def latency(self, which: str) -> float:
        """In milliseconds: p50, p99 or max."""
        return float(self.told[which])

    def plain(self) -> dict[str, Any]:
        return asdict(self) | ({} if self.failed else {"total": self.total, "void": self.is_void})


def measured(
    machine: Machine, subjects: Sequence[Subject], scenarios: Sequence[Scenario], rounds: int, seconds: float
) -> Iterator[Run]:
    """All of them stand ready all the time; one at a time has something to do."""
    with ExitStack() as stack:
        there: dict[Subject, Running] = {}
        for subject in subjects:
            say(f"starting {subject.name}")
            try:
                there[subject] = stack.enter_context(subject.start(machine))
            except Failed as failure:
                yield from (Run(subject.name, each.name, 0, failed=str(failure)) for each in scenarios)
                continue
            keep_on(cores()[0], there[subject].roots)
        for number in range(1, rounds + 1):
            for crowd, together in _by_crowd(scenarios):
                for subject, running in _turned(list(there.items()), number):
                    for run in _with_crowd(subject, running, crowd, together, number, seconds):
                        say(f"round {number} of {rounds} · {subject.name} · {run.scenario}")
                        yield run


def _by_crowd(scenarios: Sequence[Scenario]) -> Iterator[tuple[Crowd, list[Scenario]]]:
    for crowd in dict.fromkeys(each.crowd for each in scenarios):
        yield crowd, [each for each in scenarios if each.crowd == crowd]


def _turned(pairs: list[tuple[Subject, Running]], by: int) -> list[tuple[Subject, Running]]:
    """Nobody always comes after the same one."""
    by %= max(1, len(pairs))
    return pairs[by:] + pairs[:by]


def _with_crowd(
    subject: Subject, running: Running, crowd: Crowd, scenarios: Sequence[Scenario], number: int, seconds: float
) -> Iterator[Run]:
    wanted = [each for each in scenarios if _can(subject, each)]
    if not wanted:
        return
    plan = running.dialect.plan(running.port, crowd)
    try:
        with judging(plan, cores()[1]) as judge:
            judge.connect(len(plan.callers))
            for scenario in wanted:
                yield _run(judge, subject, running, scenario, number, seconds)
    except Failed as failure:
        yield from (Run(subject.name, each.name, number, failed=str(failure)) for each in wanted)


def _can(subject: Subject, scenario: Scenario) -> bool:
    return (subject.stores or scenario.template != STORED) and (subject.keeps_up or not scenario.rate)


def _run(judge: Judge, subject: Subject, running: Running, scenario: Scenario, number: int, seconds: float) -> Run:
    for _ in range(ATTEMPTS):
        judge.settle()
        clock = Clock(running.roots, cores()[1])
        told = judge.measure(scenario.order(seconds), clock.look)
        if not told["deliveries"]:
            raise Failed(f"nothing was delivered, and {told['duplicate']} times again what had been")
        cost = {role: used * 1e6 / told["deliveries"] for role, used in clock.seconds().items()}
        run = Run(subject.name, scenario.name, number, cost, told, clock.busy())
        if not run.is_void:
            break
    return run
