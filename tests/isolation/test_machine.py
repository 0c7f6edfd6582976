"""Organisations that look alike, people who are in several of them, and everything that gives and takes a right, in any
order, while processes die: nobody hears what they may not, and everybody hears what they may.

Every post, signal and notice carries a mark. The model knows who may hear it, and every frame is looked at as it comes.
"""

import asyncio
import json
import re
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from realtime.chat import hosting, rooms
from realtime.protocol import Refused
from tenants import organizations
from tenants.people import credentials, members
from tenants.people.models import Token, User
from tests.cast import PASSWORD, Member, Org, found
from tests.chaos.installation import Installation
from tests.chaos.size import sized
from tests.clients import Session, signed_in
from tests.conftest import Servers
from tests.lean import Entrance, Frame, Lean

GRACE = sized(
    10.0, 2.0
)  # seconds in which an ended right may still be used; longer where other tests share the machine
PATIENCE = 30.0  # seconds; a run that fails is made again by Hypothesis
KILLS_A_MINUTE = 4  # an installation gives up when one of its processes dies five times
ALIKE = 3  # organisations
NAMES = ["alice", "bob", "Alice", "alice "]  # of people, in each of them
PUBLIC = ["plans", "plans-", "p", "a" * 60]  # addresses of rooms, in each of them
MARK = re.compile(r"mark-([0-9a-f]{8})-(\d+)-")

T = TypeVar("T")


@dataclass
class Mark:
    """Something that was said."""

    org: "House"
    room: str | None  # None: a notice
    begun: float
    is_kept: bool = True


@dataclass
class Hearing:
    """A room that a socket has taken up. `ended`: when the right to it was taken away."""

    ended: float | None = None
    is_sure: bool = True  # False: it depends on which of two changes the server has looked at first


@dataclass(eq=False)
class Seat:
    """Somebody's account in one organisation."""

    house: "House"
    member: Member
    is_active: bool = True
    private: bool = False  # in the private room

    @property
    def user_id(self) -> int:
        return self.member.actor.user_id


@dataclass(eq=False)
class House:
    org: Org
    private: str  # address of its private room
    seats: list[Seat] = field(default_factory=list)
    is_suspended: bool = False


class Ear:
    """One socket, with what it may hear and what it has heard."""

    def __init__(self, world: "World", seat: Seat, lean: Lean, credential: Token | Session) -> None:
        self.world, self.seat, self.lean, self.credential = world, seat, lean, credential
        self.hearings: dict[str, Hearing] = {}
        self.put_out: set[str] = set()  # rooms that it was told to hear no more
        self.leaving: dict[int, str] = {}
        self.ended: float | None = None
        self.heard: set[int] = set()
        lean.on_frame = self.take
        for frame in lean.others:  # what came with the handshake
            self.take(frame)

    @property
    def house(self) -> House:
        return self.seat.house

    @property
    def is_well(self) -> bool:
        return self.ended is None and not self.lean.closed.done()

    def must_hear(self, mark: Mark) -> bool:
        if not self.is_well or mark.org is not self.house:
            return False
        if mark.room is None:
            return True
        hearing = self.hearings.get(mark.room)
        return hearing is not None and hearing.ended is None and hearing.is_sure and mark.room not in self.put_out

    def take(self, frame: Frame) -> None:
        if frame["on"] == "gone":
            hearing = self.hearings.get(frame["room"])
            if hearing is not None and hearing.ended is None and hearing.is_sure:
                self.world.violations.append(f"{self} was put out of {frame['room']} for no reason")
            self.put_out.add(frame["room"])
        if frame["on"] == "ack" and frame["id"] in self.leaving:
            self.put_out.add(self.leaving[frame["id"]])
        if frame.get("epoch", self.house.org.space.epoch) != self.house.org.space.epoch:
            self.world.violations.append(f"{self} heard of another organisation: {frame}")
        for token, text in MARK.findall(json.dumps(frame)):
            number = int(text)
            if token != self.world.token:
                self.world.violations.append(f"{self} heard what was said in another run: {frame}")
                continue
            self.heard.add(number)
            if why := self.forbidden(self.world.marks[number]):
                self.world.violations.append(f"{self} heard mark {number} of {self.world.marks[number]}: {why}")

    def forbidden(self, mark: Mark) -> str:
        if mark.org is not self.house:
            return "it is of another organisation"
        if self.ended is not None and mark.begun > self.ended + GRACE:
            return "it was said after the right to this socket had ended"
        if mark.room is None:
            return ""
        hearing = self.hearings.get(mark.room)
        if hearing is None:
            return "it never took up this room"
        if mark.room in self.put_out:
            return "it had been told that it hears this room no more"
        if hearing.ended is not None and mark.begun > hearing.ended + GRACE:
            return "it was said after the right to this room had ended"
        return ""

    def __repr__(self) -> str:
        return f"a socket of {self.seat.member.name!r} at {self.house.org.space.slug}"


class World:
    """Real servers, an event loop for the sockets, and the model of it all."""

    def __init__(self, installation: Installation, did: Counter[str]) -> None:
        self.installation, self.did = installation, did
        self.marks: list[Mark] = []
        self.ears: list[Ear] = []
        self.awaited: list[tuple[Ear, int]] = []
        self.violations: list[str] = []
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.sessions = ExitStack()
        self.entrance = Entrance(installation.server)
        self.token = secrets.token_hex(4)
        self.houses = [furnished(slug) for slug in alike(self.token)]

    def does(self, what: Coroutine[Any, Any, T]) -> T:
        doing = asyncio.run_coroutine_threadsafe(what, self.loop)
        try:
            return doing.result(PATIENCE)
        except TimeoutError:
            doing.cancel()
            raise AssertionError(f"{what.__qualname__}: what had to come has not come") from None

    def end(self) -> None:
        self.does(self.entrance.__aexit__())
        self.sessions.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def mark(self, house: House, room: str | None, *, is_kept: bool = True) -> int:
        self.marks.append(Mark(house, room, time.monotonic(), is_kept))
        return len(self.marks) - 1

    def words(self, number: int) -> str:
        return f"mark-{self.token}-{number}-"

    def was_said(self, number: int) -> None:
        """From now on everybody who may hear it is waited for."""
        self.awaited += [(ear, number) for ear in self.ears if ear.must_hear(self.marks[number])]

    async def all_heard(self) -> None:
        for ear, number in self.awaited:
            with suppress(ConnectionError):
                await ear.lean.hears(lambda: number in ear.heard or not ear.must_hear(self.marks[number]))  # noqa: B023
        self.awaited.clear()

    async def endings_are_seen(self) -> None:
        """Whoever lost a right is told so, on every socket: that it is closed, or out of the room."""
        for ear in self.ears:
            if ear.ended is not None:
                async with asyncio.timeout(PATIENCE):
                    await asyncio.shield(ear.lean.closed)
            for room, hearing in ear.hearings.items():
                if hearing.ended is not None:
                    with suppress(ConnectionError):
                        await ear.lean.hears(lambda: room in ear.put_out)  # noqa: B023


def patiently(what: Callable[[], T]) -> T:
    """Once more, if the connection was to a process that has been killed."""
    try:
        return what()
    except httpx.TransportError:
        return what()


def one_of(some: list[T], which: int) -> T:
    return some[which % len(some)]


async def all_of(what: list[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*what)


async def is_let_in(lean: Lean) -> None:
    await lean.hears(lambda: any(frame["on"] == "welcome" for frame in lean.others))


def alike(token: str) -> list[str]:
    """Addresses of organisations: each begins another, or ends it."""
    return [f"m{token}", f"m{token}-m{token}", f"m{token}2"][:ALIKE]


def furnished(slug: str) -> House:
    org = found("acme", owner="alice", slug=slug, mailbox="alice")
    house = House(org, "")
    house.seats = [Seat(house, org.owner, private=True)]
    for number, name in enumerate(NAMES[1:]):
        house.seats.append(Seat(house, named(org, number, name)))

    def fill() -> str:
        for address in PUBLIC:
            rooms.open(org.owner.actor, f"<Pläne> \u202e {address}"[:80], address)
        return rooms.open(org.owner.actor, "plans", private=True).room

    house.private = org.inside(fill)
    return house


def named(org: Org, number: int, name: str) -> Member:
    """People whose names differ by nothing that is easily seen."""
    member = org.add(f"person{number}")

    def rename() -> None:
        User.objects.filter(pk=member.actor.user_id).update(name=name)

    org.inside(rename)
    return member


ANY = st.integers(0, 10_000)  # which of those there are
BY_SOMEBODY = ["joins", "stops_hearing", "signals", "signs_out"]  # on a socket that is open
OPERATIONS = [
    *BY_SOMEBODY,
    "opens",
    "opens",  # for many things close sockets
    "publishes_a_notice",
    "leaves",
    "is_expelled",
    "is_invited",
    "is_deactivated",
    "is_reactivated",
    "is_suspended",
    "is_resumed",
    "a_process_is_killed",
    "everybody_has_heard",
    "whoever_lost_a_right_was_told",
]


class Machine(RuleBasedStateMachine):
    def __init__(self, installation: Installation, did: Counter[str], kills: deque[float]) -> None:
        super().__init__()
        self.world, self.kills = World(installation, did), kills

    # Sockets.

    def seats(self, *, own: bool = True) -> list[Seat]:
        """Those who could do something now; `own`: also the owners, who keep their rights."""
        return [
            seat
            for house in self.world.houses
            for seat in house.seats
            if seat.is_active and not house.is_suspended and (own or seat.member is not house.org.owner)
        ]

    def heard_by_others(self) -> list[tuple[Seat, str]]:
        """Rooms that somebody who is not the owner hears on some socket."""
        found = [(ear.seat, address) for ear in self.ears() for address in ear.hearings if address not in ear.put_out]
        return [(seat, address) for seat, address in found if seat in self.seats(own=False)]

    def ears(self) -> list[Ear]:
        return [ear for ear in self.world.ears if ear.is_well]

    def ear(self, which: int) -> Ear:
        return one_of(self.ears(), which)

    def rooms_of(self, house: House) -> list[str]:
        return [*PUBLIC, house.private]

    @initialize()
    def some_are_there(self) -> None:
        for house in self.world.houses:
            for seat in house.seats[:2]:
                self.world.does(self.open(seat, *self.credential(seat, by_page=False)))
                for room in range(2):
                    self.joins(len(self.ears()) - 1, room)
        assert len(self.ears()) == 2 * ALIKE

    @rule(what=st.sampled_from(OPERATIONS), which=ANY, room=ANY)
    def something_happens(self, what: str, which: int, room: int) -> None:
        """One rule for all: Hypothesis leaves rules out of a run, and here they matter together."""
        operation: Callable[[int, int], None] = getattr(self, what)
        if self.ears() or what not in BY_SOMEBODY:
            operation(which, room)

    def opens(self, which: int, room: int) -> None:
        if self.seats() and len(self.ears()) < 12:
            seat, by_page = one_of(self.seats(), which), room % 3 == 0
            self.world.does(self.open(seat, *self.credential(seat, by_page)))
            self.did("open")

    def credential(self, seat: Seat, by_page: bool) -> tuple[Token | Session, dict[str, str]]:
        org = seat.house.org
        if by_page:
            server = self.world.installation.server
            session = patiently(
                lambda: self.world.sessions.enter_context(signed_in(server, org, seat.member, PASSWORD))
            )
            return session, session.headers
        token, secret = org.inside(lambda: credentials.issue(User.objects.get(pk=seat.user_id), "machine"))
        return token, {"Authorization": f"Bearer {secret}"}

    async def open(self, seat: Seat, credential: Token | Session, headers: dict[str, str]) -> None:
        """As a page does it: until it is let in, for a process may have died, or not know yet of a resumption."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    lean = await self.world.entrance.opens(seat.house.org, **headers)
                    ear = Ear(self.world, seat, lean, credential)
                    await is_let_in(lean)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                self.world.ears.append(ear)
                return

    def joins(self, which: int, room: int) -> None:
        ear, everything = self.ear(which), room % 2 == 1
        address = self.rooms_of(ear.house)[room % len(self.rooms_of(ear.house))]
        may = address != ear.house.private or ear.seat.private
        before = ear.hearings.get(address)
        if may:
            ear.hearings[address] = Hearing()
            ear.put_out.discard(address)
        answer = self.asks(ear, "join", room=address, **({"since": 0} if everything else {}))
        if answer is None:
            return
        if not may:
            assert (answer["on"], answer["code"]) == ("error", "not_found"), answer
            return
        assert answer["on"] == "ack", answer
        for other in self.of(ear.seat):  # one of them that was to be put out may stay, now that they are back
            hearing = other.hearings.get(address)
            if hearing is not None and hearing.ended is not None:
                other.hearings[address] = Hearing(is_sure=False)
        if before is not None and (before.ended is not None or not before.is_sure):
            ear.hearings[address].is_sure = False
        if everything:
            said = enumerate(self.world.marks)
            self.world.awaited += [
                (ear, number)
                for number, mark in said
                if mark.org is ear.house and mark.room == address and mark.is_kept and ear.must_hear(mark)
            ]
        self.changed("join")

    def stops_hearing(self, which: int, room: int) -> None:
        ear = self.ear(which)
        taken_up = [address for address in ear.hearings if address not in ear.put_out]
        if taken_up:
            address = taken_up[room % len(taken_up)]
            ear.hearings[address].is_sure = False
            ear.leaving[ear.lean.next_id] = address
            self.asks(ear, "leave", room=address)
            self.changed("stop hearing")

    def asks(self, ear: Ear, do: str, **fields: Any) -> Frame | None:
        """None: its process has just died, or its right has just ended."""
        try:
            return self.world.does(ear.lean.asks(do, **fields))
        except ConnectionError:
            return None

    # What is said.

    def everybody_posts(self) -> None:
        """On every socket at once, in every room that it has ever taken up."""
        posts = [self.post(ear, address) for ear in self.ears() for address in list(ear.hearings)]
        self.world.does(all_of(posts))

    async def post(self, ear: Ear, address: str) -> None:
        number = self.world.mark(ear.house, address)
        said = {"room": address, "client_id": secrets.token_hex(8), "message": self.world.words(number)}
        with suppress(ConnectionError):
            if (await ear.lean.asks("post", **said))["on"] == "ack":
                self.world.was_said(number)
                self.did("post")
                return
        self.world.marks[number].is_kept = False  # or who knows: its process has died

    def signals(self, which: int, room: int) -> None:
        """May be lost, so nobody is waited for."""
        ear = self.ear(which)
        taken_up = sorted(ear.hearings)
        if taken_up:
            address = taken_up[room % len(taken_up)]
            number = self.world.mark(ear.house, address, is_kept=False)
            self.asks(ear, "signal", room=address, data={"mark": self.world.words(number)})
            self.did("signal")

    def publishes_a_notice(self, which: int, room: int) -> None:
        house = one_of([house for house in self.world.houses if not house.is_suspended], which)
        number = self.world.mark(house, None)
        server = self.world.installation.server
        with server.client(house.org.space.slug, token=house.org.owner.token) as http, suppress(Exception):
            if http.post("/api/v1/notices", json={"message": self.world.words(number)}).status_code == 201:
                self.world.was_said(number)
                self.did("notice")

    # What ends, and what begins again.

    def of(self, seat: Seat) -> Iterator[Ear]:
        return (ear for ear in self.world.ears if ear.seat is seat)

    def leaves(self, which: int, room: int) -> None:
        public = [(seat, address) for seat, address in self.heard_by_others() if address in PUBLIC]
        if public:
            seat, address = one_of(public, which)
            self.ends_hearing(seat, address, lambda: rooms.leave(seat.member.actor, address), "leave")

    def is_expelled(self, which: int, room: int) -> None:
        if self.heard_by_others():
            seat, address = one_of(self.heard_by_others(), which)
            owner = seat.house.org.owner.actor
            if address == seat.house.private:
                seat.private = False
            self.ends_hearing(seat, address, lambda: hosting.expel(owner, address, seat.user_id), "expel")

    def ends_hearing(self, seat: Seat, address: str, verb: Callable[[], None], name: str) -> None:
        with suppress(Refused):  # who is not in it cannot leave it
            seat.house.org.inside(verb)
            self.did(name)
        for ear in self.of(seat):
            hearing = ear.hearings.get(address)
            if hearing is not None and address not in ear.put_out and hearing.ended is None and hearing.is_sure:
                hearing.ended = time.monotonic()
        self.everybody_posts()

    def is_invited(self, which: int, room: int) -> None:
        outside = [seat for seat in self.seats(own=False) if not seat.private]
        if outside:
            seat = one_of(outside, which)
            seat.house.org.inside(hosting.invite, seat.house.org.owner.actor, seat.house.private, [seat.user_id])
            seat.private = True
            for ear in self.of(seat):
                if ear.hearings.get(seat.house.private):
                    ear.hearings[seat.house.private] = Hearing(is_sure=False)
            self.changed("invite")

    def is_deactivated(self, which: int, room: int) -> None:
        if self.seats(own=False):
            seat = one_of(self.seats(own=False), which)
            seat.house.org.inside(members.deactivate, seat.house.org.owner.actor, seat.user_id)
            seat.is_active = False
            self.closes(self.of(seat), "deactivate")

    def is_reactivated(self, which: int, room: int) -> None:
        inactive = [seat for house in self.world.houses for seat in house.seats if not seat.is_active]
        if inactive:
            seat = one_of(inactive, which)
            seat.house.org.inside(members.reactivate, seat.house.org.owner.actor, seat.user_id)
            seat.is_active = True
            self.changed("reactivate")

    def signs_out(self, which: int, room: int) -> None:
        """Or a token ends: of this socket alone, for each has its own."""
        ear = self.ear(which)
        if ear.house.is_suspended:
            return
        if isinstance(ear.credential, Session):
            patiently(ear.credential.signs_out)
            self.closes([ear], "sign out")
        else:
            ear.house.org.inside(ear.credential.delete)
            self.closes([ear], "end of a token")

    def is_suspended(self, which: int, room: int) -> None:
        working = [house for house in self.world.houses if not house.is_suspended]
        if len(working) > 1:
            house = one_of(working, which)
            house.org.outside(organizations.suspend, house.org.space.slug)
            house.is_suspended = True
            self.closes([ear for ear in self.world.ears if ear.house is house], "suspend")

    def is_resumed(self, which: int, room: int) -> None:
        """Only when all have been put out: a server that has not looked yet would find nothing to do."""
        suspended = [house for house in self.world.houses if house.is_suspended]
        if suspended:
            house = one_of(suspended, which)
            self.world.does(self.world.endings_are_seen())
            house.org.outside(organizations.resume, house.org.space.slug)
            house.is_suspended = False
            self.changed("resume")

    def closes(self, ears: Iterator[Ear] | list[Ear], name: str) -> None:
        for ear in ears:
            if ear.ended is None:
                ear.ended = time.monotonic()
        self.changed(name)

    def a_process_is_killed(self, which: int = 0, room: int = 0) -> None:
        while self.kills and self.kills[0] < time.monotonic() - 60:
            self.kills.popleft()
        if len(self.kills) < KILLS_A_MINUTE and len(self.world.installation.server.server_processes()) == 2:
            self.kills.append(time.monotonic())
            self.world.installation.kill_a_process()
            self.changed("kill a process")

    # What must hold.

    def everybody_has_heard(self, which: int = 0, room: int = 0) -> None:
        self.world.does(self.world.all_heard())

    def whoever_lost_a_right_was_told(self, which: int = 0, room: int = 0) -> None:
        self.world.does(self.world.endings_are_seen())

    @invariant()
    def nobody_heard_what_they_may_not(self) -> None:
        assert not self.world.violations, "\n".join(self.world.violations)

    def teardown(self) -> None:
        try:
            self.everybody_has_heard()
            self.whoever_lost_a_right_was_told()
            self.nobody_heard_what_they_may_not()
            self.world.did["heard"] += sum(len(ear.heard) for ear in self.world.ears)
        finally:
            self.world.end()

    def did(self, what: str) -> None:
        self.world.did[what] += 1

    def changed(self, what: str) -> None:
        """A right has: let there be something to hear."""
        self.did(what)
        self.everybody_posts()


@pytest.mark.timeout(sized(180, 3600))
@pytest.mark.parametrize("layer", ["postgres", "redis"])
def test_nobody_hears_what_they_may_not_and_everybody_what_they_may(
    servers: Servers,
    layer: str,
    tmp_path_factory: pytest.TempPathFactory,
    record_property: Callable[[str, object], None],
) -> None:
    did, kills = Counter[str](), deque[float]()
    with Installation.of(layer, servers.database, tmp_path_factory) as installation:
        try:
            run_state_machine_as_test(
                lambda: Machine(installation, did, kills),
                settings=settings(
                    max_examples=sized(3, 100),
                    stateful_step_count=sized(80, 100),
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],  # to shrink against servers that live on takes for ever
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            record_property(f"The machine on {layer}", ", ".join(f"{n} × {what}" for what, n in did.most_common()))
    assert did["heard"] > did["post"] > 0, did
