"""The people of a measurement, as locust knows them. What they do is in visitor.py; when, in the scenario."""

import time
from collections.abc import Iterator
from math import ceil
from typing import Any, ClassVar

from locust import User

from benchmarks import roster
from benchmarks.roster import Organisation
from benchmarks.scenario import People, Scenario
from benchmarks.visitor import Announcer, Visitor
from benchmarks.world import SECOND, World

FIRST_NEW = 1000  # the number of the first organisation that signs up meanwhile
SCROLLS_EVERY = 10.0  # seconds


def _be_there(somebody: "Somebody") -> None:
    """The one task, which lasts until locust ends it."""
    somebody.world.wait_for_beginning()
    somebody.live()
    while True:
        time.sleep(60)


class Somebody(User):
    """One person with one socket; more where a kind says so."""

    abstract = True
    world: ClassVar[World]
    people: ClassVar[People]
    counts: ClassVar[bool] = True
    tasks: ClassVar[list[Any]] = [_be_there]

    def on_start(self) -> None:
        world, people = self.world, self.people
        index = world.number(f"place {people.name}")
        self.organisation = self.place(index)
        self.visitor = self.visit()
        if people.arrive_within:
            world.wait_for_beginning()
            chance = world.chance("arrives", people.name, index)
            intended = (world.began or 0) + int(chance.uniform(0, people.arrive_within) * SECOND)
            world.sleep_until(intended)
        else:
            intended = time.monotonic_ns()
        self.visitor.come(intended)

    def on_stop(self) -> None:
        self.visitor.leave()

    def place(self, index: int) -> Organisation:
        return self.world.organisations[self.world.scenario.where(self.people, index)]

    def visit(self) -> Visitor:
        return Visitor(self.world, self.organisation, self.people, counts=self.counts)

    def live(self) -> None:
        """From the warm-up on."""

    def moments(self) -> Iterator[tuple[int, int, int]]:
        """(when, step, size): an open loop, from a beginning drawn by lot so that not all speak in one voice."""
        world, people = self.world, self.people
        phase = world.chance("phase", people.name, self.visitor.number).random()
        for number, step, began in world.steps(people):
            rate = people.rate * step.faster
            if rate <= 0:
                continue
            for turn in range(ceil(step.seconds * rate - phase)):
                when = began + int((turn + phase) / rate * SECOND)
                if not world.sleep_until(when):
                    return
                yield when, number, step.bytes or people.bytes


class Lurker(Somebody):
    """Hears, and says nothing."""


class Talker(Somebody):
    """Says something at each of its moments."""

    def live(self) -> None:
        for when, step, size in self.moments():
            self.visitor.post(when, step, size)


class Member(Talker):
    """Says something now and then, and scrolls in what was said before."""

    def live(self) -> None:
        self.world.spawn(self._scroll)
        super().live()

    def _scroll(self) -> None:
        world, path = self.world, f"/api/v1/rooms/{self.organisation.room}/messages?limit=50"
        chance = world.chance("scrolls", self.visitor.number)
        when = world.wait_for_beginning()
        while world.sleep_until(when := when + int(chance.uniform(0.5, 1.5) * SCROLLS_EVERY * SECOND)):
            if when > world.ends:
                return
            try:
                token = self.organisation.token(self.visitor.number)
                status, _ = roster.call(world.address(self.organisation), "GET", path, token=token)
                world.account.count(f"history answered {status}")
                world.account.time("history", time.monotonic_ns() - when)
            except roster.Failed:
                world.account.count("history not answered")


class Reconnector(Somebody):
    """Loses the network again and again, and comes back for what it has missed."""

    def live(self) -> None:
        for _ in self.moments():
            self.visitor.drop_and_come_back()


class Admin(Somebody):
    """Tells everybody something."""

    counts = False

    def visit(self) -> Visitor:
        return Announcer(self.world, self.organisation, self.people, counts=False)

    def place(self, index: int) -> Organisation:
        """The first who is let in is the owner."""
        place = super().place(index)
        return Organisation(place.index, place.host, place.room, place.tokens[:1])

    def live(self) -> None:
        for when, step, size in self.moments():
            self.visitor.post(when, step, size)


class NewOrganisation(Somebody):
    """Signs up, and then comes with a few others, who talk."""

    MEMBERS = 3

    def on_start(self) -> None:
        self.organisation = self.world.organisations[0]
        self.visitor = self.visit()

    def live(self) -> None:
        world = self.world
        for when, step, size in self.moments():
            index = FIRST_NEW + world.number("new organisation")
            try:
                self.organisation = roster.sign_up(world.url, index)
            except roster.Failed:
                world.account.count("signing up failed")
                continue
            world.account.time("signing up", time.monotonic_ns() - when)
            there = [self.visit() for _ in range(self.MEMBERS)]
            for each in there:
                each.come(time.monotonic_ns())
            there[0].post(time.monotonic_ns(), step, size)


class SlowReader(Somebody):
    """Comes in and reads nothing more: nobody owes it anything, and it must not cost the others."""

    counts = False

    def live(self) -> None:
        if self.visitor.socket:
            self.visitor.socket.stop_reading()


KINDS: dict[str, type[Somebody]] = {
    kind.__name__: kind for kind in (Lurker, Talker, Member, Reconnector, Admin, NewOrganisation, SlowReader)
}


def classes_of(scenario: Scenario, *, exactly: bool) -> dict[str, Any]:
    """A class for each kind of people in a scenario: exactly as many, or in that proportion and one of who is alone."""
    made: dict[str, Any] = {}
    for people in scenario.people:
        many = scenario.many(people)
        name = f"{people.who}_{people.name.replace('-', '_')}"
        share = {"fixed_count": many} if exactly else {"fixed_count": 1} if people.number == 1 else {"weight": many}
        made[name] = type(name, (KINDS[people.who],), {"people": people, "abstract": False} | share)
    return made
