"""What a socket makes of a membership that changes while it is being looked at. The readings are real; only when they
return is arranged."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from realtime import consumers, events, groups
from realtime.chat import rooms
from realtime.hub import Hub
from realtime.protocol import Event, Gone
from tenants import control
from tenants.schema import in_tenant
from tests.cast import Member, Org

pytestmark = pytest.mark.usefixtures("layer_let_go")


class Told(consumers.Application):
    """The application's socket, without a server."""

    def __init__(self, person: Member) -> None:
        super().__init__()
        self.actor, self.space = person.actor, person.actor.organization
        self.key = self.space.key
        self.groups, self.left_behind = {}, {}
        self.taking_up = asyncio.Lock()
        self.told: list[Event] = []

    def tell(self, event: Event) -> None:
        self.told.append(event)

    async def say_and_wait(self, text: str) -> None:
        """Nobody reads it."""

    def hears(self, room: str) -> bool:
        return groups.room(self.key, room) in self.groups


class Held:
    """Readings of states, in the order in which they were made; each returns when it is let go."""

    def __init__(self) -> None:
        self.made: list[asyncio.Event] = []

    async def in_tenant(self, space: Any, verb: Callable[..., Any], *args: Any) -> Any:
        found = await in_tenant(space, verb, *args)
        if verb is rooms.states:
            self.made.append(asyncio.Event())
            await self.made[-1].wait()
        return found

    async def reading(self, count: int) -> asyncio.Event:
        async with asyncio.timeout(15):
            while len(self.made) < count:
                await asyncio.sleep(0.01)
        return self.made[count - 1]


@pytest.fixture
async def hub(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """One of this event loop's own."""
    monkeypatch.setattr(events, "_loop", None)
    monkeypatch.setattr(control, "_listeners", [])
    hub = Hub()
    await hub.started()
    monkeypatch.setattr(consumers, "hub", hub)
    yield hub
    await hub.stop()
    monkeypatch.setattr(events, "_loop", None)  # what others tell from now on goes another way
    await events.wire().close()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held()
    monkeypatch.setattr(consumers, "in_tenant", held.in_tenant)
    return held


@pytest.fixture
async def socket(hub: Hub, acme: Org) -> Told:
    socket = Told(acme.owner)
    await socket.take_up({"general": None}, None)
    assert socket.hears("general")
    return socket


async def test_who_has_left_is_put_out(socket: Told, held: Held) -> None:
    await in_tenant(socket.space, rooms.leave, socket.actor, "general")

    looking = asyncio.create_task(socket.recheck("general"))
    (await held.reading(1)).set()
    await looking

    assert not socket.hears("general")
    assert socket.told == [Gone(room="general")]


async def test_who_has_come_back_is_not_put_out_by_a_reading_from_before(socket: Told, held: Held) -> None:
    await in_tenant(socket.space, rooms.leave, socket.actor, "general")
    late = asyncio.create_task(socket.recheck("general"))
    slow = await held.reading(1)
    await in_tenant(socket.space, rooms.join, socket.actor, ["general"])
    early = asyncio.create_task(socket.recheck("general"))
    (await held.reading(2)).set()
    await early

    slow.set()
    await late

    assert socket.hears("general")
    assert socket.told == []


async def test_who_takes_a_room_up_again_is_not_put_out_by_a_reading_from_before(socket: Told, held: Held) -> None:
    await in_tenant(socket.space, rooms.leave, socket.actor, "general")
    looking = asyncio.create_task(socket.recheck("general"))
    slow = await held.reading(1)
    socket.put_out("general")
    await socket.take_up({"general": 0}, None, joins=True)

    slow.set()
    await looking

    assert socket.hears("general")
    assert socket.told == []
