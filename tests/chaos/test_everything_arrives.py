"""Whatever becomes of the layer: every socket hears every number of its rooms once, and in order."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import pytest

from realtime.chat.models import Membership, Room
from tests.cast import Member, Org, founds
from tests.chaos.installation import Installation
from tests.chaos.size import sized
from tests.lean import Entrance, Lean

SENDERS = 20
MESSAGES = sized(300, 10_000)  # in either half
SOCKETS = sized(40, 200)
HEARD = sized(10, 50)  # of many rooms, so many are heard by one socket
AT_ONCE = 20  # sockets that are being opened at a time


class Talk:
    """Twenty people who say so many things, each waiting for the ack before the next, in one room after the other."""

    def __init__(self, sockets: list[Lean], addresses: list[str]) -> None:
        self._sockets, self._addresses = sockets, addresses
        self._number = itertools.count()
        self.said = Counter[str]()  # acknowledged, by room

    async def go_on(self, most: int) -> None:
        turns = iter(range(most))
        await asyncio.gather(*(self._talks(socket, turns) for socket in self._sockets))

    async def _talks(self, socket: Lean, turns: Iterator[int]) -> None:
        for _ in turns:  # shared: whoever is free says the next thing
            number = next(self._number)
            room = self._addresses[number % len(self._addresses)]
            answer = await socket.asks("post", room=room, client_id=f"c{number}", message=f"thing {number}")
            assert answer["on"] == "ack", answer
            self.said[room] += 1

    async def comes_to(self, count: int) -> None:
        while self.said.total() < count:
            await asyncio.sleep(0.01)


@pytest.mark.timeout(sized(180, 1800))
@pytest.mark.parametrize("count", [1, 50], ids=["one-room", "fifty-rooms"])
async def test_every_socket_hears_every_number_once_and_in_order(installation: Installation, count: int) -> None:
    acme = founds("acme", owner="alice")
    people = [acme.add(f"p{number}") for number in range(SENDERS)]
    addresses = acme.inside(furnish, people, count)
    async with Entrance(installation.server) as entrance:
        sockets, wanted = await listening(entrance, acme, people, addresses)
        talk = Talk(sockets[:SENDERS], addresses)

        await talk.go_on(MESSAGES)
        await everybody_has_heard(talk, sockets, wanted)

        going_on = asyncio.create_task(talk.go_on(MESSAGES))
        for share, harm in ((4, installation.kill_the_listeners), (2, installation.restart_the_broker)):
            await meanwhile(going_on, talk.comes_to(MESSAGES + MESSAGES // share), harm)
        await going_on
        await everybody_has_heard(talk, sockets, wanted)


async def meanwhile(going_on: asyncio.Task[None], until: Awaitable[None], harm: Callable[[], None]) -> None:
    moment = asyncio.ensure_future(until)
    await asyncio.wait({moment, going_on}, return_when=asyncio.FIRST_COMPLETED)
    assert not going_on.done(), going_on.exception()
    await asyncio.to_thread(harm)


def furnish(people: list[Member], count: int) -> list[str]:
    """So many rooms with all of them in, long since: nothing of control is to be looked at again."""
    made = Room.objects.bulk_create(
        [Room(address=f"room-{number}", title=f"Room {number}", kind=Room.Kind.PUBLIC) for number in range(count)]
    )
    Membership.objects.bulk_create(
        [Membership(room=room, user_id=person.actor.user_id) for room in made for person in people]
    )
    return [room.address for room in made]


async def listening(
    entrance: Entrance, acme: Org, people: list[Member], addresses: list[str]
) -> tuple[list[Lean], list[list[str]]]:
    """Sockets of these people in turn, and which rooms each hears."""
    turn = asyncio.Semaphore(AT_ONCE)
    share = min(HEARD, len(addresses))
    wanted = [
        [addresses[(number * share + offset) % len(addresses)] for offset in range(share)] for number in range(SOCKETS)
    ]

    async def one(number: int) -> Lean:
        async with turn:
            socket = await entrance.opens(acme, by=people[number % len(people)])
            answer = await socket.asks("hello", rooms=dict.fromkeys(wanted[number], 0))
            assert answer["on"] == "ack", answer
            return socket

    return await asyncio.gather(*map(one, range(SOCKETS))), wanted


async def everybody_has_heard(talk: Talk, sockets: list[Lean], wanted: list[list[str]]) -> None:
    for socket, addresses in zip(sockets, wanted, strict=True):
        for room in addresses:
            await socket.hears_up_to(room, talk.said[room])
            assert socket.numbers[room] == list(range(1, talk.said[room] + 1))
        assert set(socket.numbers) == set(addresses)
