"""Server processes die by kill -9 while people listen and one posts: what was acknowledged is at everybody who came
back, and nothing is stored twice."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from realtime.chat.models import Message
from tests.cast import Member, Org, founds
from tests.chaos.installation import Installation
from tests.chaos.size import sized
from tests.lean import Entrance, Lean

LISTENERS = 20
KILLS = sized(2, 12)
BETWEEN = sized(60, 600)  # acknowledged messages from one kill to the next
# Five deaths of one process within a minute end an installation, as they should.
PAUSE = sized(0.0, 8.0)
ROOM = "general"


class Person:
    """Somebody whose page comes back whenever it is cut off, with the highest number that it has."""

    def __init__(self, entrance: Entrance, org: Org, who: Member) -> None:
        self._entrance, self._org, self._who = entrance, org, who
        self.numbers: list[int] = []
        self.comings = 0
        self.is_back = asyncio.Event()

    @property
    def at(self) -> int:
        return max(self.numbers[-1:], default=0)

    async def stays(self) -> None:
        while True:
            try:
                socket = await self._entrance.opens(self._org, by=self._who)
                socket.numbers[ROOM] = self.numbers
                await socket.asks("hello", rooms={ROOM: self.at})
            except (OSError, TimeoutError):
                await asyncio.sleep(0.05)  # as a page would: not at once
                continue
            self.comings += 1
            self.is_back.set()
            await socket.closed
            self.is_back.clear()


class Poster:
    """Says one thing after the other, each again and again with the same client_id until it is acknowledged."""

    def __init__(self, entrance: Entrance, org: Org, who: Member) -> None:
        self._entrance, self._org, self._who = entrance, org, who
        self.acknowledged: dict[str, int] = {}  # by client_id
        self._socket: Lean | None = None
        self.tries = 0

    async def says(self, count: int) -> None:
        for _ in range(count):
            client_id = f"c{len(self.acknowledged)}"
            while client_id not in self.acknowledged:
                self.tries += 1
                answer = await self._answer(client_id)
                if answer.get("on") == "ack":
                    self.acknowledged[client_id] = answer["seq"]

    async def _answer(self, client_id: str) -> dict[str, object]:
        try:
            if self._socket is None or self._socket.closed.done():
                self._socket = await self._entrance.opens(self._org, by=self._who)
            return await self._socket.asks("post", room=ROOM, client_id=client_id, message=client_id)
        except (OSError, TimeoutError):
            await asyncio.sleep(0.02)
            return {}


@pytest.mark.timeout(sized(180, 1800))
async def test_what_was_acknowledged_is_at_everybody_who_came_back_and_nothing_is_stored_twice(
    installation: Installation,
) -> None:
    acme = founds("acme", owner="alice")
    people = [acme.add(f"p{number}") for number in range(LISTENERS)]
    async with Entrance(installation.server) as entrance, asyncio.TaskGroup() as tasks:
        listeners = [Person(entrance, acme, person) for person in people]
        staying = [tasks.create_task(listener.stays()) for listener in listeners]
        poster = Poster(entrance, acme, acme.owner)
        await all_of(listeners, lambda each: each.is_back.wait())
        for number in range(KILLS):
            talk = tasks.create_task(poster.says(BETWEEN))
            await until(lambda: len(poster.acknowledged) >= number * BETWEEN + BETWEEN // 2)  # noqa: B023
            await asyncio.to_thread(installation.kill_a_process)
            await talk
            await asyncio.sleep(PAUSE)
        await poster.says(10)

        last = max(poster.acknowledged.values())
        await all_of(listeners, lambda each: until(lambda: each.at >= last))
        for task in staying:
            task.cancel()

    stored = acme.inside(lambda: list(Message.objects.filter(room__address=ROOM).values_list("seq", "client_id")))
    assert sorted(stored) == sorted((seq, client_id) for client_id, seq in poster.acknowledged.items())
    assert sum(each.comings for each in listeners) > LISTENERS, "somebody was cut off"
    for listener in listeners:
        assert listener.numbers == list(range(1, last + 1))


async def all_of(listeners: list[Person], what: Callable[[Person], Awaitable[object]]) -> None:
    await asyncio.gather(*map(what, listeners))


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.02)
