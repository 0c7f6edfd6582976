"""What the people of one process share: the scenario, the sockets, the account, and when what is to happen."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.client import Address, Ears
from benchmarks.measuring.accounts import Account
from benchmarks.roster import Organisation
from benchmarks.scenario import People, Scenario, Step

SECOND = 1_000_000_000
WARM_UP = -1  # the number of the step that is not measured

Spawn = Callable[..., Any]
"""Starts a function with its arguments beside us: gevent.spawn, or a thread."""


@dataclass
class World:
    scenario: Scenario
    url: str
    organisations: list[Organisation]
    account: Account
    ears: Ears
    spawn: Spawn
    seed: int = 0
    worker: int = 0  # which process of how many
    workers: int = 1
    began: int | None = None  # when the first step begins; before it is the warm-up
    over: bool = False
    here: int = 0  # how many have come in so far
    _next: dict[str, int] = field(default_factory=dict)

    def number(self, kind: str) -> int:
        """Of another one of this kind, told apart from those of the other processes."""
        here = self._next[kind] = self._next.get(kind, -1) + 1
        return here * self.workers + self.worker

    def address(self, organisation: Organisation) -> Address:
        return Address.of(self.url, organisation.host)

    def chance(self, *of: object) -> random.Random:
        """The same luck in every run with one seed."""
        return random.Random(f"{self.seed} {self.scenario.name} {of}")

    def wait_for_beginning(self) -> int:
        """When talking begins."""
        while self.began is None and not self.over:
            time.sleep(0.02)
        return (self.began or time.monotonic_ns()) - int(self.scenario.warm_up * SECOND)

    @property
    def ends(self) -> int:
        return (self.began or 0) + int(self.scenario.measured * SECOND)

    def steps(self, people: People) -> list[tuple[int, Step, int]]:
        """(number, step, when it begins) of those in which these people do something; the warm-up is like the first."""
        began, found = self.began or 0, []
        steps = self.scenario.steps
        if not people.steps or steps[0].name in people.steps:
            first = Step(steps[0].name, self.scenario.warm_up, steps[0].faster, steps[0].bytes)
            found.append((WARM_UP, first, began - int(self.scenario.warm_up * SECOND)))
        for number, step in enumerate(steps):
            if not people.steps or step.name in people.steps:
                found.append((number, step, began))
            began += int(step.seconds * SECOND)
        return found

    def sleep_until(self, when: int) -> bool:
        """False if it is all over."""
        while not self.over and (left := when - time.monotonic_ns()) > 0:
            time.sleep(min(left / SECOND, 0.5))
        return not self.over
