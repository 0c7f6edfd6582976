"""One short story on every layer, on both servers, and with two processes: nothing that people see differs."""

import asyncio
import json
import secrets
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

import pytest

from realtime.chat import rooms
from realtime.layers import LAYERS
from tests.cast import Member, Org, found
from tests.clients import PATIENCE, Client, opened, refused
from tests.conftest import Servers, on
from tests.running import Running

INSTALLATIONS = [*(on(LAYER=name) for name in LAYERS), on(SERVER="daphne"), on(WORKERS="2")]


@dataclass(frozen=True)
class Cast:
    acme: Org
    bob: Member
    globex: Org

    @property
    def alice(self) -> Member:
        return self.acme.owner

    @property
    def mallory(self) -> Member:
        return self.globex.owner


@pytest.fixture(scope="module", params=INSTALLATIONS)
def anywhere(servers: Servers, request: pytest.FixtureRequest) -> Running:
    return servers.get(**request.param)


@pytest.fixture(scope="module")
def cast(anywhere: Running) -> Cast:
    acme = found("acme", owner="alice")
    return Cast(acme, acme.add("bob"), found("globex", owner="mallory"))


@pytest.fixture
def room(cast: Cast) -> str:
    """A room of the same address in both organisations, new for each test."""
    address = f"plans-{secrets.token_hex(4)}"
    for org in (cast.acme, cast.globex):
        org.inside(rooms.open, org.owner.actor, "Plans", address)
    return address


@pytest.fixture
def is_daphne(request: pytest.FixtureRequest) -> bool:
    return "SERVER" in request.node.callspec.params["anywhere"]


async def test_people_of_one_organisation_hear_each_other_and_nobody_else_does(
    anywhere: Running, cast: Cast, room: str
) -> None:
    async with (
        opened(anywhere, cast.acme, by=cast.alice) as alice,
        opened(anywhere, cast.acme, by=cast.bob) as bob,
        opened(anywhere, cast.globex, by=cast.mallory) as mallory,
    ):
        for client in (alice, bob, mallory):
            await client.asks("join", room=room, since=0)
        assert (await alice.posts("over the socket", room))["seq"] == 1
        with anywhere.client(cast.acme.space.slug, token=cast.alice.token) as http:
            said = {"message": "over REST", "client_id": f"rest-{room}"}
            assert http.post(f"/api/v1/rooms/{room}/messages", json=said).status_code == 201
            assert http.post(f"/api/v1/rooms/{room}/messages", json=said).status_code == 200
            assert http.post("/api/v1/notices", json={"message": "fire drill"}).status_code == 201
        for client in (alice, bob):
            await client.hears(on="notice", message="fire drill")
            await client.hears(message="over REST", seq=2)
            assert client.changes(room) == [1, 2]

        assert (await mallory.posts("of globex", room))["seq"] == 1
        await mallory.hears(message="of globex", seq=1)
        told = json.dumps(mallory.heard)
        for secret in (
            "over the socket",
            "over REST",
            "fire drill",
            "alice",
            "bob",
            cast.acme.key,
            cast.acme.space.name,
        ):
            assert secret not in told


async def test_a_typing_signal_reaches_who_is_there_and_stays_in_its_organisation(
    anywhere: Running, cast: Cast, room: str
) -> None:
    async with (
        opened(anywhere, cast.acme, by=cast.alice) as alice,
        opened(anywhere, cast.acme, by=cast.bob) as bob,
        opened(anywhere, cast.globex, by=cast.mallory) as mallory,
    ):
        for client in (alice, bob, mallory):
            await client.asks("join", room=room)
        await signals_until_heard(alice, bob, room)
        assert await bob.hears(on="signal") == {
            "on": "signal",
            "room": room,
            "from": cast.alice.actor.user_id,
            "user": "alice",
            "data": {"typing": True},
        }
        await signals_until_heard(mallory, mallory, room)
        assert {frame["user"] for frame in mallory.heard if frame["on"] == "signal"} == {"mallory"}


async def signals_until_heard(speaker: Client, listener: Client, room: str) -> None:
    """A signal may be lost, so it is given again until it comes through."""
    async with asyncio.timeout(PATIENCE):
        while not any(frame["on"] == "signal" for frame in listener.heard):
            await speaker.asks("signal", room=room, data={"typing": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await listener.hears(on="signal")


async def test_who_comes_back_has_missed_nothing(anywhere: Running, cast: Cast, room: str) -> None:
    async with opened(anywhere, cast.acme, by=cast.alice) as alice:
        async with opened(anywhere, cast.acme, by=cast.bob) as before:
            await before.asks("join", room=room, since=0)
            await alice.posts("1", room)
            await before.hears(message="1", room=room)
        for number in range(2, 6):
            await alice.posts(str(number), room)
        async with opened(anywhere, cast.acme, by=cast.bob) as after:
            await after.asks("hello", rooms={room: before.changes(room)[-1]})
            replay = await after.hears(on="replay", room=room)
            assert ([each["seq"] for each in replay["messages"]], replay["complete"]) == ([2, 3, 4, 5], True)
            await alice.posts("6", room)
            await after.hears(message="6", seq=6)
            assert after.changes(room) == [2, 3, 4, 5, 6]


async def test_many_sockets_of_a_room_hear_every_number_in_order(anywhere: Running, cast: Cast, room: str) -> None:
    """Enough of them that with two processes both have some; two people, so that neither posts faster than one may."""
    async with AsyncExitStack() as stack:
        people = [cast.alice, cast.bob] * 4
        sockets = [await stack.enter_async_context(opened(anywhere, cast.acme, by=each)) for each in people]
        for socket in sockets:
            await socket.asks("join", room=room, since=0)

        async def talk(number: int) -> None:
            for said in range(2):
                assert (await sockets[number].posts(f"{number}-{said}", room))["on"] == "ack"

        await asyncio.gather(*map(talk, range(8)))
        for socket in sockets:
            await socket.hears(lambda frame: frame.get("changed_seq") == 16)
            assert socket.changes(room) == list(range(1, 17))


async def test_who_is_nobody_here_is_refused_before_the_upgrade(anywhere: Running, is_daphne: bool, cast: Cast) -> None:
    """Daphne knows one refusal, 403."""
    acme, nobody, nowhere = cast.acme, 403 if is_daphne else 401, 403 if is_daphne else 404
    assert await refused(anywhere, acme, by=cast.alice) == 101
    assert await refused(anywhere, acme) == nobody
    assert await refused(anywhere, acme, by=cast.mallory) == nobody
    assert await refused(anywhere, acme, Cookie="session=x", Origin="http://evil.example") == 403
    assert await refused(anywhere, "nobody-here", by=cast.alice) == nowhere
    assert await refused(anywhere, acme, "/ws/elsewhere/", by=cast.alice) == nowhere
    async with opened(anywhere, acme, "/ws/chat/nowhere/", by=cast.alice) as socket:
        assert await socket.is_closed() == 4404


def test_what_went_wrong_left_no_traceback(anywhere: Running) -> None:
    assert "Traceback" not in anywhere.said
