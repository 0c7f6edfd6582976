"""The hub: one subscription for all who listen here, and nothing lost while they come, go, and the layer fails."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.test import override_settings

from realtime import events, groups, layers, line
from realtime import hub as hub_module
from realtime.hub import Hub
from realtime.protocol import Close
from tenants import control
from tenants.actor import Actor
from tenants.directory import Space
from tests.realtime.ears import Ear, Room, until

pytestmark = pytest.mark.usefixtures("layer_let_go")

SPACE = Space(id=1, key="a" * 10, name="Acme", address="acme", state="active", epoch="e" * 10, version=1)
ACTOR = Actor(SPACE, 1, "alice", "owner", "alice@acme.example", True, "credential")
GROUP = groups.room(SPACE.key, "general")


class Socket(Ear):
    """A listener as the hub sees it."""

    actor = ACTOR

    def __init__(self) -> None:
        super().__init__()
        self.closed: Close | None = None

    def close_later(self, code: Close, reason: str) -> None:
        self.closed = code

    async def recheck(self, address: str) -> None:
        raise ConnectionError("the database is away")


class Other(Socket):
    """Somebody else of the same organisation."""

    actor = replace(ACTOR, user_id=2, credential="another")


class Layer(InMemoryChannelLayer):  # type: ignore[misc]
    """A layer in memory that can be made to fail."""

    away = False
    may_join: asyncio.Event | None = None
    may_leave: asyncio.Event | None = None

    async def group_add(self, group: str, channel: str) -> None:
        if self.away:
            raise ConnectionError("the broker is away")
        if self.may_join is not None:
            await self.may_join.wait()
        await super().group_add(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        if self.may_leave is not None:
            await self.may_leave.wait()
        await super().group_discard(group, channel)

    async def receive(self, channel: str) -> Any:
        message = await super().receive(channel)
        if message["type"] == "failure":
            self.groups.clear()
            raise ConnectionError("the broker is away")
        return message


@pytest.fixture
async def layer(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Layer]:
    monkeypatch.setattr(events, "_loop", None)
    monkeypatch.setattr(control, "_listeners", [])
    monkeypatch.setattr(hub_module, "AUDIT", 0.02)
    monkeypatch.setattr(line, "CALL_EVERY", 0.02)
    with override_settings(
        CHANNEL_LAYERS=layers.configured("memory", database_url="", redis_url="")
        | {"wire": {"BACKEND": f"{__name__}.Layer"}}
    ):
        yield events.wire()


@pytest.fixture
async def hub(layer: Layer) -> AsyncIterator[Hub]:
    hub = Hub()
    await hub.started()
    yield hub
    await hub.stop()


async def tell(number: int) -> None:
    """One event through the layer."""
    envelope = events.Envelope(type="conclave.event", to=GROUP.name, number=number, text=str(number))
    await events.wire().group_send(GROUP.name, envelope)


async def takes_up(hub: Hub, socket: Socket, room: Room, since: int = 0) -> None:
    async def heads(asked: Mapping[Space, list[str]]) -> dict[tuple[str, str], int]:
        return {(space.key, name): room.head for space, names in asked.items() for name in names}

    stream = await hub.hold(GROUP, socket, room.read, heads, "general")
    since = await room.replay(socket, since)
    while not stream.go_live(socket, since):
        since = await room.replay(socket, since)


async def test_however_many_listen_there_is_one_subscription(hub: Hub, layer: Layer) -> None:
    room, sockets = Room(), [Socket() for _ in range(50)]
    await asyncio.gather(*(takes_up(hub, socket, room) for socket in sockets))
    room.head = 2
    await tell(1)
    await tell(2)
    for socket in sockets:
        await until(lambda socket=socket: socket.heard == [1, 2])  # type: ignore[misc]
    assert list(layer.groups[GROUP.name]) == [hub._line._channel]


async def test_a_last_message_that_the_layer_lost_is_found_by_the_audit(hub: Hub) -> None:
    room, socket = Room(), Socket()
    await takes_up(hub, socket, room)
    room.head = 1
    await tell(1)
    await until(lambda: socket.heard == [1])
    room.head = 2  # and nobody tells
    await until(lambda: socket.heard == [1, 2])


async def test_after_trouble_rooms_without_traffic_are_looked_at_too(hub: Hub) -> None:
    room, socket = Room(), Socket()
    await takes_up(hub, socket, room)
    room.head = 1
    hub._audit_all.set()
    await until(lambda: socket.heard == [1])
    assert hub.layer_is_well


async def test_a_loss_makes_the_hub_subscribe_again(hub: Hub, layer: Layer) -> None:
    room, socket = Room(), Socket()
    await takes_up(hub, socket, room)
    room.head = 1
    await tell(1)
    await until(lambda: socket.heard == [1])
    layer.groups.clear()  # the broker forgot who is in its groups
    room.head = 2
    await until(lambda: socket.heard == [1, 2] and GROUP.name in layer.groups)
    room.head = 3
    await tell(3)
    await until(lambda: socket.heard == [1, 2, 3])


async def test_while_the_broker_is_away_the_audit_brings_what_is_said(hub: Hub, layer: Layer) -> None:
    layer.away = True
    room, socket = Room(), Socket()
    await takes_up(hub, socket, room)
    assert not hub.layer_is_well
    room.head = 2
    await until(lambda: socket.heard == [1, 2])
    layer.away = False
    await until(lambda: GROUP.name in layer.groups)
    await until(lambda: hub.layer_is_well)


async def test_a_connection_that_breaks_is_made_again_and_nothing_is_lost(hub: Hub, layer: Layer) -> None:
    room, socket = Room(), Socket()
    await takes_up(hub, socket, room)
    before = hub._line._channel
    await layer.send(before, {"type": "failure"})
    room.head = 1
    await until(lambda: socket.heard == [1] and hub._line._channel != before and GROUP.name in layer.groups)
    room.head = 2
    await tell(2)
    await until(lambda: socket.heard == [1, 2])


async def test_a_room_that_nobody_hears_any_more_is_given_up_after_a_while(
    hub: Hub, layer: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LINGER", 0.05)
    socket = Socket()
    await takes_up(hub, socket, Room())
    hub.leave(GROUP, socket)
    assert GROUP.name in layer.groups, "not at once: whoever reloads the page comes back"
    await until(lambda: GROUP.name not in layer.groups)
    assert hub._streams == hub._audited == hub._line._subscribed == hub._locks == {}


async def test_who_comes_back_before_it_is_given_up_keeps_the_subscription(hub: Hub, layer: Layer) -> None:
    room, socket, again = Room(), Socket(), Socket()
    await takes_up(hub, socket, room)
    hub.leave(GROUP, socket)
    await takes_up(hub, again, room)
    hub._abandon(GROUP.name)  # the timer of the first
    room.head = 1
    await tell(1)
    await until(lambda: again.heard == [1])
    assert socket.heard == []


async def test_who_comes_while_it_is_being_given_up_is_subscribed_anew(hub: Hub, layer: Layer) -> None:
    room, socket, again = Room(), Socket(), Socket()
    await takes_up(hub, socket, room)
    layer.may_leave = asyncio.Event()
    hub.leave(GROUP, socket)
    hub._abandon(GROUP.name)
    await until(lambda: GROUP.name not in hub._streams)
    coming = asyncio.create_task(takes_up(hub, again, room))
    await until(lambda: GROUP.name in hub._streams)
    layer.may_leave.set()
    await coming
    room.head = 1
    await tell(1)
    await until(lambda: again.heard == [1])
    assert list(layer.groups[GROUP.name]) == [hub._line._channel]


async def test_nothing_is_delivered_while_control_is_stale_and_all_of_it_afterwards(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, socket = Room(), Socket()
    await takes_up(hub, socket, room)
    await hub._watch.stop()  # nobody reads control from here on
    monkeypatch.setattr(control, "_last_reading", float("-inf"))
    stream = hub._streams[GROUP.name]
    room.head = 2
    await tell(1)
    await tell(2)
    before = stream.last_traffic
    await until(lambda: stream.last_traffic > before or stream.last_traffic > 0)
    assert socket.heard == []
    await hub._watch.read()
    await until(lambda: socket.heard == [1, 2])


async def test_who_goes_while_the_layer_answers_is_not_kept(hub: Hub, layer: Layer) -> None:
    """The socket closes in the very moment in which its subscription is there."""
    socket, layer.may_join = Socket(), asyncio.Event()
    coming = asyncio.create_task(takes_up(hub, socket, Room()))
    await until(lambda: GROUP.name in hub._streams)
    layer.may_join.set()
    await until(lambda: GROUP.name in layer.groups)
    hub.gone(socket, [GROUP])
    coming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await coming
    assert hub._streams[GROUP.name].is_deserted


async def test_a_right_that_cannot_be_looked_at_ends_the_socket(hub: Hub) -> None:
    socket, other = Socket(), Other()
    hub.rights.register(socket)
    hub.rights.register(other)
    for number, (key, subject) in enumerate([("b" * 10, "1:general"), (SPACE.key, "1:general")]):
        hub.rights.apply(control.Change(number, key, control.MEMBERSHIP, subject))
    await until(lambda: socket.closed == Close.RESTARTING)
    assert other.closed is None


async def test_sockets_are_counted_by_organisation_while_they_are_open(hub: Hub) -> None:
    one, other = Socket(), Other()
    hub.rights.register(one)
    hub.rights.register(other)
    assert (hub.rights.count(SPACE.key), hub.rights.count("b" * 10)) == (2, 0)
    for socket in (one, other):
        hub.gone(socket, [GROUP])
    assert hub.rights.count(SPACE.key) == 0
